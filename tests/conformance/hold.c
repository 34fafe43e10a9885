/* SPDX-License-Identifier: Apache-2.0 */
/* Loans and views: reserve, commit, abort; take, release, redeliver; how many one endpoint may hold. */
#include <errno.h>
#include <string.h>

#include "expect.h"
#include "pair.h"
#include "pattern.h"
#include "suite.h"

#define HOLDS 4 /* as flavour_options() says */

static void test_a_loan_is_no_message_before_its_commit(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    expect_result(actor_do(pair.tx, loan_reserve, 0, 5), 0);
    expect_number(chan_len(pair.ch), 0);
    expect_number(chan_available(pair.ch), 2);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    expect_result(actor_do(pair.tx, loan_commit, 0, FORM_TRY), 0);
    expect_result(ask(pair.rx, recv_try), 5);
    pair_close(flavour, &pair);
}

static void test_messages_of_loans_come_in_the_order_of_commits(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 5);
    for (int64_t i = 0; i < HOLDS; i++)
        expect_result(actor_do(pair.tx, loan_reserve, i, i), 0);
    static const int64_t order[HOLDS] = {2, 0, 3, 1};
    expect_result(actor_do(pair.tx, loan_commit, order[0], FORM_TRY), 0);
    for (int64_t i = 1; i < HOLDS; i++)
        expect_result(actor_do(pair.tx, loan_commit, order[i], FORM_BLOCK), 0);
    for (int64_t i = 0; i < HOLDS; i++)
        expect_result(ask(pair.rx, recv_try), order[i]);
    pair_close(flavour, &pair);
}

static void test_a_send_overtakes_an_open_loan(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    expect_result(actor_do(pair.tx, loan_reserve, 0, 1), 0);
    expect_result(tell(pair.tx, send_try, 2), 0);
    expect_result(actor_do(pair.tx, loan_commit, 0, FORM_TRY), 0);
    expect_result(ask(pair.rx, recv_try), 2);
    expect_result(ask(pair.rx, recv_try), 1);
    pair_close(flavour, &pair);
}

static void test_a_commit_that_finds_the_queue_full_leaves_the_loan_open(const struct flavour *flavour)
{
    static const enum form forms[] = {FORM_TRY, FORM_TIMEOUT_ZERO, FORM_TIMEOUT_SHORT, FORM_UNTIL_PAST};
    struct pair pair = pair_open(flavour, 1);
    expect_result(actor_do(pair.tx, loan_reserve, 0, 1), 0);
    expect_result(tell(pair.tx, send_try, 0), 0);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        expect_result(actor_do(pair.tx, loan_commit, 0, forms[i]), form_expired(forms[i]));
    expect_result(ask(pair.rx, recv_try), 0);
    expect_result(actor_do(pair.tx, loan_commit, 0, FORM_TRY), 0);
    expect_result(ask(pair.rx, recv_try), 1);
    pair_close(flavour, &pair);
}

static void test_a_blocked_commit_succeeds_when_room_comes(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    expect_result(actor_do(pair.tx, loan_reserve, 0, 1), 0);
    expect_result(tell(pair.tx, send_try, 0), 0);
    actor_begin_blocking(pair.tx, loan_commit, 0, FORM_BLOCK);
    expect_result(ask(pair.rx, recv_try), 0);
    expect_result(actor_finish_within(pair.tx, 1000), 0);
    expect_result(ask(pair.rx, recv_try), 1);
    pair_close(flavour, &pair);
}

static void test_a_commit_on_a_closed_queue_fails_and_the_loan_can_be_aborted(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    expect_result(actor_do(pair.tx, loan_reserve, 0, 1), 0);
    expect_result(chan_shutdown(pair.ch), 0);
    for (int form = 0; form < FORMS; form++)
        expect_result(actor_do(pair.tx, loan_commit, 0, form), -EPIPE);
    expect_result(tell(pair.tx, loan_abort, 0), 0);
    expect_result(ask(pair.rx, recv_try), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_an_aborted_loan_is_never_seen_and_its_place_is_free_again(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    for (int lap = 0; lap < 50; lap++) {
        for (int64_t i = 0; i < HOLDS; i++)
            expect_result(actor_do(pair.tx, loan_reserve, i, i), 0);
        for (int64_t i = 0; i < HOLDS; i++)
            expect_result(tell(pair.tx, loan_abort, i), 0);
    }
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    pair_send(&pair, 0, 2);
    pair_recv(&pair, 0, 2);
    pair_close(flavour, &pair);
}

/* It is still in a cache. */
static void test_payload_memory_that_was_freed_last_is_used_first(const struct flavour *flavour)
{
    struct party me;
    struct chan_options options = flavour_options(flavour, 4);
    struct chan *ch = flavour_create(flavour, 4);
    struct chan_loan loan;
    struct chan_view view;
    party_open(&me, flavour, ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(attach_sender(&me, 0, 0), 0);
    for (int i = 0; i < 3; i++) {
        expect_result(chan_try_reserve(me.tx, options.message_size, &loan), 0);
        expect_result(chan_try_commit(me.tx, &loan, options.message_size), 0);
    }
    for (int i = 0; i < 10; i++) {
        expect_result(chan_try_recv_view(me.rx, &view), 0);
        const void *freed = view.data;
        expect_result(chan_release(me.rx, &view), 0);
        expect_result(chan_try_reserve(me.tx, options.message_size, &loan), 0);
        expect(loan.data == freed);
        expect_result(chan_try_commit(me.tx, &loan, options.message_size), 0);
    }
    party_leave(&me);
    flavour_finish(flavour, ch);
}

/* The first message lay where no two fit, because somebody had something before it. */
static void test_a_budget_for_two_has_room_for_two_whatever_was_there_before(const struct flavour *flavour)
{
    struct party me;
    struct chan_options options = flavour_options(flavour, 2);
    struct chan_loan small, loan;
    struct chan_memory memory;
    size_t size = options.message_size;
    options.bytes = 0;
    expect_result(chan_memory(&options, &memory), 0);
    struct chan *ch = flavour_create_with(flavour, &options);
    party_open(&me, flavour, ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(attach_sender(&me, 0, 0), 0);
    expect_result(chan_try_reserve(me.tx, memory.inline_size + 1, &small), 0);
    expect_result(chan_try_reserve(me.tx, size, &loan), 0);
    expect_result(chan_try_commit(me.tx, &loan, size), 0);
    expect_result(chan_abort(me.tx, &small), 0);
    expect_result(chan_try_recv(me.rx, me.buffer, size, NULL), 0);
    for (int i = 0; i < 2; i++) {
        expect_result(chan_try_reserve(me.tx, size, &loan), 0);
        expect_result(chan_try_commit(me.tx, &loan, size), 0);
    }
    party_leave(&me);
    flavour_finish(flavour, ch);
}

static void test_one_loan_more_than_holds_is_refused_until_one_ends(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 5);
    for (int64_t i = 0; i < HOLDS; i++)
        expect_result(actor_do(pair.tx, loan_reserve, i, i), 0);
    expect_result(actor_do(pair.tx, loan_reserve, HOLDS, 9), -ENOBUFS);
    expect_result(tell(pair.tx, loan_abort, 1), 0);
    expect_result(actor_do(pair.tx, loan_reserve, 1, 9), 0);
    expect_result(actor_do(pair.tx, loan_commit, 3, FORM_TRY), 0);
    expect_result(actor_do(pair.tx, loan_reserve, 3, 10), 0);
    expect_result(actor_do(pair.tx, loan_reserve, HOLDS, 11), -ENOBUFS);
    expect_result(ask(pair.rx, recv_try), 3);
    pair_close(flavour, &pair);
}

/* Sender's own loan committed short: only the part is sent. */
static int64_t commit_part(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    struct chan_loan loan;
    expect_result(chan_try_reserve(me->tx, flavour_largest(me->flavour), &loan), 0);
    expect_result(chan_try_commit(me->tx, &loan, loan.size + 1), -EINVAL);
    size_t size = flavour_size(me->flavour, (uint64_t)a);
    pattern_write(loan.data, size, 0, (uint64_t)a);
    return chan_try_commit(me->tx, &loan, size);
}

static void test_a_loan_may_be_committed_in_part_but_not_beyond_its_size(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    expect_result(tell(pair.tx, commit_part, 3), 0);
    expect_result(ask(pair.rx, recv_try), 3);
    pair_close(flavour, &pair);
}

static int64_t misuse_loans(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    struct chan_loan loan, copy, invented = {0};
    expect_result(chan_try_reserve(me->tx, flavour_size(me->flavour, 0), &loan), 0);
    copy = loan;
    pattern_write(loan.data, flavour_size(me->flavour, 0), 0, 0);
    expect_result(chan_try_commit(me->tx, &loan, flavour_size(me->flavour, 0)), 0);
    expect_result(chan_try_commit(me->tx, &copy, 1), -EINVAL); /* ended by the commit */
    expect_result(chan_abort(me->tx, &copy), -EINVAL);
    expect_result(chan_try_commit(me->tx, &loan, 0), -EINVAL);
    expect_result(chan_abort(me->tx, &invented), -EINVAL);
    invented.hold = 12345;
    expect_result(chan_abort(me->tx, &invented), -EINVAL);
    return 0;
}

static void test_a_loan_that_is_not_open_is_refused(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    expect_result(ask(pair.tx, misuse_loans), 0);
    expect_number(chan_len(pair.ch), 1);
    expect_result(ask(pair.rx, recv_try), 0);
    pair_close(flavour, &pair);
}

/* The loan of one sender in the hands of another, of the same process. */
static void test_the_loan_of_another_sender_is_refused(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    struct chan_sender *mine, *other;
    struct chan_loan loan, own;
    expect_result(chan_attach_sender(pair.ch, 0, &mine), 0);
    expect_result(chan_attach_sender(pair.ch, 0, &other), 0);
    expect_result(chan_try_reserve(mine, 9, &loan), 0);
    expect_result(chan_abort(other, &loan), -EINVAL);
    expect_result(chan_try_commit(other, &loan, 9), -EINVAL);
    expect_result(chan_try_reserve(other, 9, &own), 0);
    expect_result(chan_abort(other, &loan), -EINVAL);
    expect_result(chan_abort(other, &own), 0);
    expect_result(chan_abort(mine, &loan), 0);
    chan_close_sender(mine);
    chan_close_sender(other);
    pair_close(flavour, &pair);
}

static void test_loans_left_open_at_close_are_aborted(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    for (int lap = 0; lap < 30; lap++) {
        struct actor *other = actor_start(flavour, pair.ch, ACTOR_SENDER);
        for (int64_t i = 0; i < HOLDS; i++)
            expect_result(actor_do(other, loan_reserve, i, i), 0);
        actor_end(other);
    }
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    pair_send(&pair, 0, 2);
    pair_recv(&pair, 0, 2);
    pair_close(flavour, &pair);
}

static void test_a_viewed_message_is_no_longer_queued_and_its_place_is_free_at_once(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    pair_send(&pair, 0, 2);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 0);
    expect_number(chan_len(pair.ch), 1);
    expect_number(chan_available(pair.ch), 1);
    expect_result(tell(pair.tx, send_try, 2), 0);
    expect_result(tell(pair.tx, send_try, 3), -EAGAIN);
    expect_result(actor_do(pair.rx, view_take, 1, FORM_TRY), 1);
    expect_result(tell(pair.tx, send_try, 3), 0);
    expect_result(tell(pair.rx, view_release, 0), 0);
    expect_result(tell(pair.rx, view_release, 1), 0);
    pair_recv(&pair, 2, 2);
    pair_close(flavour, &pair);
}

static void test_views_may_be_released_in_any_order_and_stay_stable_meanwhile(const struct flavour *flavour)
{
    static const int orders[][HOLDS] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}};
    struct pair pair = pair_open(flavour, HOLDS);
    int64_t sent = 0;
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        pair_send(&pair, sent, HOLDS);
        for (int64_t i = 0; i < HOLDS; i++)
            expect_result(actor_do(pair.rx, view_take, i, FORM_BLOCK), sent + i);
        sent += HOLDS;
        pair_send(&pair, sent, HOLDS); /* blocks are used again while the views are open */
        for (int64_t i = 0; i < HOLDS; i++)
            expect_result(tell(pair.rx, view_release, orders[o][i]), 0);
        pair_recv(&pair, sent, HOLDS);
        sent += HOLDS;
    }
    pair_close(flavour, &pair);
}

static void test_one_view_more_than_holds_is_refused_until_one_is_released(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 6);
    for (int form = 0; form < FORMS; form++) {
        pair_send(&pair, 0, 6);
        for (int64_t i = 0; i < HOLDS; i++)
            expect_result(actor_do(pair.rx, view_take, i, FORM_TRY), i);
        expect_result(actor_do(pair.rx, view_take, HOLDS, form), -ENOBUFS);
        expect_number(chan_len(pair.ch), 2);
        expect_result(tell(pair.rx, view_release, 2), 0);
        expect_result(actor_do(pair.rx, view_take, 2, form), 4);
        for (int64_t i = 0; i < HOLDS; i++)
            expect_result(tell(pair.rx, view_release, i), 0);
        pair_recv(&pair, 5, 1);
    }
    pair_close(flavour, &pair);
}

static void test_with_all_views_open_an_empty_queue_still_says_empty(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, HOLDS);
    pair_send(&pair, 0, HOLDS);
    for (int64_t i = 0; i < HOLDS; i++)
        expect_result(actor_do(pair.rx, view_take, i, FORM_TRY), i);
    expect_result(actor_do(pair.rx, view_take, HOLDS, FORM_TRY), -EAGAIN);
    for (int64_t i = 0; i < HOLDS; i++)
        expect_result(tell(pair.rx, view_release, i), 0);
    pair_close(flavour, &pair);
}

static void test_with_all_views_open_a_copying_receive_still_works(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 6);
    pair_send(&pair, 0, 6);
    for (int64_t i = 0; i < HOLDS; i++)
        expect_result(actor_do(pair.rx, view_take, i, FORM_TRY), i);
    int64_t result = ask(pair.rx, recv_try);
    expect(result == HOLDS || result == -ENOBUFS);
    for (int64_t i = 0; i < HOLDS; i++)
        expect_result(tell(pair.rx, view_release, i), 0);
    pair_recv(&pair, result == HOLDS ? 5 : 4, result == HOLDS ? 1 : 2);
    pair_close(flavour, &pair);
}

static int64_t misuse_views(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    struct chan_view view, copy, invented = {0};
    expect_result(chan_try_recv_view(me->rx, &view), 0);
    copy = view;
    expect_result(chan_release(me->rx, &view), 0);
    expect_result(chan_release(me->rx, &view), -EINVAL);
    expect_result(chan_release(me->rx, &copy), -EINVAL);
    expect_result(chan_release(me->rx, &invented), -EINVAL);
    invented.hold = 12345;
    expect_result(chan_release(me->rx, &invented), -EINVAL);
    return 0;
}

static void test_a_view_that_is_not_open_is_refused(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 3);
    expect_result(ask(pair.rx, misuse_views), 0);
    pair_recv(&pair, 1, 2);
    pair_close(flavour, &pair);
}

static int64_t first_view_details(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    struct chan_view view;
    int64_t before = chan_now();
    expect_result(chan_try_recv_view(me->rx, &view), 0);
    expect_number(view.deliveries, 1);
    expect_number(view.sender, a);
    expect(view.sent_ns > 0 && view.sent_ns <= before + 20 * 1000000 &&
           before - view.sent_ns < 5000 * 1000000ll);
    return chan_release(me->rx, &view);
}

static void test_a_view_tells_its_sender_its_time_and_the_first_delivery(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    int64_t number = ask(pair.tx, sender_number);
    pair_send(&pair, 0, 1);
    expect_result(tell(pair.rx, first_view_details, number), 0);
    pair_close(flavour, &pair);
}

static void test_views_open_at_close_are_delivered_again_to_another_receiver(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_send(&pair, 0, 3);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 0);
    expect_result(actor_do(pair.rx, view_take, 1, FORM_TRY), 1);
    expect_result(ask(pair.rx, close_receiver), 0);
    int64_t seen[4] = {0};
    for (int i = 0; i < 3; i++) {
        int64_t sequence = actor_do(other, view_take, 0, FORM_TIMEOUT_SHORT);
        expect(sequence >= 0 && sequence < 3);
        seen[sequence]++;
        expect_number(tell(other, view_deliveries, 0), sequence == 2 ? 1 : 2);
        expect_result(tell(other, view_release, 0), 0);
    }
    for (int i = 0; i < 3; i++)
        expect_number(seen[i], 1);
    expect_result(ask(other, recv_try), -EAGAIN);
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_views_of_a_killed_receiver_are_delivered_again_to_a_sleeping_one(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_send(&pair, 0, 1);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 0);
    actor_begin_blocking(other, view_take, 0, FORM_BLOCK);
    actor_kill(pair.rx);
    expect_result(actor_finish_within(other, 1000), 0);
    expect_number(tell(other, view_deliveries, 0), 2);
    expect_result(tell(other, view_release, 0), 0);
    actor_end(other);
    actor_bury(pair.rx);
    pair.rx = NULL;
    pair_close(flavour, &pair);
}

static void test_a_durable_channels_next_receiver_gets_what_the_killed_one_held(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    pair_send(&pair, 0, 3);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 0);
    expect_result(actor_do(pair.rx, view_take, 1, FORM_TRY), 1);
    actor_kill(pair.rx);
    struct actor *next = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    int64_t sum = 0, deliveries = 0;
    for (int i = 0; i < 3; i++) {
        int64_t sequence = actor_do(next, view_take, 0, FORM_TIMEOUT_SHORT);
        expect(sequence >= 0);
        sum += 1ll << sequence;
        deliveries += tell(next, view_deliveries, 0);
        expect_result(tell(next, view_release, 0), 0);
    }
    expect_number(sum, 7);
    expect_number(deliveries, 5);
    expect_result(ask(next, recv_try), -EAGAIN);
    actor_bury(pair.rx);
    pair.rx = next;
    pair_close(flavour, &pair);
}

static void test_a_message_delivered_often_enough_is_discarded_and_counted(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 4);
    options.max_deliveries = 2;
    struct pair pair = pair_open_with(flavour, &options);
    struct actor *last = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_send(&pair, 0, 2);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 0);
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_result(ask(pair.rx, attach_receiver), 0);
    int64_t sequence = actor_do(pair.rx, view_take, 0, FORM_TRY);
    while (sequence == 1) { /* redelivered ones may come late */
        expect_result(tell(pair.rx, view_release, 0), 0);
        sequence = actor_do(pair.rx, view_take, 0, FORM_TRY);
    }
    expect_result(sequence, 0);
    expect_number(tell(pair.rx, view_deliveries, 0), 2);
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_result(tell(pair.tx, send_try, 3), 0);
    for (sequence = ask(last, recv_try); sequence == 1; sequence = ask(last, recv_try))
        ;
    expect_result(sequence, 3);
    expect_result(ask(last, recv_try), -EAGAIN);
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(pair.ch, &stat), 0);
    expect_number(stat.discarded, 1);
    expect_number(stat.sent, 3);
    expect_number(stat.received, 2);
    actor_end(last);
    pair_close(flavour, &pair);
}

/* -EPIPE is the end: nothing can come back after it. */
static void test_closed_is_not_said_while_another_receiver_holds_a_message(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_send(&pair, 0, 1);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 0);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(ask(other, recv_try), -EAGAIN);
    expect_number(chan_is_closed(pair.ch), 1);
    expect_number(chan_is_drained(pair.ch), 0);
    actor_begin_blocking(other, recv_blocking, 0, 0);
    expect_result(tell(pair.rx, view_release, 0), 0);
    expect_result(actor_finish_within(other, 1000), -EPIPE);
    expect_number(chan_is_drained(pair.ch), 1);
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_a_message_given_back_after_shutdown_is_still_delivered(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_send(&pair, 0, 1);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 0);
    expect_result(chan_shutdown(pair.ch), 0);
    actor_begin_blocking(other, recv_blocking, 0, 0);
    actor_kill(pair.rx);
    expect_result(actor_finish_within(other, 1000), 0);
    expect_result(ask(other, recv_blocking), -EPIPE);
    actor_end(other);
    actor_bury(pair.rx);
    pair.rx = NULL;
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_a_loan_is_no_message_before_its_commit, 0, 0),
        CASE(test_messages_of_loans_come_in_the_order_of_commits, 0, 0),
        CASE(test_a_send_overtakes_an_open_loan, 0, 0),
        CASE(test_a_commit_that_finds_the_queue_full_leaves_the_loan_open, 0, 0),
        CASE(test_a_blocked_commit_succeeds_when_room_comes, FOR_FEW, 0),
        CASE(test_a_commit_on_a_closed_queue_fails_and_the_loan_can_be_aborted, 0, 0),
        CASE(test_an_aborted_loan_is_never_seen_and_its_place_is_free_again, 0, 0),
        CASE(test_payload_memory_that_was_freed_last_is_used_first, FOR_LARGE | NOT_GROWABLE, 0),
        CASE(test_a_budget_for_two_has_room_for_two_whatever_was_there_before, FOR_LARGE | NOT_GROWABLE, 0),
        CASE(test_one_loan_more_than_holds_is_refused_until_one_ends, 0, 0),
        CASE(test_a_loan_may_be_committed_in_part_but_not_beyond_its_size, 0, 0),
        CASE(test_a_loan_that_is_not_open_is_refused, 0, 0),
        CASE(test_the_loan_of_another_sender_is_refused, FOR_MANY_SENDERS, 0),
        CASE(test_loans_left_open_at_close_are_aborted, FOR_MANY_SENDERS, 0),
        CASE(test_a_viewed_message_is_no_longer_queued_and_its_place_is_free_at_once, 0, 0),
        CASE(test_views_may_be_released_in_any_order_and_stay_stable_meanwhile, 0, 0),
        CASE(test_one_view_more_than_holds_is_refused_until_one_is_released, 0, 0),
        CASE(test_with_all_views_open_an_empty_queue_still_says_empty, 0, 0),
        CASE(test_with_all_views_open_a_copying_receive_still_works, 0, 0),
        CASE(test_a_view_that_is_not_open_is_refused, 0, 0),
        CASE(test_a_view_tells_its_sender_its_time_and_the_first_delivery, 0, 0),
        CASE(test_views_open_at_close_are_delivered_again_to_another_receiver, FOR_MANY_RECEIVERS, 0),
        CASE(test_views_of_a_killed_receiver_are_delivered_again_to_a_sleeping_one,
             FOR_MANY_RECEIVERS | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_durable_channels_next_receiver_gets_what_the_killed_one_held, FOR_DURABLE, 0),
        CASE(test_a_message_delivered_often_enough_is_discarded_and_counted, FOR_MANY_RECEIVERS, 0),
        CASE(test_closed_is_not_said_while_another_receiver_holds_a_message, FOR_MANY_RECEIVERS, 0),
        CASE(test_a_message_given_back_after_shutdown_is_still_delivered, FOR_MANY_RECEIVERS, 0),
    };
    return suite_run("hold", cases, sizeof cases / sizeof *cases, argc, argv);
}
