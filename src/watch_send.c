/* SPDX-License-Identifier: Apache-2.0 */
/* Sending into a watch: replacing its value, changing it, and waiting until nobody follows it. */
#include "src/kind.h"

#include "shm/arena.h"
#include "shm/copy.h"
#include "shm/event.h"
#include "shm/watch.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Each round means that another sender was faster. More mean that somebody writes nonsense into the cell. */
#define ROUNDS_MAX (1u << 22)

/* The pin of a sender, which has no views. */
#define SLOT 0u

static struct segment *segment_of(const struct chan_sender *tx)
{
    return &tx->handle.chan->segment;
}

static bool is_watch(const struct chan_sender *tx)
{
    return segment_of(tx)->g.kind == CHAN_WATCH;
}

static bool is_shut_down(const struct chan_sender *tx)
{
    return chan__life_state(tx->handle.chan) & STATE_SHUT_DOWN;
}

static bool has_receivers(const struct chan_sender *tx)
{
    return chan__endpoint_count(segment_of(tx), CHAN_ROLE_RECEIVER) != 0;
}

static void tell_of_memory(const struct chan_sender *tx)
{
    chan__event_notify_after_store(&seg_hot(segment_of(tx))->space_event, INT_MAX);
}

int chan__watch_spare_of(struct chan_sender *tx, struct held *out)
{
    const struct segment *s = segment_of(tx);
    struct held spare;
    int result = chan__watch_spare(&tx->handle.endpoint.party, tx->handle.open, tx->handle.hold, &spare);
    if (result)
        return result;
    if (s->g.units && chan__arena_free(s, spare.number))
        tell_of_memory(tx);
    *out = spare;
    return 0;
}

/* A block that nobody reads, with memory for the value. */
static int get_memory(struct sending *op)
{
    int result = op->has_memory ? 0 : chan__watch_spare_of(op->tx, &op->spare);
    return result || op->has_memory ? result : chan__sending_memory(op);
}

/* Replace what the word of the cell names; a value that is `versions` further on. -EAGAIN: it is another word now. */
static int replace(struct sending *op, uint64_t word, uint64_t versions)
{
    const struct segment *s = segment_of(op->tx);
    struct party *party = &op->tx->handle.endpoint.party;
    atomic_u32 *event = &seg_hot(s)->data_event;
    if (word & s->g.seal)
        return -EPIPE;
    uint64_t number = cell_block(&s->g, word);
    if (number >= s->g.blocks)
        return -EBADMSG;
    /* Should the block be somebody's spare by now, and this nonsense, then the word has changed. */
    uint64_t version = watch_version(seg_block(s, number)) + versions;
    watch_set_version(op->spare.block, version & WATCH_VERSION_MASK, party->number);
    if (versions)
        (void)chan__event_warn(event, INT_MAX);
    if (!chan__watch_replace(party, word, &op->spare))
        return -EAGAIN;
    store_relaxed(&party->record->sent_bytes, load_relaxed(&party->record->sent_bytes) + op->size);
    if (versions)
        chan__event_notify(event, INT_MAX);
    return 0;
}

static void tidy(struct sending *op)
{
    if (chan__watch_tidy(&op->tx->handle.endpoint.party, op->spare.hold))
        tell_of_memory(op->tx);
}

/* Replaced values whose senders have not come back to them. */
int chan__watch_make_room(struct sending *op)
{
    return chan__watch_reclaim(&op->tx->handle.chan->segment) ? 0 : -EAGAIN;
}

static int attempt_put(void *sending)
{
    struct sending *op = sending;
    int result = -EPIPE;
    if (!is_shut_down(op->tx) && has_receivers(op->tx)) {
        bool is_new = !op->has_memory;
        result = get_memory(op);
        if (!result && is_new)
            result = chan__sending_describe(op);
    }
    if (result)
        return result;
    result = -EAGAIN;
    for (uint32_t round = 0; result == -EAGAIN && round < ROUNDS_MAX; round++)
        result = replace(op, chan__watch_word(segment_of(op->tx)), 1);
    if (!result)
        tidy(op);
    return result == -EAGAIN ? -EBADMSG : result;
}

int chan__watch_put(struct sending *op, int64_t deadline_ns)
{
    return chan__wait(&op->tx->handle, attempt_put, op, deadline_ns);
}

/* Closed, too, is ready. */
int chan__watch_send_ready(struct chan_sender *tx, struct stamp *stamp)
{
    (void)tx;
    *stamp = (struct stamp){0};
    return 0;
}

/* A value that is to be given to the user: chan_watch_send_replace(). */
struct replacing {
    struct sending sending;
    void *old;
    size_t capacity;
    size_t *old_size;
};

/* Whether the value that the word names fits in the user's buffer. -EAGAIN: it is another word now. */
static int look_at_size(const struct replacing *op, uint64_t word)
{
    const struct segment *s = segment_of(op->sending.tx);
    uint64_t number = cell_block(&s->g, word);
    if (number >= s->g.blocks)
        return -EBADMSG;
    uint64_t size = load_acquire(&seg_block(s, number)->size);
    if (chan__watch_word(s) != word)
        return -EAGAIN;
    if (size > op->capacity && op->old_size)
        *op->old_size = size;
    return size > op->capacity ? -EMSGSIZE : 0;
}

static int copy_value(const struct chan_sender *tx, const struct message *value, void *buffer,
                      size_t capacity, size_t *size)
{
    const struct segment *s = segment_of(tx);
    const unsigned char *payload =
        value->size <= s->g.message_size ? chan__payload(s, value->block, value->size) : NULL;
    if (!payload)
        return -EBADMSG;
    if (size)
        *size = (size_t)value->size;
    if (value->size > capacity)
        return -EMSGSIZE;
    if (value->size)
        copy_bytes(buffer, payload, (size_t)value->size);
    return 0;
}

/* The value that was replaced is in the hold cell, and stays as it is until this sender needs a spare. */
static int copy_old(const struct replacing *op)
{
    struct held held;
    int result = chan__hold_read(&op->sending.tx->handle.endpoint.party, op->sending.spare.hold, &held);
    if (result)
        return result;
    struct message value = {held.block, held.number, load_relaxed(&held.block->size)};
    return copy_value(op->sending.tx, &value, op->old, op->capacity, op->old_size);
}

static int attempt_replace(void *operation)
{
    struct replacing *op = operation;
    bool is_wanted = op->old || op->old_size;
    if (is_shut_down(op->sending.tx))
        return -EPIPE;
    int result = get_memory(&op->sending);
    if (!result)
        result = chan__sending_describe(&op->sending);
    if (result)
        return result;
    result = -EAGAIN;
    for (uint32_t round = 0; result == -EAGAIN && round < ROUNDS_MAX; round++) {
        uint64_t word = chan__watch_word(segment_of(op->sending.tx));
        result = is_wanted ? look_at_size(op, word) : 0;
        if (!result)
            result = replace(&op->sending, word, 1);
    }
    if (result)
        return result == -EAGAIN ? -EBADMSG : result;
    result = is_wanted ? copy_old(op) : 0;
    tidy(&op->sending);
    return result;
}

int chan_watch_send_replace(struct chan_sender *tx, const void *data, size_t size, void *old, size_t capacity,
                            size_t *old_size)
{
    if (!tx || (!data && size) || (!old && capacity))
        return -EINVAL;
    if (!is_watch(tx))
        return -EOPNOTSUPP;
    if (size > segment_of(tx)->g.message_size)
        return -EMSGSIZE;
    int result = chan__handle_enter(&tx->handle);
    if (result)
        return result;
    struct replacing op = {{.tx = tx, .data = data, .size = size}, old, capacity, old_size};
    result = chan__wait(&tx->handle, attempt_replace, &op, CHAN_FOREVER);
    if (result && op.sending.has_memory)
        chan__sending_drop(&op.sending);
    chan__handle_leave(&tx->handle);
    return result;
}

int chan_watch_sender_borrow(struct chan_sender *tx, void *buffer, size_t capacity, size_t *size)
{
    if (!tx || (!buffer && capacity))
        return -EINVAL;
    if (!is_watch(tx))
        return -EOPNOTSUPP;
    int result = chan__handle_enter(&tx->handle);
    if (result)
        return result;
    struct party *party = &tx->handle.endpoint.party;
    struct pinned pinned;
    result = chan__watch_pin(party, SLOT, &pinned);
    if (!result) {
        result = copy_value(tx, &pinned.message, buffer, capacity, size);
        chan__watch_unpin(party, SLOT);
    }
    chan__handle_leave(&tx->handle);
    return result;
}

/* A change of the value by its user's function. */
struct modifying {
    struct sending sending;
    chan_watch_modifier *modify;
    void *arg;
    bool always_new;
};

static int attempt_memory(void *operation)
{
    struct modifying *op = operation;
    return is_shut_down(op->sending.tx) ? -EPIPE : get_memory(&op->sending);
}

/* What the user makes of the value. */
enum verdict { VERDICT_SAME, VERDICT_SILENT, VERDICT_NEW };

/* Have a copy of the pinned value modified. */
static int modify_copy(struct modifying *op, const struct pinned *pinned, enum verdict *verdict)
{
    const struct segment *s = segment_of(op->sending.tx);
    size_t capacity = (size_t)s->g.message_size, size = (size_t)pinned->message.size;
    const unsigned char *now = size <= capacity ? chan__payload(s, pinned->message.block, size) : NULL;
    unsigned char *copy = chan__payload(s, op->sending.spare.block, capacity);
    if (!now || !copy)
        return -EBADMSG;
    memmove(copy, now, size); /* two extents, unless somebody wrote nonsense */
    op->sending.size = size;
    int said = op->modify(copy, &op->sending.size, capacity, op->arg);
    if (said < 0)
        return said;
    if (op->sending.size > capacity)
        return -EMSGSIZE;
    bool is_same = op->sending.size == size && !memcmp(copy, now, size);
    *verdict = said || op->always_new ? VERDICT_NEW : is_same ? VERDICT_SAME : VERDICT_SILENT;
    return 0;
}

/* 1: it is a new value. *again: somebody else has replaced the value meanwhile. */
static int modify_once(struct modifying *op, bool *again)
{
    struct party *party = &op->sending.tx->handle.endpoint.party;
    struct pinned pinned;
    enum verdict verdict = VERDICT_SAME;
    *again = false;
    int result = chan__watch_pin(party, SLOT, &pinned);
    if (result)
        return result;
    result = modify_copy(op, &pinned, &verdict);
    chan__watch_unpin(party, SLOT);
    if (result || verdict == VERDICT_SAME)
        return result;
    result = chan__sending_describe(&op->sending);
    if (!result)
        result = replace(&op->sending, pinned.word, verdict == VERDICT_NEW);
    *again = result == -EAGAIN;
    return result ? result : verdict == VERDICT_NEW;
}

static int modify(struct chan_sender *tx, chan_watch_modifier *function, void *arg, bool always_new)
{
    if (!tx || !function)
        return -EINVAL;
    if (!is_watch(tx))
        return -EOPNOTSUPP;
    int result = chan__handle_enter(&tx->handle);
    if (result)
        return result;
    struct modifying op = {
        {.tx = tx, .size = (size_t)segment_of(tx)->g.message_size}, function, arg, always_new};
    result = chan__wait(&tx->handle, attempt_memory, &op, CHAN_FOREVER);
    bool again = !result;
    for (uint32_t round = 0; again && round < ROUNDS_MAX; round++)
        result = modify_once(&op, &again);
    if (op.sending.has_memory)
        tidy(&op.sending);
    chan__handle_leave(&tx->handle);
    return again ? -EBADMSG : result;
}

int chan_watch_send_modify(struct chan_sender *tx, chan_watch_modifier *function, void *arg)
{
    int result = modify(tx, function, arg, true);
    return result < 0 ? result : 0;
}

int chan_watch_send_if_modified(struct chan_sender *tx, chan_watch_modifier *function, void *arg)
{
    return modify(tx, function, arg, false);
}

int chan_watch_is_closed(const struct chan_sender *tx)
{
    if (!tx)
        return -EINVAL;
    if (!is_watch(tx))
        return -EOPNOTSUPP;
    return is_shut_down(tx) || !has_receivers(tx);
}
