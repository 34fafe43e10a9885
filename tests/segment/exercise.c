/* SPDX-License-Identifier: Apache-2.0 */
/* Everything one can do with a channel, to be done with one that is not sound. */
#include "exercise.h"

#include <errno.h>
#include <string.h>

#include "expect.h"

#define MOST_BYTES 4096
#define A_MILLISECOND 1000000

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

static void exercise_sender(struct chan_sender *tx)
{
    static const unsigned char bytes[MOST_BYTES];
    struct chan_loan loan;
    for (size_t size = 0; size <= 2000; size += 400) {
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

static void exercise_receiver(struct chan_receiver *rx)
{
    static unsigned char bytes[MOST_BYTES];
    struct chan_view view;
    size_t size;
    for (int i = 0; i < 8; i++) {
        expect_documented(chan_try_recv(rx, bytes, sizeof bytes, &size));
        expect_documented(chan_try_read(rx, bytes, i % 2 ? 3 : sizeof bytes));
        int result = chan_try_recv_view(rx, &view);
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

void exercise(struct chan *ch)
{
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;
    struct chan_repair_report healed;
    exercise_read_only(ch);
    expect_documented(chan_attach_sender(ch, 0, &tx));
    expect_documented(chan_attach_receiver(ch, 0, &rx));
    if (tx)
        exercise_sender(tx);
    if (rx)
        exercise_receiver(rx);
    expect_documented(chan_repair(ch, 1, &healed));
    expect_documented(chan_repair(ch, 0, &healed));
    exercise_read_only(ch);
    chan_close_sender(tx);
    expect_documented(chan_shutdown(ch));
    chan_close_receiver(rx);
}
