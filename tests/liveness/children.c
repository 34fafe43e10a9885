/* SPDX-License-Identifier: Apache-2.0 */
/* Children of all kinds neither disturb their parent's endpoints nor keep them alive. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "expect.h"
#include "look.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

#define NOTICED_MS 1000
#define FORKS 100

extern char **environ;

/* A program that outlives its parent; the sandbox ends it, or the test. */
static int64_t spawn_program(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    pid_t pid;
    char name[] = "sleep", seconds[] = "15";
    char *arguments[] = {name, seconds, NULL};
    int result = posix_spawnp(&pid, name, NULL, NULL, arguments, environ);
    return result ? -result : pid;
}

/* By the bare system call: no library is told of this fork. */
static int64_t fork_unnoticed(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        process_sleep_ms(15000);
        _exit(0);
    }
    return pid;
}

static int64_t daemonize(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    return daemon(1, 1) ? -errno : 0;
}

static void *become_another_program(void *argument)
{
    (void)argument;
    execlp("sleep", "sleep", "15", (char *)NULL);
    return NULL;
}

static int64_t exec_in_second_thread(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    pthread_t thread;
    expect(pthread_create(&thread, NULL, become_another_program, NULL) == 0);
    for (;;)
        pause();
}

static void bury_sender(const struct flavour *flavour, struct pair *pair)
{
    actor_bury(pair->tx);
    pair->tx = NULL;
    pair_close(flavour, pair);
}

static void child_neither_disturbs_nor_keeps(const struct flavour *flavour, step *start)
{
    struct pair pair = pair_open(flavour, 4);
    pid_t child = (pid_t)ask(pair.tx, start);
    expect(child > 0);
    expect_number(tell(pair.rx, repair_for, 20), 0);
    pair_send(&pair, 0, 2);
    pair_recv(&pair, 0, 2);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_kill(pair.tx);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    expect(kill(child, SIGKILL) == 0);
    bury_sender(flavour, &pair);
}

static void test_a_spawned_program_neither_disturbs_nor_keeps_its_parents_endpoint(
    const struct flavour *flavour)
{
    child_neither_disturbs_nor_keeps(flavour, spawn_program);
}

static void test_a_child_by_the_bare_system_call_neither_disturbs_nor_keeps(const struct flavour *flavour)
{
    child_neither_disturbs_nor_keeps(flavour, fork_unnoticed);
}

static void test_a_program_that_becomes_a_daemon_leaves_its_handles_behind(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    pair_send(&pair, 0, 1);
    pair_recv(&pair, 0, 1);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    expect_result(ask(pair.tx, daemonize), 0);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    expect_result(tell(pair.tx, send_try, 1), -ECHILD);
    bury_sender(flavour, &pair);
}

static void test_exec_in_another_thread_than_the_first_is_noticed(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_begin(pair.tx, exec_in_second_thread, 0, 0);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    bury_sender(flavour, &pair);
}

static int64_t change_user(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)b;
    return setgid((gid_t)a) || setuid((uid_t)a) ? -errno : 0;
}

/* An ordinary user may see next to nothing of another user's process. */
static void test_exec_of_another_users_process_is_noticed(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 2);
    options.mode = 0666;
    struct pair pair = {.ch = flavour_create_with(flavour, &options)};
    pair.tx = actor_start(flavour, pair.ch, ACTOR_IDLE);
    pair.rx = actor_start(flavour, pair.ch, ACTOR_IDLE);
    if (tell(pair.tx, change_user, 65533) || tell(pair.rx, change_user, 65534))
        skip_test("only root can be two other users");
    expect_result(ask(pair.tx, attach_sender), 0);
    expect_result(ask(pair.rx, attach_receiver), 0);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_begin(pair.tx, end_by_exec, 0, 0);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    bury_sender(flavour, &pair);
}

static struct chan *attached;
static atomic_bool attaching;

static void *attach_over_and_over(void *argument)
{
    (void)argument;
    while (atomic_load(&attaching)) {
        struct chan_sender *tx;
        expect_result(chan_attach_sender(attached, 0, &tx), 0);
        chan_close_sender(tx);
    }
    return NULL;
}

/* The channel has one record, and one sender's seat: a lock that a child inherited would keep both. */
static void test_attaching_while_another_thread_forks_leaves_no_lock_in_the_children(
    const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 2);
    options.endpoints = 1;
    attached = flavour_create_with(flavour, &options);
    atomic_store(&attaching, true);
    pid_t children[FORKS];
    pthread_t thread;
    expect(pthread_create(&thread, NULL, attach_over_and_over, NULL) == 0);
    for (int i = 0; i < FORKS; i++) {
        children[i] = fork();
        expect(children[i] >= 0);
        if (children[i] == 0) {
            process_sleep_ms(15000);
            _exit(0);
        }
        process_sleep_ms(1);
    }
    atomic_store(&attaching, false);
    expect(pthread_join(thread, NULL) == 0);
    for (int i = 0; i < FORKS; i++)
        expect(kill(children[i], SIGKILL) == 0);
    flavour_finish(flavour, attached);
}

int main(int argc, char **argv)
{
    enum { PLAIN_CHANNEL = FOR_MANY | FOR_EPHEMERAL | FOR_NAMED | FOR_INLINE };
    static const struct conformance_case cases[] = {
        CASE(test_a_spawned_program_neither_disturbs_nor_keeps_its_parents_endpoint,
             PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_child_by_the_bare_system_call_neither_disturbs_nor_keeps,
             PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_program_that_becomes_a_daemon_leaves_its_handles_behind,
             PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_exec_in_another_thread_than_the_first_is_noticed, PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_exec_of_another_users_process_is_noticed, PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_attaching_while_another_thread_forks_leaves_no_lock_in_the_children,
             FOR_ONE_SENDER | FOR_DURABLE | FOR_NAMED | FOR_INLINE | FOR_MANY_RECEIVERS | WITHOUT_KEEPER_TOO,
             0),
    };
    return suite_run("children", cases, sizeof cases / sizeof *cases, argc, argv);
}
