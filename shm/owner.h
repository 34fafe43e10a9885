/* SPDX-License-Identifier: Apache-2.0 */
/* The owner word of a block, {sequence:40, record:24}, and the intent in a record.
 *
 * The sequence never comes back, so a repairer that was stopped cannot overwrite a later owner. */
#ifndef SHM_OWNER_H
#define SHM_OWNER_H

#include "shm/layout.h"

#define OWNER_RECORD_BITS 24u
#define OWNER_RECORD_MASK ((UINT64_C(1) << OWNER_RECORD_BITS) - 1)

static inline bool owner_is(uint64_t word, uint32_t record)
{
    return (word & OWNER_RECORD_MASK) == record;
}

static inline uint64_t owner_next(uint64_t word, uint32_t record)
{
    return (word | OWNER_RECORD_MASK) + 1 + record;
}

/* What an endpoint is about to do, for those who find it dead: docs/design.md, section 3. */
struct intent {
    uint64_t old;         /* word of the cell before; 0: no intent. The word after it follows: intent_new() */
    uint64_t held, count; /* the hold cell's word, and the kind's counter, before */
    uint32_t cell, hold;
    enum intent_kind kind;
};

static inline struct intent chan__intent_get(struct seg_record *record)
{
    return (struct intent){
        .cell = load_acquire(&record->intent_cell),
        .hold = load_acquire(&record->intent_hold),
        .kind = (enum intent_kind)load_acquire(&record->intent_kind),
        .old = load_acquire(&record->intent_old), /* INTENT */
        .held = load_acquire(&record->intent_held),
        .count = load_acquire(&record->intent_count),
    };
}

#ifndef CHAN_WITHOUT_REPAIR

/* I have just obtained the block. */
static ALWAYS_INLINE void chan__owner_take(struct seg_block *block, uint32_t record)
{
    store_release(&block->owner, owner_next(load_relaxed(&block->owner), record));
}

/* The block is mine already, but a predecessor of my record, or a taker of an orphan, may have put it
 * there. */
static ALWAYS_INLINE void chan__owner_ensure(struct seg_block *block, uint32_t record)
{
    if (!owner_is(load_relaxed(&block->owner), record))
        chan__owner_take(block, record);
}

/* No part may become visible before the 0 that ended the last intent, nor after this `old`: whoever reads the
 * same `old` before and after the parts has the parts that go with it. */
static ALWAYS_INLINE void chan__intent_set(struct seg_record *record, const struct intent *i)
{
    store_release(&record->intent_cell, i->cell);
    store_release(&record->intent_hold, (uint16_t)i->hold);
    store_release(&record->intent_kind, (uint16_t)i->kind);
    store_release(&record->intent_held, i->held);
    store_release(&record->intent_count, i->count);
    store_release(&record->intent_old, i->old); /* INTENT */
}

static inline void chan__intent_clear(struct seg_record *record)
{
    store_release(&record->intent_old, 0); /* OWNER */
}

#else /* nothing survives a death: for bench/uncontended, which measures what these words cost */

static inline void chan__owner_take(struct seg_block *block, uint32_t record)
{
    (void)block, (void)record;
}

static inline void chan__owner_ensure(struct seg_block *block, uint32_t record)
{
    (void)block, (void)record;
}

static inline void chan__intent_set(struct seg_record *record, const struct intent *i)
{
    (void)record, (void)i;
}

static inline void chan__intent_clear(struct seg_record *record)
{
    (void)record;
}

#endif

#endif
