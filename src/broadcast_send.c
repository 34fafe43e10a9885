/* SPDX-License-Identifier: Apache-2.0 */
/* Sending in a broadcast: over the oldest message, or, where senders wait for the slowest receiver, once it has read
 * that. */
#include "src/kind.h"

#include "shm/arena.h"
#include "shm/event.h"
#include "shm/overwrite.h"
#include "shm/subscription.h"

#include <limits.h>

/* Above this, look whether there is a place before copying. */
#define LOOK_FIRST_BYTES 512u

/* How often others may be faster to give up the oldest message, each time freeing memory themselves. */
#define RETIRE_TRIES 16

/* Of the receivers nobody holds the sender up any more. Should that be because the last of them has just been found
 * dead, whoever found it may not have said yet that they are gone. */
static int check_receivers(struct chan_sender *tx)
{
    struct chan *ch = tx->handle.chan;
    if (!chan__endpoint_count(&ch->segment, CHAN_ROLE_RECEIVER))
        chan__life_update(ch);
    return chan__sending_check_open(tx);
}

/* The tail, if a message may be sent there now: *word is that of its cell. -EAGAIN: a receiver has not read what
 * would be overwritten. */
static int find_place(struct chan_sender *tx, uint64_t *word)
{
    struct party *party = &tx->handle.endpoint.party;
    const struct segment *s = party->segment;
    int result = chan__ring_find_tail(party, word);
    if (result || s->g.overflow == CHAN_LAG)
        return result;
    uint64_t tail = chan__ring_number(&s->g, party->cursor);
    uint64_t overwritten = tail - s->g.messages; /* in the first lap a number before all others */
    if ((int64_t)(overwritten - tx->slowest) < 0)
        return 0;
    tx->slowest = chan__subscription_slowest(s, tail);
    return (int64_t)(overwritten - tx->slowest) < 0 ? check_receivers(tx) : -EAGAIN;
}

/* The payload memory of what a sender has got back: others may be waiting for it. */
static void free_payload(const struct segment *s, uint32_t block)
{
    if (s->g.units && chan__arena_free(s, block))
        chan__event_notify_after_store(&seg_hot(s)->space_event, INT_MAX);
}

/* The oldest message, if it may be given up. */
static int find_oldest(const struct segment *s, uint64_t *oldest)
{
    uint64_t tail;
    int result = chan__retained_range(s, oldest, &tail);
    if (result)
        return result;
    bool is_read = s->g.overflow == CHAN_LAG || (int64_t)(*oldest - chan__subscription_slowest(s, tail)) < 0;
    return *oldest != tail && is_read ? 0 : -EAGAIN;
}

int chan__broadcast_make_room(struct sending *op)
{
    struct party *party = &op->tx->handle.endpoint.party;
    const struct segment *s = party->segment;
    for (int tries = 0; tries < RETIRE_TRIES; tries++) {
        uint64_t oldest;
        int result = find_oldest(s, &oldest);
        if (result)
            return result;
        if (!chan__overwrite_retire(party, chan__ring_position(&s->g, oldest), &op->spare))
            continue; /* somebody else did, or overwrote it */
        result = chan__hold_read(party, op->spare.hold, &op->spare);
        if (!result)
            free_payload(s, op->spare.number);
        return result;
    }
    return -EAGAIN;
}

/* All receivers are to have the message, so all are warned, and woken. */
static int exchange(struct sending *op)
{
    struct party *party = &op->tx->handle.endpoint.party;
    const struct segment *s = party->segment;
    atomic_u32 *event = &seg_hot(s)->data_event;
    bool warns = chan__sending_heads_a_batch(op);
    for (uint64_t steps = 0; steps < RING_STEPS_MAX(&s->g); steps++) {
        uint64_t word;
        int result = find_place(op->tx, &word);
        if (!result && cell_block(&s->g, word) >= s->g.blocks)
            result = -EBADMSG;
        if (result)
            return result;
        if (warns)
            (void)chan__event_warn(event, INT_MAX);
        warns = false;
        uint64_t number = chan__ring_number(&s->g, party->cursor);
        if (chan__overwrite(party, word, &op->spare)) {
            op->tx->sent_to = number + 1;
            free_payload(s, (uint32_t)cell_block(&s->g, word));
            return 0;
        }
    }
    return -EBADMSG;
}

static int attempt_put(void *sending)
{
    struct sending *op = sending;
    struct seg_record *record = op->tx->handle.endpoint.party.record;
    uint64_t word;
    int result = chan__sending_check_open(op->tx);
    if (!result && !op->has_memory) {
        if (op->size > LOOK_FIRST_BYTES)
            result = find_place(op->tx, &word);
        if (!result)
            result = chan__sending_compose(op);
    }
    if (!result)
        result = exchange(op);
    if (result)
        return result;
    store_relaxed(&record->sent_bytes, load_relaxed(&record->sent_bytes) + op->size);
    if (op->batch)
        op->batch->unannounced++;
    else
        chan__event_notify(&seg_hot(&op->tx->handle.chan->segment)->data_event, INT_MAX);
    return 0;
}

/* Full at one tail twice: a cursor that had let it go in between would still do so. */
int chan__broadcast_send_ready(struct chan_sender *tx, struct stamp *stamp)
{
    const struct party *party = &tx->handle.endpoint.party;
    uint64_t word;
    int result = chan__sending_check_open(tx);
    if (!result)
        result = find_place(tx, &word);
    *stamp = (struct stamp){{chan__ring_number(&party->segment->g, party->cursor)}};
    return result == -EAGAIN ? result : 0;
}

uint32_t chan_sender_reached(const struct chan_sender *tx)
{
    const struct segment *s = &tx->handle.chan->segment;
    if (s->g.kind != CHAN_BROADCAST || !tx->sent_to)
        return 0;
    return chan__subscription_count(s, tx->sent_to - 1);
}

/* The tail first, then the cursors, then what is retained: a message sent meanwhile is not counted, one that was read or
 * overwritten meanwhile may be. */
uint64_t chan__broadcast_unseen(const struct segment *s)
{
    uint64_t oldest, tail;
    if (chan__retained_range(s, &oldest, &tail))
        return 0;
    uint64_t slowest = chan__subscription_slowest(s, tail);
    return tail - ((int64_t)(slowest - oldest) > 0 ? slowest : oldest);
}

uint64_t chan_sender_len(const struct chan_sender *tx)
{
    const struct segment *s = &tx->handle.chan->segment;
    return s->g.kind == CHAN_BROADCAST ? chan__broadcast_unseen(s) : chan_len(tx->handle.chan);
}

int chan__broadcast_put(struct sending *op, int64_t deadline_ns)
{
    return chan__wait(&op->tx->handle, attempt_put, op, deadline_ns);
}
