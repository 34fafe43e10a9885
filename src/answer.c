/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of calls: answering requests, and ending calls without an answer. */
#include "src/kind.h"

#include "shm/arena.h"
#include "shm/copy.h"
#include "shm/event.h"

#include <limits.h>

static struct segment *segment_of(const struct chan_receiver *rx)
{
    return &rx->handle.chan->segment;
}

static int enter(struct chan_receiver *rx)
{
    if (rx->handle.chan->segment.g.kind != CHAN_CALL)
        return -EOPNOTSUPP;
    return chan__handle_enter(&rx->handle);
}

/* An answer on its way. */
struct answering {
    struct chan_receiver *rx;
    struct reply_to to;
    const void *data;
    size_t size;
    struct held spare;
    bool has_memory;
};

static int get_memory(struct answering *op)
{
    const struct segment *s = segment_of(op->rx);
    if (op->size <= s->g.inline_size) {
        store_relaxed(&op->spare.block->extent_count, 0);
    } else {
        int result = chan__arena_claim_answer(s, op->spare.number, op->size, &op->rx->arena_hint);
        if (result)
            return result;
    }
    op->has_memory = true;
    return 0;
}

static void drop_memory(struct answering *op)
{
    struct segment *s = segment_of(op->rx);
    if (chan__arena_free(s, op->spare.number))
        chan__event_notify_after_store(&seg_hot(s)->space_event, INT_MAX);
}

static int fill(struct answering *op)
{
    unsigned char *payload = chan__payload(segment_of(op->rx), op->spare.block, op->size);
    if (!payload)
        return -EBADMSG;
    if (op->size)
        copy_bytes(payload, op->data, op->size);
    store_relaxed(&op->spare.block->size, op->size);
    return 0;
}

/* Whoever is about to change the cell wakes its caller before, too: it may be stopped before it gives notice. */
static uint32_t warn_caller(const struct segment *s, struct reply_to to)
{
    return chan__reply_is_awaited(s, to) ? chan__event_warn(chan__reply_event(s, to.cell), 1) : 0;
}

static int attempt_answer(void *operation)
{
    struct answering *op = operation;
    const struct segment *s = segment_of(op->rx);
    if (!chan__reply_is_awaited(s, op->to))
        return -EPIPE;
    int result = 0;
    if (!op->has_memory) {
        result = get_memory(op);
        if (!result)
            result = fill(op);
    }
    if (result)
        return result;
    uint32_t warned = warn_caller(s, op->to);
    if (!chan__reply_answer(&op->rx->handle.endpoint.party, op->to, &op->spare))
        return -EPIPE;
    chan__event_notify_warned(chan__reply_event(s, op->to.cell), warned, 1);
    return 0;
}

static int answer(struct chan_receiver *rx, struct reply_to to, const void *data, size_t size,
                  int64_t deadline_ns)
{
    struct answering op = {.rx = rx, .to = to, .data = data, .size = size};
    if (size > segment_of(rx)->g.message_size)
        return -EMSGSIZE;
    int result = chan__handle_spare(&rx->handle, &op.spare);
    if (!result)
        result = chan__wait_for(&rx->handle, CHAN_WAITS_FOR_SPACE, attempt_answer, &op, deadline_ns);
    if (result && op.has_memory)
        drop_memory(&op);
    return result;
}

/* End the call of a request without an answer. */
static void refuse(struct chan_receiver *rx, struct seg_block *request)
{
    const struct segment *s = segment_of(rx);
    struct reply_to to;
    if (chan__reply_read(s, request, &to))
        return;
    uint32_t warned = warn_caller(s, to);
    if (chan__reply_refuse(s, to))
        chan__event_notify_warned(chan__reply_event(s, to.cell), warned, 1);
}

int chan__call_release(struct chan_receiver *rx, struct chan_view *view)
{
    struct held held;
    if (!chan__find_view(rx, view, &held))
        return -EINVAL;
    refuse(rx, held.block);
    return chan__queue_release(rx, view);
}

void chan__call_refuse_all(struct chan_receiver *rx)
{
    struct handle *h = &rx->handle;
    const struct segment *s = segment_of(rx);
    uint32_t first = s->g.role_cells;
    for (uint32_t i = 0; i < s->g.role_cells; i++) {
        struct held held;
        struct reply_to to;
        if (!(h->open >> i & 1) || chan__hold_read(&h->endpoint.party, first + i, &held))
            continue;
        if (!chan__reply_read(s, held.block, &to) && !chan__reply_is_last(s, held.block, to))
            continue; /* to be given back */
        refuse(rx, held.block);
        chan__hold_release(&h->endpoint.party, held.hold);
        chan__recv_returns(rx, 1);
        (void)chan__arena_free(s, held.number);
        h->open &= ~(UINT64_C(1) << i);
    }
}

static int reply_until(struct chan_receiver *rx, struct chan_view *request, const void *data, size_t size,
                       int64_t deadline_ns)
{
    struct held held;
    struct reply_to to;
    if (!rx || !request || (!data && size))
        return -EINVAL;
    int result = enter(rx);
    if (result)
        return result;
    result =
        chan__find_view(rx, request, &held) ? chan__reply_read(segment_of(rx), held.block, &to) : -EINVAL;
    if (!result)
        result = answer(rx, to, data, size, deadline_ns);
    if (!result || result == -EPIPE)
        (void)chan__queue_release(rx, request);
    chan__handle_leave(&rx->handle);
    return result;
}

int chan_reply(struct chan_receiver *rx, struct chan_view *request, const void *data, size_t size)
{
    return reply_until(rx, request, data, size, CHAN_FOREVER);
}

int chan_try_reply(struct chan_receiver *rx, struct chan_view *request, const void *data, size_t size)
{
    return reply_until(rx, request, data, size, DEADLINE_TRY);
}

int chan_reply_timeout(struct chan_receiver *rx, struct chan_view *request, const void *data, size_t size,
                       int64_t timeout_ns)
{
    return reply_until(rx, request, data, size, chan_deadline(timeout_ns));
}

int chan_reply_until(struct chan_receiver *rx, struct chan_view *request, const void *data, size_t size,
                     int64_t deadline_ns)
{
    return reply_until(rx, request, data, size, chan__user_deadline(deadline_ns));
}

int chan_reply_address_of(const struct chan_receiver *rx, const struct chan_view *request,
                          struct chan_reply_address *out)
{
    struct held held;
    struct reply_to to;
    if (!rx || !request || !out)
        return -EINVAL;
    if (segment_of(rx)->g.kind != CHAN_CALL)
        return -EOPNOTSUPP;
    if (!chan__find_view(rx, request, &held))
        return -EINVAL;
    int result = chan__reply_read(segment_of(rx), held.block, &to);
    if (!result)
        *out = (struct chan_reply_address){.word = to.word, .cell = to.cell};
    return result;
}

static int reply_to_until(struct chan_receiver *rx, const struct chan_reply_address *to, const void *data,
                          size_t size, int64_t deadline_ns)
{
    if (!rx || !to || (!data && size))
        return -EINVAL;
    int result = enter(rx);
    if (result)
        return result;
    const struct reply_to at = {to->word, to->cell};
    result = chan__reply_is_sound(segment_of(rx), at) ? answer(rx, at, data, size, deadline_ns) : -EINVAL;
    chan__handle_leave(&rx->handle);
    return result;
}

int chan_reply_to(struct chan_receiver *rx, const struct chan_reply_address *to, const void *data,
                  size_t size)
{
    return reply_to_until(rx, to, data, size, CHAN_FOREVER);
}

int chan_try_reply_to(struct chan_receiver *rx, const struct chan_reply_address *to, const void *data,
                      size_t size)
{
    return reply_to_until(rx, to, data, size, DEADLINE_TRY);
}

int chan_reply_to_timeout(struct chan_receiver *rx, const struct chan_reply_address *to, const void *data,
                          size_t size, int64_t timeout_ns)
{
    return reply_to_until(rx, to, data, size, chan_deadline(timeout_ns));
}

int chan_reply_to_until(struct chan_receiver *rx, const struct chan_reply_address *to, const void *data,
                        size_t size, int64_t deadline_ns)
{
    return reply_to_until(rx, to, data, size, chan__user_deadline(deadline_ns));
}

int chan_reply_is_awaited(const struct chan_receiver *rx, const struct chan_reply_address *to)
{
    if (!rx || !to || segment_of(rx)->g.kind != CHAN_CALL)
        return 0;
    const struct reply_to at = {to->word, to->cell};
    return chan__reply_is_sound(segment_of(rx), at) && chan__reply_is_awaited(segment_of(rx), at);
}
