/* SPDX-License-Identifier: Apache-2.0 */
/* The end as a sender sees it, waited for; and a receiver's half close. */
#include <errno.h>

#include "expect.h"
#include "pair.h"
#include "suite.h"

#define WAKE_MS 1000
#define QUIET_MS 60
#define UNASKED_MS 800 /* less than a sleeper waits before it looks around by itself */
#define SHORT_NS 20000000

static int64_t wait_closed(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    switch ((enum form)a) {
    case FORM_BLOCK:
        return chan_wait_closed(me->tx);
    case FORM_TRY:
        return chan_try_wait_closed(me->tx);
    case FORM_TIMEOUT_ZERO:
        return chan_wait_closed_timeout(me->tx, 0);
    case FORM_TIMEOUT_NEGATIVE:
        return chan_wait_closed_timeout(me->tx, -5);
    case FORM_TIMEOUT_SHORT:
        return chan_wait_closed_timeout(me->tx, SHORT_NS);
    case FORM_UNTIL_PAST:
        return chan_wait_closed_until(me->tx, chan_now() - 1);
    case FORM_UNTIL_SHORT:
        return chan_wait_closed_until(me->tx, chan_deadline(SHORT_NS));
    default:
        return chan_wait_closed_until(me->tx, CHAN_FOREVER);
    }
}

static const enum form limited[] = {FORM_TRY,           FORM_TIMEOUT_ZERO, FORM_TIMEOUT_NEGATIVE,
                                    FORM_TIMEOUT_SHORT, FORM_UNTIL_PAST,   FORM_UNTIL_SHORT};

static void expect_open(struct pair *pair)
{
    for (size_t i = 0; i < sizeof limited / sizeof *limited; i++)
        expect_result(tell(pair->tx, wait_closed, limited[i]), form_expired(limited[i]));
}

/* In each form, also an expired one; and again. */
static void expect_closed(struct pair *pair)
{
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof limited / sizeof *limited; i++)
            expect_result(tell(pair->tx, wait_closed, limited[i]), 0);
        expect_result(tell(pair->tx, wait_closed, FORM_BLOCK), 0);
        expect_result(tell(pair->tx, wait_closed, FORM_UNTIL_FOREVER), 0);
        expect_result(tell(pair->tx, send_try, 9), -EPIPE);
    }
}

static void test_open_means_not_yet_and_closed_stays_closed(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    expect_open(&pair);
    pair_fill(&pair, 0, 2); /* full is not closed */
    expect_open(&pair);
    expect_result(ask(pair.rx, shutdown_channel), 0);
    expect_closed(&pair);
    pair_empty(&pair, 0, 2);
    expect_closed(&pair);
    pair_close(flavour, &pair);
}

static void test_before_the_first_receiver_nothing_is_closed(const struct flavour *flavour)
{
    struct chan *ch = flavour_create(flavour, 2);
    struct actor *tx = actor_start(flavour, ch, ACTOR_SENDER);
    expect_result(tell(tx, wait_closed, FORM_TIMEOUT_SHORT), -ETIMEDOUT);
    actor_end(tx);
    flavour_finish(flavour, ch);
}

static void test_the_last_receiver_that_closes_ends_the_wait(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    actor_begin_blocking(pair.tx, wait_closed, FORM_BLOCK, 0);
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_result(actor_finish_within(pair.tx, QUIET_MS), -EINPROGRESS);
    expect_result(ask(other, close_receiver), 0);
    expect_result(actor_finish_within(pair.tx, WAKE_MS), 0);
    expect_closed(&pair);
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_a_killed_receiver_ends_the_wait(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    pair_fill(&pair, 0, 1);
    actor_begin_blocking(pair.tx, wait_closed, FORM_UNTIL_FOREVER, 0);
    actor_kill(pair.rx);
    expect_result(actor_finish_within(pair.tx, WAKE_MS), 0);
    expect_closed(&pair);
    actor_bury(pair.rx);
    pair.rx = NULL;
    pair_close(flavour, &pair);
}

static void test_a_durable_channel_is_closed_by_shutdown_alone(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    actor_begin_blocking(pair.tx, wait_closed, FORM_BLOCK, 0);
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_result(actor_finish_within(pair.tx, QUIET_MS), -EINPROGRESS);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(actor_finish_within(pair.tx, WAKE_MS), 0);
    expect_closed(&pair);
    pair_close(flavour, &pair);
}

static void test_other_senders_do_not_matter(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_SENDER);
    actor_begin_blocking(pair.tx, wait_closed, FORM_BLOCK, 0);
    actor_kill(other);
    expect_result(actor_finish_within(pair.tx, QUIET_MS), -EINPROGRESS);
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_result(actor_finish_within(pair.tx, WAKE_MS), 0);
    actor_bury(other);
    pair_close(flavour, &pair);
}

/* A place is told of once before it is free and once after: more than two who wait for the end, and came first,
 * would have both wake-ups. */
static void test_who_waits_for_the_end_takes_no_wake_up_from_who_waits_for_room(const struct flavour *flavour)
{
    enum { WAITERS = 3 };
    struct pair pair = pair_open(flavour, 1);
    struct actor *waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = actor_start(flavour, pair.ch, ACTOR_SENDER);
        actor_begin_blocking(waiters[i], wait_closed, FORM_BLOCK, 0);
    }
    for (int64_t i = 0; i < 5; i++) {
        pair_send(&pair, 2 * i, 1);
        actor_begin_blocking(pair.tx, send_blocking, 2 * i + 1, 0);
        pair_recv(&pair, 2 * i, 1);
        expect_result(actor_finish_within(pair.tx, UNASKED_MS), 0);
        pair_recv(&pair, 2 * i + 1, 1);
    }
    expect_result(chan_shutdown(pair.ch), 0);
    for (int i = 0; i < WAITERS; i++) {
        expect_result(actor_finish_within(waiters[i], WAKE_MS), 0);
        actor_end(waiters[i]);
    }
    pair_close(flavour, &pair);
}

static void test_the_wait_is_told_of(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    uint32_t number = (uint32_t)ask(pair.tx, sender_number);
    actor_begin_blocking(pair.tx, wait_closed, FORM_BLOCK, 0);
    expect_result(chan_endpoint_stat(pair.ch, number, &stat), 0);
    expect_number(stat.waits_for, CHAN_WAITS_FOR_CLOSE);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(actor_finish_within(pair.tx, WAKE_MS), 0);
    expect_result(chan_endpoint_stat(pair.ch, number, &stat), 0);
    expect_number(stat.waits_for, CHAN_WAITS_FOR_NOTHING);
    pair_close(flavour, &pair);
}

/* chan_shutdown(), by any receiver, for the whole channel. */
static void test_a_receivers_half_close_refuses_and_keeps_what_is_queued(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other =
        flavour->receivers == CHAN_MANY ? actor_start(flavour, pair.ch, ACTOR_RECEIVER) : NULL;
    pair_send(&pair, 0, 3);
    actor_begin_blocking(pair.tx, send_blocking, 9, 0);
    expect_result(ask(pair.rx, shutdown_channel), 0);
    expect_result(actor_finish_within(pair.tx, WAKE_MS), -EPIPE);
    expect_number(ask(pair.rx, is_closed), 1);
    expect_number(ask(pair.rx, is_drained), 0);
    pair_recv(&pair, 0, 2);
    expect_result(ask(other ? other : pair.rx, recv_blocking), 2);
    expect_number(ask(pair.rx, is_drained), 1);
    expect_result(ask(pair.rx, shutdown_channel), 0);
    expect_result(ask(pair.rx, recv_blocking), -EPIPE);
    if (other) {
        expect_result(ask(other, recv_blocking), -EPIPE);
        actor_end(other);
    }
    pair_close(flavour, &pair);
}

/* Room for a message that will never be sent is nothing that receivers wait for. */
static void test_draining_after_a_half_close_ends_though_a_sender_died_with_a_loan(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 2);
    expect_result(actor_do(pair.tx, loan_reserve, 0, 2), 0);
    expect_result(ask(pair.rx, shutdown_channel), 0);
    actor_kill(pair.tx);
    pair_recv(&pair, 0, 2);
    expect_result(ask(pair.rx, recv_blocking), -EPIPE);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_open_means_not_yet_and_closed_stays_closed, RENDEZVOUS_TOO, 0),
        CASE(test_before_the_first_receiver_nothing_is_closed, RENDEZVOUS_TOO, 0),
        CASE(test_the_last_receiver_that_closes_ends_the_wait,
             FOR_MANY_RECEIVERS | FOR_EPHEMERAL | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_killed_receiver_ends_the_wait, FOR_EPHEMERAL | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_durable_channel_is_closed_by_shutdown_alone, FOR_DURABLE | RENDEZVOUS_TOO, 0),
        CASE(test_other_senders_do_not_matter, FOR_MANY_SENDERS | FOR_EPHEMERAL | RENDEZVOUS_TOO, 0),
        CASE(test_who_waits_for_the_end_takes_no_wake_up_from_who_waits_for_room, FOR_FEW | FOR_MANY_SENDERS,
             0),
        CASE(test_the_wait_is_told_of, RENDEZVOUS_TOO, 0),
        CASE(test_a_receivers_half_close_refuses_and_keeps_what_is_queued, WITHOUT_KEEPER_TOO, 0),
        CASE(test_draining_after_a_half_close_ends_though_a_sender_died_with_a_loan, 0, 0),
    };
    return suite_run("closed", cases, sizeof cases / sizeof *cases, argc, argv);
}
