/* SPDX-License-Identifier: Apache-2.0 */
/* Growable queues: queues whose payload memory is committed when messages need it, and given back once they are drained.
 *
 * Whoever finds the queue empty gives back the steps that nobody uses: a receiver after each message that was the last,
 * and whenever it looks and finds nothing, so also in place of one that was killed before it did; a sender that drops a
 * loan or is refused memory; and whoever leaves. */
#include "src/kind.h"

#include "shm/event.h"
#include "shm/steps.h"

#include <errno.h>
#include <limits.h>

static bool is_drained(struct handle *h)
{
    struct cursor head;
    uint64_t length;
    if (h->endpoint.role == CHAN_ROLE_RECEIVER)
        return chan__ring_has_message(&h->endpoint.party) != 0;
    return !chan__ring_length(&h->chan->segment, &head, &length) && !length;
}

void chan__growable_shrink(struct handle *h)
{
    struct chan *ch = h->chan;
    const struct segment *s = &ch->segment;
    uint64_t step = s->g.steps;
    struct held spare;
    /* A step at a time: a message that has come meanwhile is not to wait for all of them. */
    while ((step = chan__steps_touched(s, step)) &&
           !atomic_load_explicit(&ch->keeps_memory, memory_order_relaxed) && is_drained(h) &&
           !chan__handle_spare(h, &spare)) {
        if (chan__steps_give_back(s, spare.number, step))
            atomic_store_explicit(&ch->keeps_memory, true, memory_order_relaxed);
        /* A sender may have found these units in use. */
        chan__event_notify_after_store(&seg_hot(s)->space_event, INT_MAX);
    }
}

int chan__growable_claim(struct sending *op)
{
    struct handle *h = &op->tx->handle;
    int result = chan__steps_claim(&h->chan->segment, op->spare.number, op->size, &op->tx->arena_hint);
    if (result == -ENOSPC || result == -ENOMEM)
        chan__growable_shrink(h); /* what of the step there was memory for */
    return result;
}

/* Whether there is a place is looked at before there is memory: to give that back would wake everybody who waits. */
static int attempt_put(void *operation)
{
    struct sending *op = operation;
    int result = op->has_memory ? 0 : chan__sending_check_open(op->tx);
    if (!result && !op->has_memory)
        result = chan__ring_has_room(&op->tx->handle.endpoint.party);
    return result ? result : chan__queue_attempt_put(op);
}

int chan__growable_put(struct sending *op, int64_t deadline_ns)
{
    return chan__wait(&op->tx->handle, attempt_put, op, deadline_ns);
}

static int attempt(void *operation)
{
    struct receiving *op = operation;
    int result = chan__queue_attempt(op);
    if (result)
        chan__growable_shrink(&op->rx->handle);
    return result;
}

static int attempt_view(void *operation)
{
    struct receiving *op = operation;
    int result = chan__queue_attempt_view(op);
    if (result)
        chan__growable_shrink(&op->rx->handle);
    return result;
}

int chan__growable_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                        int64_t deadline_ns, uint32_t *unannounced)
{
    struct receiving op = {.rx = rx, .limit = capacity, .unannounced = unannounced};
    int result = chan__hand_copy(&op, chan__wait(&rx->handle, attempt, &op, deadline_ns), buffer, size);
    if (!result)
        chan__growable_shrink(&rx->handle);
    return result;
}

int chan__growable_recv_view(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns)
{
    struct receiving op = {.rx = rx, .limit = UINT64_MAX};
    return chan__hand_view(&op, chan__wait(&rx->handle, attempt_view, &op, deadline_ns), view);
}

int chan__growable_release(struct chan_receiver *rx, struct chan_view *view)
{
    int result = chan__queue_release(rx, view);
    if (!result)
        chan__growable_shrink(&rx->handle);
    return result;
}
