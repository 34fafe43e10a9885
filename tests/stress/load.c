/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of messages of mixed sizes, sent and received in one of several ways. */
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "expect.h"
#include "pattern.h"

#define BATCH 16
#define IN_PLACE 4 /* loans or views open at once */

static uint64_t scramble(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53u;
    return x ^ (x >> 33);
}

size_t load_size(const struct load *load, uint32_t sender, uint64_t sequence)
{
    uint64_t dice = scramble(sequence * 64 + sender + 1);
    uint64_t rest = dice >> 20;
    size_t size;
    switch (dice % 32768) {
    case 0:
        size = (size_t)(rest % ((1u << 20) + 1));
        break;
    default:
        if (dice % 100 == 1)
            size = (size_t)(rest % 65537);
        else if (dice % 100 < 10)
            size = (size_t)(rest % 6000);
        else
            size = (size_t)(rest % 200);
    }
    return size > load->largest ? load->largest : size;
}

static void send_copied(const struct load *load, struct chan_sender *tx, uint32_t sender, uint64_t sequence,
                        void *buffer)
{
    size_t size = load_size(load, sender, sequence);
    pattern_write(buffer, size, sender, sequence);
    expect_result(chan_send(tx, buffer, size), 0);
    account_sent(load->account, sender, sequence, size);
}

/* A batch from `first` on, as many as fit the buffer; returns how many. */
static uint64_t send_batch(const struct load *load, struct chan_sender *tx, uint32_t sender, uint64_t first,
                           char *buffer)
{
    struct iovec messages[BATCH];
    size_t count = 0, used = 0;
    for (; count < BATCH && first + count < load->messages; count++) {
        size_t size = load_size(load, sender, first + count);
        if (count > 0 && used + size > load->largest)
            break;
        messages[count] = (struct iovec){.iov_base = buffer + used, .iov_len = size};
        pattern_write(buffer + used, size, sender, first + count);
        used += size;
    }
    ssize_t sent = chan_send_many(tx, messages, count);
    if (sent <= 0 || (size_t)sent > count)
        expect_never("chan_send_many of %zu returned %zd", count, sent);
    for (size_t i = 0; i < (size_t)sent; i++)
        account_sent(load->account, sender, first + i, messages[i].iov_len);
    return (uint64_t)sent;
}

/* Several loans at once, of which some are thought better of. */
static uint64_t send_in_place(const struct load *load, struct chan_sender *tx, uint32_t sender,
                              uint64_t first)
{
    struct chan_loan loans[IN_PLACE];
    uint64_t count = 0;
    for (; count < IN_PLACE && first + count < load->messages; count++) {
        size_t size = load_size(load, sender, first + count);
        int result =
            count == 0 ? chan_reserve(tx, size, &loans[0]) : chan_try_reserve(tx, size, &loans[count]);
        if (result == -EAGAIN)
            break;
        expect_result(result, 0);
        if (count == 0 &&
            first % 5 == 0) { /* holding no other loan: so nobody waits while others wait for him */
            pattern_write(loans[0].data, size, sender, 0);
            expect_result(chan_abort(tx, &loans[0]), 0);
            expect_result(chan_reserve(tx, size, &loans[0]), 0);
        }
        pattern_write(loans[count].data, size, sender, first + count);
    }
    for (uint64_t i = 0; i < count; i++) {
        size_t size = loans[i].size;
        expect_result(chan_commit(tx, &loans[i], size), 0);
        account_sent(load->account, sender, first + i, size);
    }
    return count;
}

void load_send(const struct load *load, struct chan_sender *tx, uint32_t sender)
{
    char *buffer = malloc(load->largest + 1);
    expect(buffer != NULL);
    for (uint64_t sequence = 0; sequence < load->messages;) {
        enum load_way way =
            load->way == LOAD_MIXED ? (enum load_way)(scramble(sequence) % LOAD_MIXED) : load->way;
        switch (way) {
        case LOAD_BATCH:
            sequence += send_batch(load, tx, sender, sequence, buffer);
            break;
        case LOAD_IN_PLACE:
            sequence += send_in_place(load, tx, sender, sequence);
            break;
        default:
            send_copied(load, tx, sender, sequence++, buffer);
        }
    }
    free(buffer);
}

/* What one receiver has seen: of each sender, the number after the last message that told its number. */
struct seen {
    const struct load *load;
    uint64_t *next;
    uint64_t count;
};

static void arrived(struct seen *seen, const void *data, size_t size)
{
    const struct load *load = seen->load;
    uint32_t sender;
    uint64_t sequence;
    if (!pattern_read(data, size, &sender, &sequence))
        expect_never("a message of %zu bytes has foreign content", size);
    account_received(load->account, sender, sequence, size);
    if (load->senders == 1 && load->receivers == 1)
        expect_number(size, load_size(load, 0, seen->count)); /* so the order of small ones is known too */
    seen->count++;
    if (size < PATTERN_IDENTIFIED)
        return;
    expect_number(size, load_size(load, sender, sequence));
    if (sequence < seen->next[sender])
        expect_never("message %" PRIu64 " of sender %" PRIu32 " came after %" PRIu64, sequence, sender,
                     seen->next[sender] - 1);
    seen->next[sender] = sequence + 1;
}

/* Each of these returns 0 when the channel is closed. */

static int recv_copied(struct seen *seen, struct chan_receiver *rx, void *buffer)
{
    size_t size;
    int result = chan_recv(rx, buffer, seen->load->largest, &size);
    if (result == -EPIPE)
        return 0;
    expect_result(result, 0);
    arrived(seen, buffer, size);
    return 1;
}

/* Into buffers smaller than the largest message; one that does not fit is fetched by itself. */
static int recv_batch(struct seen *seen, struct chan_receiver *rx, char *buffer)
{
    struct iovec messages[BATCH];
    size_t room = seen->load->largest / BATCH;
    for (size_t i = 0; i < BATCH; i++)
        messages[i] = (struct iovec){.iov_base = buffer + i * room, .iov_len = room};
    ssize_t got = chan_recv_many(rx, messages, BATCH);
    if (got == -EPIPE)
        return 0;
    if (got == -EMSGSIZE)
        return recv_copied(seen, rx, buffer);
    if (got <= 0 || got > BATCH)
        expect_never("chan_recv_many returned %zd", got);
    for (ssize_t i = 0; i < got; i++)
        arrived(seen, messages[i].iov_base, messages[i].iov_len);
    return 1;
}

static int recv_in_place(struct seen *seen, struct chan_receiver *rx)
{
    struct chan_view views[IN_PLACE];
    int result = chan_recv_view(rx, &views[0]), count = 1;
    if (result == -EPIPE)
        return 0;
    expect_result(result, 0);
    while (count < IN_PLACE && chan_try_recv_view(rx, &views[count]) == 0)
        count++;
    for (int i = 0; i < count; i++) {
        expect_number(views[i].deliveries, 1);
        arrived(seen, views[i].data, views[i].size);
    }
    for (int i = count; i-- > 0;)
        expect_result(chan_release(rx, &views[i]), 0);
    return 1;
}

uint64_t load_recv(const struct load *load, struct chan_receiver *rx)
{
    struct seen seen = {.load = load, .next = calloc(load->senders, sizeof *seen.next)};
    char *buffer = malloc(load->largest + BATCH);
    expect(buffer != NULL && seen.next != NULL);
    for (int more = 1; more;) {
        enum load_way way =
            load->way == LOAD_MIXED ? (enum load_way)(scramble(seen.count) % LOAD_MIXED) : load->way;
        switch (way) {
        case LOAD_BATCH:
            more = recv_batch(&seen, rx, buffer);
            break;
        case LOAD_IN_PLACE:
            more = recv_in_place(&seen, rx);
            break;
        default:
            more = recv_copied(&seen, rx, buffer);
        }
    }
    free(buffer);
    free(seen.next);
    return seen.count;
}

uint64_t load_messages(uint64_t otherwise)
{
    const char *text = getenv("SHMCHAN_STRESS_MESSAGES");
    return text ? strtoull(text, NULL, 10) : otherwise;
}

int load_rounds(int otherwise)
{
    const char *text = getenv("SHMCHAN_SELECT_ROUNDS");
    return text ? atoi(text) : otherwise;
}
