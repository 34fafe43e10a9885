/* SPDX-License-Identifier: Apache-2.0 */
/* Permits: places got before there are messages; all or none; kept through a shutdown; given back by release, close
 * and death. */
#include <errno.h>

#include "child.h"
#include "expect.h"
#include "pair.h"
#include "pattern.h"
#include "suite.h"

#define WAKE_MS 1000
#define SHORT_NS 20000000

/* a places, by form b */
static int64_t permit_reserve(struct party *me, int64_t a, int64_t b)
{
    switch ((enum form)b) {
    case FORM_BLOCK:
        return chan_permit_reserve(me->tx, (uint64_t)a);
    case FORM_TRY:
        return chan_permit_try_reserve(me->tx, (uint64_t)a);
    case FORM_TIMEOUT_SHORT:
        return chan_permit_reserve_timeout(me->tx, (uint64_t)a, SHORT_NS);
    default:
        return chan_permit_reserve_until(me->tx, (uint64_t)a, 0);
    }
}

static int64_t permit_send(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    size_t size = flavour_size(me->flavour, (uint64_t)a);
    pattern_write(me->buffer, size, 0, (uint64_t)a);
    return chan_permit_send(me->tx, me->buffer, size);
}

static int64_t permit_commit(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return chan_permit_commit(me->tx, &me->loans[a], flavour_size(me->flavour, me->loaned[a]));
}

static int64_t permit_release(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return chan_permit_release(me->tx, (uint64_t)a);
}

static int64_t permits(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return (int64_t)chan_permits(me->tx);
}

static void test_a_permit_is_a_place_that_nobody_else_gets(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_SENDER);
    expect_result(actor_do(pair.tx, permit_reserve, 1, FORM_TRY), 0);
    expect_number(ask(pair.tx, permits), 1);
    expect_number(chan_available(pair.ch), 1);
    expect_number(chan_len(pair.ch), 0);
    expect_result(tell(other, send_try, 0), 0);
    expect_result(tell(other, send_try, 9), -EAGAIN);
    expect_number(chan_is_full(pair.ch), 1);
    expect_number(chan_len(pair.ch), 1);
    expect_result(tell(pair.tx, permit_send, 1), 0);
    expect_number(ask(pair.tx, permits), 0);
    expect_number(chan_len(pair.ch), 2);
    pair_recv(&pair, 0, 2);
    expect_number(chan_available(pair.ch), 2);
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_sending_without_a_permit_or_giving_back_too_many_is_misuse(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect_result(tell(pair.tx, permit_send, 0), -EINVAL);
    expect_result(actor_do(pair.tx, loan_reserve, 0, 0), 0);
    expect_result(tell(pair.tx, permit_commit, 0), -EINVAL);
    expect_result(actor_do(pair.tx, permit_reserve, 2, FORM_TRY), 0);
    expect_result(tell(pair.tx, permit_release, 3), -EINVAL);
    expect_number(ask(pair.tx, permits), 2);
    expect_result(tell(pair.tx, permit_release, 2), 0);
    expect_result(tell(pair.tx, permit_release, 1), -EINVAL);
    expect_result(tell(pair.tx, permit_release, 0), 0);
    pair_close(flavour, &pair);
}

static void test_many_places_are_had_all_or_none(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 1);
    expect_result(actor_do(pair.tx, permit_reserve, 3, FORM_TRY), -EAGAIN);
    expect_result(actor_do(pair.tx, permit_reserve, 3, FORM_TIMEOUT_SHORT), -ETIMEDOUT);
    expect_result(actor_do(pair.tx, permit_reserve, 3, FORM_UNTIL_PAST), -ETIMEDOUT);
    expect_number(chan_available(pair.ch), 2);
    actor_begin_blocking(pair.tx, permit_reserve, 3, FORM_BLOCK);
    pair_recv(&pair, 0, 1);
    expect_result(actor_finish_within(pair.tx, WAKE_MS), 0);
    expect_number(ask(pair.tx, permits), 3);
    expect_number(chan_available(pair.ch), 0);
    for (int64_t i = 1; i < 4; i++)
        expect_result(tell(pair.tx, permit_send, i), 0);
    pair_recv(&pair, 1, 3);
    pair_close(flavour, &pair);
}

static void test_no_places_can_always_be_had_and_too_many_never(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    pair_send(&pair, 0, 2);
    expect_result(actor_do(pair.tx, permit_reserve, 0, FORM_BLOCK), 0);
    expect_result(actor_do(pair.tx, permit_reserve, 0, FORM_TRY), 0);
    expect_result(actor_do(pair.tx, permit_reserve, 3, FORM_BLOCK), -EINVAL);
    expect_result(actor_do(pair.tx, permit_reserve, 3, FORM_TRY), -EAGAIN);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(actor_do(pair.tx, permit_reserve, 0, FORM_BLOCK), -EPIPE);
    expect_result(actor_do(pair.tx, permit_reserve, 0, FORM_TRY), -EPIPE);
    expect_result(actor_do(pair.tx, permit_reserve, 1, FORM_TRY), -EPIPE);
    expect_result(actor_do(pair.tx, permit_reserve, 3, FORM_TRY), -EAGAIN);
    pair_recv(&pair, 0, 2);
    expect_result(actor_do(pair.tx, permit_reserve, 1, FORM_BLOCK), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_places_that_only_the_caller_could_give_back_are_not_waited_for(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    expect_result(actor_do(pair.tx, permit_reserve, 3, FORM_BLOCK), 0);
    expect_result(actor_do(pair.tx, permit_reserve, 2, FORM_BLOCK), -EINVAL);
    expect_result(actor_do(pair.tx, permit_reserve, 2, FORM_TRY), -EAGAIN);
    expect_result(actor_do(pair.tx, permit_reserve, 1, FORM_BLOCK), 0);
    expect_number(ask(pair.tx, permits), 4);
    pair_close(flavour, &pair);
}

static void test_what_is_sent_on_a_permit_after_shutdown_is_received_and_the_end_comes_then(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 1);
    expect_result(actor_do(pair.tx, permit_reserve, 2, FORM_BLOCK), 0);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_number(chan_is_closed(pair.ch), 1);
    expect_result(tell(pair.tx, send_try, 9), -EPIPE);
    pair_recv(&pair, 0, 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    expect_number(chan_is_drained(pair.ch), 0);
    expect_result(tell(pair.tx, permit_send, 1), 0);
    pair_recv(&pair, 1, 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    expect_result(tell(pair.tx, permit_send, 2), 0);
    expect_result(actor_finish_within(pair.rx, WAKE_MS), 2);
    expect_number(chan_is_drained(pair.ch), 1);
    expect_result(ask(pair.rx, recv_blocking), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_releasing_the_last_permit_after_shutdown_wakes_those_who_wait_for_the_end(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *second =
        flavour->receivers == CHAN_MANY ? actor_start(flavour, pair.ch, ACTOR_RECEIVER) : NULL;
    expect_result(actor_do(pair.tx, permit_reserve, 2, FORM_BLOCK), 0);
    expect_result(chan_shutdown(pair.ch), 0);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    if (second)
        actor_begin_blocking(second, recv_blocking, 0, 0);
    expect_result(tell(pair.tx, permit_release, 1), 0);
    expect_result(actor_finish_within(pair.rx, 50), -EINPROGRESS);
    expect_result(tell(pair.tx, permit_release, 1), 0);
    expect_result(actor_finish_within(pair.rx, WAKE_MS), -EPIPE);
    if (second) {
        expect_result(actor_finish_within(second, WAKE_MS), -EPIPE);
        actor_end(second);
    }
    pair_close(flavour, &pair);
}

enum way_to_give_up { BY_RELEASE, BY_CLOSE, BY_DEATH };

static void give_up(struct pair *pair, enum way_to_give_up how)
{
    if (how == BY_RELEASE)
        expect_result(tell(pair->tx, permit_release, 2), 0);
    else if (how == BY_CLOSE)
        expect_result(ask(pair->tx, close_sender), 0);
    else
        actor_kill(pair->tx);
}

static void test_a_place_given_up_goes_to_the_one_who_waits(const struct flavour *flavour)
{
    for (int how = BY_RELEASE; how <= BY_DEATH; how++) {
        struct pair pair = pair_open(flavour, 2);
        struct actor *other = actor_start(flavour, pair.ch, ACTOR_SENDER);
        expect_result(actor_do(pair.tx, permit_reserve, 2, FORM_BLOCK), 0);
        actor_begin_blocking(other, send_blocking, 0, 0);
        give_up(&pair, (enum way_to_give_up)how);
        expect_result(actor_finish_within(other, WAKE_MS), 0);
        pair_recv(&pair, 0, 1);
        expect_number(chan_available(pair.ch), 2);
        actor_bury(pair.tx);
        pair.tx = NULL;
        actor_end(other);
        pair_close(flavour, &pair);
    }
}

static void test_the_end_comes_when_the_holder_of_the_last_permit_is_gone(const struct flavour *flavour)
{
    for (int how = BY_CLOSE; how <= BY_DEATH; how++) {
        struct pair pair = pair_open(flavour, 2);
        expect_result(actor_do(pair.tx, permit_reserve, 2, FORM_BLOCK), 0);
        expect_result(chan_shutdown(pair.ch), 0);
        actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
        give_up(&pair, (enum way_to_give_up)how);
        expect_result(actor_finish_within(pair.rx, WAKE_MS), -EPIPE);
        actor_bury(pair.tx);
        pair.tx = NULL;
        pair_close(flavour, &pair);
    }
}

static void test_one_who_waits_is_refused_when_the_channel_is_shut_down(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    pair_send(&pair, 0, 1);
    actor_begin_blocking(pair.tx, permit_reserve, 2, FORM_BLOCK);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(actor_finish_within(pair.tx, WAKE_MS), -EPIPE);
    expect_number(ask(pair.tx, permits), 0);
    pair_recv(&pair, 0, 1);
    expect_result(ask(pair.rx, recv_blocking), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_a_permit_and_a_loan_together_cannot_fail(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    pair_send(&pair, 0, 1);
    expect_result(actor_do(pair.tx, permit_reserve, 1, FORM_BLOCK), 0);
    expect_result(actor_do(pair.tx, loan_reserve, 0, 1), 0);
    expect_result(actor_do(pair.tx, loan_commit, 0, FORM_TRY), -EAGAIN); /* that would need another place */
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(tell(pair.tx, permit_commit, 0), 0);
    pair_recv(&pair, 0, 2);
    expect_result(ask(pair.rx, recv_try), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_permits_without_receivers_are_kept_but_of_no_use(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    expect_result(actor_do(pair.tx, permit_reserve, 2, FORM_BLOCK), 0);
    actor_end(pair.rx);
    pair.rx = NULL;
    expect_result(tell(pair.tx, permit_send, 0), -EPIPE);
    expect_number(ask(pair.tx, permits), 2);
    expect_result(tell(pair.tx, permit_release, 2), 0);
    pair_close(flavour, &pair);
}

static void test_a_stopped_holder_keeps_its_places_and_no_others(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_SENDER);
    expect_result(actor_do(pair.tx, permit_reserve, 2, FORM_BLOCK), 0);
    child_stop(pair.tx->pid);
    for (int64_t i = 0; i < 20; i++) {
        expect_result(tell(other, send_try, i), 0);
        expect_result(tell(other, send_try, 99), -EAGAIN);
        pair_recv(&pair, i, 1);
    }
    child_continue(pair.tx->pid);
    expect_result(tell(pair.tx, permit_send, 20), 0);
    expect_result(tell(pair.tx, permit_send, 21), 0);
    pair_recv(&pair, 20, 2);
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_channels_without_an_order_have_no_permits(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    int64_t result = actor_do(pair.tx, permit_reserve, 1, FORM_TRY);
    if (flavour->order == CHAN_FAIR) {
        expect_result(result, 0);
    } else {
        expect_result(result, -EOPNOTSUPP);
        expect_result(tell(pair.tx, permit_send, 0), -EOPNOTSUPP);
        expect_result(tell(pair.tx, permit_release, 1), -EOPNOTSUPP);
        expect_number(ask(pair.tx, permits), 0);
    }
    pair_close(flavour, &pair);
}

static const struct conformance_case cases[] = {
    CASE(test_a_permit_is_a_place_that_nobody_else_gets, FOR_FAIR | FOR_MANY_SENDERS, 0),
    CASE(test_sending_without_a_permit_or_giving_back_too_many_is_misuse, FOR_FAIR, 0),
    CASE(test_many_places_are_had_all_or_none, FOR_FAIR | WITHOUT_KEEPER_TOO, 0),
    CASE(test_no_places_can_always_be_had_and_too_many_never, FOR_FAIR, 0),
    CASE(test_places_that_only_the_caller_could_give_back_are_not_waited_for, FOR_FAIR, 0),
    CASE(test_what_is_sent_on_a_permit_after_shutdown_is_received_and_the_end_comes_then,
         FOR_FAIR | WITHOUT_KEEPER_TOO, 0),
    CASE(test_releasing_the_last_permit_after_shutdown_wakes_those_who_wait_for_the_end, FOR_FAIR, 0),
    CASE(test_a_place_given_up_goes_to_the_one_who_waits, FOR_FAIR | FOR_MANY_SENDERS | WITHOUT_KEEPER_TOO,
         0),
    CASE(test_the_end_comes_when_the_holder_of_the_last_permit_is_gone, FOR_FAIR | WITHOUT_KEEPER_TOO, 0),
    CASE(test_one_who_waits_is_refused_when_the_channel_is_shut_down, FOR_FAIR, 0),
    CASE(test_a_permit_and_a_loan_together_cannot_fail, FOR_FAIR, 0),
    CASE(test_permits_without_receivers_are_kept_but_of_no_use, FOR_FAIR | FOR_EPHEMERAL, 0),
    CASE(test_a_stopped_holder_keeps_its_places_and_no_others, FOR_FAIR | FOR_MANY_SENDERS, 0),
    CASE(test_channels_without_an_order_have_no_permits, FOR_FEW, 0),
};

int main(int argc, char **argv)
{
    return suite_run("permit", cases, sizeof cases / sizeof cases[0], argc, argv);
}
