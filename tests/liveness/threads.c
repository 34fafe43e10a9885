/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a thread, even of the first, is not the end of its process. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "descriptors.h"
#include "expect.h"
#include "look.h"
#include "pair.h"
#include "process.h"
#include "refusal.h"
#include "suite.h"

#define NOTICED_MS 1000

/* Longer than the 1.25 s after which a sleeper looks around by itself. */
#define OWN_LOOK_MS 1400

static void *attach_and_end(void *argument)
{
    struct party *me = argument;
    expect_result(attach_sender(me, 0, 0), 0);
    return NULL;
}

static int64_t attach_in_a_thread_that_ends(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    pthread_t thread;
    expect(pthread_create(&thread, NULL, attach_and_end, me) == 0);
    return -pthread_join(thread, NULL);
}

static void test_a_handle_outlives_the_thread_that_attached_it(const struct flavour *flavour)
{
    struct pair pair = {.ch = flavour_create(flavour, 2)};
    pair.tx = actor_start(flavour, pair.ch, ACTOR_IDLE);
    pair.rx = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    expect_result(ask(pair.tx, attach_in_a_thread_that_ends), 0);
    expect_number(tell(pair.rx, repair_for, 20), 0);
    pair_send(&pair, 0, 1);
    pair_recv(&pair, 0, 1);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_kill(pair.tx);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

/* A process whose first thread ends while the second goes on as an endpoint: each byte it is told makes it do
 * something, and it answers with a byte. */
struct headless {
    const struct flavour *flavour;
    step *attach;
    int attaches_late; /* after the end of its first thread */
    atomic_bool attached;
    int orders[2];
};
#define ORDER_SEND 's'
#define ORDER_RECV_END 'e' /* blocks until there is nothing to receive any more */
#define ORDER_CLOSE_DESCRIPTORS 'c'

static void answer(const struct headless *it)
{
    expect(send(it->orders[1], "", 1, MSG_NOSIGNAL) == 1);
}

static void *obey(void *argument)
{
    struct headless *it = argument;
    struct party me;
    struct chan *ch;
    char order;
    int64_t sent = 0;
    if (it->attaches_late)
        look_wait_state(getpid(), 'Z');
    expect_result(chan_open(FLAVOUR_CHANNEL, it->flavour->flags, &ch), 0);
    party_open(&me, it->flavour, ch);
    expect_result(it->attach(&me, 0, 0), 0);
    atomic_store(&it->attached, true);
    answer(it);
    while (recv(it->orders[1], &order, 1, 0) == 1) {
        if (order == ORDER_SEND)
            expect_result(send_try(&me, sent++, 0), 0);
        else if (order == ORDER_RECV_END)
            expect_result(recv_blocking(&me, 0, 0), -EPIPE);
        else
            expect_result(close_descriptors(&me, 0, 0), 0);
        answer(it);
    }
    _exit(0);
}

static int64_t lose_the_first_thread(void *argument)
{
    struct headless *it = argument;
    pthread_t thread;
    close(it->orders[0]);
    expect(pthread_create(&thread, NULL, obey, it) == 0);
    while (!it->attaches_late && !atomic_load(&it->attached))
        process_sleep_ms(1);
    pthread_exit(NULL);
}

static void begin(const struct headless *it, char what)
{
    expect(send(it->orders[0], &what, 1, MSG_NOSIGNAL) == 1);
}

static void finish_within(const struct headless *it, int milliseconds)
{
    char done;
    struct pollfd entry = {.fd = it->orders[0], .events = POLLIN};
    expect(process_poll(&entry, milliseconds) == 1);
    expect(recv(it->orders[0], &done, 1, 0) == 1);
}

static void order(const struct headless *it, char what)
{
    begin(it, what);
    finish_within(it, NOTICED_MS);
}

static struct child start_headless(struct headless *it)
{
    struct child child;
    expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, it->orders) == 0);
    child_spawn(&child, lose_the_first_thread, it);
    close(it->orders[1]);
    finish_within(it, NOTICED_MS);
    look_wait_state(child.pid, 'Z');
    return child;
}

static void end_headless(struct headless *it, struct child *child)
{
    child_kill(child);
    child_reap(child);
    close(it->orders[0]);
}

static void the_headless_lives(const struct flavour *flavour, int without_pidfds, int without_descriptors)
{
    struct pair pair = {.ch = flavour_create(flavour, 2)};
    struct headless it = {.flavour = flavour, .attach = attach_sender};
    pair.rx = actor_start(flavour, pair.ch, ACTOR_IDLE);
    if (without_pidfds && ask(pair.rx, refuse_pidfds) < 0)
        skip_test("seccomp filters are not allowed here");
    expect_result(ask(pair.rx, attach_receiver), 0);
    struct child child = start_headless(&it);
    if (without_descriptors)
        order(&it, ORDER_CLOSE_DESCRIPTORS);
    expect_number(tell(pair.rx, repair_for, 20), 0);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    expect_result(actor_finish_within(pair.rx, without_descriptors ? OWN_LOOK_MS : 50), -EINPROGRESS);
    order(&it, ORDER_SEND);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), 0);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    end_headless(&it, &child);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_a_process_whose_first_thread_has_ended_lives(const struct flavour *flavour)
{
    the_headless_lives(flavour, 0, 0);
}

static void test_a_process_whose_first_thread_has_ended_lives_where_pidfds_are_refused(
    const struct flavour *flavour)
{
    the_headless_lives(flavour, 1, 0);
}

static void test_a_process_whose_first_thread_has_ended_lives_without_descriptors(
    const struct flavour *flavour)
{
    the_headless_lives(flavour, 0, 1);
    the_headless_lives(flavour, 1, 1);
}

static void test_a_process_whose_first_thread_has_ended_can_attach(const struct flavour *flavour)
{
    struct pair pair = {.ch = flavour_create(flavour, 2)};
    struct headless it = {.flavour = flavour, .attach = attach_sender, .attaches_late = 1};
    pair.rx = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    struct child child = start_headless(&it);
    order(&it, ORDER_SEND);
    pair_recv(&pair, 0, 1);
    end_headless(&it, &child);
    pair_close(flavour, &pair);
}

static void learns_of_a_death(const struct flavour *flavour, int attaches_late)
{
    struct pair pair = {.ch = flavour_create(flavour, 2)};
    struct headless it = {.flavour = flavour, .attach = attach_receiver, .attaches_late = attaches_late};
    struct child child = start_headless(&it);
    pair.tx = actor_start(flavour, pair.ch, ACTOR_SENDER);
    begin(&it, ORDER_RECV_END);
    process_sleep_ms(40); /* most likely it sleeps */
    actor_kill(pair.tx);
    finish_within(&it, NOTICED_MS);
    end_headless(&it, &child);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static void test_a_process_whose_first_thread_has_ended_learns_of_deaths(const struct flavour *flavour)
{
    learns_of_a_death(flavour, 0);
    learns_of_a_death(flavour, 1);
}

int main(int argc, char **argv)
{
    enum { PLAIN_CHANNEL = FOR_MANY | FOR_EPHEMERAL | FOR_NAMED | FOR_INLINE };
    static const struct conformance_case cases[] = {
        CASE(test_a_handle_outlives_the_thread_that_attached_it, PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_process_whose_first_thread_has_ended_lives, PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_process_whose_first_thread_has_ended_lives_where_pidfds_are_refused,
             PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_process_whose_first_thread_has_ended_lives_without_descriptors, PLAIN_CHANNEL, 0),
        CASE(test_a_process_whose_first_thread_has_ended_can_attach, PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_process_whose_first_thread_has_ended_learns_of_deaths, PLAIN_CHANNEL | WITHOUT_KEEPER_TOO,
             0),
    };
    return suite_run("threads", cases, sizeof cases / sizeof *cases, argc, argv);
}
