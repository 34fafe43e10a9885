/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict on a dead process waits for its address space, and not for whatever else of it is taken apart. */
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "suite.h"

#include <shmchan.h>

#define DEATHS 15

/* From the verdict to the end of a process whose address space goes last it is 0 to 10 us. */
#define EARLY_NS INT64_C(50000)

static struct chan *channel;

static void stay_on_one_processor(void)
{
    cpu_set_t allowed, one;
    expect(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    CPU_ZERO(&one);
    for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            CPU_SET(cpu, &one);
    expect(sched_setaffinity(0, sizeof one, &one) == 0);
}

/* Its threads end one after the other: the last one takes apart whatever there is. Returns by being killed. */
static int64_t send_until_killed(void *argument)
{
    const int *ready = argument;
    struct chan_sender *tx;
    stay_on_one_processor();
    expect_result(chan_attach_sender(channel, 0, &tx), 0);
    expect(write(*ready, "", 1) == 1);
    for (;;)
        pause();
}

/* How long the kernel takes to close an inotify instance. */
static int64_t closing_takes_ns(void)
{
    int fd = inotify_init1(IN_CLOEXEC);
    expect(fd >= 0);
    expect(inotify_add_watch(fd, "/", IN_DELETE_SELF) >= 0);
    int64_t begin = chan_now();
    close(fd);
    return chan_now() - begin;
}

/* Another process that closes one after the other: so the kernel takes its time. */
static int64_t close_instances(void *argument)
{
    (void)argument;
    for (;;)
        expect(closing_takes_ns() >= 0);
}

static bool is_dead(void)
{
    struct chan_repair_report found;
    expect_result(chan_repair(channel, 1, &found), 0);
    return found.dead;
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    expect(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
    return info.si_pid != 0;
}

/* Kills it, and returns how long before its end it was known to be dead. */
static int64_t known_before_the_end_ns(pid_t pid)
{
    int64_t known = 0;
    expect(kill(pid, SIGKILL) == 0);
    while (!has_ended(pid))
        if (!known && is_dead())
            known = chan_now();
    return known ? chan_now() - known : 0;
}

static void test_a_death_is_known_before_the_keepers_inotify_instance_is_gone(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    int ready[2], early = 0, slow = 0;
    struct child closer;
    expect(pipe(ready) == 0);
    child_spawn(&closer, close_instances, NULL);
    for (int i = 0; i < DEATHS; i++) {
        struct child child;
        char byte;
        expect_result(chan_create_anonymous(&options, &channel), 0);
        child_spawn(&child, send_until_killed, &ready[1]);
        expect(read(ready[0], &byte, 1) == 1);
        int64_t closing = closing_takes_ns(), before = known_before_the_end_ns(child.pid);
        dprintf(STDOUT_FILENO, "    known %lld us before the end; closing an instance takes %lld us\n",
                (long long)before / 1000, (long long)closing / 1000);
        slow += closing > 2 * EARLY_NS;
        early += before > EARLY_NS;
        child_reap(&child);
        chan_close(channel);
    }
    close(ready[0]);
    close(ready[1]);
    child_kill(&closer);
    child_reap(&closer);
    if (slow <= DEATHS / 2)
        skip_test("this kernel closes inotify instances at once");
    expect(early > DEATHS / 3);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_a_death_is_known_before_the_keepers_inotify_instance_is_gone, 60),
    };
    return suite_run_plain("verdict", cases, sizeof cases / sizeof *cases, argc, argv);
}
