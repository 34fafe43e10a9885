/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors in their loops: none misses a change, or keeps one from others; processes and threads that come and go;
 * loops at rest. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "pollable.h"
#include "process.h"
#include "suite.h"

/* Both sides by event loop, one place: each message is a change on both sides, and none may be missed. A
 * round of waiting that takes longer than the descriptor stays silent at most is a wake-up lost. */
#define STREAM 20000

static void await(int epoll)
{
    if (events_within(epoll, SOON_MS) != 1)
        expect_never("a change was missed");
}

static int64_t send_stream(void *argument)
{
    const struct errand *e = argument;
    struct chan_sender *tx = sender_of(e->ch);
    int epoll = watch_by_epoll(sender_fd(tx), e->flags);
    for (uint32_t i = 0; i < STREAM;) {
        int result = chan_try_send(tx, &i, sizeof i);
        expect(!result || result == -EAGAIN);
        i += !result;
        if (result == -EAGAIN)
            await(epoll);
    }
    close(epoll);
    chan_close_sender(tx);
    return 0;
}

static void stream(uint32_t events, uint64_t messages)
{
    struct chan *ch = create(CHAN_QUEUE, messages);
    struct chan_receiver *rx = receiver_of(ch);
    struct errand errand = {.ch = ch, .flags = events};
    struct child child;
    int epoll = watch_by_epoll(receiver_fd(rx), events), result;
    child_spawn(&child, send_stream, &errand);
    uint32_t expected = 0, got;
    while ((result = chan_try_recv(rx, &got, sizeof got, NULL)) != -EPIPE) {
        if (result == -EAGAIN) {
            await(epoll);
            continue;
        }
        expect_result(result, 0);
        expect_number(got, expected++);
    }
    expect_number(expected, STREAM);
    expect_number(child_finish(&child), 0);
    close(epoll);
    chan_close_receiver(rx);
    chan_close(ch);
}

static void test_no_change_is_missed_by_level(void)
{
    stream(EPOLLIN, 1);
    stream(EPOLLIN, 16);
}

static void test_no_change_is_missed_by_edge(void)
{
    stream(EPOLLIN | EPOLLET, 1);
    stream(EPOLLIN | EPOLLET, 16);
}

static int64_t receive_one_blocking(void *argument)
{
    const struct errand *e = argument;
    struct chan_receiver *rx = receiver_of(e->ch);
    char buffer[64];
    int result = chan_recv_timeout(rx, buffer, sizeof buffer, NULL, SOON_MS * MS);
    chan_close_receiver(rx);
    return result;
}

static int64_t arm_and_look_away(void *argument)
{
    const struct errand *e = argument;
    struct chan_receiver *rx = receiver_of(e->ch);
    expect(!is_readable(receiver_fd(rx)));
    pause();
    return 0;
}

static void wait_for_sleepers(struct chan *ch, uint32_t count)
{
    for (uint32_t asleep = 0; asleep < count; process_sleep_ms(1)) {
        asleep = 0;
        for (uint32_t number = 0; number < 8; number++) {
            struct chan_endpoint_stat stat = {.size = sizeof stat};
            asleep += !chan_endpoint_stat(ch, number, &stat) && stat.waits_for == CHAN_WAITS_FOR_MESSAGE;
        }
    }
    process_sleep_ms(A_MOMENT_MS);
}

/* Until nobody who was woken for nothing is about to look around. */
#define UNTIL_CALM_MS 900

static int64_t receive_in_a_call(void *argument)
{
    const struct errand *e = argument;
    struct chan_receiver *rx = receiver_of(e->ch);
    char buffer[64];
    expect_result(chan_recv(rx, buffer, sizeof buffer, NULL), 0);
    pause();
    return 0;
}

static int64_t receive_by_descriptor(void *argument)
{
    const struct errand *e = argument;
    struct chan_receiver *rx = receiver_of(e->ch);
    int fd = receiver_fd(rx);
    while (take(rx) == -EAGAIN)
        (void)is_readable_within(fd, -1);
    pause();
    return 0;
}

/* One more waits, so that there are so many. */
static void expect_the_next_one_gets_it(struct chan_sender *tx, struct child *waiting,
                                        int64_t (*body)(void *), uint32_t sleepers)
{
    struct errand errand = {.ch = chan_of_sender(tx)};
    child_spawn(waiting, body, &errand);
    wait_for_sleepers(errand.ch, sleepers);
    process_sleep_ms(UNTIL_CALM_MS);
    int64_t end = chan_deadline(SOON_MS * MS);
    expect_result(put(tx), 0);
    while (chan_len(errand.ch) && chan_now() < end)
        process_sleep_ms(1);
    expect_number(chan_len(errand.ch), 0);
}

/* A message wakes one more than it can serve. Both are loops that do not come. Those that wait after them get the
 * messages, the later ones though the pollers of all before are still asleep on the same word, for loops that have not
 * asked for it. */
static void test_what_busy_loops_leave_goes_to_others(void)
{
    struct chan *ch = create(CHAN_QUEUE, 4);
    struct chan_sender *tx = sender_of(ch);
    struct errand errand = {.ch = ch};
    struct child children[5];
    for (uint32_t i = 0; i < 2; i++) {
        child_spawn(&children[i], arm_and_look_away, &errand);
        wait_for_sleepers(ch, i + 1);
    }
    expect_the_next_one_gets_it(tx, &children[2], receive_by_descriptor, 3);
    expect_the_next_one_gets_it(tx, &children[3], receive_by_descriptor, 1);
    expect_the_next_one_gets_it(tx, &children[4], receive_in_a_call, 1);
    for (int i = 0; i < 5; i++) {
        child_kill(&children[i]);
        child_reap(&children[i]);
    }
    chan_close_sender(tx);
    chan_close(ch);
}

/* The wake-up that a closed descriptor had taken, or that its thread sleeps for, is not lost. */
static void test_closing_and_calls_of_its_own_pass_the_wake_up_on(void)
{
    struct chan *ch = create(CHAN_QUEUE, 4);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    struct errand errand = {ch, 1, 0};
    struct child child;
    char buffer[64];
    int fd = receiver_fd(rx);
    child_spawn(&child, send_later, &errand);
    int64_t begin = chan_now();
    expect_result(chan_recv(rx, buffer, sizeof buffer, NULL), 0);
    expect(chan_now() - begin < 5000 * MS);
    expect_number(child_finish(&child), 0);
    expect_result(take(rx), -EAGAIN);
    expect(!is_readable(fd));
    expect_result(chan_recv_timeout(rx, buffer, sizeof buffer, NULL, 1 * MS), -ETIMEDOUT);
    expect(is_readable(fd)); /* the call slept by itself */
    expect_result(take(rx), -EAGAIN);
    expect(!is_readable(fd));
    child_spawn(&child, receive_one_blocking, &errand);
    wait_for_sleepers(ch, 2);
    expect_result(put(tx), 0);
    chan_close_receiver(rx);
    expect_number(child_finish(&child), 0);
    chan_close_sender(tx);
    chan_close(ch);
}

/* So long that whoever fell asleep when it began looks around after another second only. */
#define UNTIL_SELDOM_MS 1500

/* As loops do that are called again and again, for want of room. */
static void fall_asleep(struct chan_sender *const senders[2], int64_t milliseconds)
{
    int64_t end = chan_deadline(milliseconds * MS);
    while (chan_now() < end) {
        for (int i = 0; i < 2; i++)
            if (is_readable(sender_fd(senders[i])))
                expect_result(put(senders[i]), -EAGAIN);
        process_sleep_ms(1);
    }
}

/* Told of a place, and not because they looked around. */
static bool are_told(struct chan_sender *const senders[2])
{
    bool told = false;
    for (int ms = 0; !told && ms < 100; ms++) {
        told = is_readable(sender_fd(senders[0])) && is_readable(sender_fd(senders[1]));
        process_sleep_ms(1);
    }
    return told;
}

/* Of one place two are told, who then wait for something else. How long it takes until a third has it; -1: the third was
 * told first. */
static int64_t pass_on(void)
{
    struct chan *ch = create(CHAN_QUEUE, 1);
    struct chan_receiver *rx = receiver_of(ch);
    struct chan_sender *senders[] = {sender_of(ch), sender_of(ch)};
    struct errand errand = {ch, 1, 0};
    struct child child;
    expect_result(put(senders[0]), 0);
    fall_asleep(senders, A_MOMENT_MS);
    child_spawn(&child, send_later, &errand);
    fall_asleep(senders, UNTIL_SELDOM_MS);
    int64_t begin = chan_now();
    expect_result(take(rx), 0);
    bool told = are_told(senders);
    for (int i = 0; told && i < 2; i++)
        expect_result(chan_wait_closed_timeout(senders[i], 1 * MS), -ETIMEDOUT);
    expect_number(child_finish(&child), 0);
    int64_t took = chan_now() - begin;
    for (int i = 0; i < 2; i++)
        chan_close_sender(senders[i]);
    chan_close_receiver(rx);
    chan_close(ch);
    return told ? took : -1;
}

/* Else it finds the place when it looks around; on a busy machine one of some times it is in time. */
static void test_a_call_that_waits_for_something_else_passes_the_wake_up_on(void)
{
    bool in_time = false;
    for (int times = 0; !in_time && times < 10; times++) {
        int64_t took = pass_on();
        in_time = took >= 0 && took < 500 * MS;
    }
    expect(in_time);
}

static int64_t use_the_parents(void *argument)
{
    struct chan_receiver *rx = argument;
    expect_result(chan_receiver_fd(rx), -ECHILD);
    expect_result(chan_receiver_ready(rx), -ECHILD);
    chan_close_receiver(rx);
    return 0;
}

static int64_t make_one_of_its_own(void *argument)
{
    const struct errand *e = argument;
    struct chan_receiver *rx = receiver_of(e->ch);
    int fd = receiver_fd(rx), result;
    while ((result = take(rx)) == -EAGAIN)
        expect(becomes_readable(fd));
    chan_close_receiver(rx);
    return result;
}

static void test_a_child_has_its_own_or_none(void)
{
    struct chan *ch = create(CHAN_QUEUE, 4);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    struct errand errand = {.ch = ch};
    struct child child;
    int fd = receiver_fd(rx);
    child_spawn(&child, use_the_parents, rx);
    expect_number(child_finish(&child), 0);
    expect(!is_readable(fd));
    expect_result(put(tx), 0);
    expect(becomes_readable(fd));
    expect_result(take(rx), 0);
    expect_result(take(rx), -EAGAIN);
    child_spawn(&child, make_one_of_its_own, &errand);
    wait_for_sleepers(ch, 2);
    expect_result(put(tx), 0);
    expect_number(child_finish(&child), 0);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

static void test_descriptors_and_their_thread_end_with_the_handles(void)
{
    int alone = process_threads(getpid());
    struct chan *ch = create(CHAN_CALL, 4);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    int descriptors = process_descriptors(), threads = process_threads(getpid());
    int fds[] = {receiver_fd(rx), sender_fd(tx), chan_sender_closed_fd(tx), chan_caller_fd(tx)};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        expect(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
    expect_number(process_descriptors(), descriptors + 4);
    expect_number(process_threads(getpid()), threads + 1);
    chan_close_receiver(rx);
    expect_number(process_descriptors(), descriptors + 3);
    chan_close_sender(tx);
    chan_close(ch);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        expect(fcntl(fds[i], F_GETFD) < 0);
    while (process_threads(getpid()) > alone) /* the kernel has them for a moment more */
        process_sleep_ms(1);
}

/* A program that closes what is not its own: nothing is written to, read from, or closed in its place. */
static void test_what_took_a_closed_descriptors_number_is_left_alone(void)
{
    struct chan *ch = create(CHAN_QUEUE, 4);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    int fd = receiver_fd(rx), ends[2];
    char bytes[16];
    expect(!pipe2(ends, O_NONBLOCK));
    close(fd);
    expect_number(dup2(ends[1], fd), fd);
    expect_result(put(tx), 0);
    process_sleep_ms(A_MOMENT_MS);
    expect_result(take(rx), 0);
    expect_result(take(rx), -EAGAIN);
    expect(read(ends[0], bytes, sizeof bytes) < 0 && errno == EAGAIN);
    chan_close_receiver(rx);
    expect(fcntl(fd, F_GETFD) >= 0);
    close(fd);
    close(ends[0]);
    close(ends[1]);
    chan_close_sender(tx);
    chan_close(ch);
}

/* What has the number is another descriptor of ours: of a handle that was got after the program had closed all. */
static void test_a_descriptor_that_took_a_closed_ones_number_is_left_alone(void)
{
    struct chan *ch = create(CHAN_QUEUE, 4);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *old = receiver_of(ch), *rx = receiver_of(ch);
    int fd = receiver_fd(old);
    close(fd);
    expect_result(put(tx), 0);
    expect_number(receiver_fd(rx), fd);
    expect_result(take(old), 0);
    expect_result(take(old), -EAGAIN);
    expect(is_readable(fd)); /* rx has not tried */
    expect_result(take(rx), -EAGAIN);
    chan_close_receiver(old);
    expect_result(put(tx), 0);
    expect(becomes_readable(fd));
    expect_result(take(rx), 0);
    chan_close_receiver(rx);
    expect(fcntl(fd, F_GETFD) < 0);
    chan_close_sender(tx);
    chan_close(ch);
}

static int64_t idle_by_epoll(void *argument)
{
    const struct errand *e = argument;
    struct chan_receiver *rx[3];
    int epoll = epoll_create1(EPOLL_CLOEXEC), result;
    for (int i = 0; i < 3; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        rx[i] = receiver_of(e->ch);
        expect(!epoll_ctl(epoll, EPOLL_CTL_ADD, receiver_fd(rx[i]), &event));
    }
    for (;;) {
        struct epoll_event event;
        expect_number(epoll_wait(epoll, &event, 1, -1), 1);
        while (!(result = take(rx[event.data.u32])))
            continue;
        expect_result(result, -EAGAIN);
    }
    return 0;
}

#define WATCHED_MS 8000

static void test_an_idle_loop_wakes_less_than_once_a_second(void)
{
    struct chan *ch = create(CHAN_QUEUE, 4);
    struct chan_sender *tx = sender_of(ch);
    struct errand errand = {.ch = ch};
    struct child child;
    child_spawn(&child, idle_by_epoll, &errand);
    wait_for_sleepers(ch, 3);
    expect_result(put(tx), 0);
    process_sleep_ms(3000); /* it has looked around after having been woken */
    int64_t before = process_wakeups(child.pid);
    process_sleep_ms(WATCHED_MS);
    int64_t wakeups = process_wakeups(child.pid) - before;
    expect(wakeups < WATCHED_MS / 1000);
    child_kill(&child);
    child_reap(&child);
    chan_close_sender(tx);
    chan_close(ch);
}

/* Handles of one process, served by several loops, opened and closed meanwhile. */
struct room {
    struct chan *ch;
    atomic_bool over;
};

static void *come_and_go(void *argument)
{
    struct room *room = argument;
    while (!atomic_load(&room->over)) {
        struct chan_receiver *rx = receiver_of(room->ch);
        int fd = receiver_fd(rx);
        for (int i = 0; i < 20; i++)
            if (is_readable_within(fd, 1))
                (void)take(rx);
        chan_close_receiver(rx);
    }
    return NULL;
}

static void test_loops_of_several_threads_come_and_go(void)
{
    struct room room = {.ch = create(CHAN_QUEUE, 4)};
    struct chan_sender *tx = sender_of(room.ch);
    struct chan_receiver *rx = receiver_of(room.ch);
    pthread_t threads[3];
    int fd = sender_fd(tx);
    for (int i = 0; i < 3; i++)
        expect(!pthread_create(&threads[i], NULL, come_and_go, &room));
    for (int64_t end = chan_deadline(1000 * MS); chan_now() < end;)
        if (put(tx) == -EAGAIN)
            (void)is_readable_within(fd, 5);
    atomic_store(&room.over, true);
    for (int i = 0; i < 3; i++)
        expect(!pthread_join(threads[i], NULL));
    while (!take(rx))
        continue;
    expect(becomes_readable(fd));
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(room.ch);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_no_change_is_missed_by_level, 60),
        PLAIN(test_no_change_is_missed_by_edge, 60),
        PLAIN(test_what_busy_loops_leave_goes_to_others, 40),
        PLAIN(test_closing_and_calls_of_its_own_pass_the_wake_up_on, 20),
        PLAIN(test_a_call_that_waits_for_something_else_passes_the_wake_up_on, 20),
        PLAIN(test_a_child_has_its_own_or_none, 20),
        PLAIN(test_descriptors_and_their_thread_end_with_the_handles, 20),
        PLAIN(test_what_took_a_closed_descriptors_number_is_left_alone, 20),
        PLAIN(test_a_descriptor_that_took_a_closed_ones_number_is_left_alone, 20),
        PLAIN(test_an_idle_loop_wakes_less_than_once_a_second, 30),
        PLAIN(test_loops_of_several_threads_come_and_go, 20),
    };
    return suite_run_plain("poll_loops", cases, sizeof cases / sizeof *cases, argc, argv);
}
