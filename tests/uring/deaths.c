/* SPDX-License-Identifier: Apache-2.0 */
/* Processes killed and stopped while they wait in a ring: nothing is lost, and nobody else is kept waiting.
 * */
#include "loop.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "c"
#define MESSAGES 3000u
#define WORKERS 3

/* How often each message was seen by somebody who then released it, or was killed. */
static atomic_uint *seen;

static void share_counts(void)
{
    seen = mmap(NULL, MESSAGES * sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(seen != MAP_FAILED);
}

/* Until the end of the channel. */
static int64_t work_in_a_ring(void *argument)
{
    struct io_uring ring;
    struct chan *ch;
    struct chan_receiver *rx = loop_receiver(NAME, &ch);
    struct chan_uring *u;
    struct chan_view view;
    uint32_t message;
    int result;
    (void)argument;
    loop_open(&ring);
    expect_result(chan_uring_of_receiver(&ring, rx, 1, &u), 0);
    expect_result(chan_uring_arm(u), 0);
    do {
        while ((result = loop_wait(&ring, u, SOON)) == -ETIMEDOUT)
            ;
        expect_result(result, 0);
        while (!(result = chan_uring_recv_view(u, &view))) {
            memcpy(&message, view.data, sizeof message);
            atomic_fetch_add(&seen[message], 1);
            expect_result(chan_release(rx, &view), 0);
        }
    } while (result == -EAGAIN);
    expect_result(result, -EPIPE);
    chan_uring_close(u);
    io_uring_queue_exit(&ring);
    chan_close_receiver(rx);
    chan_close(ch);
    return 0;
}

static void until_seen(uint32_t message)
{
    for (int64_t ms = 0; !atomic_load(&seen[message]); ms++) { /* however long each is */
        expect(ms < SOON / MS);
        usleep(1000);
    }
}

/* An address space lives on while the kernel takes its ring apart, and until then its endpoints live: who closed last
 * would not know that it was. */
static void until_alone(struct chan *ch)
{
    struct chan_repair_report report;
    while (chan_receivers(ch) > 1) {
        expect_result(chan_repair(ch, 0, &report), 0);
        usleep(1000);
    }
}

/* Each message is seen soon, whoever was killed just before or after it was sent, or while. */
static void test_workers_killed_at_random_lose_nothing_and_hold_up_nobody(void)
{
    struct child workers[WORKERS];
    unsigned random = 1;
    int kills = 0;
    share_counts();
    struct chan *ch = loop_create(NAME, 8);
    struct chan_sender *tx;
    struct chan_receiver *open; /* never the last */
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &open), 0);
    for (int i = 0; i < WORKERS; i++)
        child_spawn(&workers[i], work_in_a_ring, NULL);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        random = random * 1103515245 + 12345;
        int victim = random % 16 ? -1 : (int)(random / 65536 % WORKERS);
        if (victim >= 0)
            loop_until_waiting(ch, CHAN_WAITS_FOR_MESSAGE, 1);
        bool before = random & 1024;
        if (victim >= 0 && before)
            kill(workers[victim].pid, SIGKILL);
        expect_result(chan_send_timeout(tx, &i, sizeof i, SOON), 0);
        if (victim >= 0 && !before)
            kill(workers[victim].pid, SIGKILL);
        if (victim >= 0) {
            until_seen(i);
            child_reap(&workers[victim]);
            child_spawn(&workers[victim], work_in_a_ring, NULL);
            kills++;
        }
    }
    chan_close_sender(tx);
    for (int i = 0; i < WORKERS; i++)
        expect_number(child_finish(&workers[i]), 0);
    for (uint32_t i = 0; i < MESSAGES; i++)
        expect(atomic_load(&seen[i]) >= 1 && atomic_load(&seen[i]) <= 1u + (unsigned)kills);
    expect(kills > 50);
    until_alone(ch);
    chan_close_receiver(open);
    chan_close(ch);
}

/* Until it is killed. */
static int64_t wait_in_a_ring(void *argument)
{
    struct io_uring ring;
    struct chan *ch;
    struct chan_receiver *rx = loop_receiver(NAME, &ch);
    struct chan_uring *u;
    (void)argument;
    loop_open(&ring);
    expect_result(chan_uring_of_receiver(&ring, rx, 1, &u), 0);
    expect_result(chan_uring_arm(u), 0);
    expect_number(io_uring_submit(&ring), 2);
    loop_ignore(&ring);
}

static int64_t receive_in_a_call(void *argument)
{
    struct chan *ch;
    struct chan_receiver *rx = loop_receiver(NAME, &ch);
    uint32_t message;
    (void)argument;
    expect_result(chan_recv(rx, &message, sizeof message, NULL), 0);
    chan_close_receiver(rx);
    chan_close(ch);
    return 0;
}

static void kill_child(struct child *child)
{
    child_kill(child);
    child_reap(child);
}

/* Two are armed, as many as a message wakes, and then one sleeps in a call. */
static void until_all_wait(struct chan *ch, struct child waits[2], struct child *sleeper)
{
    for (int i = 0; i < 2; i++)
        child_spawn(&waits[i], wait_in_a_ring, NULL);
    loop_until_waiting(ch, CHAN_WAITS_FOR_MESSAGE, 2);
    usleep(2000); /* announced, they are about to sleep: with more time they are more surely first */
    child_spawn(sleeper, receive_in_a_call, NULL);
    loop_until_waiting(ch, CHAN_WAITS_FOR_MESSAGE, 3);
    usleep(2000);
}

static void test_a_wake_up_goes_on_when_those_who_got_it_are_killed(void)
{
    struct chan *ch = loop_create(NAME, 8);
    struct chan_sender *tx;
    struct chan_receiver *open; /* never the last */
    uint32_t message = 1;
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &open), 0);
    for (int round = 0; round < 60; round++) {
        struct child waits[2], sleeper;
        until_all_wait(ch, waits, &sleeper);
        if (round % 2) { /* the kernel still has their waits when it has told of their deaths */
            for (int i = 0; i < 2; i++)
                kill(waits[i].pid, SIGKILL);
            expect_result(chan_try_send(tx, &message, sizeof message), 0);
        } else {
            expect_result(chan_try_send(tx, &message, sizeof message), 0);
            for (int i = 0; i < 2; i++)
                kill(waits[i].pid, SIGKILL);
        }
        expect(child_finishes_within(&sleeper, SOON / MS));
        expect_number(child_finish(&sleeper), 0);
        for (int i = 0; i < 2; i++)
            child_reap(&waits[i]);
    }
    until_alone(ch);
    chan_close_receiver(open);
    chan_close_sender(tx);
    chan_close(ch);
}

/* The child has the ring, too: what the dead process waited for in it is not taken apart with the process. */
static int64_t wait_in_a_ring_that_a_child_keeps(void *argument)
{
    struct io_uring ring;
    struct chan *ch;
    struct chan_receiver *rx = loop_receiver(NAME, &ch);
    struct chan_uring *u;
    loop_open(&ring);
    expect_result(chan_uring_of_receiver(&ring, rx, 1, &u), 0);
    expect_result(chan_uring_arm(u), 0);
    expect_number(io_uring_submit(&ring), 2);
    pid_t child = fork();
    expect(child >= 0);
    if (!child) {
        pause();
        _exit(0);
    }
    atomic_store((atomic_int *)argument, child);
    loop_ignore(&ring);
}

static void test_a_dead_processs_ring_in_its_childs_hands_keeps_no_message_from_another(void)
{
    enum { DEAD = 2 };
    atomic_int *children =
        mmap(NULL, sizeof *children * DEAD, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct chan *ch = loop_create(NAME, 8);
    struct chan_sender *tx;
    struct chan_receiver *open; /* never the last */
    struct child waits[DEAD], sleeper;
    uint32_t message = 1;
    expect(children != MAP_FAILED);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &open), 0);
    for (int i = 0; i < DEAD; i++)
        child_spawn(&waits[i], wait_in_a_ring_that_a_child_keeps, &children[i]);
    for (int i = 0; i < DEAD; i++)
        while (!atomic_load(&children[i]))
            sched_yield();
    for (int i = 0; i < DEAD; i++)
        kill_child(&waits[i]);
    while (chan_receivers(ch) > 1)
        sched_yield();
    child_spawn(&sleeper, receive_in_a_call, NULL);
    loop_until_waiting(ch, CHAN_WAITS_FOR_MESSAGE, 1);
    usleep(20000);
    expect_result(chan_try_send(tx, &message, sizeof message), 0);
    expect(child_finishes_within(&sleeper, SOON / MS));
    expect_number(child_finish(&sleeper), 0);
    for (int i = 0; i < DEAD; i++)
        kill(atomic_load(&children[i]), SIGKILL);
    chan_close_receiver(open);
    chan_close_sender(tx);
    chan_close(ch);
}

static void test_a_stopped_loop_is_not_dead_and_goes_on(void)
{
    struct chan *ch = loop_create(NAME, 8);
    struct chan_sender *tx;
    struct child worker;
    share_counts();
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    child_spawn(&worker, work_in_a_ring, NULL);
    loop_until_waiting(ch, CHAN_WAITS_FOR_MESSAGE, 1);
    for (uint32_t i = 0; i < 5; i++) {
        child_stop(worker.pid);
        expect_result(chan_try_send(tx, &i, sizeof i), 0);
        expect_number(chan_receivers(ch), 1);
        child_continue(worker.pid);
        until_seen(i);
    }
    chan_close_sender(tx);
    expect_number(child_finish(&worker), 0);
    chan_close(ch);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_workers_killed_at_random_lose_nothing_and_hold_up_nobody, 100),
        PLAIN(test_a_wake_up_goes_on_when_those_who_got_it_are_killed, 60),
        PLAIN(test_a_dead_processs_ring_in_its_childs_hands_keeps_no_message_from_another, 20),
        PLAIN(test_a_stopped_loop_is_not_dead_and_goes_on, 20),
    };
    return suite_run_plain("uring_deaths", cases, sizeof cases / sizeof *cases, argc, argv);
}
