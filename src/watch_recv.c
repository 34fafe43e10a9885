/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving from a watch: reading its value, and waiting for another. */
#include "src/kind.h"

#include "shm/arena.h"
#include "shm/copy.h"
#include "shm/event.h"
#include "shm/watch.h"

#include <errno.h>
#include <limits.h>

/* No value has this version: whoever has seen it has seen nothing. */
#define NOTHING_SEEN UINT64_MAX

/* A look at the value, which is pinned if it is what was looked for. */
struct look {
    struct chan_receiver *rx;
    uint32_t slot; /* of the pin */
    chan_watch_predicate *predicate;
    void *arg;
    uint64_t last; /* word of the value that was not; 0: none yet */
    struct pinned pinned;
};

static struct segment *segment_of(const struct chan_receiver *rx)
{
    return &rx->handle.chan->segment;
}

static bool is_watch(const struct chan_receiver *rx)
{
    return segment_of(rx)->g.kind == CHAN_WATCH;
}

/* Every call begins so. */
static int enter(struct chan_receiver *rx)
{
    return is_watch(rx) ? chan__handle_enter(&rx->handle) : -EOPNOTSUPP;
}

/* The pins 0 .. holds - 1 are views', the next one is for the duration of a call. */
static uint32_t copying_slot(const struct chan_receiver *rx)
{
    return segment_of(rx)->g.holds;
}

static int viewing_slot(const struct chan_receiver *rx, uint32_t *slot)
{
    uint32_t first = (uint32_t)__builtin_ctzll(~rx->handle.open);
    if (first >= segment_of(rx)->g.holds)
        return -ENOBUFS;
    *slot = first;
    return 0;
}

static void unpin(struct chan_receiver *rx, uint32_t slot)
{
    const struct segment *s = segment_of(rx);
    chan__watch_unpin(&rx->handle.endpoint.party, slot);
    /* Whoever waits for payload memory finds it by itself. */
    if (s->g.units)
        chan__event_notify_after_store(&seg_hot(s)->space_event, INT_MAX);
}

static int pin(struct look *look)
{
    return chan__watch_pin(&look->rx->handle.endpoint.party, look->slot, &look->pinned);
}

/* NULL: the segment is corrupt. */
static const unsigned char *payload_of(const struct look *look)
{
    const struct segment *s = segment_of(look->rx);
    const struct message *m = &look->pinned.message;
    return m->size <= s->g.message_size ? chan__payload(s, m->block, m->size) : NULL;
}

static void mark_seen(struct look *look)
{
    struct chan_receiver *rx = look->rx;
    struct seg_record *record = rx->handle.endpoint.party.record;
    if (load_relaxed(&rx->seen) != look->pinned.version) {
        store_release(&record->taken, load_relaxed(&record->taken) + 1);
        store_relaxed(&record->received_bytes,
                      load_relaxed(&record->received_bytes) + look->pinned.message.size);
    }
    store_relaxed(&rx->seen, look->pinned.version);
}

/* 1: this value is it. */
static int accepts(const struct look *look)
{
    if (!look->predicate)
        return look->pinned.version != load_relaxed(&look->rx->seen);
    const unsigned char *payload = payload_of(look);
    return payload ? look->predicate(payload, look->pinned.message.size, look->arg) != 0 : -EBADMSG;
}

/* What has been sent comes before the end: whether it has ended is read before the value. */
static int attempt(void *operation)
{
    struct look *look = operation;
    struct chan *ch = look->rx->handle.chan;
    uint64_t state = chan__life_state(ch);
    if (state & STATE_SHUT_DOWN) {
        int result = chan__ring_seal(&ch->segment);
        if (result)
            return result;
    }
    if (chan__watch_word(&ch->segment) != look->last) {
        int result = pin(look);
        if (result)
            return result;
        result = accepts(look);
        if (result == 1)
            return 0;
        look->last = look->pinned.word;
        unpin(look->rx, look->slot);
        if (result)
            return result;
    }
    return state & (STATE_SHUT_DOWN | STATE_SENDERS_GONE) ? -EPIPE : -EAGAIN;
}

/* Copy what is pinned, and unpin it. */
static int copy_out(struct look *look, void *buffer, size_t capacity, size_t *size)
{
    const unsigned char *payload = payload_of(look);
    size_t length = look->pinned.message.size;
    int result = !payload ? -EBADMSG : length > capacity ? -EMSGSIZE : 0;
    if (!result && length)
        copy_bytes(buffer, payload, length);
    unpin(look->rx, look->slot);
    if (size && result != -EBADMSG)
        *size = length;
    if (!result)
        look->rx->borrowed = look->pinned.version;
    return result;
}

/* What is pinned becomes a view. */
static int open_view(struct look *look, struct chan_view *view)
{
    const unsigned char *payload = payload_of(look);
    if (!payload) {
        unpin(look->rx, look->slot);
        return -EBADMSG;
    }
    const struct seg_block *block = look->pinned.message.block;
    look->rx->handle.open |= UINT64_C(1) << look->slot;
    look->rx->borrowed = look->pinned.version;
    *view = (struct chan_view){
        .data = payload,
        .size = look->pinned.message.size,
        .deliveries = 1,
        .sender = watch_sender(block),
        .sent_ns = (int64_t)load_relaxed(&block->sent_ns),
        .hold = look->slot + 1,
    };
    return 0;
}

int chan__watch_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                     int64_t deadline_ns, uint32_t *unannounced)
{
    (void)unannounced;
    struct look look = {.rx = rx, .slot = copying_slot(rx)};
    int result = chan__wait(&rx->handle, attempt, &look, deadline_ns);
    if (!result)
        result = copy_out(&look, buffer, capacity, size);
    if (!result) {
        mark_seen(&look);
        rx->deliveries = 1;
    }
    return result;
}

static int wait_for_view(struct look *look, struct chan_view *view, int64_t deadline_ns)
{
    int result = viewing_slot(look->rx, &look->slot);
    if (!result)
        result = chan__wait(&look->rx->handle, attempt, look, deadline_ns);
    if (!result)
        result = open_view(look, view);
    if (!result)
        mark_seen(look);
    return result;
}

int chan__watch_recv_view(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns)
{
    struct look look = {.rx = rx};
    return wait_for_view(&look, view, deadline_ns);
}

int chan__watch_release(struct chan_receiver *rx, struct chan_view *view)
{
    const struct segment *s = segment_of(rx);
    uint32_t slot = view->hold - 1;
    if (slot >= s->g.holds || !(rx->handle.open >> slot & 1))
        return -EINVAL;
    uint64_t word = load_relaxed(&rx->handle.endpoint.party.record->own.watch.pins[slot]);
    uint64_t number = cell_block(&s->g, word);
    if (number >= s->g.blocks || chan__payload(s, seg_block(s, number), 0) != view->data)
        return -EINVAL;
    rx->handle.open &= ~(UINT64_C(1) << slot);
    unpin(rx, slot);
    *view = (struct chan_view){0};
    return 0;
}

/* The value has not been seen then. */
int chan__watch_give_back(struct chan_receiver *rx, struct chan_view *view)
{
    int result = chan__watch_release(rx, view);
    if (!result)
        store_relaxed(&rx->seen, NOTHING_SEEN);
    return result;
}

/* The end stays, so between two looks at the same word of the cell that found nothing there was nothing. */
int chan__watch_recv_ready(struct chan_receiver *rx, struct stamp *stamp)
{
    struct look look = {.rx = rx, .slot = copying_slot(rx)};
    int result = attempt(&look);
    if (!result)
        unpin(rx, look.slot);
    *stamp = (struct stamp){{look.last}};
    return result == -EAGAIN ? result : 0;
}

static int borrow(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size, bool updates)
{
    if (!rx || (!buffer && capacity))
        return -EINVAL;
    int result = enter(rx);
    if (result)
        return result;
    struct look look = {.rx = rx, .slot = copying_slot(rx)};
    result = pin(&look);
    if (!result)
        result = copy_out(&look, buffer, capacity, size);
    if (!result && updates)
        mark_seen(&look);
    chan__handle_leave(&rx->handle);
    return result;
}

int chan_watch_borrow(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size)
{
    return borrow(rx, buffer, capacity, size, false);
}

int chan_watch_borrow_and_update(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size)
{
    return borrow(rx, buffer, capacity, size, true);
}

static int borrow_view(struct chan_receiver *rx, struct chan_view *view, bool updates)
{
    if (!rx || !view)
        return -EINVAL;
    int result = enter(rx);
    if (result)
        return result;
    struct look look = {.rx = rx};
    result = viewing_slot(rx, &look.slot);
    if (!result)
        result = pin(&look);
    if (!result)
        result = open_view(&look, view);
    if (!result && updates)
        mark_seen(&look);
    chan__handle_leave(&rx->handle);
    return result;
}

int chan_watch_borrow_view(struct chan_receiver *rx, struct chan_view *view)
{
    return borrow_view(rx, view, false);
}

int chan_watch_borrow_and_update_view(struct chan_receiver *rx, struct chan_view *view)
{
    return borrow_view(rx, view, true);
}

uint64_t chan_watch_version(const struct chan_receiver *rx)
{
    return rx->borrowed;
}

static int changed_until(struct chan_receiver *rx, int64_t deadline_ns)
{
    if (!rx)
        return -EINVAL;
    int result = enter(rx);
    if (result)
        return result;
    struct look look = {.rx = rx, .slot = copying_slot(rx)};
    result = chan__wait(&rx->handle, attempt, &look, deadline_ns);
    if (!result) {
        mark_seen(&look);
        unpin(rx, look.slot);
    }
    chan__handle_leave(&rx->handle);
    return result;
}

int chan_watch_changed(struct chan_receiver *rx)
{
    return changed_until(rx, CHAN_FOREVER);
}

int chan_watch_try_changed(struct chan_receiver *rx)
{
    return changed_until(rx, DEADLINE_TRY);
}

int chan_watch_changed_timeout(struct chan_receiver *rx, int64_t timeout_ns)
{
    return changed_until(rx, chan_deadline(timeout_ns));
}

int chan_watch_changed_until(struct chan_receiver *rx, int64_t deadline_ns)
{
    return changed_until(rx, chan__user_deadline(deadline_ns));
}

/* The version now. */
static int look_at_version(struct chan_receiver *rx, uint64_t *version)
{
    struct look look = {.rx = rx, .slot = copying_slot(rx)};
    int result = pin(&look);
    if (result)
        return result;
    *version = look.pinned.version;
    unpin(rx, look.slot);
    return 0;
}

int chan_watch_has_changed(struct chan_receiver *rx)
{
    uint64_t version = 0;
    if (!rx)
        return -EINVAL;
    int result = enter(rx);
    if (result)
        return result;
    if (chan__life_state(rx->handle.chan) & (STATE_SHUT_DOWN | STATE_SENDERS_GONE))
        result = -EPIPE;
    else
        result = look_at_version(rx, &version);
    if (!result)
        result = version != load_relaxed(&rx->seen);
    chan__handle_leave(&rx->handle);
    return result;
}

int chan_watch_mark_changed(struct chan_receiver *rx)
{
    if (!rx)
        return -EINVAL;
    int result = enter(rx);
    if (result)
        return result;
    store_relaxed(&rx->seen, NOTHING_SEEN);
    chan__handle_leave(&rx->handle);
    return 0;
}

int chan_watch_mark_unchanged(struct chan_receiver *rx)
{
    if (!rx)
        return -EINVAL;
    int result = enter(rx);
    if (result)
        return result;
    uint64_t version;
    result = look_at_version(rx, &version);
    if (!result)
        store_relaxed(&rx->seen, version);
    chan__handle_leave(&rx->handle);
    return result;
}

int chan__watch_subscribe(struct chan_receiver *rx)
{
    uint64_t version;
    int result = look_at_version(rx, &version);
    if (!result)
        store_relaxed(&rx->seen, version);
    return result;
}

static int wait_for_until(struct chan_receiver *rx, chan_watch_predicate *predicate, void *arg,
                          struct chan_view *view, int64_t deadline_ns)
{
    if (!rx || !predicate || !view)
        return -EINVAL;
    int result = enter(rx);
    if (result)
        return result;
    struct look look = {.rx = rx, .predicate = predicate, .arg = arg};
    result = wait_for_view(&look, view, deadline_ns);
    chan__handle_leave(&rx->handle);
    return result;
}

int chan_watch_wait_for(struct chan_receiver *rx, chan_watch_predicate *predicate, void *arg,
                        struct chan_view *view)
{
    return wait_for_until(rx, predicate, arg, view, CHAN_FOREVER);
}

int chan_watch_try_wait_for(struct chan_receiver *rx, chan_watch_predicate *predicate, void *arg,
                            struct chan_view *view)
{
    return wait_for_until(rx, predicate, arg, view, DEADLINE_TRY);
}

int chan_watch_wait_for_timeout(struct chan_receiver *rx, chan_watch_predicate *predicate, void *arg,
                                struct chan_view *view, int64_t timeout_ns)
{
    return wait_for_until(rx, predicate, arg, view, chan_deadline(timeout_ns));
}

int chan_watch_wait_for_until(struct chan_receiver *rx, chan_watch_predicate *predicate, void *arg,
                              struct chan_view *view, int64_t deadline_ns)
{
    return wait_for_until(rx, predicate, arg, view, chan__user_deadline(deadline_ns));
}
