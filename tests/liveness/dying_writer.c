/* SPDX-License-Identifier: Apache-2.0 */
/* What was killed may go on writing for a while: into a loan, by a long system call of another thread. Nobody
 * is handed that memory before. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"
#include "look.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

#define LOAN_BYTES ((size_t)4 << 20)
#define WRITERS 2

/* One preadv() from tmpfs copies all of it without a look at signals: 64 ms at 4 GB/s. */
#define COPIES 64

/* Writing that stops sooner after SIGKILL would prove nothing. */
#define OUTLASTS_MS 10
#define CHILD_WRITES_MS 100

#define VERIFY_MS 300
#define SURVIVORS_BYTE 0xa5

/* In memory of all processes of the test. */
struct scene {
    atomic_uint begun;           /* calls that have begun */
    _Atomic(int64_t) granted_ns; /* when the survivor got the memory */
    _Atomic(int64_t) last_ns;    /* when the child that shares the dead one's memory wrote last */
};

static struct scene *scene;
static struct iovec pieces[COPIES];
static int source;

/* The payload budget is one loan. */
static struct pair open_pair(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 2);
    options.message_size = LOAN_BYTES;
    options.bytes = LOAN_BYTES;
    scene = mmap(NULL, sizeof *scene, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(scene != MAP_FAILED);
    return pair_open_with(flavour, &options);
}

static void *write_for_ever(void *argument)
{
    (void)argument;
    for (;;) {
        atomic_fetch_add(&scene->begun, 1);
        expect(preadv(source, pieces, COPIES, 0) > 0);
    }
    return NULL;
}

/* Borrows all the memory, and has threads write into it. */
static int64_t start_writers(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    int result = chan_try_reserve(me->tx, LOAN_BYTES, &me->loans[0]);
    if (result < 0)
        return result;
    source = memfd_create("source", MFD_CLOEXEC);
    expect(source >= 0 && ftruncate(source, (off_t)(COPIES * LOAN_BYTES)) == 0);
    for (int i = 0; i < COPIES; i++)
        pieces[i] = (struct iovec){.iov_base = me->loans[0].data, .iov_len = LOAN_BYTES};
    for (int i = 0; i < WRITERS; i++) {
        pthread_t thread;
        expect(pthread_create(&thread, NULL, write_for_ever, NULL) == 0);
    }
    return 0;
}

static unsigned char *childs_memory;
static pid_t childs_parent;

/* Runs in the address space of its parent, like a vfork() child before its exec, and outlives it. */
static int write_after_parent(void *argument)
{
    (void)argument;
    int64_t end = INT64_MAX;
    for (int64_t now = chan_now(); now < end; now = chan_now()) {
        if (end == INT64_MAX && getppid() != childs_parent)
            end = now + CHILD_WRITES_MS * 1000000;
        memset(childs_memory, 0, LOAN_BYTES);
        atomic_store(&scene->last_ns, chan_now());
        atomic_fetch_add(&scene->begun, 1);
    }
    _exit(0);
}

static int64_t start_child_in_same_memory(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    int result = chan_try_reserve(me->tx, LOAN_BYTES, &me->loans[0]);
    if (result < 0)
        return result;
    childs_memory = me->loans[0].data;
    childs_parent = getpid();
    char *stack = malloc(256 * 1024);
    expect(stack != NULL);
    return clone(write_after_parent, stack + 256 * 1024, CLONE_VM | SIGCHLD, NULL) > 0 ? 0 : -errno;
}

/* Waits for the memory, fills it, and watches it for a while. Returns how often somebody else's bytes were in
 * it. */
static int64_t take_over(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    struct chan_loan loan;
    expect_result(chan_try_reserve(me->tx, LOAN_BYTES, &loan), -EAGAIN);
    int result = chan_reserve_timeout(me->tx, LOAN_BYTES, &loan, INT64_C(10000000000));
    if (result < 0)
        return result;
    atomic_store(&scene->granted_ns, chan_now());
    unsigned char *bytes = loan.data;
    int64_t end = chan_deadline(VERIFY_MS * INT64_C(1000000)), foreign = 0;
    memset(bytes, SURVIVORS_BYTE, LOAN_BYTES);
    while (chan_now() < end)
        foreign += bytes[0] != SURVIVORS_BYTE || memcmp(bytes, bytes + 1, LOAN_BYTES - 1) != 0;
    expect_result(chan_abort(me->tx, &loan), 0);
    return foreign;
}

static void wait_for_a_new_call(void)
{
    for (unsigned begun = atomic_load(&scene->begun); atomic_load(&scene->begun) == begun;)
        sched_yield();
}

/* Repairs as fast as it can until that process is gone; returns when it was. */
static int64_t repair_until_gone(struct pair *pair, pid_t pid)
{
    siginfo_t info = {0};
    struct chan_repair_report done;
    while (info.si_pid != pid) {
        expect_result(chan_repair(pair->ch, 0, &done), 0);
        expect(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0);
    }
    return chan_now();
}

static void end_with_dead_sender(const struct flavour *flavour, struct pair *pair, struct actor *survivor)
{
    actor_bury(pair->tx);
    pair->tx = NULL;
    actor_end(survivor);
    munmap(scene, sizeof *scene);
    pair_close(flavour, pair);
}

/* False: the calls had nearly ended when it was killed. */
static bool outlasted_by_a_thread_that_writes(const struct flavour *flavour)
{
    struct pair pair = open_pair(flavour);
    struct actor *survivor = actor_start(flavour, pair.ch, ACTOR_SENDER);
    expect_result(ask(pair.tx, start_writers), 0);
    actor_begin(survivor, take_over, 0, 0);
    process_sleep_ms(30);
    wait_for_a_new_call();
    int64_t killed = chan_now();
    expect(kill(pair.tx->pid, SIGKILL) == 0);
    int64_t gone = repair_until_gone(&pair, pair.tx->pid);
    expect_result(actor_finish_within(survivor, 5000), 0);
    dprintf(STDOUT_FILENO, "    killed; gone after %lld us; memory handed on after %lld us\n",
            (long long)(gone - killed) / 1000, (long long)(atomic_load(&scene->granted_ns) - killed) / 1000);
    end_with_dead_sender(flavour, &pair, survivor);
    return gone - killed > OUTLASTS_MS * INT64_C(1000000);
}

static void test_memory_is_not_handed_on_while_a_thread_of_the_killed_still_writes(
    const struct flavour *flavour)
{
    int attempts = 1;
    while (!outlasted_by_a_thread_that_writes(flavour))
        expect(++attempts < 10);
}

static void test_memory_is_not_handed_on_while_a_process_that_shares_it_still_writes(
    const struct flavour *flavour)
{
    struct pair pair = open_pair(flavour);
    struct actor *survivor = actor_start(flavour, pair.ch, ACTOR_SENDER);
    expect_result(ask(pair.tx, start_child_in_same_memory), 0);
    actor_begin(survivor, take_over, 0, 0);
    wait_for_a_new_call();
    actor_kill(pair.tx);
    expect_number(atomic_load(&scene->granted_ns), 0);
    expect_result(actor_finish_within(survivor, 5000), 0);
    expect(atomic_load(&scene->granted_ns) > atomic_load(&scene->last_ns));
    end_with_dead_sender(flavour, &pair, survivor);
}

int main(int argc, char **argv)
{
    enum { PLAIN_CHANNEL = FOR_MANY | FOR_EPHEMERAL | FOR_NAMED | FOR_LARGE };
    static const struct conformance_case cases[] = {
        CASE(test_memory_is_not_handed_on_while_a_thread_of_the_killed_still_writes,
             PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_memory_is_not_handed_on_while_a_process_that_shares_it_still_writes,
             PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
    };
    return suite_run("dying_writer", cases, sizeof cases / sizeof *cases, argc, argv);
}
