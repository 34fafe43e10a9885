/* SPDX-License-Identifier: Apache-2.0 */
/* Figures beside those of messages moved: refusals, the high-water mark, time blocked, what came back from the
 * dead. Sums outlive endpoints, and each death is counted once. */
#include <errno.h>

#include "expect.h"
#include "pair.h"
#include "suite.h"

#define BLOCKED_MS 60
#define SURELY_NS INT64_C(10000000) /* of which at least, on a machine with much else to do */

static struct chan_stat figures(const struct chan *ch)
{
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(ch, &stat), 0);
    return stat;
}

/* Whatever else is counted: messages are conserved. */
static struct chan_stat quiet_figures(const struct chan *ch)
{
    struct chan_stat stat = figures(ch);
    expect_number(stat.sent, stat.received + stat.discarded + stat.dead_lettered + stat.held + stat.orphaned +
                                 stat.queued);
    return stat;
}

static void expect_refusals(const struct chan *ch, uint64_t full, uint64_t late, uint64_t closed)
{
    struct chan_stat stat = quiet_figures(ch);
    expect_number(stat.refused_full, full);
    expect_number(stat.refused_late, late);
    expect_number(stat.refused_closed, closed);
}

static void test_refused_messages_are_counted_by_the_reason(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    for (enum way way = WAY_COPY; way < WAYS; way++) {
        uint64_t so_far = (uint64_t)way;
        pair_send(&pair, 0, 2);
        expect_refusals(pair.ch, so_far, 2 * so_far, 0);
        expect_result(actor_do(pair.tx, send_by, 9, HOW(way, FORM_TRY)), -EAGAIN);
        expect_refusals(pair.ch, so_far + 1, 2 * so_far, 0);
        expect_result(actor_do(pair.tx, send_by, 9, HOW(way, FORM_TIMEOUT_ZERO)), -ETIMEDOUT);
        expect_result(actor_do(pair.tx, send_by, 9, HOW(way, FORM_UNTIL_SHORT)), -ETIMEDOUT);
        expect_refusals(pair.ch, so_far + 1, 2 * so_far + 2, 0);
        pair_recv(&pair, 0, 2);
        expect_result(ask(pair.rx, recv_try), -EAGAIN); /* nothing was sent, nothing refused */
    }
    expect_result(chan_shutdown(pair.ch), 0);
    for (enum way way = WAY_COPY; way < WAYS; way++) {
        expect_result(actor_do(pair.tx, send_by, 9, HOW(way, FORM_BLOCK)), -EPIPE);
        expect_refusals(pair.ch, WAYS, 2 * WAYS, (uint64_t)way + 1);
    }
    pair_close(flavour, &pair);
}

#define BATCH 5

static int64_t try_send_batch(struct party *me, int64_t a, int64_t b)
{
    struct iovec messages[BATCH];
    (void)a, (void)b;
    for (int i = 0; i < BATCH; i++)
        messages[i] = (struct iovec){me->buffer, flavour_smallest(me->flavour)};
    return chan_try_send_many(me->tx, messages, BATCH);
}

static void test_a_batch_is_refused_for_the_message_that_stopped_it(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect_number(ask(pair.tx, try_send_batch), 3);
    expect_refusals(pair.ch, 1, 0, 0);
    expect_number(ask(pair.tx, try_send_batch), -EAGAIN);
    expect_refusals(pair.ch, 2, 0, 0);
    expect_number(quiet_figures(pair.ch).sent, 3);
    pair_close(flavour, &pair);
}

static int64_t try_write(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_try_write(me->tx, me->buffer, 1);
}

static void test_a_write_is_refused_as_a_send(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    expect_number(ask(pair.tx, try_write), 1);
    expect_number(ask(pair.tx, try_write), -EAGAIN);
    expect_refusals(pair.ch, 1, 0, 0);
    pair_close(flavour, &pair);
}

static void test_refusals_outlive_their_sender(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    pair_send(&pair, 0, 1);
    expect_result(tell(pair.tx, send_try, 9), -EAGAIN);
    actor_kill(pair.tx);
    struct actor *next = actor_start(flavour, pair.ch, ACTOR_SENDER); /* on the same record */
    actor_bury(pair.tx);
    pair.tx = next;
    expect_refusals(pair.ch, 1, 0, 0);
    expect_result(tell(pair.tx, send_try, 9), -EAGAIN);
    expect_refusals(pair.ch, 2, 0, 0);
    pair_recv(&pair, 0, 1);
    pair_close(flavour, &pair);
}

static void move(struct pair *pair, int64_t first, int64_t count)
{
    pair_send(pair, first, count);
    pair_recv(pair, first, count);
}

static void test_the_high_water_mark_is_exact_for_a_queue_that_was_full(const struct flavour *flavour)
{
    for (int64_t capacity = 1; capacity <= 20; capacity += 3) {
        struct pair pair = pair_open(flavour, (uint64_t)capacity);
        expect_number(quiet_figures(pair.ch).high_water, 0);
        pair_send(&pair, 0, capacity);
        expect_number(quiet_figures(pair.ch).high_water, capacity);
        expect_result(tell(pair.tx, send_try, 99), -EAGAIN);
        pair_recv(&pair, 0, capacity);
        for (int64_t i = 0; i < 30; i++)
            move(&pair, i, 1);
        expect_number(quiet_figures(pair.ch).high_water, capacity);
        pair_close(flavour, &pair);
    }
}

/* Never above the truth, and at most so much below. */
static void test_the_high_water_mark_is_at_most_seven_short(const struct flavour *flavour)
{
    enum { CAPACITY = 64, SHORT = 7 };
    struct pair pair = pair_open(flavour, CAPACITY);
    int64_t sent = 0, longest = 0;
    for (int64_t length = 1; length < CAPACITY - 2; length += 5) {
        move(&pair, sent, length);
        sent += length;
        longest = length;
        int64_t mark = (int64_t)quiet_figures(pair.ch).high_water;
        expect(mark <= longest);
        expect(mark >= longest - SHORT);
    }
    for (int64_t i = 0; i < 3 * CAPACITY; i++)
        move(&pair, sent + i, 1);
    int64_t mark = (int64_t)quiet_figures(pair.ch).high_water;
    expect(mark <= longest && mark >= longest - SHORT);
    pair_close(flavour, &pair);
}

/* Begins a step, and returns when it has been waiting for a while. */
static void block(struct actor *actor, struct chan *ch, uint32_t number, step *what, int64_t a)
{
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    actor_begin(actor, what, a, 0);
    do
        expect_result(chan_endpoint_stat(ch, number, &stat), 0);
    while (stat.waits_for == CHAN_WAITS_FOR_NOTHING);
    expect_result(actor_finish_within(actor, BLOCKED_MS), -EINPROGRESS);
}

static void test_time_blocked_is_counted_for_the_side_that_was(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    uint32_t tx = (uint32_t)ask(pair.tx, sender_number), rx = (uint32_t)ask(pair.rx, receiver_number);
    block(pair.rx, pair.ch, rx, recv_blocking, 0);
    pair_send(&pair, 0, 1);
    expect_result(actor_finish(pair.rx), 0);
    struct chan_stat first = quiet_figures(pair.ch);
    expect(first.recv_waits >= 1 && first.recv_waited_ns >= SURELY_NS);
    expect(first.send_waits == 0 && first.send_waited_ns == 0);
    pair_send(&pair, 1, 1);
    block(pair.tx, pair.ch, tx, send_blocking, 2);
    pair_recv(&pair, 1, 1);
    expect_result(actor_finish(pair.tx), 0);
    struct chan_stat second = quiet_figures(pair.ch);
    expect(second.send_waits >= 1 && second.send_waited_ns >= SURELY_NS);
    expect(second.recv_waits == first.recv_waits && second.recv_waited_ns == first.recv_waited_ns);
    pair_recv(&pair, 2, 1);
    pair_close(flavour, &pair);
}

/* A record that had a receiver gets a sender: what was waited before is neither that one's, nor the senders'. */
static void test_a_newcomer_has_not_waited_whatever_its_record_did(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 1);
    options.endpoints = 1;
    struct chan *ch = flavour_create_with(flavour, &options);
    struct actor *actor = actor_start(flavour, ch, ACTOR_RECEIVER);
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    do { /* it may be late, and find the time over before it sleeps */
        expect_result(actor_do(actor, recv_by, 0, HOW(WAY_COPY, FORM_TIMEOUT_SHORT)), -ETIMEDOUT);
        expect_result(chan_endpoint_stat(ch, 0, &stat), 0);
    } while (!stat.waits);
    uint64_t waits = stat.waits;
    expect_result(ask(actor, close_receiver), 0);
    expect_result(ask(actor, attach_sender), 0);
    expect_result(chan_endpoint_stat(ch, 0, &stat), 0);
    expect(stat.waits == 0 && stat.waited_ns == 0);
    expect_number(figures(ch).recv_waits, waits);
    expect_number(figures(ch).send_waits, 0);
    actor_end(actor);
    flavour_finish(flavour, ch);
}

static void test_each_death_is_counted_once_however_many_see_it(const struct flavour *flavour)
{
    enum { WATCHERS = 3, DEATHS = 4 };
    struct pair pair = pair_open(flavour, 3);
    struct actor *watchers[WATCHERS];
    for (int i = 0; i < WATCHERS; i++)
        watchers[i] = actor_start(flavour, pair.ch, i % 2 ? ACTOR_SENDER : ACTOR_RECEIVER);
    for (uint64_t deaths = 1; deaths <= DEATHS; deaths++) {
        struct chan_repair_report report;
        struct actor *victim = actor_start(flavour, pair.ch, deaths % 2 ? ACTOR_SENDER : ACTOR_RECEIVER);
        actor_kill(victim);
        expect_result(chan_repair(pair.ch, 0, &report), 0);
        expect_number(quiet_figures(pair.ch).deaths, deaths);
        actor_bury(victim);
    }
    for (int i = 0; i < WATCHERS; i++)
        actor_end(watchers[i]);
    expect_number(quiet_figures(pair.ch).deaths, DEATHS); /* closing is no death */
    pair_close(flavour, &pair);
}

static void test_messages_given_back_are_counted_also_when_they_have_been_received(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *victim = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    struct chan_repair_report report;
    pair_send(&pair, 0, 2);
    expect_result(actor_do(victim, view_take, 0, FORM_TRY), 0);
    expect_number(quiet_figures(pair.ch).given_back, 0);
    actor_kill(victim);
    expect_result(chan_repair(pair.ch, 0, &report), 0);
    expect_number(quiet_figures(pair.ch).given_back, 1);
    pair_recv(&pair, 0, 2);
    expect_number(quiet_figures(pair.ch).given_back, 1);
    expect_number(quiet_figures(pair.ch).deaths, 1);
    actor_bury(victim);
    pair_close(flavour, &pair);
}

static void test_payload_that_the_dead_left_is_counted(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct chan_repair_report report;
    uint64_t reclaimed = 0;
    for (int round = 0; round < 3; round++) {
        expect_result(actor_do(pair.tx, loan_reserve, 0, 7 * round), 0);
        expect_result(actor_do(pair.tx, loan_reserve, 1, 7 * round + 1), 0);
        uint64_t used = figures(pair.ch).units_used;
        expect(used >= 2);
        actor_kill(pair.tx);
        expect_result(chan_repair(pair.ch, 0, &report), 0);
        reclaimed += used;
        expect_number(figures(pair.ch).units_reclaimed, reclaimed);
        expect_number(figures(pair.ch).units_used, 0);
        actor_bury(pair.tx);
        pair.tx = actor_start(flavour, pair.ch, ACTOR_SENDER);
    }
    expect_result(actor_do(pair.tx, loan_reserve, 0, 5), 0);
    expect_result(tell(pair.tx, loan_abort, 0), 0);
    expect_number(figures(pair.ch).units_reclaimed, reclaimed);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_refused_messages_are_counted_by_the_reason, 0, 0),
        CASE(test_a_batch_is_refused_for_the_message_that_stopped_it, 0, 0),
        CASE(test_a_write_is_refused_as_a_send, 0, 0),
        CASE(test_refusals_outlive_their_sender, FOR_DURABLE, 0),
        CASE(test_the_high_water_mark_is_exact_for_a_queue_that_was_full, FOR_FEW, 0),
        CASE(test_the_high_water_mark_is_at_most_seven_short, FOR_FEW, 0),
        CASE(test_time_blocked_is_counted_for_the_side_that_was, FOR_FEW, 0),
        CASE(test_a_newcomer_has_not_waited_whatever_its_record_did, FOR_DURABLE, 0),
        CASE(test_each_death_is_counted_once_however_many_see_it, FOR_MANY | FOR_FEW | WITHOUT_KEEPER_TOO, 0),
        CASE(test_messages_given_back_are_counted_also_when_they_have_been_received, FOR_MANY_RECEIVERS, 0),
        CASE(test_payload_that_the_dead_left_is_counted, FOR_LARGE | FOR_DURABLE, 0),
    };
    return suite_run("metrics", cases, sizeof cases / sizeof *cases, argc, argv);
}
