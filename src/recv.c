/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: copies, batches, views; discarding. */
#include "src/kind.h"

#include "shm/admission.h"
#include "shm/arena.h"
#include "shm/copy.h"
#include "shm/event.h"
#include "shm/match.h"
#include "shm/orphans.h"
#include "shm/repair.h"

#include <errno.h>
#include <limits.h>

/* How often to look again because messages were given back meanwhile: more often, and somebody writes nonsense. */
#define ORPHAN_ROUNDS 1000

static struct segment *segment_of(const struct chan_receiver *rx)
{
    return &rx->handle.chan->segment;
}

bool chan__others_hold_messages(struct receiving *op)
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

void chan__recv_announce(const struct chan_receiver *rx, uint32_t *unannounced)
{
    const struct segment *s = segment_of(rx);
    if (*unannounced)
        chan__event_notify(&seg_hot(s)->space_event, chan__senders_to_wake(s, *unannounced));
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
    uint32_t warned = 0;
    if (heads_a_batch && chan__event_has_sleepers(event) && !chan__ring_has_message(&h->endpoint.party))
        warned = chan__event_warn(event, chan__senders_to_wake(s, 1));
    result = chan__ring_take(&h->endpoint.party, &spare, op->limit, &op->message);
    if (result)
        return result;
    if (op->unannounced)
        (*op->unannounced)++;
    else
        chan__event_notify_warned(event, warned, chan__senders_to_wake(s, 1));
    return 0;
}

static int look_into_ring(struct receiving *op)
{
    return chan__ring_has_message(&op->rx->handle.endpoint.party);
}

/* Closed, and nothing was there: once nothing more can come, what is there is all. -EAGAIN: something may come. */
OUT_OF_LINE static int take_the_rest(struct receiving *op, uint64_t state, int (*again)(struct receiving *))
{
    const struct segment *s = segment_of(op->rx);
    int result = 0;
    bool sealed = state & STATE_SHUT_DOWN && s->g.order != CHAN_FAIR;
    if (sealed) /* or whoever shut it down was killed, or stopped, before sealing the ring */
        result = chan__seal(op->rx->handle.chan);
    else if (state & STATE_SHUT_DOWN && chan__admission_total(s))
        return -EAGAIN; /* places that somebody has may still be used; there are no new ones */
    if (!result)
        result = again(op);
    return result == -EAGAIN && !sealed ? -EPIPE : result;
}

/* Nothing is queued: has it ended, or is there only nothing yet? `again` repeats what found nothing. */
static inline int end_or_empty(struct receiving *op, int result, int (*again)(struct receiving *))
{
    struct chan *ch = op->rx->handle.chan;
    uint64_t state = chan__life_state(ch);
    if (result == -EAGAIN && state & (STATE_SHUT_DOWN | STATE_SENDERS_GONE))
        result = take_the_rest(op, state, again);
    /* Twice: between two records a message may pass from one already looked at to one not yet looked at. */
    if (result == -EPIPE && (chan__others_hold_messages(op) || chan__others_hold_messages(op)))
        return -EAGAIN;
    return result;
}

static inline int take_or_end(struct receiving *op, int (*take)(struct receiving *op))
{
    const struct segment *s = segment_of(op->rx);
    int result;
    int rounds = 0;
    uint64_t orphans;
    do {
        orphans = load_acquire(&seg_hot(s)->orphans); /* ORPHAN */
        result =
            (uint32_t)orphans ? chan__take_given_back(op->rx, op->limit, &op->hold, &op->message) : -EAGAIN;
        if (result == -EAGAIN)
            result = take(op);
        if (result == -EAGAIN || result == -EPIPE)
            result = end_or_empty(op, result, take);
        /* An orphan that came after the look and before the ring was found empty has to be looked for
         * again. Those that were looked at and stay, waiting for the dead-letter channel, are no reason. */
    } while (result == -EAGAIN && load_acquire(&seg_hot(s)->orphans) != orphans && ++rounds < ORPHAN_ROUNDS);
    return result;
}

static int attempt_take(void *operation)
{
    return take_or_end(operation, take_from_ring);
}

int chan__queue_attempt(void *receiving)
{
    return attempt_take(receiving);
}

int chan__attempt(struct receiving *op, int (*take)(struct receiving *op))
{
    return take_or_end(op, take);
}

/* The message of a taken hold; counts the delivery. NULL: the segment is corrupt, the message is dropped. */
static ALWAYS_INLINE const unsigned char *delivered(struct receiving *op)
{
    const struct message *m = &op->message;
    bool sound = m->size <= segment_of(op->rx)->g.message_size && m->size <= op->limit;
    unsigned char *payload = sound ? chan__payload(segment_of(op->rx), m->block, m->size) : NULL;
    if (!payload)
        chan__hold_release(&op->rx->handle.endpoint.party, op->hold);
    else
        store_relaxed(&m->block->deliveries, op->rx->deliveries = load_relaxed(&m->block->deliveries) + 1);
    return payload;
}

/* Acknowledge first, free afterwards: a message that can still come back must keep its memory. */
static ALWAYS_INLINE void finish(struct receiving *op)
{
    struct chan *ch = op->rx->handle.chan;
    struct segment *s = &ch->segment;
    struct party *party = &op->rx->handle.endpoint.party;
    atomic_u32 *event = &seg_hot(s)->space_event;
    if (s->g.units)
        (void)chan__event_warn(event, INT_MAX);
    chan__hold_release(party, op->hold);
    if (s->g.units && chan__arena_free(s, op->message.number))
        chan__event_notify_after_store(event, INT_MAX);
    store_relaxed(&party->record->received_bytes,
                  load_relaxed(&party->record->received_bytes) + op->message.size);
    chan__others_may_end(ch);
}

void chan__recv_returns(struct chan_receiver *rx, uint64_t messages)
{
    struct seg_record *record = rx->handle.endpoint.party.record;
    store_release(&record->returned, load_relaxed(&record->returned) + messages);
}

/* False: as of delivered(). */
static inline bool copy_out(struct receiving *op, void *buffer)
{
    const unsigned char *payload = delivered(op);
    if (!payload)
        return false;
    if (op->message.size)
        copy_bytes(buffer, payload, op->message.size);
    finish(op);
    return true;
}

static inline int hand_copy(struct receiving *op, int result, void *buffer, size_t *size)
{
    if (!result && !copy_out(op, buffer))
        return -EBADMSG;
    if (size && (!result || result == -EMSGSIZE))
        *size = op->message.size;
    return result;
}

int chan__hand_copy(struct receiving *op, int result, void *buffer, size_t *size)
{
    return hand_copy(op, result, buffer, size);
}

int chan__queue_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                     int64_t deadline_ns, uint32_t *unannounced)
{
    struct receiving op = {.rx = rx, .limit = capacity, .unannounced = unannounced};
    int result = chan__wait(&rx->handle, attempt_take, &op, deadline_ns);
    return hand_copy(&op, result, buffer, size);
}

static inline int receive_copy(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                               int64_t deadline_ns, uint32_t *unannounced)
{
    const struct chan *ch = rx->handle.chan;
    if (chan__is_queue(ch))
        return chan__queue_recv(rx, buffer, capacity, size, deadline_ns, unannounced);
    return chan__kind(ch)->recv(rx, buffer, capacity, size, deadline_ns, unannounced);
}

void chan__note_end(struct chan_receiver *rx, int result)
{
    if (result == -EPIPE)
        rx->ended = true;
}

/* Whether small messages can come the short way: the queue is open, nothing has been given back, and no sender has to
 * be warned. */
static inline bool may_come_short(struct chan_receiver *rx, bool heads_a_batch, struct held *spare)
{
    const struct seg_hot *hot = seg_hot(segment_of(rx));
    return !(chan__life_state(rx->handle.chan) & (STATE_SHUT_DOWN | STATE_SENDERS_GONE)) &&
           !(uint32_t)load_acquire(&hot->orphans) && /* ORPHAN */
           !(heads_a_batch && chan__event_has_sleepers(&hot->space_event)) &&
           !chan__handle_spare(&rx->handle, spare);
}

/* False: nothing has happened, and the long way is to be gone. */
static inline bool recv_small(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size)
{
    const struct segment *s = segment_of(rx);
    struct party *party = &rx->handle.endpoint.party;
    struct held hand;
    uint64_t word;
    size_t taken;
    if (!s->g.small || !buffer || !chan__ring_message_next(party, &word) ||
        !may_come_short(rx, true, &hand) || !chan__ring_take_small(party, word, &hand, capacity, &taken))
        return false;
    chan__event_notify(&seg_hot(s)->space_event, 1);
    chan__ring_hand_small(party, &hand, buffer, taken);
    chan__others_may_end(rx->handle.chan);
    rx->deliveries = 1;
    if (size)
        *size = taken;
    return true;
}

/* How many came the short way. */
static size_t recv_run(struct chan_receiver *rx, struct iovec *messages, size_t count, uint32_t *unannounced)
{
    struct held spare;
    if (!segment_of(rx)->g.small || !may_come_short(rx, !*unannounced, &spare))
        return 0;
    size_t room = BATCH_UNANNOUNCED - *unannounced;
    size_t received =
        chan__ring_take_run(&rx->handle.endpoint.party, &spare, messages, count < room ? count : room);
    *unannounced += (uint32_t)received;
    if (received) {
        chan__others_may_end(rx->handle.chan);
        rx->deliveries = 1;
    }
    return received;
}

static int recv_until(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                      int64_t deadline_ns)
{
    if (!rx || (!buffer && capacity))
        return -EINVAL;
    int result = chan__handle_enter(&rx->handle);
    if (result)
        return result;
    if (!recv_small(rx, buffer, capacity, size))
        result = receive_copy(rx, buffer, capacity, size, deadline_ns, NULL);
    if (!result)
        chan__recv_returns(rx, 1);
    else
        chan__note_end(rx, result);
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

static int recv_one_of_many(struct chan_receiver *rx, struct iovec *message, bool first, int64_t deadline_ns,
                            uint32_t *unannounced)
{
    if (!message->iov_base && message->iov_len)
        return -EINVAL;
    size_t size;
    int result = receive_copy(rx, message->iov_base, message->iov_len, &size,
                              first ? deadline_ns : DEADLINE_TRY, unannounced);
    if (!result || (result == -EMSGSIZE && first))
        message->iov_len = size;
    return result;
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
    uint32_t unannounced = 0, deliveries = 0;
    while (!result && received < count && received < SSIZE_MAX) {
        struct iovec *next = &messages[received];
        size_t run = recv_run(rx, next, count - received, &unannounced);
        if (!run)
            result = recv_one_of_many(rx, next, !received, deadline_ns, &unannounced);
        if (!result && rx->deliveries > deliveries)
            deliveries = rx->deliveries;
        received += run ? run : !result;
        if (unannounced == BATCH_UNANNOUNCED)
            chan__recv_announce(rx, &unannounced);
    }
    chan__recv_announce(rx, &unannounced);
    if (received) {
        rx->lag_untold = result == -EOVERFLOW;
        rx->deliveries = deliveries;
        chan__recv_returns(rx, received);
    } else {
        chan__note_end(rx, result);
    }
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

int chan__look(struct receiving *op, int (*into)(struct receiving *))
{
    if (chan__orphans_maybe(segment_of(op->rx)) && chan__is_given_back(op->rx))
        return 0;
    int result = into(op);
    return result ? end_or_empty(op, result, into) : 0;
}

/* With all holds out, a message there is -ENOBUFS, and none is waited for as usual. */
static int attempt_view(void *operation)
{
    struct receiving *op = operation;
    if (!chan__all_holds_open(&op->rx->handle))
        return attempt_take(op);
    int result = chan__look(op, look_into_ring);
    return result ? result : -ENOBUFS;
}

int chan__queue_attempt_view(void *receiving)
{
    return attempt_view(receiving);
}

/* At one place with nothing to be taken twice: what had come in between would still be there, or have moved the
 * head. What is given back changes the summary. */
int chan__queue_recv_ready(struct chan_receiver *rx, struct stamp *stamp)
{
    const struct segment *s = segment_of(rx);
    struct receiving op = {.rx = rx};
    uint64_t orphans = load_acquire(&seg_hot(s)->orphans); /* ORPHAN */
    int result = chan__look(&op, look_into_ring);
    *stamp = (struct stamp){{chan__ring_number(&s->g, rx->handle.endpoint.party.cursor), orphans}};
    return result == -EAGAIN ? result : 0;
}

static ALWAYS_INLINE int hand_view(struct receiving *op, int result, struct chan_view *view)
{
    if (result)
        return result;
    const unsigned char *payload = delivered(op);
    if (!payload)
        return -EBADMSG;
    const struct seg_block *block = op->message.block;
    op->rx->handle.open |= hold_bit(&op->rx->handle, op->hold);
    *view = (struct chan_view){
        .data = payload,
        .size = op->message.size,
        .deliveries = load_relaxed(&block->deliveries),
        .sender = load_relaxed(&block->sender),
        .sent_ns = (int64_t)load_relaxed(&block->sent_ns),
        .hold = op->hold + 1,
    };
    return 0;
}

int chan__hand_view(struct receiving *op, int result, struct chan_view *view)
{
    return hand_view(op, result, view);
}

int chan__queue_recv_view(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns)
{
    struct receiving op = {.rx = rx, .limit = UINT64_MAX};
    return hand_view(&op, chan__wait(&rx->handle, attempt_view, &op, deadline_ns), view);
}

static int recv_view_until(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns)
{
    if (!rx || !view)
        return -EINVAL;
    int result = chan__handle_enter(&rx->handle);
    if (result)
        return result;
    result = chan__is_queue(rx->handle.chan) ? chan__queue_recv_view(rx, view, deadline_ns)
                                             : chan__kind(rx->handle.chan)->recv_view(rx, view, deadline_ns);
    if (result)
        chan__note_end(rx, result);
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
static inline bool find_view(const struct chan_receiver *rx, const struct chan_view *view, struct held *out)
{
    uint32_t first = segment_of(rx)->g.role_cells;
    if (view->hold <= first || view->hold > 2 * first ||
        !(rx->handle.open & hold_bit(&rx->handle, view->hold - 1)))
        return false;
    return !chan__hold_read(&rx->handle.endpoint.party, view->hold - 1, out) &&
           chan__payload(segment_of(rx), out->block, 0) == view->data;
}

bool chan__find_view(const struct chan_receiver *rx, const struct chan_view *view, struct held *out)
{
    return find_view(rx, view, out);
}

int chan__queue_release(struct chan_receiver *rx, struct chan_view *view)
{
    struct held held;
    if (!find_view(rx, view, &held))
        return -EINVAL;
    struct receiving op = {.rx = rx, .hold = held.hold, .message = {held.block, held.number, view->size}};
    rx->handle.open &= ~hold_bit(&rx->handle, held.hold);
    finish(&op);
    chan__recv_returns(rx, 1);
    *view = (struct chan_view){0};
    return 0;
}

/* The delivery is taken back before anybody else can see the message. */
int chan__queue_give_back(struct chan_receiver *rx, struct chan_view *view)
{
    struct handle *h = &rx->handle;
    struct held held;
    if (!find_view(rx, view, &held))
        return -EINVAL;
    atomic_u32 *event = &seg_hot(segment_of(rx))->data_event;
    store_relaxed(&held.block->deliveries, load_relaxed(&held.block->deliveries) - 1);
    (void)chan__event_warn(event, 1);
    chan__orphans_give_back(&h->endpoint.party, hold_bit(h, held.hold));
    h->open &= ~hold_bit(h, held.hold);
    chan__event_notify_after_store(event, 1);
    if (segment_of(rx)->g.kind == CHAN_RENDEZVOUS)
        chan__match_ring(segment_of(rx), MATCH_DEMANDS);
    *view = (struct chan_view){0};
    return 0;
}

int chan_release(struct chan_receiver *rx, struct chan_view *view)
{
    if (!rx || !view)
        return -EINVAL;
    int result = chan__handle_enter(&rx->handle);
    if (result)
        return result;
    result = chan__is_queue(rx->handle.chan) ? chan__queue_release(rx, view)
                                             : chan__kind(rx->handle.chan)->release(rx, view);
    chan__handle_leave(&rx->handle);
    return result;
}

int chan_give_back(struct chan_receiver *rx, struct chan_view *view)
{
    if (!rx || !view)
        return -EINVAL;
    int result = chan__handle_enter(&rx->handle);
    if (result)
        return result;
    const struct kind *kind = chan__kind(rx->handle.chan);
    result = kind->give_back ? kind->give_back(rx, view) : -EOPNOTSUPP;
    chan__handle_leave(&rx->handle);
    return result;
}

uint32_t chan_receiver_deliveries(const struct chan_receiver *rx)
{
    return rx->deliveries;
}

int chan_receiver_is_terminated(const struct chan_receiver *rx)
{
    return rx->ended || (rx->handle.chan->segment.g.kind == CHAN_ONESHOT && rx->deliveries);
}

void chan__discard_all(struct handle *h)
{
    const struct segment *s = &h->chan->segment;
    struct held spare;
    struct message message;
    if (s->g.kind == CHAN_BROADCAST)
        return; /* what it retains is nobody's any more, and is overwritten in time */
    struct party party =
        h->endpoint.party; /* a sender's cursor is at the tail; this walk starts at the head */
    party.cursor = chan__ring_start(s, &seg_hot(s)->head_hint);
    while (s->g.messages && !chan__handle_spare(h, &spare) && !chan__ring_discard(&party, &spare, &message))
        (void)chan__arena_free(s, message.number);
    chan__discard_given_back(h);
    if (s->g.steps)
        chan__growable_shrink(h);
}
