/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors for event loops: readable while the handle is worth a try, and never unreadable while it is. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "pollable.h"
#include "process.h"
#include "suite.h"

static bool stays_unreadable(int fd)
{
    return !is_readable_within(fd, A_MOMENT_MS);
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

#define SOONEST_LOOK_NS (8 * MS)

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
        int64_t begin = chan_now();
        expect_result(take(late), -EAGAIN);
        expect(!is_readable(lates) || chan_now() - begin >= SOONEST_LOOK_NS);
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
    do
        expect_result(take(rx), -EAGAIN);
    while (is_readable(fd)); /* the sender had still to tell of its message */
    child_kill(&child);
    int result, waited_ms = 0;
    for (; (result = take(rx)) == -EAGAIN; waited_ms += 10) /* it may have looked around in between */
        (void)is_readable_within(fd, 10);
    expect_result(result, -EPIPE);
    expect(waited_ms < SOON_MS);
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
    do
        expect_result(chan_caller_ready(tx), -EAGAIN);
    while (is_readable(fd)); /* the server had still to tell of its answer */
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

/* A try of each open call, and an answer to one that has been tried: the next try arms for another change. */
static void test_a_look_at_all_calls_sees_an_answer_that_came_between_tries(void)
{
    struct chan *ch = create(CHAN_CALL, 4);
    struct chan_sender *tx = sender_of(ch);
    struct chan_receiver *rx = receiver_of(ch);
    struct chan_ticket first, second;
    struct chan_view for_first, for_second;
    char answer[64];
    int fd = chan_caller_fd(tx);
    expect_result(chan_call_start(tx, "1", 1, &first), 0);
    expect_result(chan_call_start(tx, "2", 1, &second), 0);
    expect_result(chan_recv_view(rx, &for_first), 0);
    expect_result(chan_recv_view(rx, &for_second), 0);
    expect_result(chan_try_call_finish(tx, &second, answer, sizeof answer, NULL), -EAGAIN);
    expect_result(chan_reply(rx, &for_second, "b", 1), 0);
    expect_result(chan_try_call_finish(tx, &first, answer, sizeof answer, NULL), -EAGAIN);
    expect_result(chan_caller_ready(tx), 0);
    expect(is_readable(fd));
    expect_result(chan_try_call_finish(tx, &second, answer, sizeof answer, NULL), 0);
    expect_result(chan_caller_ready(tx), -EAGAIN);
    expect(!is_readable(fd));
    expect_result(chan_reply(rx, &for_first, "a", 1), 0);
    expect(becomes_readable(fd));
    expect_result(chan_try_call_finish(tx, &first, answer, sizeof answer, NULL), 0);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
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
        PLAIN(test_a_look_at_all_calls_sees_an_answer_that_came_between_tries, 20),
        PLAIN(test_misuse_is_refused, 5),
    };
    return suite_run_plain("poll", cases, sizeof cases / sizeof *cases, argc, argv);
}
