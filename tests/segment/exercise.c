/* SPDX-License-Identifier: Apache-2.0 */
/* Everything one can do with a channel, to be done with one that is not sound. */
#include "exercise.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "expect.h"

#define MOST_BYTES EXERCISE_BYTES_MAX
#define A_MILLISECOND 1000000
#define GUARD 0xa5
#define GUARD_BYTES 16
#define MORE_BYTES 8 /* than the largest message has */

void expect_documented(int64_t result)
{
    if (result < 0 && strcmp(chan_error_name((int)result), "E?") == 0)
        expect_never("%lld is no documented result", (long long)result);
}

void exercise_read_only(const struct chan *ch)
{
    char text[160];
    unsigned char bytes[256];
    struct chan_options options;
    struct chan_peek_info info;
    struct chan_stat stat = {.size = sizeof stat};
    struct chan_endpoint_stat endpoint = {.size = sizeof endpoint};
    uint8_t id[16];
    chan_options_of(ch, &options);
    chan_id(ch, id);
    expect(strlen(chan_name(ch)) <= CHAN_NAME_MAX);
    expect_documented(chan_stat(ch, &stat));
    expect_documented(chan_check(ch, text, sizeof text));
    for (uint32_t i = 0; i < 4; i++)
        expect_documented(chan_endpoint_stat(ch, i, &endpoint));
    uint64_t position = 0;
    for (int i = 0; i < 8; i++)
        expect_documented(chan_peek(ch, &position, bytes, sizeof bytes, &info));
    expect(chan_len(ch) <= chan_capacity(ch));
    expect(chan_available(ch) <= chan_capacity(ch));
    (void)(chan_senders(ch) + chan_receivers(ch));
    (void)(chan_is_empty(ch) + chan_is_full(ch) + chan_is_closed(ch) + chan_is_drained(ch));
}

int64_t exercise_send_many(struct chan_sender *tx, size_t message_size, int64_t timeout_ns, unsigned *seed)
{
    static unsigned char bytes[MOST_BYTES + 1];
    struct iovec messages[EXERCISE_BATCH];
    for (size_t i = 0; i < EXERCISE_BATCH; i++) {
        size_t size = i % 3 == 1 ? 0 : (size_t)rand_r(seed) % (message_size + 1);
        messages[i] = (struct iovec){i == 4 ? NULL : bytes, size};
    }
    size_t wrong = (size_t)rand_r(seed) % (2 * EXERCISE_BATCH); /* as often none of them */
    if (wrong < EXERCISE_BATCH)
        messages[wrong] =
            rand_r(seed) % 2 ? (struct iovec){bytes, message_size + 1} : (struct iovec){NULL, 1};
    int64_t sent = chan_send_many_timeout(tx, messages, EXERCISE_BATCH, timeout_ns);
    expect(sent && sent <= EXERCISE_BATCH && sent <= (int64_t)wrong);
    return sent;
}

int64_t exercise_recv_many(struct chan_receiver *rx, size_t message_size, int64_t timeout_ns, unsigned *seed)
{
    static unsigned char bytes[EXERCISE_BATCH][MOST_BYTES + MORE_BYTES + GUARD_BYTES];
    unsigned char guard[GUARD_BYTES];
    struct iovec messages[EXERCISE_BATCH];
    size_t capacities[EXERCISE_BATCH];
    memset(guard, GUARD, sizeof guard);
    for (size_t i = 0; i < EXERCISE_BATCH; i++) {
        capacities[i] =
            rand_r(seed) % 4 ? message_size + MORE_BYTES : (size_t)rand_r(seed) % (message_size + 1);
        if (rand_r(seed) % 8 == 0)
            capacities[i] = 0;
        memcpy(bytes[i] + capacities[i], guard, sizeof guard);
        messages[i] = (struct iovec){capacities[i] || i % 2 ? bytes[i] : NULL, capacities[i]};
    }
    int64_t received = chan_recv_many_timeout(rx, messages, EXERCISE_BATCH, timeout_ns);
    expect(received && received <= EXERCISE_BATCH);
    for (int64_t i = 0; i < EXERCISE_BATCH; i++) {
        expect(i >= received ||
               (messages[i].iov_len <= capacities[i] && messages[i].iov_len <= message_size));
        expect(!memcmp(bytes[i] + capacities[i], guard, sizeof guard));
    }
    return received;
}

static size_t message_size_of(const struct chan *ch)
{
    struct chan_options options;
    chan_options_of(ch, &options);
    return options.message_size < MOST_BYTES ? (size_t)options.message_size : MOST_BYTES;
}

static void exercise_sender(struct chan_sender *tx, size_t message_size)
{
    static const unsigned char bytes[MOST_BYTES];
    struct chan_loan loan;
    for (size_t i = 0; i <= 5; i++) {
        size_t size = i * message_size / 5;
        expect_documented(chan_try_send(tx, bytes, size));
        expect_documented(chan_try_write(tx, bytes, size));
        int result = chan_try_reserve(tx, size, &loan);
        expect_documented(result);
        if (result < 0)
            continue;
        memset(loan.data, 1, loan.size);
        if (chan_try_commit(tx, &loan, loan.size) < 0)
            (void)chan_abort(tx, &loan);
    }
    expect_documented(chan_send_timeout(tx, bytes, 8, A_MILLISECOND));
}

static void exercise_receiver(struct chan_receiver *rx, size_t message_size)
{
    static unsigned char bytes[MOST_BYTES];
    struct chan_view view;
    size_t size;
    for (int i = 0; i < 8; i++) {
        int result = chan_try_recv(rx, bytes, sizeof bytes, &size);
        expect_documented(result);
        expect(result < 0 || size <= message_size);
        expect_documented(chan_try_read(rx, bytes, i % 2 ? 3 : sizeof bytes));
        result = chan_try_recv_view(rx, &view);
        expect_documented(result);
        if (result < 0)
            continue;
        unsigned sum = 0;
        for (size_t k = 0; k < view.size; k++)
            sum += ((const unsigned char *)view.data)[k];
        bytes[0] = (unsigned char)sum;
        (void)chan_release(rx, &view);
    }
    expect_documented(chan_recv_timeout(rx, bytes, sizeof bytes, &size, A_MILLISECOND));
}

static void exercise_batches(struct chan_sender *tx, struct chan_receiver *rx, size_t message_size)
{
    unsigned seed = 5;
    for (int i = 0; i < 2; i++) {
        expect_documented(exercise_recv_many(rx, message_size, 0, &seed));
        expect_documented(exercise_send_many(tx, message_size, 0, &seed));
    }
}

void exercise(struct chan *ch)
{
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;
    struct chan_repair_report healed;
    size_t message_size = message_size_of(ch);
    exercise_read_only(ch);
    expect_documented(chan_attach_sender(ch, 0, &tx));
    expect_documented(chan_attach_receiver(ch, 0, &rx));
    if (tx && rx)
        exercise_batches(tx, rx, message_size);
    if (tx)
        exercise_sender(tx, message_size);
    if (rx)
        exercise_receiver(rx, message_size);
    expect_documented(chan_repair(ch, 1, &healed));
    expect_documented(chan_repair(ch, 0, &healed));
    exercise_read_only(ch);
    chan_close_sender(tx);
    expect_documented(chan_shutdown(ch));
    chan_close_receiver(rx);
}
