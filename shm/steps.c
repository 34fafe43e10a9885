/* SPDX-License-Identifier: Apache-2.0 */
/* Committing payload units in steps, and giving them back. */
#include "shm/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE /* C libraries older than Linux 5.14; the number is the kernel's */
#define MADV_POPULATE_WRITE 23
#endif

/* Of step 0, where small queues stay, so many units are looked at one by one. */
#define SEARCHED_UNITS UINT64_C(64)

static atomic_u64 *ready_word(const struct segment *s, uint64_t step)
{
    return (void *)(s->base + s->g.steps_at + step / 64 * 8);
}

static atomic_u64 *touched_word(const struct segment *s, uint64_t step)
{
    return ready_word(s, step + (s->g.steps + 63) / 64 * 64);
}

static uint64_t bit_of(uint64_t step)
{
    return UINT64_C(1) << step % 64;
}

static bool is_ready(const struct segment *s, uint64_t step)
{
    return load_acquire(ready_word(s, step)) & bit_of(step);
}

/* Through the mapping, which is the segment whatever has become of the descriptor. The pages come mapped, too. */
static int commit_pages(const struct segment *s, uint64_t step)
{
    uint64_t bytes = s->g.step_units * s->g.unit_bytes;
    unsigned char *first = seg_arena(s, step * s->g.step_units);
    for (;;) {
        if (!madvise(first, bytes, MADV_POPULATE_WRITE))
            return 0;
        if (errno == EFAULT) /* what a write there would have been SIGBUS for */
            return -ENOSPC;
        if (errno == EINVAL) /* a kernel before 5.14 */
            break;
        if (errno != EINTR)
            return -errno;
    }
    while (chan__segment_has_fd(s)) {
        if (!fallocate(s->fd, FALLOC_FL_KEEP_SIZE, first - s->base, (off_t)bytes))
            return 0;
        if (errno != EINTR)
            return -errno;
    }
    return -EBADF;
}

static int commit_step(const struct segment *s, uint64_t step)
{
    if (is_ready(s, step))
        return 0;
    fetch_or_seq_cst(touched_word(s, step), bit_of(step));
    int result = commit_pages(s, step);
    if (!result)
        fetch_or_seq_cst(ready_word(s, step), bit_of(step));
    return result;
}

/* Memory behind the block's extent; without it, the extent is freed again. */
static int commit_extent(const struct segment *s, uint32_t block)
{
    struct extent e = chan__extent_of(seg_block(s, block));
    if (!extent_is_sound(s, e))
        return -EBADMSG; /* somebody else wrote there */
    uint64_t last = (e.first + e.count - 1) / s->g.step_units;
    int result = 0;
    for (uint64_t step = e.first / s->g.step_units; !result && step <= last; step++)
        result = commit_step(s, step);
    if (result)
        (void)chan__arena_free(s, block);
    return result;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Messages come and go in their order: a step whose first and last units are free is most likely all free. */
static bool looks_free(const struct segment *s, uint64_t step)
{
    uint64_t first = step * s->g.step_units;
    return !load_relaxed(seg_unit(s, first)) && !load_relaxed(seg_unit(s, first + s->g.step_units - 1));
}

/* In the step that was last used, else in the lowest that seems to be free, else anywhere: so what is queued lies
 * together in the lowest steps, and looking for a step costs two loads for each, once for all messages that it has
 * room for. */
static int claim_units(const struct segment *s, uint32_t block, uint64_t count, uint64_t hint)
{
    uint64_t size = s->g.step_units, step = hint / size, end = s->g.units;
    if (hint % size && step < s->g.steps && is_ready(s, step) &&
        !chan__arena_claim_between(s, block, hint, (step + 1) * size, count))
        return 0;
    if (!chan__arena_claim_between(s, block, 0, min_u64(size, SEARCHED_UNITS + count), count))
        return 0;
    for (step = 0; count <= size && step < s->g.steps; step++)
        if (looks_free(s, step) &&
            !chan__arena_claim_between(s, block, step * size, (step + 1) * size, count))
            return 0;
    return chan__arena_claim_between(s, block, 0, end, count);
}

/* No memory for one step more: what there is, from one run of steps that are ready to the next. */
static int claim_committed(const struct segment *s, uint32_t block, uint64_t count, int otherwise)
{
    uint64_t size = s->g.step_units;
    for (uint64_t first = 0; first < s->g.steps; first++) {
        uint64_t end = first;
        while (end < s->g.steps && is_ready(s, end))
            end++;
        if (end > first && !chan__arena_claim_between(s, block, first * size, end * size, count))
            return commit_extent(s, block); /* it may have been given back just before */
        first = end;
    }
    return otherwise;
}

int chan__steps_claim(const struct segment *s, uint32_t block, uint64_t bytes, uint32_t *hint)
{
    uint64_t count = (bytes + s->g.unit_bytes - 1) / s->g.unit_bytes;
    int result = claim_units(s, block, count, *hint);
    if (result)
        return result;
    result = commit_extent(s, block);
    if (result == -ENOSPC || result == -ENOMEM)
        result = claim_committed(s, block, count, result);
    if (!result)
        *hint = load_relaxed(&seg_block(s, block)->extent_first) + (uint32_t)count;
    return result;
}

uint64_t chan__steps_touched(const struct segment *s, uint64_t below)
{
    for (uint64_t step = below; step > 1;) {
        uint64_t word = load_acquire(touched_word(s, step - 1)) & (~UINT64_C(0) >> (63 - (step - 1) % 64));
        uint64_t base = (step - 1) / 64 * 64;
        if (!base)
            word &= ~UINT64_C(1); /* step 0 stays */
        if (word)
            return base + 63 - (uint64_t)__builtin_clzll(word);
        step = base;
    }
    return 0;
}

int chan__steps_give_back(const struct segment *s, uint32_t block, uint64_t step)
{
    uint64_t size = s->g.step_units, first = step * size;
    if (!looks_free(s, step) || chan__arena_claim_between(s, block, first, first + size, size))
        return 0;
    fetch_and_seq_cst(ready_word(s, step), ~bit_of(step));
    int result = madvise(seg_arena(s, first), size * s->g.unit_bytes, MADV_REMOVE) ? -errno : 0;
    if (!result)
        fetch_and_seq_cst(touched_word(s, step), ~bit_of(step));
    (void)chan__arena_free(s, block);
    return result;
}

void chan__steps_begin(const struct segment *s)
{
    if (!s->g.steps)
        return;
    store_relaxed(ready_word(s, 0), 1);
    store_relaxed(touched_word(s, 0), 1);
}

uint64_t chan__steps_ready(const struct segment *s)
{
    uint64_t ready = 0;
    for (uint64_t step = 0; step < s->g.steps; step++)
        ready += is_ready(s, step);
    return ready;
}

bool chan__steps_have(const struct segment *s, struct extent e)
{
    for (uint64_t unit = e.first; unit < (uint64_t)e.first + e.count; unit += s->g.step_units)
        if (!is_ready(s, unit / s->g.step_units))
            return false;
    return is_ready(s, ((uint64_t)e.first + e.count - 1) / s->g.step_units);
}
