/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcasts: who gets what, in which order; what is missed and told; what ends and opens again. */
#include "broadcast.h"

#include <errno.h>
#include <stdbool.h>

#include "expect.h"
#include "pattern.h"
#include "process.h"
#include "suite.h"

/* Promised are 10 to 50 ms; a loaded machine may take longer to run anybody at all. */
#define NOTICED_MS 1000

static const uint64_t capacities[] = {1, 2, 3, 5, 64};
#define CAPACITIES (sizeof capacities / sizeof *capacities)

static void test_every_receiver_gets_every_message(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 4, 3);
    for (int64_t first = 0; first < 40; first += 4) {
        audience_send(&a, first, 4);
        for (unsigned i = 0; i < 3; i++) {
            audience_recv(&a, i, first, 4);
            expect_result(ask(a.rx[i], recv_try), -EAGAIN);
        }
    }
    audience_close(flavour, &a);
}

static void test_every_way_of_sending_and_receiving_works(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 3, 2);
    int64_t sequence = 0;
    for (int way = 0; way < WAYS; way++)
        for (int form = 0; form < FORMS; form++, sequence++) {
            expect_result(actor_do(a.tx, send_by, sequence, HOW(way, form)), 0);
            expect_result(actor_do(a.rx[0], recv_by, 0, HOW(way, form)), sequence);
            expect_result(actor_do(a.rx[1], recv_by, 0, HOW(WAY_COPY, FORM_BLOCK)), sequence);
            if (form_expired((enum form)form))
                expect_result(actor_do(a.rx[0], recv_by, 0, HOW(way, form)), form_expired((enum form)form));
        }
    audience_close(flavour, &a);
}

static void test_all_see_the_messages_of_two_senders_in_one_order(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 64, 2);
    struct actor *other = actor_start(flavour, a.ch, ACTOR_SENDER);
    for (int64_t i = 0; i < 60; i += 2) {
        actor_begin(a.tx, send_try, i, 0);
        actor_begin(other, send_try, i + 1, 0);
        expect_result(actor_finish(a.tx), 0);
        expect_result(actor_finish(other), 0);
    }
    int64_t last[2] = {-2, -1};
    for (int64_t i = 0; i < 60; i++) {
        int64_t got = ask(a.rx[0], recv_try);
        expect_number(got, last[got & 1] + 2);
        last[got & 1] = got;
        expect_result(ask(a.rx[1], recv_try), got);
    }
    actor_end(other);
    audience_close(flavour, &a);
}

static void test_a_receiver_gets_what_is_sent_from_its_attaching_on(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 4, 1);
    audience_send(&a, 0, 3);
    a.rx[1] = actor_start(flavour, a.ch, ACTOR_RECEIVER);
    expect_result(ask(a.rx[1], recv_try), -EAGAIN);
    expect_number(ask(a.rx[1], receiver_len), 0);
    audience_send(&a, 3, 1);
    audience_recv(&a, 1, 3, 1);
    audience_recv(&a, 0, 0, 4);
    audience_close(flavour, &a);
}

static void test_a_clone_is_a_subscription_of_its_own(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 4, 0);
    struct party me;
    party_open(&me, flavour, a.ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    audience_send(&a, 0, 2);
    struct party clone;
    party_open(&clone, flavour, a.ch);
    expect_result(chan_clone_receiver(me.rx, &clone.rx), 0);
    audience_send(&a, 2, 1);
    expect_result(recv_try(&clone, 0, 0), 2);
    expect_result(recv_try(&clone, 0, 0), -EAGAIN);
    for (int64_t i = 0; i < 3; i++)
        expect_result(recv_try(&me, 0, 0), i);
    party_leave(&clone);
    party_leave(&me);
    audience_close(flavour, &a);
}

static void test_a_prepared_receiver_subscribes_at_once(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 4, 0);
    struct party me;
    party_open(&me, flavour, a.ch);
    expect_result(prepare_receiver(&me, 0, 0), 0);
    audience_send(&a, 0, 2);
    expect_result(chan_adopt_receiver(me.rx), 0);
    expect_result(recv_try(&me, 0, 0), 0);
    expect_result(recv_try(&me, 0, 0), 1);
    party_leave(&me);
    audience_close(flavour, &a);
}

/* In a record before the prepared one's, and in one behind it. */
static void test_who_takes_a_prepared_receivers_place_gets_all_that_was_for_it(const struct flavour *flavour)
{
    bool lags = flavour->kind == CHAN_BROADCAST && flavour->overflow == CHAN_LAG;
    for (int before = 0; before < 2; before++) {
        struct audience a = audience_open(flavour, 4, 0);
        struct chan_receiver *first, *prepared;
        struct chan_address address;
        struct party me;
        party_open(&me, flavour, a.ch);
        expect_result(chan_attach_receiver(a.ch, 0, &first), 0);
        expect_result(chan_prepare_receiver(a.ch, 0, &prepared), 0);
        if (before)
            chan_close_receiver(first);
        expect_result(chan_address_of_receiver(prepared, &address), 0);
        audience_send(&a, 0, lags ? 6 : 4);
        expect_result(chan_attach_receiver_at(&address, flavour->flags, 0, &me.rx), 0);
        chan_close_receiver(prepared);
        if (!before)
            chan_close_receiver(first);
        expect_result(tell(a.tx, send_try, 6), lags ? 0 : -EAGAIN);
        if (lags) {
            expect_result(recv_try(&me, 0, 0), -EOVERFLOW);
            expect_number(chan_receiver_lagged(me.rx), 3);
        }
        for (int64_t i = lags ? 3 : 0; i < (lags ? 7 : 4); i++)
            expect_result(recv_try(&me, 0, 0), i);
        expect_result(recv_try(&me, 0, 0), -EAGAIN);
        audience_send(&a, 7, 4);
        for (int64_t i = 7; i < 11; i++)
            expect_result(recv_try(&me, 0, 0), i);
        party_leave(&me);
        audience_close(flavour, &a);
    }
}

static uint64_t next_number(const struct chan *ch)
{
    struct chan_peek_info info;
    uint64_t position = 0;
    while (!chan_peek(ch, &position, NULL, 0, &info))
        continue;
    return position;
}

static void expect_refusal(struct audience *a)
{
    for (int form = 0; form < FORMS; form++)
        expect_result(actor_do(a->tx, send_by, 7, HOW(WAY_COPY, form)), -EPIPE);
    expect_number(chan_is_closed(a->ch), 1);
    expect_number(chan_receivers(a->ch), 0);
}

static void test_without_a_receiver_nothing_is_sent_and_the_next_one_opens_again(
    const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 0);
    expect_refusal(&a);
    for (int64_t lap = 0; lap < 3; lap++) {
        a.rx[0] = actor_start(flavour, a.ch, ACTOR_RECEIVER);
        expect_number(chan_is_closed(a.ch), 0);
        audience_send(&a, 10 * lap, 2);
        audience_recv(&a, 0, 10 * lap, 1);
        actor_end(a.rx[0]);
        a.rx[0] = NULL;
        uint64_t number = next_number(a.ch);
        expect_refusal(&a);
        expect_number(next_number(a.ch), number); /* no place was used */
        expect_number(number, 2 * (lap + 1));
    }
    audience_close(flavour, &a);
}

static void test_the_sender_knows_how_many_it_reached(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 8, 2);
    expect_number(ask(a.tx, reached), 0);
    audience_send(&a, 0, 1);
    expect_number(ask(a.tx, reached), 2);
    a.rx[2] = actor_start(flavour, a.ch, ACTOR_RECEIVER);
    expect_number(ask(a.tx, reached), 2);
    audience_send(&a, 1, 1);
    expect_number(ask(a.tx, reached), 3);
    actor_end(a.rx[0]);
    a.rx[0] = NULL;
    expect_number(ask(a.tx, reached), 2);
    expect_number(chan_receivers(a.ch), 2);
    audience_close(flavour, &a);
}

static void test_lag_is_told_exactly_once_and_the_oldest_kept_comes_next(const struct flavour *flavour)
{
    for (size_t i = 0; i < CAPACITIES; i++) {
        int64_t n = (int64_t)capacities[i], sent = 0;
        struct audience a = audience_open(flavour, capacities[i], 2);
        for (int64_t missed = 1; missed < 4; missed++) {
            audience_send(&a, sent, n + missed);
            expect_number(ask(a.rx[0], receiver_len), n + missed);
            expect_number(chan_len(a.ch), n);
            expect_result(ask(a.rx[0], recv_try), -EOVERFLOW);
            expect_number(ask(a.rx[0], lagged), missed);
            expect_number(ask(a.rx[0], receiver_len), n);
            audience_recv(&a, 0, sent + missed, n);
            expect_result(ask(a.rx[0], recv_try), -EAGAIN);
            expect_number(ask(a.rx[0], lagged), missed);
            sent += n + missed;
        }
        /* The other one missed it all, and some more while it was being told. */
        expect_result(ask(a.rx[1], recv_try), -EOVERFLOW);
        expect_number(ask(a.rx[1], lagged), sent - n);
        audience_send(&a, sent, 2);
        expect_result(ask(a.rx[1], recv_try), -EOVERFLOW);
        expect_number(ask(a.rx[1], lagged), 2);
        audience_recv(&a, 1, sent + 2 - n, n);
        audience_close(flavour, &a);
    }
}

static void test_exactly_the_capacity_is_kept(const struct flavour *flavour)
{
    for (size_t i = 0; i < CAPACITIES; i++) {
        int64_t n = (int64_t)capacities[i];
        struct audience a = audience_open(flavour, capacities[i], 1);
        for (int64_t lap = 0; lap < 5; lap++) {
            audience_send(&a, lap * n, n);
            audience_recv(&a, 0, lap * n, n); /* not one was missed */
        }
        audience_close(flavour, &a);
    }
}

static void test_lag_comes_before_the_end(const struct flavour *flavour)
{
    for (int way = 0; way < 3; way++) {
        struct audience a = audience_open(flavour, 2, 1);
        int durable = flavour->lifetime == CHAN_DURABLE;
        audience_send(&a, 0, 5);
        if (way == 0 || durable)
            expect_result(chan_shutdown(a.ch), 0);
        else if (way == 1)
            actor_end(a.tx);
        else
            actor_kill(a.tx);
        expect_result(ask(a.rx[0], recv_blocking), -EOVERFLOW);
        expect_number(ask(a.rx[0], lagged), 3);
        expect_result(ask(a.rx[0], recv_blocking), 3);
        expect_number(ask(a.rx[0], is_drained), 0);
        expect_result(ask(a.rx[0], recv_blocking), 4);
        expect_result(ask(a.rx[0], recv_blocking), -EPIPE);
        expect_result(ask(a.rx[0], recv_blocking), -EPIPE);
        expect_number(ask(a.rx[0], is_closed), 1);
        expect_number(ask(a.rx[0], is_drained), 1);
        if (way == 2 && !durable)
            actor_bury(a.tx);
        if (way && !durable)
            a.tx = NULL;
        audience_close(flavour, &a);
    }
}

/* A batch of up to b; returns how many, the first of which is to be message a. */
static int64_t recv_batch_from(struct party *me, int64_t a, int64_t b)
{
    struct iovec messages[4];
    size_t largest = flavour_largest(me->flavour);
    unsigned char buffers[4][16384];
    for (int i = 0; i < 4; i++)
        messages[i] = (struct iovec){buffers[i], largest};
    ssize_t got = chan_try_recv_many(me->rx, messages, (size_t)b);
    for (ssize_t i = 0; i < got; i++) {
        uint32_t sender;
        uint64_t sequence;
        expect(pattern_read(messages[i].iov_base, messages[i].iov_len, &sender, &sequence));
        expect_number(sequence, a + i);
    }
    return got;
}

static void test_a_batch_ends_at_a_gap_which_the_next_call_tells(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 1);
    audience_send(&a, 0, 5);
    expect_result(actor_do(a.rx[0], recv_batch_from, 0, 4), -EOVERFLOW);
    expect_number(ask(a.rx[0], lagged), 3);
    expect_result(actor_do(a.rx[0], recv_batch_from, 3, 4), 2);
    expect_result(actor_do(a.rx[0], recv_batch_from, 5, 4), -EAGAIN);
    audience_close(flavour, &a);
}

static void test_what_was_not_read_is_left_out_by_subscribing_anew(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 3, 1);
    audience_send(&a, 0, 3);
    expect_result(ask(a.rx[0], resubscribe), 0);
    expect_number(ask(a.rx[0], receiver_len), 0);
    expect_result(ask(a.rx[0], recv_try), -EAGAIN);
    audience_send(&a, 3, 3);
    audience_recv(&a, 0, 3, 3);
    audience_close(flavour, &a);
}

static void test_the_last_sender_ends_it_once_all_is_read(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 3, 2);
    audience_send(&a, 0, 2);
    actor_end(a.tx);
    a.tx = NULL;
    expect_number(chan_is_closed(a.ch), 1);
    for (unsigned i = 0; i < 2; i++) {
        audience_recv(&a, i, 0, 2);
        expect_result(ask(a.rx[i], recv_blocking), -EPIPE);
    }
    audience_close(flavour, &a);
}

static void test_a_waiting_receiver_learns_of_the_last_senders_death(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 3, 2);
    audience_send(&a, 0, 1);
    for (unsigned i = 0; i < 2; i++) {
        audience_recv(&a, i, 0, 1);
        actor_begin_blocking(a.rx[i], recv_blocking, 0, 0);
    }
    actor_kill(a.tx);
    for (unsigned i = 0; i < 2; i++)
        expect_result(actor_finish_within(a.rx[i], NOTICED_MS), -EPIPE);
    actor_bury(a.tx);
    a.tx = NULL;
    audience_close(flavour, &a);
}

static void test_each_send_wakes_every_waiting_receiver(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 3);
    for (int64_t i = 0; i < 5; i++) {
        for (unsigned k = 0; k < 3; k++)
            actor_begin_blocking(a.rx[k], recv_blocking, 0, 0);
        audience_send(&a, i, 1);
        for (unsigned k = 0; k < 3; k++)
            expect_result(actor_finish_within(a.rx[k], NOTICED_MS), i);
    }
    audience_close(flavour, &a);
}

static void test_a_sender_waits_for_the_last_receiver_to_leave_or_die(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 0);
    expect_result(ask(a.tx, wait_closed), 0); /* there is none yet */
    for (int killed = 0; killed < 2; killed++) {
        a.rx[0] = actor_start(flavour, a.ch, ACTOR_RECEIVER);
        a.rx[1] = actor_start(flavour, a.ch, ACTOR_RECEIVER);
        expect_result(ask(a.tx, wait_closed_shortly), -ETIMEDOUT);
        actor_end(a.rx[0]);
        actor_begin_blocking(a.tx, wait_closed, 0, 0);
        killed ? actor_kill(a.rx[1]) : actor_end(a.rx[1]);
        expect_result(actor_finish_within(a.tx, NOTICED_MS), 0);
        if (killed)
            actor_bury(a.rx[1]);
        expect_result(tell(a.tx, send_try, 1), -EPIPE);
    }
    a.rx[0] = a.rx[1] = NULL;
    audience_close(flavour, &a);
}

static void test_too_small_a_buffer_leaves_the_message(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 0);
    struct party me;
    size_t size = 0;
    party_open(&me, flavour, a.ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    audience_send(&a, 0, 1);
    expect_result(chan_try_recv(me.rx, me.buffer, 3, &size), -EMSGSIZE);
    expect_number(size, flavour_size(flavour, 0));
    expect_result(recv_try(&me, 0, 0), 0);
    party_leave(&me);
    audience_close(flavour, &a);
}

static void test_sides_come_and_go_in_a_durable_one(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 4, 1);
    audience_send(&a, 0, 2);
    actor_end(a.tx);
    audience_recv(&a, 0, 0, 1);
    a.tx = actor_start(flavour, a.ch, ACTOR_SENDER);
    audience_send(&a, 2, 1);
    audience_recv(&a, 0, 1, 2);
    actor_begin_blocking(a.rx[0], recv_blocking, 0, 0);
    audience_send(&a, 3, 1);
    expect_result(actor_finish_within(a.rx[0], NOTICED_MS), 3);
    audience_close(flavour, &a);
}

static void test_an_ephemeral_one_goes_with_its_last_endpoint(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 4, 1);
    actor_end(a.rx[0]);
    expect_number(flavour_exists(), 1); /* the sender is still there */
    a.rx[0] = actor_start(flavour, a.ch, ACTOR_RECEIVER);
    actor_end(a.tx);
    expect_number(flavour_exists(), 1);
    actor_end(a.rx[0]);
    expect_number(flavour_exists(), 0);
    a.rx[0] = a.tx = NULL;
    audience_close(flavour, &a);
}

static void test_figures_say_what_was_sent_received_and_missed(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 2);
    struct chan_stat stat = {.size = sizeof stat};
    audience_send(&a, 0, 5);
    expect_result(ask(a.rx[0], recv_try), -EOVERFLOW);
    audience_recv(&a, 0, 3, 2);
    expect_result(chan_stat(a.ch, &stat), 0);
    expect_number(stat.sent, 5);
    expect_number(stat.received, 2);
    expect_number(stat.lagged, 3);
    expect_number(stat.queued, 2);
    expect_number(stat.unreturned, 0);
    struct chan_endpoint_stat endpoint = {.size = sizeof endpoint};
    expect_result(chan_endpoint_stat(a.ch, (uint32_t)ask(a.rx[1], receiver_number), &endpoint), 0);
    expect_number(endpoint.unread, 5);
    audience_close(flavour, &a);
}

/* The message that the slowest has not got is the first that counts; what was overwritten counts no more. */
static void test_the_sender_knows_how_much_not_all_have_seen(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 4, 0);
    bool lags = flavour->overflow == CHAN_LAG;
    expect_number(ask(a.tx, sender_len), 0);
    a.rx[0] = actor_start(flavour, a.ch, ACTOR_RECEIVER);
    audience_send(&a, 0, 2);
    a.rx[1] = actor_start(flavour, a.ch, ACTOR_RECEIVER); /* for which those two were not */
    expect_number(ask(a.tx, sender_len), 2);
    audience_recv(&a, 0, 0, 2);
    expect_number(ask(a.tx, sender_len), 0);
    audience_send(&a, 2, 3);
    for (int64_t i = 2; i < 5; i++) {
        audience_recv(&a, 0, i, 1);
        expect_number(ask(a.tx, sender_len), 3); /* the other one has seen none */
    }
    expect_result(tell(a.rx[1], view_take, 0), 2);
    expect_number(ask(a.tx, sender_len), 3); /* looked at, not done with */
    expect_result(tell(a.rx[1], view_release, 0), 0);
    expect_number(ask(a.tx, sender_len), 2);
    audience_send(&a, 5, lags ? 6 : 2);
    expect_number(ask(a.tx, sender_len), 4);
    expect_number(chan_len(a.ch), 4);
    expect_result(ask(a.rx[0], resubscribe), 0);
    expect_number(ask(a.tx, sender_len), 4);
    expect_result(ask(a.rx[1], resubscribe), 0);
    expect_number(ask(a.tx, sender_len), 0);
    audience_close(flavour, &a);
}

static bool falls_to(struct audience *a, int64_t len)
{
    for (int ms = 0; ms < NOTICED_MS && ask(a->tx, sender_len) != len; ms++)
        process_sleep_ms(1);
    return ask(a->tx, sender_len) == len;
}

/* Who has left or died has nothing to see any more. */
static void test_what_only_the_dead_have_not_seen_counts_no_more(const struct flavour *flavour)
{
    for (int killed = 0; killed < 2; killed++) {
        struct audience a = audience_open(flavour, 4, 3);
        audience_send(&a, 0, 3);
        audience_recv(&a, 0, 0, 3);
        audience_recv(&a, 1, 0, 1);
        expect_number(ask(a.tx, sender_len), 3);
        for (unsigned i = 2; i >= 1; i--) {
            killed ? actor_kill(a.rx[i]) : actor_end(a.rx[i]);
            expect(falls_to(&a, i == 2 ? 2 : 0));
            if (killed)
                actor_bury(a.rx[i]);
            a.rx[i] = NULL;
        }
        audience_send(&a, 3, 2);
        expect_number(ask(a.tx, sender_len), 2);
        audience_close(flavour, &a);
    }
}

static void test_a_select_waits_for_several_of_them(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 0);
    struct chan_select *sel;
    struct chan_selected out;
    struct party me;
    party_open(&me, flavour, a.ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(attach_sender(&me, 0, 0), 0);
    expect_result(chan_select_create(0, &sel), 0);
    expect_result(chan_select_recv(sel, me.rx), 0);
    expect_result(chan_try_select(sel, &out), -EAGAIN);
    audience_send(&a, 0, 2);
    expect_result(chan_try_select(sel, &out), 0);
    expect_result(chan_release(me.rx, &out.view), 0);
    expect_result(recv_try(&me, 0, 0), 1);
    expect_result(chan_select_timeout(sel, &out, 1000000), -ETIMEDOUT);
    expect_result(chan_give_back(me.rx, &out.view), -EOPNOTSUPP);
    actor_end(a.tx);
    a.tx = NULL;
    expect_result(close_sender(&me, 0, 0), 0);
    bool ends = flavour->lifetime == CHAN_EPHEMERAL;
    expect_result(chan_try_select(sel, &out), ends ? 0 : -EAGAIN);
    if (ends)
        expect_result(out.result, -EPIPE);
    chan_select_close(sel);
    party_leave(&me);
    audience_close(flavour, &a);
}

static void test_a_wait_for_the_end_can_be_cancelled(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 1);
    struct party me;
    party_open(&me, flavour, a.ch);
    expect_result(attach_sender(&me, 0, 0), 0);
    expect_result(chan_cancel_sender(me.tx), 0);
    expect_result(chan_wait_closed(me.tx), -ECANCELED);
    expect_result(chan_wait_closed_timeout(me.tx, 1000000), -ETIMEDOUT);
    party_leave(&me);
    audience_close(flavour, &a);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_every_receiver_gets_every_message, OF_BROADCAST | FOR_MANY, 0),
        CASE(test_every_way_of_sending_and_receiving_works, OF_BROADCAST | FOR_MANY, 0),
        CASE(test_all_see_the_messages_of_two_senders_in_one_order, OF_BROADCAST | FOR_MANY, 0),
        CASE(test_a_receiver_gets_what_is_sent_from_its_attaching_on, OF_BROADCAST | FOR_MANY, 0),
        CASE(test_a_clone_is_a_subscription_of_its_own, OF_BROADCAST | FOR_MANY, 0),
        CASE(test_a_prepared_receiver_subscribes_at_once, OF_BROADCAST, 0),
        CASE(test_who_takes_a_prepared_receivers_place_gets_all_that_was_for_it, OF_BROADCAST | FOR_MANY, 0),
        CASE(test_without_a_receiver_nothing_is_sent_and_the_next_one_opens_again, OF_BROADCAST, 0),
        CASE(test_the_sender_knows_how_many_it_reached, OF_BROADCAST | FOR_MANY, 0),
        CASE(test_the_sender_knows_how_much_not_all_have_seen, OF_BROADCAST | FOR_MANY, 0),
        CASE(test_what_only_the_dead_have_not_seen_counts_no_more, OF_BROADCAST | FOR_MANY | FOR_NAMED, 0),
        CASE(test_lag_is_told_exactly_once_and_the_oldest_kept_comes_next, OF_LAG | FOR_MANY, 0),
        CASE(test_exactly_the_capacity_is_kept, OF_BROADCAST | FOR_MANY, 0),
        CASE(test_lag_comes_before_the_end, OF_LAG, 0),
        CASE(test_a_batch_ends_at_a_gap_which_the_next_call_tells, OF_LAG, 0),
        CASE(test_what_was_not_read_is_left_out_by_subscribing_anew, OF_BROADCAST, 0),
        CASE(test_the_last_sender_ends_it_once_all_is_read, OF_BROADCAST | FOR_EPHEMERAL | FOR_MANY, 0),
        CASE(test_a_waiting_receiver_learns_of_the_last_senders_death,
             OF_BROADCAST | FOR_EPHEMERAL | FOR_MANY | WITHOUT_KEEPER_TOO, 0),
        CASE(test_each_send_wakes_every_waiting_receiver, OF_BROADCAST | FOR_MANY | FOR_NAMED, 0),
        CASE(test_a_sender_waits_for_the_last_receiver_to_leave_or_die,
             OF_BROADCAST | FOR_MANY | FOR_INLINE | WITHOUT_KEEPER_TOO, 0),
        CASE(test_too_small_a_buffer_leaves_the_message, OF_BROADCAST, 0),
        CASE(test_sides_come_and_go_in_a_durable_one, OF_BROADCAST | FOR_DURABLE, 0),
        CASE(test_an_ephemeral_one_goes_with_its_last_endpoint, OF_BROADCAST | FOR_EPHEMERAL | FOR_NAMED, 0),
        CASE(test_a_select_waits_for_several_of_them, OF_BROADCAST | FOR_MANY, 0),
        CASE(test_a_wait_for_the_end_can_be_cancelled, OF_BROADCAST | FOR_MANY_SENDERS | FOR_NAMED, 0),
        CASE(test_figures_say_what_was_sent_received_and_missed, OF_LAG | FOR_MANY, 0),
    };
    return suite_run("broadcast", cases, sizeof cases / sizeof *cases, argc, argv);
}
