/* SPDX-License-Identifier: Apache-2.0 */
/* Capacity is exact: n sends, then full; len, available, is_full, is_empty at each step, over many laps;
 * FIFO. */
#include <errno.h>

#include "expect.h"
#include "pair.h"
#include "suite.h"

static const uint64_t capacities[] = {1, 2, 3, 5, 64, 1000};
#define CAPACITIES (sizeof capacities / sizeof *capacities)

/* What an onlooker's mapping says of a queue with `filled` of `capacity` places taken. */
static void expect_level(const struct chan *ch, uint64_t filled, uint64_t capacity)
{
    expect_number(chan_len(ch), filled);
    expect_number(chan_available(ch), capacity - filled);
    expect_number(chan_is_empty(ch), filled == 0);
    expect_number(chan_is_full(ch), filled == capacity);
    expect_number(chan_capacity(ch), capacity);
}

/* Sender and receiver are processes of their own, and this one looks on. */
static void fill_and_empty(const struct flavour *flavour, const struct chan_options *options)
{
    struct pair pair = pair_open_with(flavour, options);
    uint64_t capacity = options->messages;
    expect_level(pair.ch, 0, capacity);
    for (uint64_t i = 0; i < capacity; i++) {
        expect_result(tell(pair.tx, send_try, (int64_t)i), 0);
        expect_level(pair.ch, i + 1, capacity);
    }
    expect_result(tell(pair.tx, send_try, 77), -EAGAIN);
    expect_level(pair.ch, capacity, capacity);
    for (uint64_t i = 0; i < capacity; i++) {
        expect_result(ask(pair.rx, recv_try), (int64_t)i);
        expect_level(pair.ch, capacity - i - 1, capacity);
    }
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    expect_level(pair.ch, 0, capacity);
    pair_close(flavour, &pair);
}

static void test_exactly_n_messages_fit_and_every_figure_agrees_at_each_step(const struct flavour *flavour)
{
    for (size_t i = 0; i < CAPACITIES; i++) {
        struct chan_options options = flavour_options(flavour, capacities[i]);
        fill_and_empty(flavour, &options);
    }
}

/* Messages of the largest size exactly use up the budget that a channel gets unless told otherwise. */
static void test_n_messages_of_the_largest_size_fit_the_default_budget(const struct flavour *flavour)
{
    for (size_t i = 0; i < CAPACITIES; i++) {
        struct chan_options options = flavour_options(flavour, capacities[i]);
        options.bytes = 0;
        struct chan *ch = flavour_create_with(flavour, &options);
        struct party me;
        party_open(&me, flavour, ch);
        expect_result(attach_receiver(&me, 0, 0), 0);
        expect_result(attach_sender(&me, 0, 0), 0);
        size_t largest = flavour_largest(flavour);
        for (int lap = 0; lap < 3; lap++) {
            for (uint64_t k = 0; k < capacities[i]; k++)
                expect_result(chan_try_send(me.tx, me.buffer, largest), 0);
            expect_result(chan_try_send(me.tx, me.buffer, largest), -EAGAIN);
            for (uint64_t k = 0; k < capacities[i]; k++) {
                size_t size;
                expect_result(chan_try_recv(me.rx, me.buffer, largest, &size), 0);
                expect_number(size, largest);
            }
        }
        party_leave(&me);
        flavour_finish(flavour, ch);
    }
}

/* The level wanders over all of 0 .. n while the ring goes round many times. */
static void test_capacity_and_order_stay_exact_over_many_laps(const struct flavour *flavour)
{
    static const int64_t small[] = {1, 2, 3, 5};
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        int64_t capacity = small[i], sent = 0, received = 0;
        struct pair pair = pair_open(flavour, (uint64_t)capacity);
        for (int64_t lap = 0; lap < 40; lap++) {
            int64_t target = lap % 2 ? lap * 7 % (capacity + 1) : capacity;
            while (sent - received < target)
                expect_result(tell(pair.tx, send_try, sent++), 0);
            if (target == capacity)
                expect_result(tell(pair.tx, send_try, sent), -EAGAIN);
            expect_level(pair.ch, (uint64_t)(sent - received), (uint64_t)capacity);
            target = lap * 5 % (capacity + 1);
            while (sent - received > target)
                expect_result(ask(pair.rx, recv_try), received++);
            if (sent == received)
                expect_result(ask(pair.rx, recv_try), -EAGAIN);
            expect_level(pair.ch, (uint64_t)(sent - received), (uint64_t)capacity);
        }
        pair_recv(&pair, received, sent - received);
        pair_close(flavour, &pair);
    }
}

static void test_messages_come_in_the_order_they_were_sent(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 16);
    for (int64_t first = 0; first < 160; first += 16) {
        pair_send(&pair, first, 16);
        pair_recv(&pair, first, 16);
    }
    pair_close(flavour, &pair);
}

static void test_two_senders_messages_come_in_the_order_the_sends_took_effect(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 8);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_SENDER);
    for (int64_t i = 0; i < 64; i += 4) {
        for (int64_t k = i; k < i + 4; k++)
            expect_result(tell(k % 3 ? pair.tx : other, send_try, k), 0);
        pair_recv(&pair, i, 4);
    }
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_two_receivers_share_the_messages_in_order(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 8);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    for (int64_t i = 0; i < 64; i += 4) {
        pair_send(&pair, i, 4);
        for (int64_t k = i; k < i + 4; k++)
            expect_result(ask(k % 3 ? pair.rx : other, recv_try), k);
    }
    expect_result(ask(other, recv_try), -EAGAIN);
    actor_end(other);
    pair_close(flavour, &pair);
}

/* Many different sizes leave payload memory in pieces; n messages must fit all the same. */
static void test_a_queue_within_its_budget_is_never_full_by_unlucky_sizes(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 5);
    struct pair pair = pair_open_with(flavour, &options);
    int64_t sent = 0, received = 0;
    while (sent < 500) {
        while (sent - received < 5)
            expect_result(tell(pair.tx, send_try, sent++), 0);
        for (int64_t k = 0; k < 1 + sent % 5; k++)
            expect_result(ask(pair.rx, recv_try), received++);
    }
    pair_recv(&pair, received, sent - received);
    pair_close(flavour, &pair);
}

static void test_a_used_up_budget_is_full_and_a_small_message_still_fits(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 64);
    options.bytes = 4 * options.message_size;
    struct chan *ch = flavour_create_with(flavour, &options);
    struct party me;
    party_open(&me, flavour, ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(attach_sender(&me, 0, 0), 0);
    size_t largest = flavour_largest(flavour);
    for (int lap = 0; lap < 5; lap++) {
        uint64_t sent = 0;
        while (sent < 64 && chan_try_send(me.tx, me.buffer, largest) == 0)
            sent++;
        expect(sent >= 3 && sent <= 4); /* whole units are taken, so that the fourth may not fit */
        expect_result(chan_try_send(me.tx, me.buffer, largest), -EAGAIN);
        expect_result(chan_try_send(me.tx, me.buffer, 4), 0);
        for (uint64_t k = 0; k <= sent; k++) {
            size_t size;
            expect_result(chan_try_recv(me.rx, me.buffer, largest, &size), 0);
            expect_number(size, k < sent ? largest : 4);
        }
        expect_number(chan_len(ch), 0);
    }
    party_leave(&me);
    flavour_finish(flavour, ch);
}

static void test_a_sender_blocked_on_the_budget_continues_when_payload_comes_back(
    const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 64);
    options.bytes = options.message_size;
    struct pair pair = pair_open_with(flavour, &options);
    int64_t sent = 0;
    while (tell(pair.tx, send_try, sent) == 0)
        sent++;
    expect(sent >= 1 && sent < 64);
    actor_begin_blocking(pair.tx, send_blocking, sent, 0);
    int64_t received = 0;
    while (received < sent)
        expect_result(ask(pair.rx, recv_try), received++);
    expect_result(actor_finish_within(pair.tx, 1000), 0);
    expect_result(ask(pair.rx, recv_try), sent);
    pair_close(flavour, &pair);
}

static int64_t send_on_and_on(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    for (int64_t i = 0; i < a; i++) {
        expect_result(send_blocking(me, i, 0), 0);
        expect(chan_len(me->ch) <= chan_capacity(me->ch));
    }
    return 0;
}

static int64_t recv_on_and_on(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    for (int64_t i = 0; i < a; i++)
        expect_result(recv_blocking(me, 0, 0), i);
    return 0;
}

static void test_what_onlookers_see_stays_within_capacity_while_messages_pass(const struct flavour *flavour)
{
    enum { MESSAGES = 20000, CAPACITY = 3 };
    struct pair pair = pair_open(flavour, CAPACITY);
    actor_begin(pair.tx, send_on_and_on, MESSAGES, 0);
    actor_begin(pair.rx, recv_on_and_on, MESSAGES, 0);
    struct chan_stat stat = {.size = sizeof stat};
    do {
        expect(chan_len(pair.ch) <= CAPACITY);
        expect(chan_available(pair.ch) <= CAPACITY);
        expect_result(chan_stat(pair.ch, &stat), 0);
        expect(stat.queued <= CAPACITY);
    } while (stat.received < MESSAGES);
    expect_result(actor_finish(pair.tx), 0);
    expect_result(actor_finish(pair.rx), 0);
    /* As soon as a send has returned, there is something. */
    for (int64_t i = 0; i < 100; i++) {
        pair_send(&pair, i, 1);
        expect_number(chan_len(pair.ch), 1);
        pair_recv(&pair, i, 1);
    }
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_what_onlookers_see_stays_within_capacity_while_messages_pass, FOR_FEW, 60),
        CASE(test_exactly_n_messages_fit_and_every_figure_agrees_at_each_step, 0, 0),
        CASE(test_n_messages_of_the_largest_size_fit_the_default_budget, 0, 0),
        CASE(test_capacity_and_order_stay_exact_over_many_laps, 0, 0),
        CASE(test_messages_come_in_the_order_they_were_sent, 0, 0),
        CASE(test_two_senders_messages_come_in_the_order_the_sends_took_effect, FOR_MANY_SENDERS, 0),
        CASE(test_two_receivers_share_the_messages_in_order, FOR_MANY_RECEIVERS, 0),
        CASE(test_a_queue_within_its_budget_is_never_full_by_unlucky_sizes, 0, 0),
        CASE(test_a_used_up_budget_is_full_and_a_small_message_still_fits, FOR_LARGE | NOT_GROWABLE, 0),
        CASE(test_a_sender_blocked_on_the_budget_continues_when_payload_comes_back, FOR_LARGE | NOT_GROWABLE,
             0),
    };
    return suite_run("capacity", cases, sizeof cases / sizeof *cases, argc, argv);
}
