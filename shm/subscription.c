/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors of subscribers: set by each, looked through by senders. */
#include "shm/subscription.h"

#include <shmchan/inspect.h>

static struct seg_subscription *subscription_of(const struct party *party)
{
    return &party->record->own.subscription;
}

void chan__subscription_prepare(struct party *party)
{
    const struct segment *s = party->segment;
    party->cursor = chan__ring_start(s, &seg_hot(s)->tail_hint);
    uint64_t number = chan__ring_number(&s->g, party->cursor);
    store_relaxed(&subscription_of(party)->cursor, number);
    store_relaxed(&subscription_of(party)->since, number);
}

int chan__subscription_begin(struct party *party)
{
    const struct segment *s = party->segment;
    struct cursor tail;
    fence_seq_cst(); /* SUBSCRIBE */
    int result = chan__ring_tail(s, &tail);
    if (result)
        return result;
    party->cursor = tail;
    store_relaxed(&subscription_of(party)->since, chan__ring_number(&s->g, tail));
    return 0;
}

void chan__subscription_move(struct party *party, uint64_t number)
{
    store_seq_cst(&subscription_of(party)->cursor, number); /* PASSED, SLEEP */
}

static bool is_subscribed(uint64_t status)
{
    uint32_t state = status_state(status);
    return status_role(status) == CHAN_ROLE_RECEIVER &&
           (state == CHAN_STATE_LIVE || state == CHAN_STATE_PREPARED);
}

uint64_t chan__subscription_slowest(const struct segment *s, uint64_t tail)
{
    uint64_t slowest = tail;
    fence_seq_cst(); /* SUBSCRIBE */
    for (uint32_t number = 0; number < s->g.endpoints; number++) {
        struct seg_record *record = seg_record(s, number);
        if (!is_subscribed(load_acquire(&record->status))) /* STATUS */
            continue;
        uint64_t cursor = load_acquire(&record->own.subscription.cursor); /* PASSED */
        if ((int64_t)(cursor - slowest) < 0)
            slowest = cursor;
    }
    return slowest;
}

uint32_t chan__subscription_count(const struct segment *s, uint64_t number)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->g.endpoints; i++) {
        struct seg_record *record = seg_record(s, i);
        if (is_subscribed(load_acquire(&record->status))) /* STATUS */
            count += (int64_t)(load_relaxed(&record->own.subscription.since) - number) <= 0;
    }
    return count;
}
