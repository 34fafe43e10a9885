/* SPDX-License-Identifier: Apache-2.0 */
/* Message boundaries and sizes: empty, largest, too large, a buffer too small; batches whole and in part. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "pair.h"
#include "pattern.h"
#include "suite.h"

/* Sends `size` bytes of pattern, by a way; the sequence is the size. */
static int64_t send_sized(struct party *me, int64_t size, int64_t way)
{
    unsigned char *data = malloc((size_t)size + 1);
    expect(data != NULL);
    pattern_write(data, (size_t)size, 3, (uint64_t)size);
    struct iovec one = {.iov_base = data, .iov_len = (size_t)size};
    struct chan_loan loan;
    int64_t result;
    switch ((enum way)way) {
    case WAY_COPY:
        result = chan_try_send(me->tx, data, (size_t)size);
        break;
    case WAY_MANY:
        result = chan_try_send_many(me->tx, &one, 1);
        break;
    default:
        result = chan_try_reserve(me->tx, (size_t)size, &loan);
        if (result == 0) {
            memcpy(loan.data, data, (size_t)size);
            result = chan_try_commit(me->tx, &loan, (size_t)size);
        }
    }
    free(data);
    return result;
}

/* Receives by a way into room for `capacity` bytes; verifies; returns the size. */
static int64_t recv_sized(struct party *me, int64_t capacity, int64_t way)
{
    unsigned char *data = malloc((size_t)capacity + 1);
    expect(data != NULL);
    struct iovec one = {.iov_base = data, .iov_len = (size_t)capacity};
    struct chan_view view = {0};
    const void *seen = data;
    size_t size = SIZE_MAX;
    int64_t result;
    switch ((enum way)way) {
    case WAY_COPY:
        result = chan_try_recv(me->rx, data, (size_t)capacity, &size);
        break;
    case WAY_MANY:
        result = chan_try_recv_many(me->rx, &one, 1);
        expect(result <= 1);
        size = one.iov_len;
        break;
    default:
        result = chan_try_recv_view(me->rx, &view);
        seen = view.data;
        size = view.size;
    }
    if (result >= 0) {
        uint32_t sender;
        uint64_t sequence;
        expect(pattern_read(seen, size, &sender, &sequence));
        result = (int64_t)size;
    }
    if (view.data)
        expect_result(chan_release(me->rx, &view), 0);
    free(data);
    return result;
}

static void test_every_size_from_nothing_to_the_largest_arrives_whole_by_every_way(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    int64_t largest = (int64_t)flavour_largest(flavour), smallest = (int64_t)flavour_smallest(flavour);
    const int64_t sizes[] = {0, 1, 7, 8, 15, 16, 17, 100, smallest, smallest + 1, largest - 1, largest};
    for (int out = 0; out < WAYS; out++)
        for (int in = 0; in < WAYS; in++)
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                int sent = out == WAY_MANY ? 1 : 0;
                expect_result(actor_do(pair.tx, send_sized, sizes[i], out), sent);
                expect_number(actor_do(pair.rx, recv_sized, largest, in), sizes[i]);
            }
    pair_close(flavour, &pair);
}

static void test_one_byte_more_than_the_largest_is_refused_and_leaves_no_trace(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    int64_t largest = (int64_t)flavour_largest(flavour);
    for (int way = 0; way < WAYS; way++) {
        expect_result(actor_do(pair.tx, send_sized, largest + 1, way), -EMSGSIZE);
        expect_result(actor_do(pair.tx, send_sized, largest * 3, way), -EMSGSIZE);
    }
    expect_number(chan_len(pair.ch), 0);
    pair_send(&pair, 0, 2);
    pair_recv(&pair, 0, 2);
    pair_close(flavour, &pair);
}

static void test_a_channel_of_empty_messages_carries_nothing_else(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 3);
    options.message_size = 0;
    options.bytes = 0;
    struct pair pair = pair_open_with(flavour, &options);
    for (int lap = 0; lap < 5; lap++) {
        for (int i = 0; i < 3; i++)
            expect_result(actor_do(pair.tx, send_sized, 0, WAY_COPY), 0);
        expect_result(actor_do(pair.tx, send_sized, 0, WAY_COPY), -EAGAIN);
        expect_result(actor_do(pair.tx, send_sized, 1, WAY_COPY), -EMSGSIZE);
        for (int i = 0; i < 3; i++)
            expect_number(actor_do(pair.rx, recv_sized, 0, i % WAYS), 0);
        expect_result(actor_do(pair.rx, recv_sized, 0, WAY_COPY), -EAGAIN);
    }
    pair_close(flavour, &pair);
}

/* a = capacity of the buffer; returns the size told, and expects -EMSGSIZE. */
static int64_t recv_too_small(struct party *me, int64_t a, int64_t way)
{
    unsigned char *data = malloc((size_t)a + 1);
    expect(data != NULL);
    memset(data, 0x5a, (size_t)a + 1);
    size_t size = 0;
    if (way == WAY_COPY) {
        expect_result(chan_recv(me->rx, data, (size_t)a, &size), -EMSGSIZE);
    } else {
        struct iovec two[2] = {{.iov_base = data, .iov_len = (size_t)a}, {.iov_base = data, .iov_len = 0}};
        expect_result(chan_recv_many(me->rx, two, 2), -EMSGSIZE);
        size = two[0].iov_len;
    }
    expect(data[a] == 0x5a);
    free(data);
    return (int64_t)size;
}

static void test_a_buffer_too_small_tells_the_size_and_the_message_stays(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    int64_t size = (int64_t)flavour_size(flavour, 1);
    pair_send(&pair, 1, 1);
    for (int again = 0; again < 20; again++)
        for (int64_t capacity = 0; capacity < size; capacity += size - 1) {
            expect_number(actor_do(pair.rx, recv_too_small, capacity, WAY_COPY), size);
            expect_number(actor_do(pair.rx, recv_too_small, capacity, WAY_MANY), size);
        }
    expect_number(chan_len(pair.ch), 1);
    expect_result(ask(pair.rx, recv_try), 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    pair_send(&pair, 2, 2);
    pair_recv(&pair, 2, 2);
    pair_close(flavour, &pair);
}

static void test_a_message_too_large_for_one_receiver_goes_to_another_in_its_place(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_send(&pair, 1, 3);
    expect_number(actor_do(pair.rx, recv_too_small, 1, WAY_COPY), (int64_t)flavour_size(flavour, 1));
    for (int64_t i = 1; i <= 3; i++)
        expect_result(ask(other, recv_try), i);
    actor_end(other);
    pair_close(flavour, &pair);
}

static int64_t recv_without_size(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_try_recv(me->rx, me->buffer, flavour_largest(me->flavour), NULL);
}

static void test_the_size_may_be_unwanted(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    pair_send(&pair, 0, 1);
    expect_result(ask(pair.rx, recv_without_size), 0);
    pair_close(flavour, &pair);
}

#define BATCH 8

/* Sends a batch of b messages from number a on; returns how many went. */
static int64_t send_some(struct party *me, int64_t a, int64_t b)
{
    struct iovec messages[BATCH] = {0};
    for (int64_t i = 0; i < b; i++) {
        size_t size = flavour_size(me->flavour, (uint64_t)(a + i));
        messages[i] = (struct iovec){.iov_base = malloc(size), .iov_len = size};
        expect(messages[i].iov_base != NULL);
        pattern_write(messages[i].iov_base, size, 0, (uint64_t)(a + i));
    }
    ssize_t sent = chan_send_many_timeout(me->tx, messages, (size_t)b, 100 * 1000000);
    for (int64_t i = 0; i < b; i++)
        free(messages[i].iov_base);
    return sent;
}

/* Receives at most b messages, which must be a, a + 1 ...; returns how many came. */
static int64_t recv_some_for(struct party *me, int64_t a, int64_t b, int64_t timeout_ns)
{
    struct iovec messages[BATCH] = {0};
    size_t largest = flavour_largest(me->flavour);
    for (int64_t i = 0; i < b; i++)
        messages[i] = (struct iovec){.iov_base = malloc(largest), .iov_len = largest};
    ssize_t got = chan_recv_many_timeout(me->rx, messages, (size_t)b, timeout_ns);
    for (int64_t i = 0; i < b; i++) {
        uint32_t sender;
        uint64_t sequence;
        if (i < got) {
            expect(pattern_read(messages[i].iov_base, messages[i].iov_len, &sender, &sequence));
            expect_number(sequence, a + i);
        } else {
            expect_number(messages[i].iov_len, largest);
        }
        free(messages[i].iov_base);
    }
    return got;
}

static int64_t recv_some(struct party *me, int64_t a, int64_t b)
{
    return recv_some_for(me, a, b, 100 * 1000000);
}

static int64_t recv_some_patiently(struct party *me, int64_t a, int64_t b)
{
    return recv_some_for(me, a, b, 15000 * 1000000ll);
}

static void test_a_batch_goes_in_order_and_stops_at_the_first_that_finds_no_room(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 5);
    expect_number(actor_do(pair.tx, send_some, 0, 3), 3);
    expect_number(actor_do(pair.tx, send_some, 3, BATCH), 2);
    expect_result(actor_do(pair.tx, send_some, 5, BATCH), -ETIMEDOUT);
    expect_number(actor_do(pair.rx, recv_some, 0, 4), 4);
    expect_number(actor_do(pair.rx, recv_some, 4, BATCH), 1);
    expect_result(actor_do(pair.rx, recv_some, 0, BATCH), -ETIMEDOUT);
    pair_close(flavour, &pair);
}

static void test_a_blocked_batch_of_messages_goes_through_a_smaller_queue(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    actor_begin(pair.tx, send_some, 0, BATCH);
    for (int64_t i = 0; i < BATCH; i++)
        expect_result(ask(pair.rx, recv_one_second), i);
    expect_number(actor_finish(pair.tx), BATCH);
    pair_close(flavour, &pair);
}

static void test_a_batch_receive_takes_what_is_there_without_waiting_for_more(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 5);
    pair_send(&pair, 0, 2);
    int64_t start = chan_now();
    expect_number(actor_do(pair.rx, recv_some_patiently, 0, BATCH), 2);
    expect(chan_now() - start < 10000 * 1000000ll);
    pair_close(flavour, &pair);
}

static void test_a_batch_on_a_closed_queue_gets_the_rest_and_then_closed(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 5);
    expect_number(actor_do(pair.tx, send_some, 0, 3), 3);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(actor_do(pair.tx, send_some, 3, 2), -EPIPE);
    expect_number(actor_do(pair.rx, recv_some, 0, BATCH), 3);
    expect_result(actor_do(pair.rx, recv_some, 0, BATCH), -EPIPE);
    pair_close(flavour, &pair);
}

static int64_t batches_of_none(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    struct iovec nothing = {0};
    if (me->tx)
        return chan_send_many(me->tx, &nothing, 0);
    return chan_recv_many(me->rx, &nothing, 0);
}

static void test_a_batch_of_none_returns_none_at_once(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    expect_result(ask(pair.rx, batches_of_none), 0);
    pair_send(&pair, 0, 1);
    expect_result(ask(pair.tx, batches_of_none), 0);
    pair_close(flavour, &pair);
}

static int64_t recv_two_of_which_one_fits(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    size_t largest = flavour_largest(me->flavour);
    struct iovec two[2] = {{.iov_base = me->buffer, .iov_len = largest},
                           {.iov_base = me->buffer, .iov_len = 1}};
    expect_result(chan_recv_many(me->rx, two, 2), 1);
    expect_number(two[0].iov_len, flavour_size(me->flavour, 0));
    return 0;
}

static void test_a_later_message_that_does_not_fit_ends_the_batch_before_it(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 3);
    expect_result(ask(pair.rx, recv_two_of_which_one_fits), 0);
    pair_recv(&pair, 1, 2);
    pair_close(flavour, &pair);
}

/* A message too large inside a batch: those before it are sent. */
static int64_t send_batch_with_a_giant(struct party *me, int64_t a, int64_t b)
{
    size_t too_large = flavour_largest(me->flavour) + 1;
    void *giant = calloc(1, too_large);
    size_t size = flavour_size(me->flavour, 0);
    pattern_write(me->buffer, size, 0, 0);
    struct iovec messages[3] = {{.iov_base = me->buffer, .iov_len = size},
                                {.iov_base = giant, .iov_len = too_large},
                                {.iov_base = me->buffer, .iov_len = size}};
    (void)b;
    ssize_t sent = chan_try_send_many(me->tx, messages + a, 3 - (size_t)a);
    free(giant);
    return sent;
}

static void test_a_message_too_large_ends_the_batch_before_it(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    expect_number(tell(pair.tx, send_batch_with_a_giant, 0), 1);
    expect_result(tell(pair.tx, send_batch_with_a_giant, 1), -EMSGSIZE);
    expect_number(chan_len(pair.ch), 1);
    pair_recv(&pair, 0, 1);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_every_size_from_nothing_to_the_largest_arrives_whole_by_every_way, 0, 0),
        CASE(test_one_byte_more_than_the_largest_is_refused_and_leaves_no_trace, 0, 0),
        CASE(test_a_channel_of_empty_messages_carries_nothing_else, FOR_INLINE, 0),
        CASE(test_a_buffer_too_small_tells_the_size_and_the_message_stays, 0, 0),
        CASE(test_a_message_too_large_for_one_receiver_goes_to_another_in_its_place, FOR_MANY_RECEIVERS, 0),
        CASE(test_the_size_may_be_unwanted, 0, 0),
        CASE(test_a_batch_goes_in_order_and_stops_at_the_first_that_finds_no_room, 0, 0),
        CASE(test_a_blocked_batch_of_messages_goes_through_a_smaller_queue, 0, 0),
        CASE(test_a_batch_receive_takes_what_is_there_without_waiting_for_more, 0, 0),
        CASE(test_a_batch_on_a_closed_queue_gets_the_rest_and_then_closed, 0, 0),
        CASE(test_a_batch_of_none_returns_none_at_once, 0, 0),
        CASE(test_a_later_message_that_does_not_fit_ends_the_batch_before_it, 0, 0),
        CASE(test_a_message_too_large_ends_the_batch_before_it, 0, 0),
    };
    return suite_run("message", cases, sizeof cases / sizeof *cases, argc, argv);
}
