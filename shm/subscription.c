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

uint64_t chan__subscription_inherit(struct party *party, uint32_t from)
{
    const struct seg_subscription *theirs = &seg_record(party->segment, from)->own.subscription;
    const struct geometry *g = &party->segment->g;
    uint64_t ours = chan__ring_number(g, party->cursor), number = load_acquire(&theirs->cursor); /* PASSED */
    if ((int64_t)(number - ours) >= 0)
        return ours;
    party->cursor = chan__ring_position(g, number);
    store_relaxed(&subscription_of(party)->since, load_relaxed(&theirs->since));
    chan__subscription_move(party, number);
    return number;
}

/* The least of `slowest` and the cursors of the receivers that are in this state. */
static uint64_t slowest_in(const struct segment *s, uint32_t state, uint64_t slowest)
{
    for (uint32_t number = 0; number < s->g.endpoints; number++) {
        struct seg_record *record = seg_record(s, number);
        uint64_t status = load_acquire(&record->status); /* STATUS */
        if (status_role(status) != CHAN_ROLE_RECEIVER || status_state(status) != state)
            continue;
        uint64_t cursor = load_acquire(&record->own.subscription.cursor); /* PASSED */
        if ((int64_t)(cursor - slowest) < 0)
            slowest = cursor;
    }
    return slowest;
}

/* Those on their way first: where one of them has been replaced by then, its successor's cursor is as low. */
uint64_t chan__subscription_slowest(const struct segment *s, uint64_t tail)
{
    fence_seq_cst(); /* SUBSCRIBE */
    return slowest_in(s, CHAN_STATE_LIVE, slowest_in(s, CHAN_STATE_PREPARED, tail));
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
