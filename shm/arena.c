/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation of payload units by CAS on their owner words: what was freed last, or the next run that fits. */
#include "shm/arena.h"

#include <errno.h>

static uint64_t unit_word(uint32_t tag, uint32_t block)
{
    return (uint64_t)tag << 32 | (block + 1);
}

/* Claim [first, first + count). Returns count, or how many were claimed, and given back, before one that
 * is taken. */
static uint32_t claim_run(const struct segment *s, struct seg_block *block, uint32_t number, uint32_t first,
                          uint32_t count)
{
    uint32_t tag = load_relaxed(&block->extent_tag) + 1;
    store_relaxed(&block->extent_count, 0);
    store_relaxed(&block->extent_tag, tag);
    store_relaxed(&block->extent_first, first);
    store_release(&block->extent_count, count);
    uint64_t word = unit_word(tag, number);
    for (uint32_t claimed = 0; claimed < count; claimed++) {
        if (cas_acq_rel_u64(seg_unit(s, first + claimed), 0, word)) /* UNIT */
            continue;
        for (uint32_t unit = first; unit < first + claimed; unit++)
            store_release(seg_unit(s, unit), 0);
        store_relaxed(&block->extent_count, 0);
        return claimed;
    }
    return count;
}

/* The first run of `count` free units in [from, to), UINT64_MAX if there is none. */
static uint64_t find_run(const struct segment *s, uint64_t from, uint64_t to, uint64_t count)
{
    uint64_t start = from;
    for (uint64_t unit = from; unit < to; unit++) {
        if (load_relaxed(seg_unit(s, unit)))
            start = unit + 1;
        else if (unit + 1 - start == count)
            return start;
    }
    return UINT64_MAX;
}

int chan__arena_claim_between(const struct segment *s, uint32_t block, uint64_t from, uint64_t to,
                              uint64_t count)
{
    for (;;) {
        uint64_t first = find_run(s, from, to, count);
        if (first == UINT64_MAX)
            return -EAGAIN;
        uint32_t claimed = claim_run(s, seg_block(s, block), block, (uint32_t)first, (uint32_t)count);
        if (claimed == count)
            return 0;
        from = first + claimed + 1; /* behind the unit that somebody was faster to take: always forwards */
    }
}

/* What was freed last is still in a cache, so it is the first to be used again; a run of the same size fits. But only
 * where runs of that size would lie side by side: else two of the largest messages might never again have room in a
 * budget for two. */
static bool claim_freed(const struct segment *s, uint32_t block, uint64_t first, uint64_t end, uint32_t count)
{
    uint64_t unit = load_relaxed(&seg_hot(s)->freed_unit);
    return unit >= first && unit < end && end - unit >= count && (unit - first) % count == 0 &&
           find_run(s, unit, unit + count, count) == unit &&
           claim_run(s, seg_block(s, block), block, (uint32_t)unit, count) == count;
}

/* Among the units [first, end). */
static int claim(const struct segment *s, uint32_t block, uint64_t bytes, uint32_t *hint, uint64_t first,
                 uint64_t end)
{
    const struct geometry *g = &s->g;
    uint32_t count = (uint32_t)((bytes + g->unit_bytes - 1) / g->unit_bytes);
    if (claim_freed(s, block, first, end, count))
        return 0;
    uint64_t from = *hint < first || *hint >= end ? first : *hint;
    int result = chan__arena_claim_between(s, block, from, end, count);
    if (result && from != first)
        result = chan__arena_claim_between(s, block, first, end, count);
    if (!result)
        *hint = load_relaxed(&seg_block(s, block)->extent_first) + count;
    return result;
}

int chan__arena_claim(const struct segment *s, uint32_t block, uint64_t bytes, uint32_t *hint)
{
    return claim(s, block, bytes, hint, 0, s->g.sent_units);
}

int chan__arena_claim_answer(const struct segment *s, uint32_t block, uint64_t bytes, uint32_t *hint)
{
    return claim(s, block, bytes, hint, s->g.sent_units, s->g.units);
}

bool chan__arena_free(const struct segment *s, uint32_t block)
{
    struct seg_block *b = seg_block(s, block);
    struct extent e = chan__extent_of(b);
    if (!extent_is_sound(s, e))
        return false;
    chan__arena_reclaim(s, block, e);
    store_relaxed(&b->extent_count, 0);
    store_relaxed(&seg_hot(s)->freed_unit, e.first);
    return true;
}

uint32_t chan__arena_reclaim(const struct segment *s, uint32_t block, struct extent e)
{
    uint32_t freed = 0;
    if (!extent_is_sound(s, e))
        return 0;
    for (uint32_t unit = e.first; unit < e.first + e.count; unit++)
        if (load_relaxed(seg_unit(s, unit)) == unit_word(e.tag, block))
            freed += cas_acq_rel_u64(seg_unit(s, unit), unit_word(e.tag, block), 0); /* UNIT */
    return freed;
}

uint32_t chan__arena_left(const struct segment *s, uint32_t block, struct extent e)
{
    uint32_t left = 0;
    if (!extent_is_sound(s, e))
        return 0;
    for (uint32_t unit = e.first; unit < e.first + e.count; unit++)
        left += load_relaxed(seg_unit(s, unit)) == unit_word(e.tag, block);
    return left;
}

uint64_t chan__arena_used(const struct segment *s)
{
    uint64_t used = 0;
    for (uint64_t unit = 0; unit < s->g.units; unit++)
        used += load_relaxed(seg_unit(s, unit)) != 0;
    return used;
}
