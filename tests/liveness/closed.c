/* SPDX-License-Identifier: Apache-2.0 */
/* A process that closes the library's descriptors lives, and is not taken for dead; nor does it take others
 * for dead. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "descriptors.h"
#include "expect.h"
#include "look.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

/* Longer than the 1.25 s after which a sleeper looks around by itself. */
#define OWN_LOOK_MS 1400

/* Nothing tells of the death of such a process; sleepers look by themselves. */
#define NOTICED_MS 2000

/* Long enough for a keeper to have read what it was woken by. */
#define A_MOMENT_MS 60

static void report(const char *what, int64_t since)
{
    dprintf(STDOUT_FILENO, "    %s after %lld us\n", what, (long long)(chan_now() - since) / 1000);
}

static void test_a_sender_without_descriptors_goes_on_and_its_death_is_noticed(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    pair_send(&pair, 0, 1);
    expect_result(actor_do(pair.tx, loan_reserve, 0, 2), 0);
    expect_result(ask(pair.tx, close_descriptors), 0);
    pair_send(&pair, 1, 1);
    expect_number(tell(pair.rx, repair_for, 50), 0);
    expect_result(actor_do(pair.tx, loan_commit, 0, FORM_TRY), 0);
    pair_recv(&pair, 0, 3);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    expect_result(actor_finish_within(pair.rx, OWN_LOOK_MS), -EINPROGRESS);
    expect_number(chan_senders(pair.ch), 1);
    pair_send(&pair, 3, 1);
    expect_result(actor_finish_within(pair.rx, 1000), 3);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    int64_t moment = chan_now();
    actor_kill(pair.tx);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    report("the receiver learned of it", moment);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static void test_a_receiver_without_descriptors_keeps_its_view_and_its_death_is_noticed(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    pair_send(&pair, 0, 2);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 0);
    expect_result(ask(pair.rx, close_descriptors), 0);
    pair_send(&pair, 2, 1);
    expect_number(tell(pair.tx, repair_for, 50), 0);
    actor_begin_blocking(pair.tx, send_blocking, 3, 0);
    expect_result(actor_finish_within(pair.tx, OWN_LOOK_MS), -EINPROGRESS);
    expect_result(tell(pair.rx, view_release, 0), 0);
    pair_recv(&pair, 1, 1);
    expect_result(actor_finish_within(pair.tx, 1000), 0);
    actor_begin_blocking(pair.tx, send_blocking, 4, 0);
    int64_t moment = chan_now();
    actor_kill(pair.rx);
    expect_result(actor_finish_within(pair.tx, NOTICED_MS), -EPIPE);
    report("the sender learned of it", moment);
    actor_bury(pair.rx);
    pair.rx = NULL;
    pair_close(flavour, &pair);
}

/* The numbers that the library remembers lead to files on which nobody holds a lock. */
static void test_a_process_whose_descriptors_became_other_files_takes_nobody_for_dead(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    expect_result(ask(pair.rx, close_descriptors), 0);
    expect_result(ask(pair.rx, reuse_descriptors), 0);
    expect_number(ask(pair.rx, count_dead), 0);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    expect_result(actor_finish_within(pair.rx, OWN_LOOK_MS), -EINPROGRESS);
    pair_send(&pair, 0, 1);
    expect_result(actor_finish_within(pair.rx, 1000), 0);
    actor_bury(pair.rx); /* closing its handles would close those files */
    pair.rx = NULL;
    pair_close(flavour, &pair);
}

/* Times that a receiver of a new channel of this process wakes within a ms: a few with a keeper. */
static int64_t count_looks(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)b;
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    char byte;
    size_t size;
    expect_result(chan_create_anonymous(NULL, &ch), 0);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_recv_timeout(rx, &byte, 1, &size, a * 1000000), -ETIMEDOUT);
    expect_result(chan_endpoint_stat(ch, chan_receiver_number(rx), &stat), 0);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
    return (int64_t)stat.waits;
}

static void test_what_a_process_attaches_to_after_closing_its_descriptors_is_looked_after(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    expect_result(ask(pair.rx, close_descriptors), 0);
    int64_t looks = tell(pair.rx, count_looks, 1000);
    expect(looks >= 1 && looks < 20); /* without a keeper: 50 */
    actor_bury(pair.rx);
    pair.rx = NULL;
    pair_close(flavour, &pair);
}

/* An inotify instance of the program's, and what it watches. */
static int of_the_program, watched;

static int keepers_descriptor(void)
{
    char path[40], target[64];
    for (int fd = 3; fd < 100; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(path, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = '\0';
        if (!strcmp(target, "anon_inode:inotify"))
            return fd;
    }
    expect_never("no inotify instance");
}

/* The program closes all descriptors, and watches a file of its own under the keeper's number. */
static int64_t take_the_keepers_number(struct party *me, int64_t a, int64_t b)
{
    char path[40];
    int number = keepers_descriptor();
    (void)close_descriptors(me, a, b);
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    expect(fd >= 0);
    of_the_program = fd == number ? fd : fcntl(fd, F_DUPFD_CLOEXEC, number);
    expect_number(of_the_program, number);
    watched = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    expect(watched >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", watched);
    expect(inotify_add_watch(of_the_program, path, IN_MODIFY) >= 0);
    return 0;
}

static int64_t cause_the_programs_event(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    expect(write(watched, "x", 1) == 1);
    return 0;
}

static int64_t read_the_programs_event(struct party *me, int64_t a, int64_t b)
{
    struct inotify_event event;
    (void)me, (void)a, (void)b;
    return read(of_the_program, &event, sizeof event) == sizeof event ? event.mask : 0;
}

/* The death wakes the keeper, which would read what has its descriptor's number now; with the last endpoint its watch
 * would be removed there. */
static void expect_instance_is_left_alone(const struct flavour *flavour, bool keeper_is_woken)
{
    struct pair pair = pair_open(flavour, 2);
    expect_result(ask(pair.rx, take_the_keepers_number), 0);
    expect_result(ask(pair.rx, cause_the_programs_event), 0);
    if (keeper_is_woken)
        actor_kill(pair.tx);
    process_sleep_ms(A_MOMENT_MS);
    expect_number(ask(pair.rx, read_the_programs_event), IN_MODIFY);
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_result(ask(pair.rx, cause_the_programs_event), 0);
    expect_number(ask(pair.rx, read_the_programs_event), IN_MODIFY);
    if (!keeper_is_woken)
        actor_kill(pair.tx);
    actor_bury(pair.rx);
    actor_bury(pair.tx);
    pair.rx = NULL;
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static void test_an_inotify_instance_of_the_program_is_left_alone(const struct flavour *flavour)
{
    expect_instance_is_left_alone(flavour, true);
    expect_instance_is_left_alone(flavour, false);
}

int main(int argc, char **argv)
{
    enum { PLAIN_CHANNEL = FOR_MANY | FOR_EPHEMERAL | FOR_NAMED | FOR_INLINE };
    static const struct conformance_case cases[] = {
        CASE(test_a_sender_without_descriptors_goes_on_and_its_death_is_noticed,
             PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_receiver_without_descriptors_keeps_its_view_and_its_death_is_noticed, PLAIN_CHANNEL, 0),
        CASE(test_a_process_whose_descriptors_became_other_files_takes_nobody_for_dead,
             PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_what_a_process_attaches_to_after_closing_its_descriptors_is_looked_after, PLAIN_CHANNEL, 0),
        CASE(test_an_inotify_instance_of_the_program_is_left_alone, PLAIN_CHANNEL, 0),
    };
    return suite_run("closed", cases, sizeof cases / sizeof *cases, argc, argv);
}
