/* SPDX-License-Identifier: Apache-2.0 */
/* Where no keeper can be had, a blocked call notices deaths by itself. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "look.h"
#include "pair.h"
#include "process.h"
#include "refusal.h"
#include "suite.h"

/* On a loaded machine one of many deaths is noticed that soon; each well before the 1.25 s after which a call looks that
 * relies on a keeper. */
#define DEATHS 20
#define FASTEST_MS 100
#define NOTICED_MS 1000

/* Without one it looks every 20 ms: so often in a second, where 11 times in ten seconds would do with one. */
#define LOOKS 50

/* A channel whose receiver is refused something before it attaches; it has `threads` threads then. */
static struct pair open_refused(const struct flavour *flavour, step *refuse, int threads)
{
    struct pair pair = {.ch = flavour_create(flavour, 2)};
    pair.rx = actor_start(flavour, pair.ch, ACTOR_IDLE);
    if (ask(pair.rx, refuse) < 0)
        skip_test("seccomp filters are not allowed here");
    expect_result(ask(pair.rx, attach_receiver), 0);
    expect_number(process_threads(pair.rx->pid), threads);
    pair.tx = actor_start(flavour, pair.ch, ACTOR_SENDER);
    return pair;
}

static void end_with_dead_sender(const struct flavour *flavour, struct pair *pair)
{
    actor_bury(pair->tx);
    pair->tx = NULL;
    pair_close(flavour, pair);
}

static uint64_t looks_of(struct chan *ch, uint32_t number)
{
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    expect_result(chan_endpoint_stat(ch, number, &stat), 0);
    return stat.waits;
}

static void receiver_learns(const struct flavour *flavour, step *refuse, int threads)
{
    int64_t fastest = INT64_MAX;
    for (int i = 0; i < DEATHS && fastest >= FASTEST_MS * INT64_C(1000000); i++) {
        struct pair pair = open_refused(flavour, refuse, threads);
        uint32_t number = (uint32_t)ask(pair.rx, receiver_number);
        actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
        if (i == 0 && threads == 1)
            expect_soon(looks_of(pair.ch, number) >= LOOKS);
        int64_t moment = chan_now();
        actor_kill(pair.tx);
        expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
        int64_t took = chan_now() - moment;
        fastest = took < fastest ? took : fastest;
        end_with_dead_sender(flavour, &pair);
    }
    dprintf(STDOUT_FILENO, "    noticed after %lld us\n", (long long)fastest / 1000);
    expect(fastest < FASTEST_MS * INT64_C(1000000));
}

#define BRIEFLY_NS INT64_C(5000000) /* less than the 20 ms after which a sleeper would look */

/* How the last of many short waits ended. */
static int64_t receive_briefly(struct party *me, int64_t wait_ns, int64_t b)
{
    int64_t end = chan_deadline(NOTICED_MS * INT64_C(1000000));
    int result = -ETIMEDOUT;
    (void)b;
    while (result == -ETIMEDOUT && chan_now() < end)
        result = chan_recv_timeout(me->rx, me->buffer, flavour_largest(me->flavour), NULL, wait_ns);
    return result;
}

static int64_t select_briefly(struct party *me, int64_t wait_ns, int64_t b)
{
    int64_t end = chan_deadline(NOTICED_MS * INT64_C(1000000));
    struct chan_select *select;
    struct chan_timer *timer;
    struct chan_selected out = {.index = 1};
    (void)b;
    expect_result(chan_select_create(CHAN_SELECT_BIASED, &select), 0);
    expect_result(chan_timer_every(wait_ns, &timer), 0);
    expect_number(chan_select_recv(select, me->rx), 0);
    expect_number(chan_select_timer(select, timer), 1);
    while (out.index == 1 && chan_now() < end)
        expect_result(chan_select(select, &out), 0);
    chan_select_close(select);
    chan_timer_close(timer);
    return out.result;
}

static void test_deaths_are_noticed_by_calls_that_wait_for_a_moment_only(const struct flavour *flavour)
{
    step *const ways[] = {receive_briefly, select_briefly};
    const int64_t waits_ns[] = {BRIEFLY_NS, 1}; /* the latter is over before it sleeps */
    for (int i = 0; i < 4; i++) {
        struct pair pair = open_refused(flavour, refuse_inotify, 1);
        actor_kill(pair.tx);
        expect_result(tell(pair.rx, ways[i / 2], waits_ns[i % 2]), -EPIPE);
        end_with_dead_sender(flavour, &pair);
    }
}

static void sender_learns(const struct flavour *flavour, step *refuse)
{
    struct pair pair = {.ch = flavour_create(flavour, 1)};
    pair.tx = actor_start(flavour, pair.ch, ACTOR_IDLE);
    if (ask(pair.tx, refuse) < 0)
        skip_test("seccomp filters are not allowed here");
    expect_result(ask(pair.tx, attach_sender), 0);
    pair.rx = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_send(&pair, 0, 1);
    actor_begin_blocking(pair.tx, send_blocking, 1, 0);
    actor_kill(pair.rx);
    expect_result(actor_finish_within(pair.tx, NOTICED_MS), -EPIPE);
    actor_bury(pair.rx);
    pair.rx = NULL;
    pair_close(flavour, &pair);
}

static void test_deaths_are_noticed_though_there_is_no_inotify_instance(const struct flavour *flavour)
{
    receiver_learns(flavour, refuse_inotify, 1);
    sender_learns(flavour, refuse_inotify);
}

static void test_deaths_are_noticed_though_sockets_are_refused(const struct flavour *flavour)
{
    receiver_learns(flavour, refuse_sockets, 2);
    sender_learns(flavour, refuse_sockets);
}

static void test_deaths_are_noticed_though_the_keepers_thread_is_refused(const struct flavour *flavour)
{
    receiver_learns(flavour, refuse_threads, 1);
    sender_learns(flavour, refuse_threads);
}

static void test_deaths_are_noticed_though_pidfds_are_refused(const struct flavour *flavour)
{
    receiver_learns(flavour, refuse_pidfds, flavour->flags & CHAN_NO_KEEPER ? 1 : 2);
    sender_learns(flavour, refuse_pidfds);
}

static void test_without_pidfds_the_living_are_not_taken_for_dead(const struct flavour *flavour)
{
    struct pair pair = open_refused(flavour, refuse_pidfds, flavour->flags & CHAN_NO_KEEPER ? 1 : 2);
    expect_number(tell(pair.rx, repair_for, 30), 0);
    child_stop(pair.tx->pid);
    expect_number(tell(pair.rx, repair_for, 30), 0);
    child_continue(pair.tx->pid);
    pair_send(&pair, 0, 1);
    pair_recv(&pair, 0, 1);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    enum { PLAIN_CHANNEL = FOR_MANY | FOR_EPHEMERAL | FOR_NAMED | FOR_INLINE };
    static const struct conformance_case cases[] = {
        CASE(test_deaths_are_noticed_though_there_is_no_inotify_instance, PLAIN_CHANNEL, 0),
        CASE(test_deaths_are_noticed_by_calls_that_wait_for_a_moment_only, PLAIN_CHANNEL, 0),
        CASE(test_deaths_are_noticed_though_sockets_are_refused, PLAIN_CHANNEL, 0),
        CASE(test_deaths_are_noticed_though_the_keepers_thread_is_refused, PLAIN_CHANNEL, 0),
        CASE(test_deaths_are_noticed_though_pidfds_are_refused, PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_without_pidfds_the_living_are_not_taken_for_dead, PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
    };
    return suite_run("fallback", cases, sizeof cases / sizeof *cases, argc, argv);
}
