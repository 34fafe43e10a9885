/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: copies, batches, views; redelivery; discarding. */
#include "src/handle.h"

#include "shm/arena.h"
#include "shm/event.h"
#include "shm/repair.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* How often to look again for orphans that others snatch away: more often, and somebody writes nonsense. */
#define ORPHAN_ROUNDS 1000

/* A message on its way out: taken into a hold cell, then copied and released, or viewed. */
struct receiving {
    struct chan_receiver *rx;
    uint64_t limit;         /* largest message to be taken */
    struct message message; /* the size also of one that was over the limit */
    uint32_t hold;          /* where the message is */
    uint32_t *unannounced;  /* NULL: wake a sender at once; else count the places it is not told of yet */
};

static struct segment *segment_of(const struct chan_receiver *rx)
{
    return &rx->handle.chan->segment;
}

/* Throw an orphan away that has been delivered too often. */
static int discard_orphan(struct handle *h, uint32_t cell, uint64_t word)
{
    const struct segment *s = &h->chan->segment;
    struct held spare;
    int result = chan__handle_spare(h, &spare);
    if (result)
        return result;
    if (chan__exchange_orphan(&h->endpoint.party, cell, word, &spare, INTENT_DISCARD_ORPHAN) &&
        chan__arena_free(s, (uint32_t)cell_block(&s->g, word)))
        chan__event_notify_after_store(&seg_hot(s)->space_event, INT_MAX);
    return -EAGAIN;
}

/* An orphan in this receiver's own record needs no exchange: the block is this record's already. */
static bool take_own_orphan(struct receiving *op, uint32_t hold, uint64_t word)
{
    const struct geometry *g = &segment_of(op->rx)->g;
    struct seg_record *record = op->rx->handle.endpoint.party.record;
    if (!cas_acq_rel_u64(&record->holds[hold], word, hold_changed(g, word, HOLD_HELD)))
        return false;
    store_relaxed(&record->redelivered, load_relaxed(&record->redelivered) + 1);
    op->hold = hold;
    return true;
}

/* -EAGAIN: there was none, or somebody else was faster. */
OUT_OF_LINE static int take_orphan(struct receiving *op)
{
    struct handle *h = &op->rx->handle;
    const struct segment *s = segment_of(op->rx);
    uint32_t cell;
    uint64_t word;
    /* One's own first: they take no spare block, and may be sitting in all of one's hold cells. */
    if (!chan__orphans_find_in(s, h->endpoint.party.number, &cell, &word) &&
        !chan__orphans_find(s, &cell, &word))
        return -EAGAIN;
    uint64_t number = cell_block(&s->g, word);
    if (number >= s->g.blocks)
        return -EBADMSG;
    struct seg_block *block = seg_block(s, number);
    uint64_t size = load_acquire(&block->size);
    uint32_t deliveries = load_acquire(&block->deliveries);
    if (load_acquire(seg_cell(s, cell)) != word)
        return -EAGAIN;
    if (s->g.max_deliveries && deliveries >= s->g.max_deliveries)
        return discard_orphan(h, cell, word);
    op->message = (struct message){block, (uint32_t)number, size};
    if (size > op->limit)
        return -EMSGSIZE;
    uint32_t own = hold_cell_number(&s->g, h->endpoint.party.number, 0);
    if (cell >= own && cell - own < 2 * s->g.role_cells)
        return take_own_orphan(op, cell - own, word) ? 0 : -EAGAIN;
    struct held spare;
    int result = chan__handle_spare(h, &spare);
    if (result)
        return result;
    op->hold = spare.hold;
    return chan__exchange_orphan(&h->endpoint.party, cell, word, &spare, INTENT_REDELIVER) ? 0 : -EAGAIN;
}

/* True if another endpoint has a message in its hands, whose death would bring it back. */
static bool others_hold_messages(struct receiving *op)
{
    const struct segment *s = segment_of(op->rx);
    uint32_t own = op->rx->handle.endpoint.party.number;
    for (uint32_t number = 0; number < s->g.endpoints; number++) {
        struct seg_record *record = seg_record(s, number);
        uint64_t status = load_acquire(&record->status);
        uint32_t state = status_state(status);
        bool receives = status_role(status) == CHAN_ROLE_RECEIVER &&
                        (state == CHAN_STATE_LIVE || state == CHAN_STATE_DEAD);
        if (number != own && receives && chan__exchange_took(s, number))
            return true;
        if ((number != own && chan__holds_count(s, number, HOLD_HELD)) ||
            chan__holds_count(s, number, HOLD_ORPHAN))
            return true;
    }
    return false;
}

/* How many senders to wake for so many free places. With payload units, the one sender woken might wait for
 * units while another waits for just this cell. */
static int senders_to_wake(const struct segment *s, uint32_t places)
{
    return s->g.units ? INT_MAX : (int)places;
}

static void announce(const struct chan_receiver *rx, uint32_t *unannounced)
{
    const struct segment *s = segment_of(rx);
    if (*unannounced)
        chan__event_notify(&seg_hot(s)->space_event, senders_to_wake(s, *unannounced));
    *unannounced = 0;
}

static int take_from_ring(struct receiving *op)
{
    struct handle *h = &op->rx->handle;
    struct held spare;
    int result = chan__handle_spare(h, &spare);
    if (result)
        return chan__ring_has_message(&h->endpoint.party) == 0 ? result : -EAGAIN;
    op->hold = spare.hold;
    const struct segment *s = segment_of(op->rx);
    atomic_u32 *event = &seg_hot(s)->space_event;
    bool heads_a_batch = !op->unannounced || !*op->unannounced;
    if (heads_a_batch && chan__event_has_sleepers(event) && !chan__ring_has_message(&h->endpoint.party))
        chan__event_wake(event, senders_to_wake(s, 1));
    result = chan__ring_take(&h->endpoint.party, &spare, op->limit, &op->message);
    if (result)
        return result;
    if (op->unannounced)
        (*op->unannounced)++;
    else
        chan__event_notify(event, senders_to_wake(s, 1));
    return 0;
}

/* Nothing is queued: has it ended, or is there only nothing yet? */
static int end_or_empty(struct receiving *op, int result)
{
    struct chan *ch = op->rx->handle.chan;
    uint64_t state = chan__life_state(ch);
    if (result == -EAGAIN && state & STATE_SHUT_DOWN) {
        /* Whoever shut it down was killed, or stopped, before sealing the ring. */
        result = chan__ring_seal(&ch->segment);
        if (!result)
            result = take_from_ring(op);
    } else if (result == -EAGAIN && state & STATE_SENDERS_GONE) {
        result = take_from_ring(op); /* what they sent before they were gone is there now */
        if (result == -EAGAIN)
            result = -EPIPE;
    }
    /* Twice: between two records a message may pass from one already looked at to one not yet looked at. */
    if (result == -EPIPE && (others_hold_messages(op) || others_hold_messages(op)))
        return -EAGAIN;
    return result;
}

static int attempt_take(void *operation)
{
    struct receiving *op = operation;
    const struct segment *s = segment_of(op->rx);
    int result;
    int rounds = 0;
    do {
        result = chan__orphans_maybe(s) ? take_orphan(op) : -EAGAIN;
        if (result == -EAGAIN)
            result = take_from_ring(op);
        if (result == -EAGAIN || result == -EPIPE)
            result = end_or_empty(op, result);
        /* An orphan that came after the look and before the ring was found empty has to be looked for
         * again. */
    } while (result == -EAGAIN && chan__orphans_maybe(s) && ++rounds < ORPHAN_ROUNDS);
    return result;
}

/* The message of a taken hold; counts the delivery. NULL: the segment is corrupt, the message is dropped. */
static const unsigned char *delivered(struct receiving *op)
{
    const struct message *m = &op->message;
    bool sound = m->size <= segment_of(op->rx)->g.message_size && m->size <= op->limit;
    unsigned char *payload = sound ? chan__payload(segment_of(op->rx), m->block, m->size) : NULL;
    if (!payload)
        chan__hold_release(&op->rx->handle.endpoint.party, op->hold);
    else
        store_relaxed(&m->block->deliveries, load_relaxed(&m->block->deliveries) + 1);
    return payload;
}

/* Acknowledge first, free afterwards: a message that can still come back must keep its memory. */
static void finish(struct receiving *op)
{
    struct chan *ch = op->rx->handle.chan;
    struct segment *s = &ch->segment;
    struct party *party = &op->rx->handle.endpoint.party;
    atomic_u32 *event = &seg_hot(s)->space_event;
    if (s->g.units && chan__event_has_sleepers(event))
        chan__event_wake(event, INT_MAX);
    chan__hold_release(party, op->hold);
    if (s->g.units && chan__arena_free(s, op->message.number))
        chan__event_notify_after_store(event, INT_MAX);
    store_relaxed(&party->record->received_bytes,
                  load_relaxed(&party->record->received_bytes) + op->message.size);
    /* Other receivers may be waiting for the end, and that for this message. */
    if (chan__life_state(ch) & (STATE_SHUT_DOWN | STATE_SENDERS_GONE))
        chan__event_notify_after_store(&seg_hot(s)->data_event, INT_MAX);
}

static int receive_copy(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                        int64_t deadline_ns, uint32_t *unannounced)
{
    struct receiving op = {.rx = rx, .limit = capacity, .unannounced = unannounced};
    int result = chan__wait(&rx->handle, attempt_take, &op, deadline_ns);
    if (!result) {
        const unsigned char *payload = delivered(&op);
        if (!payload)
            return -EBADMSG;
        if (op.message.size)
            memcpy(buffer, payload, op.message.size);
        finish(&op);
    }
    if (size && (!result || result == -EMSGSIZE))
        *size = op.message.size;
    return result;
}

static int recv_until(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                      int64_t deadline_ns)
{
    if (!rx || (!buffer && capacity))
        return -EINVAL;
    int result = chan__handle_enter(&rx->handle);
    if (result)
        return result;
    result = receive_copy(rx, buffer, capacity, size, deadline_ns, NULL);
    chan__handle_leave(&rx->handle);
    return result;
}

int chan_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size)
{
    return recv_until(rx, buffer, capacity, size, CHAN_FOREVER);
}

int chan_try_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size)
{
    return recv_until(rx, buffer, capacity, size, DEADLINE_TRY);
}

int chan_recv_timeout(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                      int64_t timeout_ns)
{
    return recv_until(rx, buffer, capacity, size, chan_deadline(timeout_ns));
}

int chan_recv_until(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                    int64_t deadline_ns)
{
    return recv_until(rx, buffer, capacity, size, chan__user_deadline(deadline_ns));
}

static ssize_t recv_many_until(struct chan_receiver *rx, struct iovec *messages, size_t count,
                               int64_t deadline_ns)
{
    if (!rx || (!messages && count))
        return -EINVAL;
    int result = chan__handle_enter(&rx->handle);
    if (result)
        return result;
    size_t received = 0;
    uint32_t unannounced = 0;
    while (!result && received < count && received < SSIZE_MAX) {
        struct iovec *message = &messages[received];
        size_t size;
        result = !message->iov_base && message->iov_len
                     ? -EINVAL
                     : receive_copy(rx, message->iov_base, message->iov_len, &size,
                                    received ? DEADLINE_TRY : deadline_ns, &unannounced);
        if (!result || (result == -EMSGSIZE && !received))
            message->iov_len = size;
        received += !result;
        if (unannounced == BATCH_UNANNOUNCED)
            announce(rx, &unannounced);
    }
    announce(rx, &unannounced);
    chan__handle_leave(&rx->handle);
    return received ? (ssize_t)received : result;
}

ssize_t chan_recv_many(struct chan_receiver *rx, struct iovec *messages, size_t count)
{
    return recv_many_until(rx, messages, count, CHAN_FOREVER);
}

ssize_t chan_try_recv_many(struct chan_receiver *rx, struct iovec *messages, size_t count)
{
    return recv_many_until(rx, messages, count, DEADLINE_TRY);
}

ssize_t chan_recv_many_timeout(struct chan_receiver *rx, struct iovec *messages, size_t count,
                               int64_t timeout_ns)
{
    return recv_many_until(rx, messages, count, chan_deadline(timeout_ns));
}

ssize_t chan_recv_many_until(struct chan_receiver *rx, struct iovec *messages, size_t count,
                             int64_t deadline_ns)
{
    return recv_many_until(rx, messages, count, chan__user_deadline(deadline_ns));
}

/* With all holds out, a message there is -ENOBUFS, and none is waited for as usual. */
static int attempt_view(void *operation)
{
    struct receiving *op = operation;
    struct handle *h = &op->rx->handle;
    const struct segment *s = segment_of(op->rx);
    if ((uint32_t)__builtin_popcountll(h->open) < s->g.holds)
        return attempt_take(op);
    if (chan__orphans_maybe(s) || chan__ring_has_message(&h->endpoint.party) == 0)
        return -ENOBUFS;
    return end_or_empty(op, -EAGAIN);
}

static int open_view(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns)
{
    struct receiving op = {.rx = rx, .limit = UINT64_MAX};
    int result = chan__wait(&rx->handle, attempt_view, &op, deadline_ns);
    if (result)
        return result;
    const unsigned char *payload = delivered(&op);
    if (!payload)
        return -EBADMSG;
    const struct seg_block *block = op.message.block;
    rx->handle.open |= hold_bit(&rx->handle, op.hold);
    *view = (struct chan_view){
        .data = payload,
        .size = op.message.size,
        .deliveries = load_relaxed(&block->deliveries),
        .sender = load_relaxed(&block->sender),
        .sent_ns = (int64_t)load_relaxed(&block->sent_ns),
        .hold = op.hold + 1,
    };
    return 0;
}

static int recv_view_until(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns)
{
    if (!rx || !view)
        return -EINVAL;
    int result = chan__handle_enter(&rx->handle);
    if (result)
        return result;
    result = open_view(rx, view, deadline_ns);
    chan__handle_leave(&rx->handle);
    return result;
}

int chan_recv_view(struct chan_receiver *rx, struct chan_view *view)
{
    return recv_view_until(rx, view, CHAN_FOREVER);
}

int chan_try_recv_view(struct chan_receiver *rx, struct chan_view *view)
{
    return recv_view_until(rx, view, DEADLINE_TRY);
}

int chan_recv_view_timeout(struct chan_receiver *rx, struct chan_view *view, int64_t timeout_ns)
{
    return recv_view_until(rx, view, chan_deadline(timeout_ns));
}

int chan_recv_view_until(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns)
{
    return recv_view_until(rx, view, chan__user_deadline(deadline_ns));
}

/* The block of an open view; false if it is none. view->hold is the hold cell + 1, so that a zeroed view is
 * no view. Its address tells it from other receivers' views. */
static bool find_view(const struct chan_receiver *rx, const struct chan_view *view, struct held *out)
{
    uint32_t first = segment_of(rx)->g.role_cells;
    if (view->hold <= first || view->hold > 2 * first ||
        !(rx->handle.open & hold_bit(&rx->handle, view->hold - 1)))
        return false;
    return !chan__hold_read(&rx->handle.endpoint.party, view->hold - 1, out) &&
           chan__payload(segment_of(rx), out->block, 0) == view->data;
}

int chan_release(struct chan_receiver *rx, struct chan_view *view)
{
    if (!rx || !view)
        return -EINVAL;
    int result = chan__handle_enter(&rx->handle);
    if (result)
        return result;
    struct held held;
    if (find_view(rx, view, &held)) {
        struct receiving op = {.rx = rx, .hold = held.hold, .message = {held.block, held.number, view->size}};
        rx->handle.open &= ~hold_bit(&rx->handle, held.hold);
        finish(&op);
        *view = (struct chan_view){0};
    } else {
        result = -EINVAL;
    }
    chan__handle_leave(&rx->handle);
    return result;
}

void chan__discard_all(struct handle *h)
{
    const struct segment *s = &h->chan->segment;
    struct held spare;
    struct message message;
    uint32_t cell;
    uint64_t word;
    struct party party =
        h->endpoint.party; /* a sender's cursor is at the tail; this walk starts at the head */
    party.cursor = chan__ring_start(s, &seg_hot(s)->head_hint);
    while (!chan__handle_spare(h, &spare) && !chan__ring_discard(&party, &spare, &message))
        (void)chan__arena_free(s, message.number);
    for (uint32_t tries = 0; tries < cell_count(&s->g) && chan__orphans_find(s, &cell, &word); tries++)
        if (discard_orphan(h, cell, word) != -EAGAIN)
            break;
}
