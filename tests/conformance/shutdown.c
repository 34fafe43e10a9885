/* SPDX-License-Identifier: Apache-2.0 */
/* Shutdown: refuses, drains, wakes everybody; closed and drained are two things. */
#include <errno.h>

#include "expect.h"
#include "pair.h"
#include "suite.h"

#define WAKE_MS 1000

static void test_shutdown_while_empty_closes_at_once(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect_number(chan_is_closed(pair.ch), 0);
    expect_number(chan_is_drained(pair.ch), 0);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_number(chan_is_closed(pair.ch), 1);
    expect_number(chan_is_drained(pair.ch), 1);
    expect_result(tell(pair.tx, send_blocking, 0), -EPIPE);
    expect_result(ask(pair.rx, recv_blocking), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_shutdown_while_full_drains_everything(const struct flavour *flavour)
{
    for (int64_t capacity = 1; capacity <= 3; capacity++) {
        struct pair pair = pair_open(flavour, (uint64_t)capacity);
        pair_send(&pair, 0, capacity);
        expect_result(ask(pair.rx, shutdown_channel), 0);
        expect_number(chan_is_closed(pair.ch), 1);
        expect_number(chan_is_drained(pair.ch), 0);
        expect_number(chan_len(pair.ch), capacity);
        for (int64_t i = 0; i < capacity; i++) {
            expect_result(tell(pair.tx, send_try, 9), -EPIPE);
            expect_number(chan_is_drained(pair.ch), 0);
            expect_result(ask(pair.rx, recv_blocking), i);
        }
        expect_number(chan_is_drained(pair.ch), 1);
        expect_result(ask(pair.rx, recv_blocking), -EPIPE);
        expect_result(tell(pair.tx, send_try, 9), -EPIPE);
        pair_close(flavour, &pair);
    }
}

static void test_shutdown_after_some_laps_drains_everything(const struct flavour *flavour)
{
    for (int64_t taken = 0; taken < 9; taken++) {
        struct pair pair = pair_open(flavour, 3);
        for (int64_t i = 0; i < taken; i++) {
            pair_send(&pair, i, 1);
            pair_recv(&pair, i, 1);
        }
        pair_send(&pair, taken, 2);
        expect_result(chan_shutdown(pair.ch), 0);
        expect_result(tell(pair.tx, send_try, 9), -EPIPE);
        pair_recv(&pair, taken, 2);
        expect_result(ask(pair.rx, recv_try), -EPIPE);
        expect_number(chan_len(pair.ch), 0);
        pair_close(flavour, &pair);
    }
}

static void test_shutdown_is_idempotent_and_permanent(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_fill(&pair, 0, 1);
    for (int i = 0; i < 5; i++) {
        expect_result(chan_shutdown(pair.ch), 0);
        expect_result(ask(pair.tx, shutdown_channel), 0);
        expect_result(ask(pair.rx, shutdown_channel), 0);
    }
    pair_empty(&pair, 0, 1);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(ask(pair.rx, recv_try), -EPIPE);
    expect_result(ask(pair.tx, close_sender), 0);
    expect_result(ask(pair.tx, attach_sender), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_shutdown_wakes_every_sleeping_receiver(const struct flavour *flavour)
{
    enum { RECEIVERS = 3 };
    struct pair pair = pair_open(flavour, 3);
    struct actor *more[RECEIVERS];
    int others = flavour->receivers == CHAN_MANY ? RECEIVERS : 0;
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    for (int i = 0; i < others; i++) {
        more[i] = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
        actor_begin_blocking(more[i], i % 2 ? recv_by : view_take, 0, FORM_BLOCK);
    }
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(actor_finish_within(pair.rx, WAKE_MS), -EPIPE);
    for (int i = 0; i < others; i++) {
        expect_result(actor_finish_within(more[i], WAKE_MS), -EPIPE);
        actor_end(more[i]);
    }
    pair_close(flavour, &pair);
}

static void test_shutdown_wakes_every_sleeping_sender_and_keeps_what_was_queued(const struct flavour *flavour)
{
    enum { SENDERS = 3 };
    struct pair pair = pair_open(flavour, 2);
    struct actor *more[SENDERS];
    int others = flavour->senders == CHAN_MANY ? SENDERS : 0;
    pair_fill(&pair, 0, 2);
    actor_begin_blocking(pair.tx, send_blocking, 7, 0);
    for (int i = 0; i < others; i++) {
        more[i] = actor_start(flavour, pair.ch, ACTOR_SENDER);
        actor_begin_blocking(more[i], send_by, 8 + i, HOW(i % WAYS, FORM_BLOCK));
    }
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(actor_finish_within(pair.tx, WAKE_MS), -EPIPE);
    for (int i = 0; i < others; i++) {
        expect_result(actor_finish_within(more[i], WAKE_MS), -EPIPE);
        actor_end(more[i]);
    }
    pair_empty(&pair, 0, 2);
    expect_result(ask(pair.rx, recv_blocking), -EPIPE);
    pair_close(flavour, &pair);
}

/* Many senders in full flight: what each was told is what arrives. */
static int64_t send_until_closed(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    for (int64_t sent = 0;; sent++) {
        int64_t result = send_blocking(me, a + sent, 0);
        if (result == -EPIPE)
            return sent;
        expect_result(result, 0);
    }
}

static int64_t recv_until_closed(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    for (int64_t received = 0;; received++) {
        int64_t result = recv_blocking(me, 0, 0);
        if (result == -EPIPE)
            return received;
        expect(result >= 0);
    }
}

static void test_a_send_in_flight_at_shutdown_is_received_or_refused_never_both(const struct flavour *flavour)
{
    for (int round = 0; round < 10; round++) {
        struct pair pair = pair_open(flavour, 3);
        struct actor *other =
            flavour->senders == CHAN_MANY ? actor_start(flavour, pair.ch, ACTOR_SENDER) : NULL;
        actor_begin(pair.rx, recv_until_closed, 0, 0);
        actor_begin(pair.tx, send_until_closed, 0, 0);
        if (other)
            actor_begin(other, send_until_closed, 0, 0);
        expect_result(actor_finish_within(pair.rx, round), -EINPROGRESS);
        expect_result(chan_shutdown(pair.ch), 0);
        int64_t sent = actor_finish(pair.tx);
        if (other)
            sent += actor_finish(other);
        expect_number(actor_finish(pair.rx), sent);
        if (other)
            actor_end(other);
        pair_close(flavour, &pair);
    }
}

static void test_closed_is_told_with_messages_left_and_drained_only_without(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 1);
    expect_result(ask(pair.tx, shutdown_channel), 0);
    expect_number(ask(pair.rx, is_closed), 1);
    expect_number(ask(pair.rx, is_drained), 0);
    expect_number(ask(pair.tx, is_closed), 1);
    expect_number(ask(pair.tx, is_drained), 0);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 0);
    expect_number(ask(pair.tx, is_drained), 0); /* in a receiver's hands */
    expect_result(tell(pair.rx, view_release, 0), 0);
    expect_number(ask(pair.rx, is_drained), 1);
    expect_number(ask(pair.tx, is_drained), 1);
    pair_close(flavour, &pair);
}

static int64_t recv_batch_of_two(struct party *me, int64_t a, int64_t b)
{
    struct iovec one = {.iov_base = me->buffer, .iov_len = flavour_largest(me->flavour)}, two[] = {one, one};
    (void)a, (void)b;
    return chan_recv_many(me->rx, two, 2);
}

/* A batch that met the end says how much came before it; only the next call tells of the end. */
static void test_a_batch_that_met_the_end_has_not_told_of_it(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 1);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(ask(pair.rx, recv_batch_of_two), 1);
    expect_number(ask(pair.rx, is_terminated), 0);
    expect_result(ask(pair.rx, recv_batch_of_two), -EPIPE);
    expect_number(ask(pair.rx, is_terminated), 1);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_shutdown_while_empty_closes_at_once, RENDEZVOUS_TOO, 0),
        CASE(test_shutdown_while_full_drains_everything, 0, 0),
        CASE(test_shutdown_after_some_laps_drains_everything, 0, 0),
        CASE(test_shutdown_is_idempotent_and_permanent, RENDEZVOUS_TOO, 0),
        CASE(test_shutdown_wakes_every_sleeping_receiver, FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_shutdown_wakes_every_sleeping_sender_and_keeps_what_was_queued,
             FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_send_in_flight_at_shutdown_is_received_or_refused_never_both, RENDEZVOUS_TOO, 0),
        CASE(test_closed_is_told_with_messages_left_and_drained_only_without, 0, 0),
        CASE(test_a_batch_that_met_the_end_has_not_told_of_it, FOR_INLINE, 0),
    };
    return suite_run("shutdown", cases, sizeof cases / sizeof *cases, argc, argv);
}
