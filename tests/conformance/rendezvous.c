/* SPDX-License-Identifier: Apache-2.0 */
/* Rendezvous: a send succeeds when a live receiver takes the message, a receive when a live sender waits; whoever
 * gives up, dies or is shut out has had no part in it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

#define SOON_MS 2000 /* on a loaded machine */

static struct flavour rendezvous(const struct flavour *flavour)
{
    struct flavour own = *flavour;
    own.kind = CHAN_RENDEZVOUS;
    return own;
}

static struct chan_stat figures(const struct chan *ch)
{
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(ch, &stat), 0);
    return stat;
}

/* Until so many wait for a peer right now. */
static void await(const struct chan *ch, uint32_t offers, uint32_t demands)
{
    struct chan_stat stat = figures(ch);
    for (int64_t end = chan_deadline(SOON_MS * INT64_C(1000000)); chan_now() < end; process_sleep_ms(1)) {
        stat = figures(ch);
        if (stat.offers == offers && stat.demands == demands)
            return;
    }
    expect_never("%u offers and %u demands, not %u and %u", stat.offers, stat.demands, offers, demands);
}

/* Soon: who repairs a dead endpoint withdraws what it showed first, and may be at the rest yet. */
static void expect_sound(const struct chan *ch)
{
    char text[200];
    for (int64_t end = chan_deadline(SOON_MS * INT64_C(1000000)); chan_now() < end; process_sleep_ms(1))
        if (chan_check(ch, text, sizeof text) == 0)
            return;
    expect_never("chan_check: %s", text);
}

static void close_sound(const struct flavour *flavour, struct pair *pair)
{
    expect_sound(pair->ch);
    pair_close(flavour, pair);
}

static void sender_waits(struct pair *pair, int64_t message, int way)
{
    actor_begin(pair->tx, send_by, message, HOW(way, FORM_BLOCK));
    await(pair->ch, 1, 0);
}

static void receiver_waits(struct pair *pair, int way)
{
    actor_begin(pair->rx, recv_by, 0, HOW(way, FORM_BLOCK));
    await(pair->ch, 0, 1);
}

static void test_no_limited_form_succeeds_without_a_peer_that_waits(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    for (int way = 0; way < WAYS; way++)
        for (int form = 0; form < FORMS; form++) {
            int expired = form_expired((enum form)form);
            if (!expired)
                continue;
            expect_result(actor_do(pair.tx, send_by, 1, HOW(way, form)), expired);
            expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, form)), expired);
        }
    expect_number(figures(pair.ch).sent, 0);
    close_sound(&own, &pair);
}

static void test_every_form_of_send_meets_a_receiver_that_waits(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    int64_t message = 0;
    for (int way = 0; way < WAYS; way++)
        for (int form = 0; form < FORMS; form++) {
            receiver_waits(&pair, (way + form) % WAYS);
            expect_result(actor_do(pair.tx, send_by, ++message, HOW(way, form)), 0);
            expect_result(actor_finish_within(pair.rx, SOON_MS), message);
        }
    expect_number(figures(pair.ch).sent, message);
    expect_number(figures(pair.ch).received, message);
    close_sound(&own, &pair);
}

static void test_every_form_of_receive_takes_from_a_sender_that_waits(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    int64_t message = 0;
    for (int way = 0; way < WAYS; way++)
        for (int form = 0; form < FORMS; form++) {
            sender_waits(&pair, ++message, (way + form) % WAYS);
            expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, form)), message);
            expect_result(actor_finish_within(pair.tx, SOON_MS), 0);
        }
    expect_number(figures(pair.ch).sent, message);
    expect_number(figures(pair.ch).received, message);
    close_sound(&own, &pair);
}

static void expect_empty_and_full(struct actor *actor)
{
    expect_number(ask(actor, len), 0);
    expect_number(ask(actor, available), 0);
    expect_number(ask(actor, is_empty), 1);
    expect_number(ask(actor, is_full), 1);
}

static void test_it_is_always_empty_and_full(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    expect_number(chan_capacity(pair.ch), 0);
    expect_empty_and_full(pair.rx);
    sender_waits(&pair, 1, WAY_COPY);
    expect_empty_and_full(pair.rx);
    expect_result(ask(pair.rx, recv_try), 1);
    expect_result(actor_finish_within(pair.tx, SOON_MS), 0);
    receiver_waits(&pair, WAY_COPY);
    expect_empty_and_full(pair.tx);
    expect_result(tell(pair.tx, send_try, 2), 0);
    expect_result(actor_finish_within(pair.rx, SOON_MS), 2);
    close_sound(&own, &pair);
}

static void test_an_offer_that_timed_out_is_gone(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    for (int way = 0; way < WAYS; way++) {
        expect_result(actor_do(pair.tx, send_by, 1, HOW(way, FORM_TIMEOUT_SHORT)), -ETIMEDOUT);
        expect_number(figures(pair.ch).offers, 0);
        expect_result(ask(pair.rx, recv_try), -EAGAIN);
        expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, FORM_TIMEOUT_SHORT)), -ETIMEDOUT);
        expect_number(figures(pair.ch).demands, 0);
        expect_result(tell(pair.tx, send_try, 1), -EAGAIN);
    }
    close_sound(&own, &pair);
}

/* Both give up just when they might meet: either both say so, or neither. */
static void test_whether_they_met_both_agree(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    for (int64_t i = 0; i < 60; i++) {
        enum form tx_form = i & 1 ? FORM_TIMEOUT_SHORT : FORM_TRY;
        enum form rx_form = i & 2 ? FORM_UNTIL_SHORT : FORM_TRY;
        int late = (int)(i % 5) * 5;
        actor_begin(i & 4 ? pair.tx : pair.rx, i & 4 ? send_by : recv_by, i,
                    HOW(i % WAYS, i & 4 ? tx_form : rx_form));
        process_sleep_ms(late);
        actor_begin(i & 4 ? pair.rx : pair.tx, i & 4 ? recv_by : send_by, i,
                    HOW(i % WAYS, i & 4 ? rx_form : tx_form));
        int64_t sent = actor_finish(pair.tx), received = actor_finish(pair.rx);
        if (sent)
            expect(received == -EAGAIN || received == -ETIMEDOUT);
        else
            expect_result(received, i);
    }
    close_sound(&own, &pair);
}

static void test_the_offer_of_a_killed_sender_is_never_received(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    sender_waits(&pair, 1, WAY_COPY);
    actor_kill(pair.tx);
    int64_t result = ask(pair.rx, recv_try);
    expect(result == -EAGAIN || (result == -EPIPE && own.lifetime == CHAN_EPHEMERAL));
    await(pair.ch, 0, 0);
    expect_sound(pair.ch);
    expect_number(figures(pair.ch).units_used, 0);
    expect_number(figures(pair.ch).sent, 0);
    actor_bury(pair.tx);
    pair.tx = NULL;
    close_sound(&own, &pair);
}

static void test_a_killed_receiver_is_not_met(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    receiver_waits(&pair, WAY_COPY);
    actor_kill(pair.rx);
    int64_t result = tell(pair.tx, send_try, 1);
    expect(result == -EAGAIN || (result == -EPIPE && own.lifetime == CHAN_EPHEMERAL));
    await(pair.ch, 0, 0);
    expect_number(figures(pair.ch).sent, 0);
    actor_bury(pair.rx);
    pair.rx = NULL;
    close_sound(&own, &pair);
}

/* Stopped is not dead: it waits still, and has what it is given when it goes on. */
static void test_a_stopped_receiver_is_met_and_has_only_its_message(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    struct actor *other = actor_start(&own, pair.ch, ACTOR_RECEIVER);
    receiver_waits(&pair, WAY_COPY);
    child_stop(pair.rx->pid);
    expect_result(tell(pair.tx, send_try, 1), 0);
    expect_result(tell(pair.tx, send_try, 2), -EAGAIN);
    actor_begin(other, recv_by, 0, HOW(WAY_COPY, FORM_BLOCK));
    await(pair.ch, 0, 1);
    expect_result(tell(pair.tx, send_try, 2), 0);
    expect_result(actor_finish_within(other, SOON_MS), 2);
    child_continue(pair.rx->pid);
    expect_result(actor_finish_within(pair.rx, SOON_MS), 1);
    actor_end(other);
    close_sound(&own, &pair);
}

static void test_a_stopped_sender_is_taken_from_and_finds_so(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    sender_waits(&pair, 1, WAY_COPY);
    child_stop(pair.tx->pid);
    expect_result(ask(pair.rx, recv_try), 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    child_continue(pair.tx->pid);
    expect_result(actor_finish_within(pair.tx, SOON_MS), 0);
    close_sound(&own, &pair);
}

static void test_a_view_whose_holder_is_killed_goes_to_another_receiver(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    struct actor *other = actor_start(&own, pair.ch, ACTOR_RECEIVER);
    sender_waits(&pair, 1, WAY_LOAN);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 1);
    expect_result(actor_finish_within(pair.tx, SOON_MS), 0);
    actor_begin(other, view_take, 0, FORM_BLOCK);
    actor_kill(pair.rx);
    expect_result(actor_finish_within(other, SOON_MS), 1);
    expect_number(actor_do(other, view_deliveries, 0, 0), 2);
    expect_result(actor_do(other, view_release, 0, 0), 0);
    actor_bury(pair.rx);
    pair.rx = other;
    close_sound(&own, &pair);
}

static void test_shutdown_ends_both_sides_and_the_message_stays_with_its_sender(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    sender_waits(&pair, 1, WAY_COPY);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(ask(pair.rx, recv_try), -EPIPE);
    expect_result(actor_finish_within(pair.tx, SOON_MS), -EPIPE);
    for (int way = 0; way < WAYS; way++) {
        expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, FORM_BLOCK)), -EPIPE);
        expect_result(actor_do(pair.tx, send_by, 1, HOW(way, FORM_BLOCK)), -EPIPE);
    }
    expect_number(chan_is_drained(pair.ch), 1);
    close_sound(&own, &pair);
}

static void test_shutdown_ends_a_receive_that_waits(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    receiver_waits(&pair, WAY_LOAN);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(tell(pair.tx, send_try, 1), -EPIPE);
    expect_result(actor_finish_within(pair.rx, SOON_MS), -EPIPE);
    close_sound(&own, &pair);
}

static void test_a_side_that_leaves_ends_the_wait_of_the_other(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    for (int sends = 0; sends < 2; sends++) {
        struct pair pair = pair_open(&own, 0);
        if (sends)
            sender_waits(&pair, 1, WAY_COPY);
        else
            receiver_waits(&pair, WAY_COPY);
        struct actor **leaves = sends ? &pair.rx : &pair.tx;
        actor_end(*leaves);
        *leaves = NULL;
        expect_result(actor_finish_within(sends ? pair.tx : pair.rx, SOON_MS), -EPIPE);
        close_sound(&own, &pair);
    }
}

static void test_the_death_of_a_side_ends_the_wait_of_the_other(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    for (int sends = 0; sends < 2; sends++) {
        struct pair pair = pair_open(&own, 0);
        if (sends)
            sender_waits(&pair, 1, WAY_COPY);
        else
            receiver_waits(&pair, WAY_COPY);
        struct actor **dies = sends ? &pair.rx : &pair.tx;
        actor_kill(*dies);
        expect_result(actor_finish_within(sends ? pair.tx : pair.rx, SOON_MS), -EPIPE);
        actor_bury(*dies);
        *dies = NULL;
        close_sound(&own, &pair);
    }
}

#define CROWD 4

static void test_who_has_waited_longest_is_served_first(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    struct actor *crowd[CROWD];
    for (uint32_t i = 0; i < CROWD; i++)
        crowd[i] = actor_start(&own, pair.ch, ACTOR_SENDER);
    for (uint32_t i = 0; i < CROWD; i++) { /* not in the order of their records */
        actor_begin(crowd[(i + 2) % CROWD], send_by, i, HOW(WAY_COPY, FORM_BLOCK));
        await(pair.ch, i + 1, 0);
    }
    for (uint32_t i = 0; i < CROWD; i++) {
        expect_result(ask(pair.rx, recv_try), i);
        expect_result(actor_finish_within(crowd[(i + 2) % CROWD], SOON_MS), 0);
    }
    for (uint32_t i = 0; i < CROWD; i++)
        actor_end(crowd[i]);
    for (uint32_t i = 0; i < CROWD; i++)
        crowd[i] = actor_start(&own, pair.ch, ACTOR_RECEIVER);
    for (uint32_t i = 0; i < CROWD; i++) {
        actor_begin(crowd[(i + 1) % CROWD], recv_by, 0, HOW(WAY_COPY, FORM_BLOCK));
        await(pair.ch, 0, i + 1);
    }
    for (uint32_t i = 0; i < CROWD; i++) {
        expect_result(tell(pair.tx, send_try, i), 0);
        expect_result(actor_finish_within(crowd[(i + 1) % CROWD], SOON_MS), i);
    }
    for (uint32_t i = 0; i < CROWD; i++)
        actor_end(crowd[i]);
    close_sound(&own, &pair);
}

static int64_t recv_into_one_byte(struct party *me, int64_t a, int64_t b)
{
    size_t size = 0;
    char byte;
    (void)b;
    int result = a ? chan_recv(me->rx, &byte, 1, &size) : chan_try_recv(me->rx, &byte, 1, &size);
    return result == -EMSGSIZE ? (int64_t)size : result;
}

static void test_a_message_that_does_not_fit_stays_with_its_sender(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    int64_t size = (int64_t)flavour_size(&own, 1);
    sender_waits(&pair, 1, WAY_COPY);
    expect_number(tell(pair.rx, recv_into_one_byte, 0), size);
    expect_number(tell(pair.rx, recv_into_one_byte, 1), size);
    expect_number(figures(pair.ch).offers, 1);
    expect_result(ask(pair.rx, recv_try), 1);
    expect_result(actor_finish_within(pair.tx, SOON_MS), 0);
    actor_begin(pair.rx, recv_into_one_byte, 1, 0);
    await(pair.ch, 0, 1);
    expect_result(tell(pair.tx, send_try, 1), -EAGAIN);
    actor_begin(pair.tx, send_by, 1, HOW(WAY_COPY, FORM_BLOCK));
    expect_number(actor_finish_within(pair.rx, SOON_MS), size);
    expect_result(ask(pair.rx, recv_try), 1);
    expect_result(actor_finish_within(pair.tx, SOON_MS), 0);
    close_sound(&own, &pair);
}

static void test_a_loan_that_nobody_took_is_open_still(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    expect_result(actor_do(pair.tx, loan_reserve, 0, 7), 0);
    expect_result(actor_do(pair.tx, loan_commit, 0, FORM_TRY), -EAGAIN);
    expect_result(actor_do(pair.tx, loan_commit, 0, FORM_TIMEOUT_SHORT), -ETIMEDOUT);
    receiver_waits(&pair, WAY_LOAN);
    expect_result(actor_do(pair.tx, loan_commit, 0, FORM_TRY), 0);
    expect_result(actor_finish_within(pair.rx, SOON_MS), 7);
    close_sound(&own, &pair);
}

static void test_with_all_views_open_no_further_message_is_taken(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct chan_options options = flavour_options(&own, 0);
    options.holds = 1;
    struct pair pair = pair_open_with(&own, &options);
    sender_waits(&pair, 1, WAY_COPY);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_BLOCK), 1);
    expect_result(actor_finish_within(pair.tx, SOON_MS), 0);
    expect_result(actor_do(pair.rx, view_take, 1, FORM_TIMEOUT_SHORT), -ETIMEDOUT);
    actor_begin(pair.rx, view_take, 1, FORM_BLOCK);
    expect_result(actor_finish_within(pair.rx, 50), -EINPROGRESS);
    expect_number(figures(pair.ch).demands, 0);
    actor_begin(pair.tx, send_by, 2, HOW(WAY_COPY, FORM_BLOCK));
    expect_result(actor_finish_within(pair.rx, SOON_MS), -ENOBUFS);
    expect_result(ask(pair.rx, recv_try), 2);
    expect_result(actor_finish_within(pair.tx, SOON_MS), 0);
    expect_result(actor_do(pair.rx, view_release, 0, 0), 0);
    close_sound(&own, &pair);
}

static int64_t send_batch_of(struct party *me, int64_t a, int64_t b)
{
    struct iovec messages[8];
    char bytes[8];
    (void)b;
    for (int64_t i = 0; i < a; i++) {
        bytes[i] = (char)i;
        messages[i] = (struct iovec){&bytes[i], 1};
    }
    return chan_send_many(me->tx, messages, (size_t)a);
}

static int64_t recv_byte(struct party *me, int64_t a, int64_t b)
{
    char byte;
    (void)a, (void)b;
    int result = chan_recv(me->rx, &byte, 1, NULL);
    return result ? result : byte;
}

static void test_a_batch_is_sent_one_message_after_the_other(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    actor_begin(pair.tx, send_batch_of, 8, 0);
    for (int64_t i = 0; i < 8; i++)
        expect_result(ask(pair.rx, recv_byte), i);
    expect_number(actor_finish_within(pair.tx, SOON_MS), 8);
    close_sound(&own, &pair);
}

static int64_t cancel_waiting(struct party *me, int64_t a, int64_t b)
{
    char byte = 0;
    (void)b;
    if (a) {
        expect_result(chan_cancel_sender(me->tx), 0);
        return chan_send(me->tx, &byte, 1);
    }
    expect_result(chan_cancel_receiver(me->rx), 0);
    return chan_recv(me->rx, &byte, 1, NULL);
}

static void test_a_cancelled_call_withdraws(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct pair pair = pair_open(&own, 0);
    expect_result(tell(pair.tx, cancel_waiting, 1), -ECANCELED);
    expect_result(tell(pair.rx, cancel_waiting, 0), -ECANCELED);
    expect_number(figures(pair.ch).offers + figures(pair.ch).demands, 0);
    close_sound(&own, &pair);
}

static void test_it_has_no_capacity_to_ask_for(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct chan_options options = flavour_options(&own, 0);
    struct chan *ch = NULL;
    options.messages = 1;
    expect_result(chan_create_anonymous(&options, &ch), -EINVAL);
    expect(ch == NULL);
}

static void test_dead_letters_cannot_go_where_there_is_no_room(const struct flavour *flavour)
{
    struct flavour own = rendezvous(flavour);
    struct chan_options options = flavour_options(flavour, 1);
    options.kind = CHAN_QUEUE;
    options.max_deliveries = 1;
    struct chan *ch, *dead = flavour_create(&own, 0);
    struct chan_receiver *rx;
    struct chan_sender *tx;
    expect_result(chan_create_anonymous(&options, &ch), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_attach_sender(dead, 0, &tx), 0);
    expect_result(chan_receiver_set_dead_letters(rx, tx), -EOPNOTSUPP);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
    flavour_finish(&own, dead);
}

static const struct conformance_case cases[] = {
    CASE(test_no_limited_form_succeeds_without_a_peer_that_waits, OF_RENDEZVOUS | FOR_FEW, 60),
    CASE(test_every_form_of_send_meets_a_receiver_that_waits, OF_RENDEZVOUS | FOR_FEW | WITHOUT_KEEPER_TOO,
         60),
    CASE(test_every_form_of_receive_takes_from_a_sender_that_waits,
         OF_RENDEZVOUS | FOR_FEW | WITHOUT_KEEPER_TOO, 60),
    CASE(test_it_is_always_empty_and_full, OF_RENDEZVOUS | FOR_FEW, 0),
    CASE(test_an_offer_that_timed_out_is_gone, OF_RENDEZVOUS | FOR_FEW, 0),
    CASE(test_whether_they_met_both_agree, OF_RENDEZVOUS | FOR_FEW, 60),
    CASE(test_the_offer_of_a_killed_sender_is_never_received, OF_RENDEZVOUS | WITHOUT_KEEPER_TOO, 0),
    CASE(test_a_killed_receiver_is_not_met, OF_RENDEZVOUS | WITHOUT_KEEPER_TOO, 0),
    CASE(test_a_stopped_receiver_is_met_and_has_only_its_message,
         OF_RENDEZVOUS | FOR_MANY_RECEIVERS | FOR_FEW, 0),
    CASE(test_a_stopped_sender_is_taken_from_and_finds_so, OF_RENDEZVOUS | FOR_FEW, 0),
    CASE(test_a_view_whose_holder_is_killed_goes_to_another_receiver,
         OF_RENDEZVOUS | FOR_MANY_RECEIVERS | WITHOUT_KEEPER_TOO, 0),
    CASE(test_shutdown_ends_both_sides_and_the_message_stays_with_its_sender, OF_RENDEZVOUS | FOR_FEW, 0),
    CASE(test_shutdown_ends_a_receive_that_waits, OF_RENDEZVOUS | FOR_FEW, 0),
    CASE(test_a_side_that_leaves_ends_the_wait_of_the_other, OF_RENDEZVOUS | FOR_EPHEMERAL, 0),
    CASE(test_the_death_of_a_side_ends_the_wait_of_the_other,
         OF_RENDEZVOUS | FOR_EPHEMERAL | WITHOUT_KEEPER_TOO, 0),
    CASE(test_who_has_waited_longest_is_served_first, OF_RENDEZVOUS | FOR_MANY, 0),
    CASE(test_a_message_that_does_not_fit_stays_with_its_sender, OF_RENDEZVOUS | FOR_FEW, 0),
    CASE(test_a_loan_that_nobody_took_is_open_still, OF_RENDEZVOUS | FOR_FEW, 0),
    CASE(test_with_all_views_open_no_further_message_is_taken, OF_RENDEZVOUS | FOR_FEW, 0),
    CASE(test_a_batch_is_sent_one_message_after_the_other, OF_RENDEZVOUS | FOR_FEW, 0),
    CASE(test_a_cancelled_call_withdraws, OF_RENDEZVOUS | FOR_FEW, 0),
    CASE(test_it_has_no_capacity_to_ask_for, OF_RENDEZVOUS | FOR_FEW, 0),
    CASE(test_dead_letters_cannot_go_where_there_is_no_room, OF_RENDEZVOUS | FOR_FEW, 0),
};

int main(int argc, char **argv)
{
    return suite_run("conformance_rendezvous", cases, sizeof cases / sizeof *cases, argc, argv);
}
