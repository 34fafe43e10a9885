/* SPDX-License-Identifier: Apache-2.0 */
/* Draining: what is queued at one moment, no more and no less, and senders that waited go on. */
#include <errno.h>
#include <stdlib.h>

#include "expect.h"
#include "pair.h"
#include "pattern.h"
#include "suite.h"

#define WAKE_MS 800
#define MOST 16

static int64_t drained[MOST]; /* this process's last: the messages' numbers */

/* a = limit. Returns how many. */
static int64_t drain(struct party *me, int64_t a, int64_t b)
{
    struct iovec messages[MOST];
    size_t largest = flavour_largest(me->flavour);
    (void)b;
    expect(a <= MOST);
    unsigned char *buffers = malloc(MOST * largest);
    expect(buffers != NULL);
    for (int64_t i = 0; i < a; i++)
        messages[i] = (struct iovec){buffers + (size_t)i * largest, largest};
    ssize_t count = chan_drain(me->rx, messages, (size_t)a);
    for (ssize_t i = 0; i < count; i++) {
        uint32_t sender;
        uint64_t sequence;
        expect(pattern_read(messages[i].iov_base, messages[i].iov_len, &sender, &sequence));
        expect_number(messages[i].iov_len, flavour_size(me->flavour, sequence));
        drained[i] = (int64_t)sequence;
    }
    free(buffers);
    return count;
}

static int64_t drained_at(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)b;
    return drained[a];
}

static void expect_drained(struct actor *rx, int64_t limit, int64_t first, int64_t count)
{
    expect_number(tell(rx, drain, limit), count);
    for (int64_t i = 0; i < count; i++)
        expect_number(tell(rx, drained_at, i), first + i);
}

static void test_all_that_is_queued_is_taken_in_order(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 5);
    int64_t next = 0;
    for (int64_t lap = 0; lap < 4; lap++) {
        for (int64_t count = 0; count <= 5; count++) {
            pair_send(&pair, next, count);
            expect_drained(pair.rx, MOST, next, count);
            expect_number(chan_len(pair.ch), 0);
            next += count;
        }
    }
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(pair.ch, &stat), 0);
    expect_number(stat.sent, stat.received);
    expect_number(stat.unreturned, 0);
    expect_number(stat.units_used, 0);
    pair_close(flavour, &pair);
}

static void test_the_limit_leaves_the_rest_queued(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 5);
    pair_send(&pair, 0, 5);
    expect_drained(pair.rx, 0, 0, 0);
    expect_drained(pair.rx, 2, 0, 2);
    expect_number(chan_len(pair.ch), 3);
    expect_drained(pair.rx, 3, 2, 3);
    pair_close(flavour, &pair);
}

static void test_nothing_queued_is_none_until_the_end(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect_number(tell(pair.rx, drain, 3), 0);
    pair_send(&pair, 0, 1);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_drained(pair.rx, 3, 0, 1);
    expect_number(tell(pair.rx, drain, 0), 0);
    expect_number(ask(pair.rx, is_terminated), 0);
    expect_result(tell(pair.rx, drain, 3), -EPIPE);
    expect_number(ask(pair.rx, is_terminated), 1);
    expect_result(tell(pair.rx, drain, 3), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_a_killed_senders_messages_are_drained_and_then_it_is_over(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct chan_repair_report report;
    pair_send(&pair, 0, 2);
    actor_kill(pair.tx);
    expect_result(chan_repair(pair.ch, 0, &report), 0);
    expect_drained(pair.rx, 3, 0, 2);
    expect_result(tell(pair.rx, drain, 3), -EPIPE);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static void test_while_another_receiver_has_a_message_it_is_not_over(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_send(&pair, 0, 2);
    expect_result(actor_do(other, view_take, 0, FORM_TRY), 0);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_drained(pair.rx, 3, 1, 1);
    expect_number(tell(pair.rx, drain, 3), 0);
    actor_kill(other);
    struct chan_repair_report report;
    expect_result(chan_repair(pair.ch, 0, &report), 0);
    expect_drained(pair.rx, 3, 0, 1); /* given back */
    expect_result(tell(pair.rx, drain, 3), -EPIPE);
    actor_bury(other);
    pair_close(flavour, &pair);
}

static void test_waiting_senders_are_woken_and_their_messages_come_later(const struct flavour *flavour)
{
    enum { SENDERS = 3 };
    struct pair pair = pair_open(flavour, SENDERS);
    struct actor *more[SENDERS];
    pair_send(&pair, 0, SENDERS);
    for (int i = 0; i < SENDERS; i++) {
        more[i] = actor_start(flavour, pair.ch, ACTOR_SENDER);
        actor_begin_blocking(more[i], send_blocking, SENDERS + i, 0);
    }
    int64_t first = tell(pair.rx, drain, MOST);
    expect_number(first, SENDERS); /* the capacity: a sender that is woken meanwhile comes too late */
    for (int64_t i = 0; i < first; i++)
        expect_number(tell(pair.rx, drained_at, i), i);
    for (int i = 0; i < SENDERS; i++) {
        expect_result(actor_finish_within(more[i], WAKE_MS), 0);
        actor_end(more[i]);
    }
    expect_number(tell(pair.rx, drain, MOST), SENDERS);
    pair_close(flavour, &pair);
}

static void test_what_does_not_fit_stays_and_tells_its_size(const struct flavour *flavour)
{
    struct chan *ch = flavour_create(flavour, 4);
    struct chan_sender *tx;
    struct chan_receiver *rx;
    size_t small = flavour_smallest(flavour), largest = flavour_largest(flavour);
    unsigned char *data = calloc(1, largest), *in = malloc(2 * largest);
    expect(data && in);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_send(tx, data, small), 0);
    expect_result(chan_send(tx, data, largest), 0);
    struct iovec two[2] = {{in, largest}, {in + largest, small}};
    expect_number(chan_drain(rx, two, 2), 1);
    expect(two[0].iov_len == small && two[1].iov_len == small);
    expect_number(chan_drain(rx, &two[1], 1), -EMSGSIZE);
    expect_number(two[1].iov_len, largest);
    expect_number(chan_len(ch), 1);
    two[0].iov_len = largest;
    expect_number(chan_drain(rx, two, 1), 1);
    chan_close_sender(tx);
    chan_close_receiver(rx);
    free(data);
    free(in);
    flavour_finish(flavour, ch);
}

/* Senders that never pause: a drain ends, with no more than there is room for, and loses nothing. */
static int64_t send_for_ever(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    for (int64_t sent = 0;; sent++) {
        int64_t result = send_blocking(me, a + sent, 0);
        if (result == -EPIPE)
            return sent;
        expect_result(result, 0);
    }
}

static int64_t drain_until_over(struct party *me, int64_t a, int64_t b)
{
    int64_t received = 0, count;
    while ((count = drain(me, MOST, b)) >= 0) {
        expect(count <= a);
        received += count;
        if (received > 2000 && !chan_is_closed(me->ch))
            expect_result(chan_shutdown(me->ch), 0);
    }
    expect_result(count, -EPIPE);
    return received;
}

static void test_no_more_than_the_capacity_at_once_under_load(const struct flavour *flavour)
{
    enum { CAPACITY = 4 };
    struct pair pair = pair_open(flavour, CAPACITY);
    struct actor *tx = flavour->senders == CHAN_MANY ? actor_start(flavour, pair.ch, ACTOR_SENDER) : NULL;
    struct actor *rx = flavour->receivers == CHAN_MANY ? actor_start(flavour, pair.ch, ACTOR_RECEIVER) : NULL;
    actor_begin(pair.tx, send_for_ever, 0, 0);
    if (tx)
        actor_begin(tx, send_for_ever, 1000000, 0);
    actor_begin(pair.rx, drain_until_over, CAPACITY, 0);
    if (rx)
        actor_begin(rx, drain_until_over, CAPACITY, 0);
    int64_t received = actor_finish(pair.rx) + (rx ? actor_finish(rx) : 0);
    int64_t sent = actor_finish(pair.tx) + (tx ? actor_finish(tx) : 0);
    expect_number(received, sent);
    if (tx)
        actor_end(tx);
    if (rx)
        actor_end(rx);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_all_that_is_queued_is_taken_in_order, 0, 0),
        CASE(test_the_limit_leaves_the_rest_queued, 0, 0),
        CASE(test_nothing_queued_is_none_until_the_end, 0, 0),
        CASE(test_a_killed_senders_messages_are_drained_and_then_it_is_over, FOR_EPHEMERAL, 0),
        CASE(test_while_another_receiver_has_a_message_it_is_not_over, FOR_MANY_RECEIVERS, 0),
        CASE(test_waiting_senders_are_woken_and_their_messages_come_later, FOR_MANY_SENDERS | FOR_FEW, 0),
        CASE(test_what_does_not_fit_stays_and_tells_its_size, 0, 0),
        CASE(test_no_more_than_the_capacity_at_once_under_load, FOR_FEW, 0),
    };
    return suite_run("drain", cases, sizeof cases / sizeof *cases, argc, argv);
}
