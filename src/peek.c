/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at queued messages without taking them: copy first, then make sure that nothing moved meanwhile. */
#include "src/handle.h"

#include "shm/arena.h"
#include "shm/copy.h"
#include "shm/overwrite.h"
#include "shm/watch.h"

#include <errno.h>
#include <unistd.h>

#define ROUNDS 16

/* A growable queue's memory may be given back while we read: reading it through the mapping would bring it back, or be
 * SIGBUS where there is none. */
static int copy_payload(const struct segment *s, const unsigned char *payload, void *buffer, size_t bytes)
{
    if (!s->g.steps || payload < seg_arena(s, 0)) {
        copy_bytes(buffer, payload, bytes);
        return 0;
    }
    if (!chan__segment_has_fd(s))
        return -EBADF;
    ssize_t read = pread(s->fd, buffer, bytes, payload - s->base);
    return read < 0 ? -errno : 0;
}

/* Copy the message in the cell, if it is still there afterwards. */
static int copy_message(const struct segment *s, struct cursor at, void *buffer, size_t capacity,
                        struct chan_peek_info *info)
{
    uint64_t word = load_acquire(seg_ring_cell(s, at.index)); /* PUBLISH */
    uint64_t number = cell_block(&s->g, word);
    if (number >= s->g.blocks)
        return -EBADMSG;
    struct seg_block *block = seg_block(s, number);
    uint64_t size = load_acquire(&block->size);
    const unsigned char *payload = chan__payload(s, block, size);
    bool is_there = cell_ahead(&s->g, word, 2 * at.lap + 1) == 0;
    int result = 0;
    if (is_there && payload && size && capacity)
        result = copy_payload(s, payload, buffer, size < capacity ? (size_t)size : capacity);
    info->size = (size_t)size;
    info->sender = load_acquire(&block->sender);
    info->sent_ns = (int64_t)load_acquire(&block->sent_ns);
    if (!is_there || !chan__retained_is(s, at, word))
        return -EAGAIN;
    return payload ? result : -EBADMSG;
}

/* The messages that are there: numbers [first, end). */
static int find_range(const struct segment *s, uint64_t *first, uint64_t *end)
{
    struct cursor head;
    uint64_t length;
    if (s->g.kind == CHAN_BROADCAST)
        return chan__retained_range(s, first, end);
    int result = chan__ring_length(s, &head, &length);
    if (result)
        return result;
    *first = chan__ring_number(&s->g, head);
    *end = *first + length;
    return 0;
}

/* Of a watch there is the current value; its version is its position. */
static int peek_value(const struct segment *s, uint64_t *position, void *buffer, size_t capacity,
                      struct chan_peek_info *info)
{
    uint64_t word = chan__watch_word(s);
    uint64_t number = cell_block(&s->g, word);
    if (number >= s->g.blocks)
        return -EBADMSG;
    struct seg_block *block = seg_block(s, number);
    struct chan_peek_info found = {
        .position = watch_version(block),
        .sender = watch_sender(block),
        .size = (size_t)load_acquire(&block->size),
        .sent_ns = (int64_t)load_acquire(&block->sent_ns),
    };
    const unsigned char *payload =
        found.size <= s->g.message_size ? chan__payload(s, block, found.size) : NULL;
    bool is_there = found.position >= *position;
    if (is_there && payload && found.size && capacity)
        copy_bytes(buffer, payload, found.size < capacity ? found.size : capacity);
    atomic_thread_fence(memory_order_acquire); /* the copy before the look at whether it was stable */
    if (!is_there || chan__watch_word(s) != word)
        return -EAGAIN;
    if (!payload)
        return -EBADMSG;
    found.skipped = found.position - *position;
    *info = found;
    *position = found.position + 1;
    return 0;
}

int chan_peek(const struct chan *ch, uint64_t *position, void *buffer, size_t capacity,
              struct chan_peek_info *info)
{
    if (!ch || !position || !info || (!buffer && capacity))
        return -EINVAL;
    const struct segment *s = &ch->segment;
    if (s->g.kind == CHAN_WATCH) {
        int result = -EAGAIN;
        for (int round = 0; result == -EAGAIN && round < ROUNDS; round++)
            result = peek_value(s, position, buffer, capacity, info);
        return result;
    }
    struct chan_peek_info found = {0};
    uint64_t asked = *position;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t first, end;
        int result = find_range(s, &first, &end);
        if (result)
            return result;
        uint64_t wanted = asked > first ? asked : first;
        if (wanted >= end)
            return -EAGAIN;
        result = copy_message(s, chan__ring_position(&s->g, wanted), buffer, capacity, &found);
        if (result == -EAGAIN)
            continue; /* received meanwhile */
        if (result)
            return result;
        found.position = wanted;
        found.skipped = wanted - asked;
        *info = found;
        *position = wanted + 1;
        return 0;
    }
    return -EAGAIN;
}
