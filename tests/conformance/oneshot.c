/* SPDX-License-Identifier: Apache-2.0 */
/* Oneshots: one value from one sender to one receiver, and how either side learns that it will not come or will
 * not be taken. */
#include <errno.h>

#include "expect.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

#define NOTICED_MS 1000 /* promised are 10 ms; a loaded machine may take longer to run anybody at all */

static struct flavour oneshot_of(const struct flavour *flavour)
{
    struct flavour of = *flavour;
    of.kind = CHAN_ONESHOT;
    return of;
}

/* Waits, as the sender, for the receiver's end, in form a. */
static int64_t wait_closed(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    if (a == FORM_BLOCK)
        return chan_wait_closed(me->tx);
    if (a == FORM_TRY)
        return chan_try_wait_closed(me->tx);
    return a == FORM_UNTIL_PAST ? chan_wait_closed_until(me->tx, 1)
                                : chan_wait_closed_timeout(me->tx, 20000000);
}

static void test_the_value_arrives_once_by_every_way_and_form(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    for (int way = 0; way < WAYS; way++)
        for (int form = 0; form < FORMS; form++) {
            struct pair pair = pair_open(&of, 1);
            expect_result(actor_do(pair.tx, send_by, form, HOW(way, form)), 0);
            expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, form)), form);
            expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, form)), -EPIPE);
            expect_result(ask(pair.rx, recv_try), -EPIPE);
            pair_close(&of, &pair);
        }
}

static void test_a_waiting_receiver_is_woken_by_the_value(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    struct pair pair = pair_open(&of, 1);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    expect_result(tell(pair.tx, send_try, 7), 0);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), 7);
    pair_close(&of, &pair);
}

static void test_a_second_send_is_refused_and_changes_nothing(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    for (int form = 0; form < FORMS; form++) {
        struct pair pair = pair_open(&of, 1);
        pair_send(&pair, 1, 1);
        expect_result(actor_do(pair.tx, send_by, 2, HOW(form % WAYS, form)), -EPIPE);
        pair_recv(&pair, 1, 1);
        expect_result(actor_do(pair.tx, send_by, 2, HOW(form % WAYS, form)), -EPIPE);
        expect_result(ask(pair.rx, recv_try), -EPIPE);
        pair_close(&of, &pair);
    }
}

static void test_try_recv_says_empty_while_the_value_may_still_come(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    struct pair pair = pair_open(&of, 1);
    for (int i = 0; i < 3; i++)
        expect_result(ask(pair.rx, recv_try), -EAGAIN);
    expect_result(actor_do(pair.rx, recv_by, 0, HOW(WAY_COPY, FORM_TIMEOUT_SHORT)), -ETIMEDOUT);
    pair_send(&pair, 3, 1);
    pair_recv(&pair, 3, 1);
    pair_close(&of, &pair);
}

static void test_a_sender_gone_unsent_closes(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    struct pair pair = pair_open(&of, 1);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    expect_result(ask(pair.tx, close_sender), 0);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    expect_result(ask(pair.rx, recv_try), -EPIPE);
    pair_close(&of, &pair);
}

static void test_a_sender_killed_unsent_closes(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    struct pair pair = pair_open(&of, 1);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_kill(pair.tx);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(&of, &pair);
}

static void test_a_sender_gone_or_killed_after_sending_has_sent(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    for (int killed = 0; killed < 2; killed++) {
        struct pair pair = pair_open(&of, 1);
        pair_send(&pair, 5, 1);
        if (killed) {
            actor_kill(pair.tx);
            actor_bury(pair.tx);
        } else {
            actor_end(pair.tx);
        }
        pair.tx = NULL;
        process_sleep_ms(20);
        pair_recv(&pair, 5, 1);
        expect_result(ask(pair.rx, recv_try), -EPIPE);
        pair_close(&of, &pair);
    }
}

static void test_a_send_without_a_receiver_any_more_is_refused(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    for (int killed = 0; killed < 2; killed++) {
        struct pair pair = pair_open(&of, 1);
        if (killed) {
            actor_kill(pair.rx);
            actor_bury(pair.rx);
            expect_soon(chan_is_closed(pair.ch));
        } else {
            actor_end(pair.rx);
        }
        pair.rx = NULL;
        expect_number(ask(pair.tx, is_closed), 1);
        expect_result(tell(pair.tx, send_try, 1), -EPIPE);
        pair_close(&of, &pair);
    }
}

static void test_a_value_sent_before_the_receiver_closes_the_channel_still_arrives(
    const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    struct pair pair = pair_open(&of, 1);
    pair_send(&pair, 9, 1);
    expect_result(ask(pair.rx, shutdown_channel), 0);
    expect_number(ask(pair.rx, is_empty), 0);
    pair_recv(&pair, 9, 1);
    expect_result(ask(pair.rx, recv_try), -EPIPE);
    pair_close(&of, &pair);
}

static void test_a_send_after_the_receiver_has_closed_the_channel_is_refused(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    struct pair pair = pair_open(&of, 1);
    expect_result(ask(pair.rx, shutdown_channel), 0);
    expect_number(ask(pair.tx, is_closed), 1);
    expect_result(tell(pair.tx, send_try, 1), -EPIPE);
    expect_result(ask(pair.rx, recv_try), -EPIPE);
    pair_close(&of, &pair);
}

/* Each round one of the two wins: the send says so, and the receiver sees the same. */
static void test_a_send_racing_the_close_is_refused_or_arrives(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    for (int round = 0; round < 30; round++) {
        struct pair pair = pair_open(&of, 1);
        actor_begin(pair.tx, send_try, round, 0);
        expect_result(ask(pair.rx, shutdown_channel), 0);
        int64_t sent = actor_finish(pair.tx);
        int64_t received = ask(pair.rx, recv_try);
        if (sent == 0)
            expect_result(received, round);
        else {
            expect_result(sent, -EPIPE);
            expect_result(received, -EPIPE);
        }
        pair_close(&of, &pair);
    }
}

static void test_terminated_is_a_receiver_that_was_given_a_result(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    for (int way = 0; way < WAYS; way++) {
        struct pair pair = pair_open(&of, 1);
        expect_number(ask(pair.rx, is_terminated), 0);
        expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, FORM_TRY)), -EAGAIN);
        expect_number(ask(pair.rx, is_terminated), 0);
        pair_send(&pair, 1, 1);
        expect_number(ask(pair.rx, is_terminated), 0);
        expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, FORM_TRY)), 1);
        expect_number(ask(pair.rx, is_terminated), 1);
        pair_close(&of, &pair);

        pair = pair_open(&of, 1);
        expect_result(ask(pair.rx, shutdown_channel), 0);
        expect_number(ask(pair.rx, is_terminated), 0); /* closed, but it has not been told */
        expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, FORM_TRY)), -EPIPE);
        expect_number(ask(pair.rx, is_terminated), 1);
        pair_close(&of, &pair);
    }
}

enum receivers_end { CLOSES_THE_CHANNEL, CLOSES_ITSELF, IS_KILLED, RECEIVERS_ENDS };

static void test_a_waiting_sender_learns_that_nobody_will_take_the_value(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    for (int how = 0; how < RECEIVERS_ENDS; how++) {
        struct pair pair = pair_open(&of, 1);
        expect_result(tell(pair.tx, wait_closed, FORM_TRY), -EAGAIN);
        expect_result(tell(pair.tx, wait_closed, FORM_UNTIL_PAST), -ETIMEDOUT);
        expect_result(tell(pair.tx, wait_closed, FORM_TIMEOUT_SHORT), -ETIMEDOUT);
        actor_begin_blocking(pair.tx, wait_closed, FORM_BLOCK, 0);
        if (how == IS_KILLED)
            actor_kill(pair.rx);
        else
            expect_result(ask(pair.rx, how == CLOSES_ITSELF ? close_receiver : shutdown_channel), 0);
        expect_result(actor_finish_within(pair.tx, NOTICED_MS), 0);
        expect_result(tell(pair.tx, wait_closed, FORM_TRY), 0);
        expect_result(tell(pair.tx, send_try, 1), -EPIPE);
        if (how == IS_KILLED) {
            actor_bury(pair.rx);
            pair.rx = NULL;
        }
        pair_close(&of, &pair);
    }
}

static void test_empty_is_all_but_a_value_sent_and_unread(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    struct pair pair = pair_open(&of, 1);
    expect_number(ask(pair.rx, is_empty), 1);
    pair_send(&pair, 1, 1);
    expect_number(ask(pair.rx, is_empty), 0);
    expect_number(ask(pair.tx, is_closed), 1); /* nothing more will be accepted */
    pair_recv(&pair, 1, 1);
    expect_number(ask(pair.rx, is_empty), 1);
    expect_number(chan_is_drained(pair.ch), 1);
    pair_close(&of, &pair);

    pair = pair_open(&of, 1);
    expect_result(ask(pair.tx, close_sender), 0);
    expect_number(ask(pair.rx, is_empty), 1);
    pair_close(&of, &pair);
}

static void test_a_receiver_gone_discards_the_unread_value(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    struct pair pair = pair_open(&of, 1);
    pair_send(&pair, 1, 1);
    expect_result(ask(pair.rx, close_receiver), 0);
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(pair.ch, &stat), 0);
    expect_number(stat.queued, 0);
    expect_number(stat.discarded, 1);
    expect_number(stat.units_used, 0);
    pair_close(&of, &pair);
}

static void test_a_durable_value_outlives_its_sender_and_a_receiver_killed_over_it(
    const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    struct pair pair = pair_open(&of, 1);
    pair_send(&pair, 4, 1);
    actor_end(pair.tx);
    pair.tx = NULL;
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 4);
    actor_kill(pair.rx);
    actor_bury(pair.rx);
    pair.rx = actor_start(&of, pair.ch, ACTOR_RECEIVER);
    expect_result(actor_do(pair.rx, recv_by, 0, HOW(WAY_COPY, FORM_TIMEOUT_SHORT)), 4);
    expect_result(ask(pair.rx, recv_try), -EPIPE);
    struct actor *late = actor_start(&of, pair.ch, ACTOR_SENDER);
    expect_result(tell(late, send_try, 5), -EPIPE); /* sent is sent */
    actor_end(late);
    pair_close(&of, &pair);
}

static void test_each_side_has_one_seat_whatever_was_asked_for(const struct flavour *flavour)
{
    struct flavour of = oneshot_of(flavour);
    struct chan_options options = flavour_options(&of, 0), got;
    options.senders = options.receivers = CHAN_MANY;
    options.endpoints = 0;
    struct pair pair = pair_open_with(&of, &options);
    struct actor *other = actor_start(&of, pair.ch, ACTOR_IDLE);
    expect_result(ask(other, attach_sender), -EBUSY);
    expect_result(ask(other, attach_receiver), -EBUSY);
    chan_options_of(pair.ch, &got);
    expect_number(got.kind, CHAN_ONESHOT);
    expect_number(got.messages, 1);
    expect_number(got.endpoints, 4);
    actor_end(other);
    pair_close(&of, &pair);
    options.messages = 2;
    struct chan *ch = NULL;
    expect_result(chan_create_anonymous(&options, &ch), -EINVAL);
}

#define ONESHOT (FOR_ONE_SENDER | FOR_ONE_RECEIVER)
#define EPHEMERAL (ONESHOT | FOR_EPHEMERAL)

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_the_value_arrives_once_by_every_way_and_form, ONESHOT | OF_ITS_OWN_KIND, 0),
        CASE(test_a_waiting_receiver_is_woken_by_the_value, ONESHOT | OF_ITS_OWN_KIND, 0),
        CASE(test_a_second_send_is_refused_and_changes_nothing, ONESHOT | OF_ITS_OWN_KIND, 0),
        CASE(test_try_recv_says_empty_while_the_value_may_still_come, ONESHOT | OF_ITS_OWN_KIND, 0),
        CASE(test_a_sender_gone_unsent_closes, EPHEMERAL | WITHOUT_KEEPER_TOO | OF_ITS_OWN_KIND, 0),
        CASE(test_a_sender_killed_unsent_closes, EPHEMERAL | WITHOUT_KEEPER_TOO | OF_ITS_OWN_KIND, 0),
        CASE(test_a_sender_gone_or_killed_after_sending_has_sent, ONESHOT | OF_ITS_OWN_KIND, 0),
        CASE(test_a_send_without_a_receiver_any_more_is_refused, EPHEMERAL | OF_ITS_OWN_KIND, 0),
        CASE(test_a_value_sent_before_the_receiver_closes_the_channel_still_arrives,
             ONESHOT | OF_ITS_OWN_KIND, 0),
        CASE(test_a_send_after_the_receiver_has_closed_the_channel_is_refused, ONESHOT | OF_ITS_OWN_KIND, 0),
        CASE(test_a_send_racing_the_close_is_refused_or_arrives, ONESHOT | OF_ITS_OWN_KIND, 0),
        CASE(test_terminated_is_a_receiver_that_was_given_a_result, ONESHOT | OF_ITS_OWN_KIND, 0),
        CASE(test_a_waiting_sender_learns_that_nobody_will_take_the_value, EPHEMERAL | OF_ITS_OWN_KIND, 0),
        CASE(test_empty_is_all_but_a_value_sent_and_unread, EPHEMERAL | OF_ITS_OWN_KIND, 0),
        CASE(test_a_receiver_gone_discards_the_unread_value, EPHEMERAL | OF_ITS_OWN_KIND, 0),
        CASE(test_a_durable_value_outlives_its_sender_and_a_receiver_killed_over_it,
             ONESHOT | FOR_DURABLE | OF_ITS_OWN_KIND, 0),
        CASE(test_each_side_has_one_seat_whatever_was_asked_for, ONESHOT | OF_ITS_OWN_KIND, 0),
    };
    return suite_run("oneshot", cases, sizeof cases / sizeof *cases, argc, argv);
}
