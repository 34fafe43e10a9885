/* SPDX-License-Identifier: Apache-2.0 */
/* Payload units: contiguous memory for messages that do not fit in their block.
 *
 * Each unit has an owner word, 0 or {tag:32, block + 1:32}; the tag counts the block's extents, so that a
 * word never comes back. The block says which units it wants before the first is claimed, so after a death
 * at any instruction the repairer knows where to look, and frees what still carries exactly that word. */
#ifndef SHM_ARENA_H
#define SHM_ARENA_H

#include "shm/segment.h"

/* Give the block an extent of at least `bytes` (> 0). `*hint` is where to look first, private to the caller.
 * -EAGAIN: no such run is free now. */
int chan__arena_claim(const struct segment *s, uint32_t block, uint64_t bytes, uint32_t *hint);

/* The same among the units for answers. */
int chan__arena_claim_answer(const struct segment *s, uint32_t block, uint64_t bytes, uint32_t *hint);

/* `count` units in a row, all within [from, to). */
int chan__arena_claim_between(const struct segment *s, uint32_t block, uint64_t from, uint64_t to,
                              uint64_t count);

/* Free the extent of a block of the caller's own. True if there was one. */
bool chan__arena_free(const struct segment *s, uint32_t block);

/* What an extent is, read once from the segment. */
struct extent {
    uint32_t first, count, tag;
};
static inline struct extent chan__extent_of(const struct seg_block *block)
{
    /* Acquire: a look at the block's cell or owner afterwards is not to come before. */
    return (struct extent){
        .first = load_acquire(&block->extent_first),
        .count = load_acquire(&block->extent_count),
        .tag = load_acquire(&block->extent_tag),
    };
}

/* Free what `extent`, read while the block was surely the dead endpoint's, left claimed. Any number of
 * repairers may do it at once. Returns the number of units freed. */
uint32_t chan__arena_reclaim(const struct segment *s, uint32_t block, struct extent extent);

/* How many units that would be now. */
uint32_t chan__arena_left(const struct segment *s, uint32_t block, struct extent extent);

static inline bool extent_is_sound(const struct segment *s, struct extent e)
{
    return e.count && e.first < s->g.units && e.count <= s->g.units - e.first;
}

/* The message in a block: NULL if block and segment contradict each other. */
static inline unsigned char *chan__payload(const struct segment *s, struct seg_block *block, uint64_t size)
{
    if (!load_relaxed(&block->extent_count))
        return size <= s->g.inline_size ? block->payload : NULL;
    struct extent e = chan__extent_of(block);
    if (!extent_is_sound(s, e) || size > e.count * s->g.unit_bytes)
        return NULL;
    return seg_arena(s, e.first);
}

/* Units in use now. */
uint64_t chan__arena_used(const struct segment *s);

#endif
