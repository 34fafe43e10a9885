/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait, and give up: everybody is woken by the end, and a call that failed has taken nothing with it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

#define NOTICED_MS 1000
#define MS INT64_C(1000000)

enum { MORE = 3 };

static void test_every_sleeping_receiver_is_woken_when_the_last_sender_leaves(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *more[MORE];
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    for (int i = 0; i < MORE; i++) {
        more[i] = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
        actor_begin_blocking(more[i], recv_blocking, 0, 0);
    }
    expect_result(ask(pair.tx, close_sender), 0);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    for (int i = 0; i < MORE; i++) {
        expect_result(actor_finish_within(more[i], NOTICED_MS), -EPIPE);
        actor_end(more[i]);
    }
    pair_close(flavour, &pair);
}

static void test_every_sleeping_sender_is_woken_when_the_last_receiver_leaves(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    struct actor *more[MORE];
    pair_fill(&pair, 0, 1);
    actor_begin_blocking(pair.tx, send_blocking, 1, 0);
    for (int i = 0; i < MORE; i++) {
        more[i] = actor_start(flavour, pair.ch, ACTOR_SENDER);
        actor_begin_blocking(more[i], send_blocking, 2 + i, 0);
    }
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_result(actor_finish_within(pair.tx, NOTICED_MS), -EPIPE);
    for (int i = 0; i < MORE; i++) {
        expect_result(actor_finish_within(more[i], NOTICED_MS), -EPIPE);
        actor_end(more[i]);
    }
    pair_close(flavour, &pair);
}

/* Receives until the end, a microseconds at a time (0: without giving up); how many messages. */
static int64_t recv_impatiently(struct party *me, int64_t a, int64_t b)
{
    int64_t count = 0;
    (void)b;
    for (;;) {
        size_t size, room = flavour_largest(me->flavour);
        int result = a ? chan_recv_timeout(me->rx, me->buffer, room, &size, a * 1000)
                       : chan_recv(me->rx, me->buffer, room, &size);
        if (result == -EPIPE)
            return count;
        expect(!result || (a && result == -ETIMEDOUT));
        count += !result;
    }
}

static void wait_for_empty(const struct chan *ch)
{
    int64_t deadline = chan_deadline(NOTICED_MS * MS);
    while (chan_len(ch))
        expect(chan_now() < deadline);
}

static void test_a_receive_that_timed_out_takes_neither_a_later_message_nor_its_wakeup(
    const struct flavour *flavour)
{
    enum { MESSAGES = 300 };
    struct pair pair = pair_open(flavour, 2);
    struct actor *impatient = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    actor_begin(pair.rx, recv_impatiently, 0, 0);
    actor_begin(impatient, recv_impatiently, 150, 0);
    for (int64_t i = 0; i < MESSAGES; i++) {
        expect_result(tell(pair.tx, send_try, i), 0);
        wait_for_empty(pair.ch);
        if (i % 10 == 0)
            process_sleep_ms(2);
    }
    expect_result(chan_shutdown(pair.ch), 0);
    int64_t received = actor_finish(pair.rx) + actor_finish(impatient);
    expect_number(received, MESSAGES);
    actor_end(impatient);
    pair_close(flavour, &pair);
}

static void test_a_send_that_timed_out_is_withdrawn(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_SENDER);
    pair_send(&pair, 0, 1);
    actor_begin_blocking(other, send_blocking, 2, 0);
    for (int i = 0; i < 5; i++)
        expect_result(actor_do(pair.tx, send_by, 1, HOW(WAY_COPY, FORM_TIMEOUT_SHORT)), -ETIMEDOUT);
    pair_recv(&pair, 0, 1);
    expect_result(actor_finish_within(other, NOTICED_MS), 0); /* the room is not kept for who has gone */
    pair_recv(&pair, 2, 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    actor_end(other);
    pair_close(flavour, &pair);
}

/* The idioms of iterators: over what comes until the end, and over what is there now, by copy and in place. */
static int64_t loop_to_the_end(struct party *me, int64_t a, int64_t b)
{
    struct chan_view view;
    size_t size;
    int64_t count = 0;
    (void)a, (void)b;
    while (chan_recv_view(me->rx, &view) == 0) {
        expect(view.size > 0);
        chan_release(me->rx, &view);
        if (++count % 2 == 0 && chan_recv(me->rx, me->buffer, flavour_largest(me->flavour), &size) == 0)
            count++;
    }
    return count;
}

static int64_t loop_over_what_is_there(struct party *me, int64_t a, int64_t b)
{
    size_t size;
    int64_t count = 0;
    (void)a, (void)b;
    while (chan_try_recv(me->rx, me->buffer, flavour_largest(me->flavour), &size) == 0)
        count++;
    return count;
}

static void test_loops_over_receives_end_with_what_is_there_or_with_the_channel(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 8);
    expect_number(ask(pair.rx, loop_over_what_is_there), 0);
    pair_send(&pair, 0, 5);
    expect_number(ask(pair.rx, loop_over_what_is_there), 5);
    pair_send(&pair, 5, 2);
    actor_begin_blocking(pair.rx, loop_to_the_end, 0, 0);
    pair_send(&pair, 7, 4);
    if (flavour->lifetime == CHAN_DURABLE)
        expect_result(chan_shutdown(pair.ch), 0);
    else
        expect_result(ask(pair.tx, close_sender), 0);
    expect_number(actor_finish(pair.rx), 6);
    expect_number(ask(pair.rx, loop_over_what_is_there), 0);
    pair_close(flavour, &pair);
}

/* Sends a message that cannot be sent, by each form; it is still what it was. */
static int64_t keep_the_message(struct party *me, int64_t promised, int64_t b)
{
    size_t size = flavour_smallest(me->flavour);
    unsigned char *message = malloc(2 * size);
    (void)b;
    expect(message != NULL);
    for (size_t i = 0; i < 2 * size; i++)
        message[i] = (unsigned char)(i % size * 7 + 1);
    struct iovec one = {.iov_base = message, .iov_len = size};
    expect_result(chan_try_send(me->tx, message, size), promised);
    expect_result(chan_send_timeout(me->tx, message, size, MS), promised == -EAGAIN ? -ETIMEDOUT : promised);
    expect_result(chan_try_send_many(me->tx, &one, 1), promised);
    expect(memcmp(message, message + size, size) == 0 && one.iov_base == message && one.iov_len == size);
    free(message);
    return 0;
}

/* Receives where there is nothing: buffer, size and view are what they were. */
static int64_t keep_the_outputs(struct party *me, int64_t promised, int64_t b)
{
    unsigned char buffer[16], before[16];
    struct iovec one = {.iov_base = buffer, .iov_len = sizeof buffer};
    struct chan_view view, view_before;
    size_t size = 77;
    (void)b;
    memset(before, 0x5a, sizeof before);
    memcpy(buffer, before, sizeof buffer);
    memset(&view_before, 0x5a, sizeof view);
    memcpy(&view, &view_before, sizeof view);
    expect_result(chan_try_recv(me->rx, buffer, sizeof buffer, &size), promised);
    expect_result(chan_recv_timeout(me->rx, buffer, sizeof buffer, &size, MS),
                  promised == -EAGAIN ? -ETIMEDOUT : promised);
    expect_result(chan_try_recv_many(me->rx, &one, 1), promised);
    expect_result(chan_try_recv_view(me->rx, &view), promised);
    expect(memcmp(buffer, before, sizeof buffer) == 0 && size == 77);
    expect(one.iov_base == buffer && one.iov_len == sizeof buffer);
    expect(memcmp(&view, &view_before, sizeof view) == 0);
    return 0;
}

static void test_a_call_that_failed_leaves_what_it_was_given_as_it_was(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    expect_result(tell(pair.rx, keep_the_outputs, -EAGAIN), 0);
    pair_fill(&pair, 0, 2);
    expect_result(tell(pair.tx, keep_the_message, -EAGAIN), 0);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(tell(pair.tx, keep_the_message, -EPIPE), 0);
    pair_empty(&pair, 0, 2);
    expect_result(tell(pair.rx, keep_the_outputs, -EPIPE), 0);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_every_sleeping_receiver_is_woken_when_the_last_sender_leaves,
             FOR_EPHEMERAL | FOR_MANY_RECEIVERS | RENDEZVOUS_TOO, 0),
        CASE(test_every_sleeping_sender_is_woken_when_the_last_receiver_leaves,
             FOR_EPHEMERAL | FOR_MANY_SENDERS | RENDEZVOUS_TOO, 0),
        CASE(test_a_receive_that_timed_out_takes_neither_a_later_message_nor_its_wakeup,
             FOR_MANY_RECEIVERS | FOR_FEW, 60),
        CASE(test_a_send_that_timed_out_is_withdrawn, FOR_MANY_SENDERS, 0),
        CASE(test_loops_over_receives_end_with_what_is_there_or_with_the_channel, 0, 0),
        CASE(test_a_call_that_failed_leaves_what_it_was_given_as_it_was, RENDEZVOUS_TOO, 0),
    };
    return suite_run("waiting", cases, sizeof cases / sizeof *cases, argc, argv);
}
