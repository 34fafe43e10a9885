/* SPDX-License-Identifier: Apache-2.0 */
/* Draining: what is given back first, without waiting, then what the ring had at one moment. */
#include "src/kind.h"

#include "shm/admission.h"
#include "shm/event.h"
#include "shm/orphans.h"

#include <errno.h>
#include <limits.h>

static const struct segment *segment_of(const struct chan_receiver *rx)
{
    return &rx->handle.chan->segment;
}

struct draining {
    struct receiving op;
    struct cursor end;
    struct iovec *messages;
    size_t count, taken;
    uint32_t unannounced, deliveries;
};

static int attempt_given_back(struct draining *d)
{
    struct receiving *op = &d->op;
    return chan__orphans_maybe(segment_of(op->rx))
               ? chan__take_given_back(op->rx, op->limit, &op->hold, &op->message)
               : -EAGAIN;
}

/* Only what was sent before the end. */
static int attempt_queued(struct draining *d)
{
    struct receiving *op = &d->op;
    struct handle *h = &op->rx->handle;
    const struct segment *s = segment_of(op->rx);
    atomic_u32 *event = &seg_hot(s)->space_event;
    struct held spare;
    int result = chan__handle_spare(h, &spare);
    if (result)
        return chan__ring_has_message(&h->endpoint.party) == 0 ? result : -EAGAIN;
    op->hold = spare.hold;
    if (!d->unannounced && chan__event_has_sleepers(event) && !chan__ring_has_message(&h->endpoint.party))
        (void)chan__event_warn(event, chan__senders_to_wake(s, 1));
    result = chan__ring_take_before(&h->endpoint.party, &spare, op->limit, d->end, &op->message);
    d->unannounced += !result;
    return result;
}

static int drain_one(struct draining *d, int (*attempt)(struct draining *d))
{
    struct iovec *message = &d->messages[d->taken];
    if (!message->iov_base && message->iov_len)
        return -EINVAL;
    d->op.limit = message->iov_len;
    int result = chan__hand_copy(&d->op, attempt(d), message->iov_base, NULL);
    if (!result || (result == -EMSGSIZE && !d->taken))
        message->iov_len = d->op.message.size;
    if (!result && d->op.rx->deliveries > d->deliveries)
        d->deliveries = d->op.rx->deliveries;
    d->taken += !result;
    if (d->unannounced == BATCH_UNANNOUNCED)
        chan__recv_announce(d->op.rx, &d->unannounced);
    return result;
}

static int drain_from(struct draining *d, int (*attempt)(struct draining *d))
{
    int result = 0;
    while (!result && d->taken < d->count && d->taken < SSIZE_MAX)
        result = drain_one(d, attempt);
    return result == -EAGAIN || result == -EPIPE ? 0 : result;
}

/* 1: what is sent, and not received, is all there will ever be. */
static int is_over(const struct chan_receiver *rx)
{
    const struct segment *s = segment_of(rx);
    uint64_t state = chan__life_state(rx->handle.chan);
    if (!(state & (STATE_SHUT_DOWN | STATE_SENDERS_GONE)))
        return 0;
    if (s->g.order == CHAN_FAIR)
        return state & STATE_SENDERS_GONE || !chan__admission_total(s);
    int result = state & STATE_SHUT_DOWN ? chan__ring_seal(s) : 0;
    return result ? result : 1;
}

static ssize_t drain(struct chan_receiver *rx, struct iovec *messages, size_t count)
{
    struct draining d = {.op = {.rx = rx}, .messages = messages, .count = count};
    int over = is_over(rx);
    int result = over < 0 ? over : drain_from(&d, attempt_given_back);
    if (!result)
        result = chan__ring_tail(segment_of(rx), &d.end);
    if (!result)
        result = drain_from(&d, attempt_queued);
    chan__recv_announce(rx, &d.unannounced);
    if (d.taken) {
        rx->deliveries = d.deliveries;
        chan__recv_returns(rx, d.taken);
        return (ssize_t)d.taken;
    }
    bool may_come_back = over && (chan__others_hold_messages(&d.op) || chan__others_hold_messages(&d.op));
    if (!result && count && over && !may_come_back)
        result = -EPIPE;
    chan__note_end(rx, result);
    return result;
}

ssize_t chan_drain(struct chan_receiver *rx, struct iovec *messages, size_t count)
{
    if (!rx || (!messages && count))
        return -EINVAL;
    if (!chan__has_queue(rx->handle.chan))
        return -EOPNOTSUPP;
    ssize_t result = chan__handle_enter(&rx->handle);
    if (result)
        return result;
    result = drain(rx, messages, count);
    if (segment_of(rx)->g.steps)
        chan__growable_shrink(&rx->handle);
    chan__handle_leave(&rx->handle);
    return result;
}
