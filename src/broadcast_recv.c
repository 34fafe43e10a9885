/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving from a broadcast: reading at the cursor without taking, and what was missed. */
#include "src/kind.h"

#include "shm/arena.h"
#include "shm/event.h"
#include "shm/overwrite.h"
#include "shm/subscription.h"

#include <limits.h>
#include <stdlib.h>

/* A message on its way to the user. */
struct reading {
    struct chan_receiver *rx;
    void *buffer; /* for copying: its size, and the message's */
    size_t capacity, size;
    uint32_t *unannounced; /* as in struct receiving */
    struct chan_view *view;
};

/* What a block says of the message in it, read while it may be overwritten. */
struct found {
    uint64_t word; /* of the cell */
    struct seg_block *block;
    const unsigned char *payload; /* NULL: it contradicts the segment, or was being overwritten */
    uint64_t size;
};

static struct party *party_of(struct chan_receiver *rx)
{
    return &rx->handle.endpoint.party;
}

static uint64_t number_of(const struct chan_receiver *rx)
{
    return chan__ring_number(&rx->handle.chan->segment.g, rx->handle.endpoint.party.cursor);
}

static struct cursor next_of(const struct geometry *g, struct cursor at)
{
    return at.index + 1 == g->messages ? (struct cursor){at.lap + 1, 0}
                                       : (struct cursor){at.lap, at.index + 1};
}

/* The first message that it is not done with: in a view, or the next one. */
static uint64_t first_in_use(const struct chan_receiver *rx)
{
    const struct geometry *g = &rx->handle.chan->segment.g;
    uint64_t first = number_of(rx);
    for (uint32_t i = 0; rx->handle.open >> i; i++) {
        uint64_t number = chan__ring_number(g, rx->views[i].at);
        if (rx->handle.open >> i & 1 && (int64_t)(number - first) < 0)
            first = number;
    }
    return first;
}

/* True if senders may have been waiting for a receiver to be done with this message: the ring is full of it and its
 * successors. For payload memory they wait earlier. */
static bool holds_up_senders(const struct segment *s, uint64_t number)
{
    struct cursor last = chan__ring_position(&s->g, number + s->g.messages - 1);
    return s->g.units || cell_ahead(&s->g, load_acquire(seg_ring_cell(s, last.index)), 2 * last.lap + 1) >= 0;
}

/* Show how far it has come; where senders wait for that, tell them, but only once of several messages. */
static void show_cursor(struct chan_receiver *rx, uint32_t *unannounced)
{
    const struct segment *s = &rx->handle.chan->segment;
    atomic_u32 *event = &seg_hot(s)->space_event;
    uint64_t before = rx->cursor, now = first_in_use(rx);
    if (before == now)
        return;
    bool warns = s->g.overflow == CHAN_BLOCK && chan__event_has_sleepers(event);
    if (warns && holds_up_senders(s, before))
        (void)chan__event_warn(event, INT_MAX);
    rx->cursor = now;
    chan__subscription_move(party_of(rx), now);
    if (s->g.overflow == CHAN_LAG)
        return;
    if (unannounced)
        (*unannounced)++;
    else if (load_seq_cst(event) & EVENT_SLEEPERS && holds_up_senders(s, before)) /* SLEEP */
        (void)chan__event_wake(event, INT_MAX);
}

/* The message at the cursor has been read. */
static void pass(struct chan_receiver *rx)
{
    party_of(rx)->cursor = next_of(&rx->handle.chan->segment.g, party_of(rx)->cursor);
}

static void count(struct chan_receiver *rx, uint64_t size)
{
    struct seg_record *record = party_of(rx)->record;
    store_relaxed(&record->taken, load_relaxed(&record->taken) + 1);
    store_relaxed(&record->received_bytes, load_relaxed(&record->received_bytes) + size);
}

/* It was overwritten: go on with the oldest message that is left. */
static int lag(struct chan_receiver *rx)
{
    const struct segment *s = &rx->handle.chan->segment;
    atomic_u64 *lagged = &party_of(rx)->record->own.subscription.lagged;
    uint64_t oldest, tail;
    int result = chan__retained_range(s, &oldest, &tail);
    if (result)
        return result;
    uint64_t missed = oldest - number_of(rx);
    if ((int64_t)missed <= 0)
        return -EBADMSG;
    rx->lagged = missed;
    store_relaxed(lagged, load_relaxed(lagged) + missed);
    party_of(rx)->cursor = chan__ring_position(&s->g, oldest);
    show_cursor(rx, NULL);
    return -EOVERFLOW;
}

/* Nothing was sent there yet. Will there be? */
static int end_or_empty(struct chan_receiver *rx, uint64_t *word)
{
    struct chan *ch = rx->handle.chan;
    uint64_t state = chan__life_state(ch);
    if (state & STATE_SHUT_DOWN) {
        /* Whoever shut it down was killed, or stopped, before sealing the ring. */
        int result = chan__ring_seal(&ch->segment);
        return result ? result : chan__retained_find(&ch->segment, party_of(rx)->cursor, word);
    }
    if (!(state & STATE_SENDERS_GONE))
        return -EAGAIN;
    int result = chan__retained_find(&ch->segment, party_of(rx)->cursor, word);
    return result == -EAGAIN ? -EPIPE : result; /* what they sent before they were gone is there now */
}

static int find(struct chan_receiver *rx, struct found *out)
{
    const struct segment *s = &rx->handle.chan->segment;
    int result = chan__retained_find(s, party_of(rx)->cursor, &out->word);
    if (result == -EAGAIN)
        result = end_or_empty(rx, &out->word);
    if (result)
        return result == -EOVERFLOW ? lag(rx) : result;
    uint64_t number = cell_block(&s->g, out->word);
    if (number >= s->g.blocks)
        return -EBADMSG;
    out->block = seg_block(s, number);
    out->size = load_relaxed(&out->block->size);
    out->payload = out->size <= s->g.message_size ? chan__payload(s, out->block, out->size) : NULL;
    return 0;
}

/* What is at the cursor stays until it is received, or lag is told of it; nobody else moves the cursor. */
int chan__broadcast_recv_ready(struct chan_receiver *rx, struct stamp *stamp)
{
    uint64_t word;
    int result = chan__retained_find(&rx->handle.chan->segment, party_of(rx)->cursor, &word);
    if (result == -EAGAIN && !rx->lag_untold)
        result = end_or_empty(rx, &word);
    *stamp = (struct stamp){{number_of(rx)}};
    return result == -EAGAIN && !rx->lag_untold ? result : 0;
}

/* Whether what was read of the message is whole. -EOVERFLOW; -EBADMSG: it is, and makes no sense: it is passed. */
static int validate(struct chan_receiver *rx, const struct found *found)
{
    if (!chan__retained_is(&rx->handle.chan->segment, party_of(rx)->cursor, found->word))
        return lag(rx);
    if (found->payload)
        return 0;
    pass(rx);
    show_cursor(rx, NULL);
    return -EBADMSG;
}

static int attempt_copy(void *operation)
{
    struct reading *op = operation;
    struct found found;
    int result = find(op->rx, &found);
    if (result)
        return result;
    bool fits = found.size <= op->capacity;
    if (found.payload && fits && found.size)
        chan__retained_copy(op->buffer, found.payload, (size_t)found.size);
    result = validate(op->rx, &found);
    if (result)
        return result;
    op->size = (size_t)found.size;
    if (!fits)
        return -EMSGSIZE;
    pass(op->rx);
    show_cursor(op->rx, op->unannounced);
    count(op->rx, found.size);
    return 0;
}

/* A batch that met a gap returned what it had before it. */
static bool tells_late(struct chan_receiver *rx)
{
    bool late = rx->lag_untold;
    rx->lag_untold = false;
    return late;
}

int chan__broadcast_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                         int64_t deadline_ns, uint32_t *unannounced)
{
    struct reading op = {.rx = rx, .buffer = buffer, .capacity = capacity, .unannounced = unannounced};
    if (tells_late(rx))
        return -EOVERFLOW;
    int result = chan__wait(&rx->handle, attempt_copy, &op, deadline_ns);
    if (!result)
        rx->deliveries = 1;
    if (size && (!result || result == -EMSGSIZE))
        *size = op.size;
    return result;
}

static int attempt_view(void *operation)
{
    struct reading *op = operation;
    struct chan_receiver *rx = op->rx;
    struct found found;
    int result = find(rx, &found);
    if (result)
        return result;
    if ((uint32_t)__builtin_popcountll(rx->handle.open) >= rx->handle.chan->segment.g.holds)
        return -ENOBUFS;
    struct chan_view view = {
        .data = found.payload,
        .size = (size_t)found.size,
        .deliveries = 1,
        .sender = load_relaxed(&found.block->sender),
        .sent_ns = (int64_t)load_relaxed(&found.block->sent_ns),
    };
    result = validate(rx, &found);
    if (result)
        return result;
    uint32_t hold = (uint32_t)__builtin_ctzll(~rx->handle.open);
    rx->views[hold] = (struct place){party_of(rx)->cursor, found.word, found.payload};
    rx->handle.open |= UINT64_C(1) << hold;
    view.hold = hold + 1;
    pass(rx);
    show_cursor(rx, NULL);
    *op->view = view;
    return 0;
}

int chan__broadcast_recv_view(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns)
{
    struct reading op = {.rx = rx, .view = view};
    if (tells_late(rx))
        return -EOVERFLOW;
    return chan__wait(&rx->handle, attempt_view, &op, deadline_ns);
}

static const struct place *find_view(const struct chan_receiver *rx, const struct chan_view *view)
{
    if (view->hold < 1 || view->hold > rx->handle.chan->segment.g.holds ||
        !(rx->handle.open >> (view->hold - 1) & 1))
        return NULL;
    const struct place *place = &rx->views[view->hold - 1];
    return place->data == view->data ? place : NULL;
}

int chan__broadcast_release(struct chan_receiver *rx, struct chan_view *view)
{
    if (!find_view(rx, view))
        return -EINVAL;
    rx->handle.open &= ~(UINT64_C(1) << (view->hold - 1));
    show_cursor(rx, NULL);
    count(rx, view->size);
    struct seg_record *record = party_of(rx)->record;
    store_release(&record->returned, load_relaxed(&record->returned) + 1);
    *view = (struct chan_view){0};
    return 0;
}

int chan_view_is_intact(const struct chan_receiver *rx, const struct chan_view *view)
{
    if (!rx || !view)
        return -EINVAL;
    if (rx->handle.chan->segment.g.kind != CHAN_BROADCAST)
        return 1;
    const struct place *place = find_view(rx, view);
    return place ? chan__retained_is(&rx->handle.chan->segment, place->at, place->word) : -EINVAL;
}

uint64_t chan_receiver_lagged(const struct chan_receiver *rx)
{
    return rx->lagged;
}

uint64_t chan_receiver_len(const struct chan_receiver *rx)
{
    const struct segment *s = &rx->handle.chan->segment;
    struct cursor tail;
    if (s->g.kind != CHAN_BROADCAST)
        return chan_len(rx->handle.chan);
    return chan__ring_tail(s, &tail) ? 0 : chan__ring_number(&s->g, tail) - number_of(rx);
}

int chan__broadcast_attaching(struct chan_receiver *rx)
{
    rx->views = calloc(rx->handle.chan->segment.g.holds, sizeof *rx->views);
    if (!rx->views)
        return -ENOMEM;
    chan__subscription_prepare(party_of(rx));
    rx->cursor = number_of(rx);
    return 0;
}

/* Senders may have been waiting for a cursor that was only there to be on the safe side. */
static int subscribe(struct chan_receiver *rx)
{
    int result = chan__subscription_begin(party_of(rx));
    if (!result)
        show_cursor(rx, NULL);
    return result;
}

int chan__broadcast_attached(struct chan_receiver *rx)
{
    return subscribe(rx);
}

void chan__broadcast_inherit(struct chan_receiver *rx, uint32_t from)
{
    rx->cursor = chan__subscription_inherit(party_of(rx), from);
}

int chan_resubscribe(struct chan_receiver *rx)
{
    if (!rx)
        return -EINVAL;
    int result = chan__handle_enter(&rx->handle);
    if (result)
        return result;
    if (rx->handle.chan->segment.g.kind == CHAN_BROADCAST) {
        rx->lag_untold = false;
        result = subscribe(rx);
    } else {
        result = -EOPNOTSUPP;
    }
    chan__handle_leave(&rx->handle);
    return result;
}
