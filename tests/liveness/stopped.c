/* SPDX-License-Identifier: Apache-2.0 */
/* Stopped or frozen for seconds in the midst of its work, a process is not dead; and who is stopped keeps
 * nobody from learning of a death. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "look.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

#define NOTICED_MS 1000
#define STOPPED_MS 2200
#define MESSAGES_AFTERWARDS 50

/* Sends by loans, as fast as there is room. */
static int64_t send_for_ever(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    for (int64_t i = 0;; i++) {
        int64_t result = send_by(me, i, HOW(WAY_LOAN, FORM_BLOCK));
        if (result < 0)
            return result;
    }
}

/* Receives message number a and those that follow, until the next one is not there within 20 ms. Returns its
 * number. */
static int64_t receive_what_comes(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    int64_t next = a, got;
    while ((got = recv_by(me, 0, HOW(WAY_LOAN, FORM_TIMEOUT_SHORT))) >= 0)
        expect_number(got, next++);
    expect_result(got, -ETIMEDOUT);
    return next;
}

/* Meanwhile the sender can do nothing; it is not taken for dead by anybody. */
static void outlives(struct pair *pair, int64_t next)
{
    int64_t end = chan_deadline(STOPPED_MS * INT64_C(1000000));
    next = tell(pair->rx, receive_what_comes, next);
    expect_number(tell(pair->rx, repair_for, 200), 0);
    actor_begin_blocking(pair->rx, recv_blocking, 0, 0);
    while (chan_now() < end)
        expect_result(actor_finish_within(pair->rx, 100), -EINPROGRESS);
    expect_number(chan_senders(pair->ch), 1);
    expect_number(chan_is_closed(pair->ch), 0);
}

/* It goes on with exactly the message that comes next. */
static void goes_on(struct pair *pair)
{
    int64_t first = actor_finish_within(pair->rx, NOTICED_MS);
    expect(first >= 0);
    for (int64_t i = 1; i < MESSAGES_AFTERWARDS; i++)
        expect_result(ask(pair->rx, recv_one_second), first + i);
}

static struct pair open_busy(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    actor_begin(pair.tx, send_for_ever, 0, 0);
    for (int64_t i = 0; i < 100; i++)
        expect_result(ask(pair.rx, recv_one_second), i);
    return pair;
}

static void close_busy(const struct flavour *flavour, struct pair *pair)
{
    actor_bury(pair->tx);
    pair->tx = NULL;
    pair_close(flavour, pair);
}

static void test_a_sender_stopped_for_seconds_is_not_dead(const struct flavour *flavour)
{
    struct pair pair = open_busy(flavour);
    child_stop(pair.tx->pid);
    outlives(&pair, 100);
    child_continue(pair.tx->pid);
    goes_on(&pair);
    close_busy(flavour, &pair);
}

/* Control groups of one's own to freeze, of either version. */
static const struct freezer {
    const char *group, *switch_name, *frozen, *thawed;
} freezers[] = {
    {"/sys/fs/cgroup/freezer/shmchan-test", "freezer.state", "FROZEN", "THAWED"},
    {"/sys/fs/cgroup/shmchan-test", "cgroup.freeze", "1", "0"},
    {"/sys/fs/cgroup/unified/shmchan-test", "cgroup.freeze", "1", "0"},
};

static int write_file(const struct freezer *freezer, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s.%d/%s", freezer->group, (int)getpid(), name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return result;
}

static int remove_group(const struct freezer *freezer)
{
    char path[128];
    snprintf(path, sizeof path, "%s.%d", freezer->group, (int)getpid());
    return rmdir(path);
}

/* A group with that process in it, which can be frozen; NULL if there is none to be had. */
static const struct freezer *make_group(pid_t pid)
{
    char path[128], number[16];
    snprintf(number, sizeof number, "%d", (int)pid);
    for (size_t i = 0; i < sizeof freezers / sizeof *freezers; i++) {
        const struct freezer *freezer = &freezers[i];
        snprintf(path, sizeof path, "%s.%d", freezer->group, (int)getpid());
        if (mkdir(path, 0755))
            continue;
        if (!write_file(freezer, freezer->switch_name, freezer->thawed) &&
            !write_file(freezer, "cgroup.procs", number))
            return freezer;
        remove_group(freezer);
    }
    return NULL;
}

static void test_a_sender_in_a_frozen_control_group_is_not_dead(const struct flavour *flavour)
{
    struct pair pair = open_busy(flavour);
    const struct freezer *freezer = make_group(pair.tx->pid);
    if (!freezer)
        skip_test("no control group can be frozen here");
    expect_result(write_file(freezer, freezer->switch_name, freezer->frozen), 0);
    process_sleep_ms(20);
    int status = 1;
    pid_t watcher = child_fork(); /* whatever it finds: what stays frozen cannot even be killed */
    if (watcher == 0) {
        outlives(&pair, 100);
        _exit(0);
    }
    expect(waitpid(watcher, &status, 0) == watcher);
    expect_result(write_file(freezer, freezer->switch_name, freezer->thawed), 0);
    expect_number(status, 0);
    goes_on(&pair);
    close_busy(flavour, &pair);
    expect(remove_group(freezer) == 0);
}

/* Every keeper that could tell others is stopped but theirs. */
static void test_a_stopped_process_keeps_nobody_from_learning_of_a_death(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    struct actor *third = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_begin_blocking(other, recv_blocking, 0, 0);
    actor_begin_blocking(third, recv_blocking, 0, 0);
    child_stop(pair.rx->pid);
    child_stop(third->pid);
    int64_t moment = chan_now();
    actor_kill(pair.tx);
    expect_result(actor_finish_within(other, NOTICED_MS), -EPIPE);
    dprintf(STDOUT_FILENO, "    learned of it after %lld us\n", (long long)(chan_now() - moment) / 1000);
    child_continue(pair.rx->pid);
    child_continue(third->pid);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    expect_result(actor_finish_within(third, NOTICED_MS), -EPIPE);
    actor_end(other);
    actor_end(third);
    close_busy(flavour, &pair);
}

int main(int argc, char **argv)
{
    enum { PLAIN_CHANNEL = FOR_MANY | FOR_EPHEMERAL | FOR_NAMED | FOR_INLINE };
    static const struct conformance_case cases[] = {
        CASE(test_a_sender_stopped_for_seconds_is_not_dead, PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_sender_in_a_frozen_control_group_is_not_dead, PLAIN_CHANNEL, 0),
        CASE(test_a_stopped_process_keeps_nobody_from_learning_of_a_death, PLAIN_CHANNEL | WITHOUT_KEEPER_TOO,
             0),
    };
    return suite_run("stopped", cases, sizeof cases / sizeof *cases, argc, argv);
}
