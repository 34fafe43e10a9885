/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors for event loops: readable while the handle is worth a try, and never unreadable while it is. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "process.h"
#include "suite.h"

#define MS INT64_C(1000000)

/* Less than the 2 s after which a descriptor may become readable so that the loop looks around. */
#define SOON_MS 1500

/* Long enough for whoever would make a descriptor readable to have done it. */
#define A_MOMENT_MS 60

static struct chan *create(uint32_t kind, uint64_t messages)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.kind = kind;
    options.messages = messages;
    options.message_size = 64;
    options.endpoints = 8;
    expect_result(chan_create_anonymous(&options, &ch), 0);
    return ch;
}

static struct chan_sender *sender_of(struct chan *ch)
{
    struct chan_sender *tx;
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    return tx;
}

static struct chan_receiver *receiver_of(struct chan *ch)
{
    struct chan_receiver *rx;
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    return rx;
}

static int receiver_fd(struct chan_receiver *rx)
{
    int fd = chan_receiver_fd(rx);
    expect(fd >= 0);
    return fd;
}

static int sender_fd(struct chan_sender *tx)
{
    int fd = chan_sender_fd(tx);
    expect(fd >= 0);
    return fd;
}

static bool is_readable_within(int fd, int milliseconds)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    int ready = poll(&polled, 1, milliseconds);
    expect(ready >= 0);
    return ready == 1 && polled.revents == POLLIN;
}

static bool is_readable(int fd)
{
    return is_readable_within(fd, 0);
}

static bool becomes_readable(int fd)
{
    return is_readable_within(fd, SOON_MS);
}

static bool stays_unreadable(int fd)
{
    return !is_readable_within(fd, A_MOMENT_MS);
}

static int put(struct chan_sender *tx)
{
    return chan_try_send(tx, "x", 1);
}

static int take(struct chan_receiver *rx)
{
    char buffer[64];
    return chan_try_recv(rx, buffer, sizeof buffer, NULL);
}

/* A child that acts on an inherited channel a moment after it was born. */
struct errand {
    struct chan *ch;
    int count;
    uint32_t flags; /* of attaching */
};

static int64_t send_later(void *argument)
{
    const struct errand *e = argument;
    struct chan_sender *tx = sender_of(e->ch);
    process_sleep_ms(A_MOMENT_MS);
    for (int i = 0; i < e->count; i++)
        expect_result(chan_send(tx, "x", 1), 0);
    chan_close_sender(tx);
    return 0;
}

static int64_t receive_later(void *argument)
{
    const struct errand *e = argument;
    struct chan_receiver *rx = receiver_of(e->ch);
    char buffer[64];
    process_sleep_ms(A_MOMENT_MS);
    for (int i = 0; i < e->count; i++)
        expect_result(chan_recv(rx, buffer, sizeof buffer, NULL), 0);
    chan_close_receiver(rx);
    return 0;
}

static void test_a_receiver_is_readable_until_nothing_is_left(void)
{
    struct chan *ch = create(CHAN_QUEUE, 4);
    struct chan_receiver *rx = receiver_of(ch);
    struct errand errand = {ch, 2, 0};
    struct child child;
    int fd = receiver_fd(rx);
    expect(!is_readable(fd));
    child_spawn(&child, send_later, &errand);
    expect(becomes_readable(fd));
    expect_number(child_finish(&child), 0);
    expect_result(take(rx), 0);
    expect(is_readable(fd));
    expect_result(take(rx), 0);
    while (!take(rx))
        expect_never("a third message");
    expect_number(receiver_fd(rx), fd);
    chan_close_receiver(rx);
    chan_close(ch);
}

static void test_a_sender_is_readable_while_there_is_room(void)
{
    struct chan *ch = create(CHAN_QUEUE, 2);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    struct errand errand = {ch, 1, 0};
    struct child child;
    int fd = sender_fd(tx);
    expect(is_readable(fd));
    expect_result(put(tx), 0);
    expect(is_readable(fd));
    expect_result(put(tx), 0);
    expect_result(put(tx), -EAGAIN);
    expect(stays_unreadable(fd));
    child_spawn(&child, receive_later, &errand);
    expect(becomes_readable(fd));
    expect_number(child_finish(&child), 0);
    expect_result(put(tx), 0);
    expect_result(put(tx), -EAGAIN);
    expect(stays_unreadable(fd));
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

/* What is there before anybody asks. */
static void test_a_descriptor_begins_with_what_is_there(void)
{
    struct chan *ch = create(CHAN_QUEUE, 1);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    expect_result(put(tx), 0);
    expect(is_readable(receiver_fd(rx)));
    expect(!is_readable(sender_fd(tx)));
    expect_result(take(rx), 0);
    expect(becomes_readable(sender_fd(tx)));
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

static void test_a_look_makes_it_unreadable_again(void)
{
    struct chan *ch = create(CHAN_QUEUE, 1);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    int fd = receiver_fd(rx);
    expect_result(chan_receiver_ready(rx), -EAGAIN);
    expect_result(put(tx), 0);
    expect(becomes_readable(fd));
    expect_result(chan_receiver_ready(rx), 0);
    expect_result(take(rx), 0);
    expect(is_readable(fd));
    expect_result(chan_receiver_ready(rx), -EAGAIN);
    expect(!is_readable(fd));
    expect_result(chan_sender_ready(tx), 0);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

static void expect_select_agrees(int fd, int readable)
{
    struct timeval at_once = {0};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    expect_number(select(fd + 1, &set, NULL, NULL, &at_once), readable);
}

static int watch_by_epoll(int fd, uint32_t events)
{
    struct epoll_event event = {.events = events};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    expect(epoll >= 0);
    expect(!epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    return epoll;
}

static int events_within(int epoll, int milliseconds)
{
    struct epoll_event event;
    return epoll_wait(epoll, &event, 1, milliseconds);
}

static void test_poll_select_and_epoll_agree(void)
{
    struct chan *ch = create(CHAN_QUEUE, 2);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    int fd = receiver_fd(rx), epoll = watch_by_epoll(fd, EPOLLIN);
    for (int round = 0; round < 3; round++) {
        expect_select_agrees(fd, 0);
        expect_number(events_within(epoll, 0), 0);
        expect_result(put(tx), 0);
        expect_number(events_within(epoll, SOON_MS), 1);
        expect_number(events_within(epoll, 0), 1);
        expect_select_agrees(fd, 1);
        expect_result(take(rx), 0);
        expect_result(take(rx), -EAGAIN);
    }
    close(epoll);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

/* An edge for each time that something comes after a try that found nothing. */
static void test_edges_come_after_each_vain_try(void)
{
    struct chan *ch = create(CHAN_QUEUE, 8);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    int epoll = watch_by_epoll(receiver_fd(rx), EPOLLIN | EPOLLET);
    expect_number(events_within(epoll, 0), 0);
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i <= round % 5; i++)
            expect_result(put(tx), 0);
        expect_number(events_within(epoll, SOON_MS), 1);
        expect_number(events_within(epoll, 0), 0);
        for (int i = 0; i <= round % 5; i++)
            expect_result(take(rx), 0);
        expect_result(take(rx), -EAGAIN);
    }
    close(epoll);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

/* Two are woken for one message. For the one that was too late it may have been a warning, by a sender that was then
 * stopped: it looks again. */
static void test_who_was_woken_for_nothing_looks_again_soon(void)
{
    struct chan *ch = create(CHAN_QUEUE, 4);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch), *late = receiver_of(ch);
    int fd = receiver_fd(rx), lates = receiver_fd(late);
    expect_result(put(tx), 0);
    expect(becomes_readable(fd));
    expect(becomes_readable(lates));
    expect_result(take(rx), 0);
    for (int looks = 0; looks < 3; looks++) {
        expect_result(take(late), -EAGAIN);
        expect(!is_readable(lates));
        expect(becomes_readable(lates));
    }
    chan_close_receiver(late);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

static void expect_receiver_is_woken(struct chan *ch)
{
    struct chan_receiver *rx = receiver_of(ch);
    struct errand errand = {ch, 1, 0};
    struct child child;
    struct chan_view view;
    int fd = receiver_fd(rx);
    expect(!is_readable(fd));
    child_spawn(&child, send_later, &errand);
    expect(becomes_readable(fd));
    int result;
    while ((result = chan_try_recv_view(rx, &view)) == -EAGAIN)
        expect(becomes_readable(fd)); /* it was the warning */
    expect_result(result, 0);
    expect_result(chan_release(rx, &view), 0);
    expect_number(child_finish(&child), 0);
    chan_close_receiver(rx);
    chan_close(ch);
}

/* Closed is ready, too: by a oneshot's one message, and by the only sender's leaving. */
static void test_receivers_of_every_kind_are_woken(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    static const uint32_t overflows[] = {CHAN_LAG, CHAN_BLOCK};
    expect_receiver_is_woken(create(CHAN_QUEUE, 1));
    expect_receiver_is_woken(create(CHAN_ONESHOT, 0));
    expect_receiver_is_woken(create(CHAN_RENDEZVOUS, 0));
    expect_receiver_is_woken(create(CHAN_WATCH, 0));
    options.order = CHAN_FAIR;
    expect_result(chan_create_anonymous(&options, &ch), 0);
    expect_receiver_is_woken(ch);
    for (size_t i = 0; i < sizeof overflows / sizeof *overflows; i++) {
        options = (struct chan_options)CHAN_OPTIONS_INIT;
        options.kind = CHAN_BROADCAST;
        options.overflow = overflows[i];
        expect_result(chan_create_anonymous(&options, &ch), 0);
        expect_receiver_is_woken(ch);
    }
}

static void expect_sender_is_woken(struct chan *ch)
{
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    struct errand errand = {ch, 1, 0};
    struct child child;
    int fd = sender_fd(tx);
    int result;
    while (!(result = put(tx)))
        continue;
    expect_result(result, -EAGAIN);
    expect(stays_unreadable(fd));
    child_spawn(&child, receive_later, &errand);
    while ((result = put(tx)) == -EAGAIN)
        expect(becomes_readable(fd));
    expect_result(result, 0);
    expect_number(child_finish(&child), 0);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

/* The only receiver of a broadcast that blocks is here, and takes its message. */
static void test_a_sender_of_a_broadcast_is_woken_by_the_slowest(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.kind = CHAN_BROADCAST;
    options.overflow = CHAN_BLOCK;
    options.messages = 1;
    expect_result(chan_create_anonymous(&options, &ch), 0);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    int fd = sender_fd(tx);
    expect_result(put(tx), 0);
    expect_result(put(tx), -EAGAIN);
    expect(stays_unreadable(fd));
    expect_result(take(rx), 0);
    expect(becomes_readable(fd));
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

static void test_senders_of_every_kind_are_woken(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    expect_sender_is_woken(create(CHAN_QUEUE, 1));
    expect_sender_is_woken(create(CHAN_RENDEZVOUS, 0));
    options.order = CHAN_FAIR;
    options.messages = 1;
    expect_result(chan_create_anonymous(&options, &ch), 0);
    expect_sender_is_woken(ch);
    ch = create(CHAN_WATCH, 0);
    struct chan_sender *tx = sender_of(ch);
    expect(is_readable(sender_fd(tx))); /* it need never wait */
    chan_close_sender(tx);
    chan_close(ch);
}

/* Two that wait for room in a full fair queue, or for permits, do not keep each other awake. */
static void test_vain_tries_on_a_fair_queue_wake_nobody(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.order = CHAN_FAIR;
    options.messages = 2;
    expect_result(chan_create_anonymous(&options, &ch), 0);
    struct chan_sender *tx[] = {sender_of(ch), sender_of(ch)};
    struct chan_receiver *rx = receiver_of(ch);
    expect_result(put(tx[0]), 0);
    expect_result(put(tx[0]), 0);
    for (int round = 0; round < 4; round++) {
        expect_result(round % 2 ? chan_permit_try_reserve(tx[round / 2], 1) : put(tx[round / 2]), -EAGAIN);
        expect(stays_unreadable(sender_fd(tx[0])));
        expect(stays_unreadable(sender_fd(tx[1])));
    }
    expect_result(take(rx), 0);
    expect(becomes_readable(sender_fd(tx[0])));
    expect(becomes_readable(sender_fd(tx[1])));
    chan_close_receiver(rx);
    chan_close_sender(tx[0]);
    chan_close_sender(tx[1]);
    chan_close(ch);
}

/* A large message waits for memory, though a small one would have a place. */
static void test_a_sender_speaks_of_what_was_tried_last(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    char large[4096] = "";
    options.messages = 8;
    options.bytes = sizeof large;
    expect_result(chan_create_anonymous(&options, &ch), 0);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    int fd = sender_fd(tx), result;
    while (!(result = chan_try_send(tx, large, sizeof large)))
        continue;
    expect_result(result, -EAGAIN);
    expect(stays_unreadable(fd));
    expect_result(chan_try_recv(rx, large, sizeof large, NULL), 0);
    expect(becomes_readable(fd));
    expect_result(chan_try_send(tx, large, sizeof large), 0);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

static int64_t attach_and_wait(void *argument)
{
    const struct errand *e = argument;
    struct chan_sender *tx = sender_of(e->ch);
    expect_result(put(tx), 0);
    pause();
    chan_close_sender(tx);
    return 0;
}

/* Once by a receiver whose process looks for the dead by itself. */
static void expect_death_makes_readable(uint32_t flags)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct errand errand = {.count = 0};
    struct child child;
    options.flags = flags;
    expect_result(chan_create_anonymous(&options, &ch), 0);
    struct chan_receiver *rx = receiver_of(ch);
    int fd = receiver_fd(rx);
    errand.ch = ch;
    child_spawn(&child, attach_and_wait, &errand);
    expect(becomes_readable(fd));
    while (take(rx))
        expect(becomes_readable(fd));
    expect_result(take(rx), -EAGAIN);
    expect(!is_readable(fd));
    child_kill(&child);
    int64_t begin = chan_now();
    int result;
    while ((result = take(rx)) == -EAGAIN) /* it may have looked around in between */
        expect(becomes_readable(fd));
    expect_result(result, -EPIPE);
    expect(chan_now() - begin < SOON_MS * MS);
    expect(becomes_readable(fd)); /* whoever noticed the death may be about to ring */
    expect_result(take(rx), -EPIPE);
    expect(is_readable(fd));
    child_reap(&child);
    chan_close_receiver(rx);
    chan_close(ch);
}

static void test_the_death_of_the_last_sender_makes_readable_for_good(void)
{
    expect_death_makes_readable(0);
    expect_death_makes_readable(CHAN_NO_KEEPER);
}

static void test_shutdown_makes_both_sides_readable(void)
{
    struct chan *ch = create(CHAN_QUEUE, 1);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch), *other = receiver_of(ch);
    int closed = chan_sender_closed_fd(tx);
    expect(closed >= 0);
    expect(!is_readable(closed));
    expect(!is_readable(receiver_fd(other)));
    expect_result(put(tx), 0);
    expect_result(put(tx), -EAGAIN);
    expect(!is_readable(sender_fd(tx)));
    expect_result(chan_shutdown(ch), 0);
    expect(becomes_readable(closed));
    expect(becomes_readable(sender_fd(tx)));
    expect_result(put(tx), -EPIPE);
    expect_result(take(rx), 0);
    expect(becomes_readable(receiver_fd(other)));
    expect_result(take(other), -EPIPE);
    expect_result(chan_try_wait_closed(tx), 0);
    chan_close_receiver(other);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

static int64_t serve_one_and_wait(void *argument)
{
    const struct errand *e = argument;
    struct chan_receiver *rx = receiver_of(e->ch);
    struct chan_view request;
    expect_result(chan_recv_view(rx, &request), 0);
    expect_result(chan_reply(rx, &request, "answer", 6), 0);
    expect_result(chan_recv_view(rx, &request), 0);
    pause();
    return 0;
}

static void test_a_caller_is_readable_when_an_answer_or_none_is_to_be_had(void)
{
    struct chan *ch = create(CHAN_CALL, 4);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch); /* as long as there is a server, requests are kept */
    struct errand errand = {.ch = ch};
    struct chan_ticket first, second;
    struct child server;
    char answer[64];
    int fd = chan_caller_fd(tx), result;
    expect(fd >= 0);
    expect(!is_readable(fd));
    expect_result(chan_call_start(tx, "q", 1, &first), 0);
    expect_result(chan_call_start(tx, "q", 1, &second), 0);
    expect_result(chan_caller_ready(tx), -EAGAIN);
    child_spawn(&server, serve_one_and_wait, &errand);
    while ((result = chan_try_call_finish(tx, &first, answer, sizeof answer, NULL)) == -EAGAIN)
        expect(becomes_readable(fd));
    expect_result(result, 0);
    expect_result(chan_caller_ready(tx), -EAGAIN);
    expect(!is_readable(fd));
    while (chan_len(ch))
        process_sleep_ms(1);
    child_kill(&server);
    while ((result = chan_try_call_finish(tx, &second, answer, sizeof answer, NULL)) == -EAGAIN)
        expect(becomes_readable(fd));
    expect_result(result, -EPIPE);
    child_reap(&server);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
    ch = create(CHAN_QUEUE, 1);
    tx = sender_of(ch);
    expect_result(chan_caller_fd(tx), -EOPNOTSUPP);
    expect_result(chan_caller_ready(tx), -EOPNOTSUPP);
    chan_close_sender(tx);
    chan_close(ch);
}

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
    expect(chan_now() - begin < 1000 * MS);
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

static void test_misuse_is_refused(void)
{
    expect_result(chan_receiver_fd(NULL), -EINVAL);
    expect_result(chan_sender_fd(NULL), -EINVAL);
    expect_result(chan_sender_closed_fd(NULL), -EINVAL);
    expect_result(chan_caller_fd(NULL), -EINVAL);
    expect_result(chan_receiver_ready(NULL), -EINVAL);
    expect_result(chan_sender_ready(NULL), -EINVAL);
    expect_result(chan_caller_ready(NULL), -EINVAL);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_a_receiver_is_readable_until_nothing_is_left, 20),
        PLAIN(test_a_sender_is_readable_while_there_is_room, 20),
        PLAIN(test_a_descriptor_begins_with_what_is_there, 20),
        PLAIN(test_a_look_makes_it_unreadable_again, 20),
        PLAIN(test_poll_select_and_epoll_agree, 20),
        PLAIN(test_edges_come_after_each_vain_try, 20),
        PLAIN(test_who_was_woken_for_nothing_looks_again_soon, 20),
        PLAIN(test_receivers_of_every_kind_are_woken, 20),
        PLAIN(test_senders_of_every_kind_are_woken, 20),
        PLAIN(test_a_sender_of_a_broadcast_is_woken_by_the_slowest, 20),
        PLAIN(test_vain_tries_on_a_fair_queue_wake_nobody, 20),
        PLAIN(test_a_sender_speaks_of_what_was_tried_last, 20),
        PLAIN(test_the_death_of_the_last_sender_makes_readable_for_good, 20),
        PLAIN(test_shutdown_makes_both_sides_readable, 20),
        PLAIN(test_a_caller_is_readable_when_an_answer_or_none_is_to_be_had, 20),
        PLAIN(test_no_change_is_missed_by_level, 60),
        PLAIN(test_no_change_is_missed_by_edge, 60),
        PLAIN(test_what_busy_loops_leave_goes_to_others, 40),
        PLAIN(test_closing_and_calls_of_its_own_pass_the_wake_up_on, 20),
        PLAIN(test_a_child_has_its_own_or_none, 20),
        PLAIN(test_descriptors_and_their_thread_end_with_the_handles, 20),
        PLAIN(test_what_took_a_closed_descriptors_number_is_left_alone, 20),
        PLAIN(test_an_idle_loop_wakes_less_than_once_a_second, 30),
        PLAIN(test_loops_of_several_threads_come_and_go, 20),
        PLAIN(test_misuse_is_refused, 5),
    };
    return suite_run_plain("poll", cases, sizeof cases / sizeof *cases, argc, argv);
}
