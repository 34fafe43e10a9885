/* SPDX-License-Identifier: Apache-2.0 */
/* The owner word of a block, {sequence:40, record + 1:24}, and the intent in a record.
 *
 * The sequence never comes back, so a repairer that was stopped cannot overwrite a later owner. */
#ifndef SHM_OWNER_H
#define SHM_OWNER_H

#include "shm/layout.h"

#define OWNER_RECORD_BITS 24u
#define OWNER_RECORD_MASK ((UINT64_C(1) << OWNER_RECORD_BITS) - 1)

static inline bool owner_is(uint64_t word, uint32_t record)
{
    return (word & OWNER_RECORD_MASK) == record + 1;
}

static inline uint64_t owner_next(uint64_t word, uint32_t record)
{
    return (word | OWNER_RECORD_MASK) + 1 + (record + 1);
}

/* What an endpoint is about to do, for those who find it dead: docs/design.md, section 3. */
struct intent {
    uint64_t old;         /* word of the cell before; 0: no intent. The word after it follows: intent_new() */
    uint64_t held, count; /* the hold cell's word, and the kind's counter, before */
    uint32_t cell, hold;
    enum intent_kind kind;
};

static inline uint64_t intent_where(uint32_t cell, uint32_t hold, enum intent_kind kind)
{
    return (uint64_t)cell << 32 | (uint64_t)hold << 16 | (uint64_t)kind;
}

static inline uint32_t intent_cell(uint64_t where)
{
    return (uint32_t)(where >> 32);
}

static inline uint32_t intent_hold(uint64_t where)
{
    return (uint32_t)(where >> 16) & 0xffff;
}

static inline enum intent_kind intent_kind(uint64_t where)
{
    return (enum intent_kind)(where & 0xffff);
}

static inline struct intent chan__intent_get(struct seg_record *record)
{
    uint64_t where = load_acquire(&record->intent_where);
    return (struct intent){
        .old = load_acquire(&record->intent_old), /* INTENT */
        .held = load_acquire(&record->intent_held),
        .count = load_acquire(&record->intent_count),
        .cell = intent_cell(where),
        .hold = intent_hold(where),
        .kind = intent_kind(where),
    };
}

#ifndef CHAN_WITHOUT_REPAIR

/* I have just obtained the block. */
static inline void chan__owner_take(struct seg_block *block, uint32_t record)
{
    store_release(&block->owner, owner_next(load_relaxed(&block->owner), record));
}

/* The block is mine already, but a predecessor of my record, or a taker of an orphan, may have put it
 * there. */
static inline void chan__owner_ensure(struct seg_block *block, uint32_t record)
{
    if (!owner_is(load_relaxed(&block->owner), record))
        chan__owner_take(block, record);
}

/* As the record says `old` = 0 before, whoever reads another one finds the rest to go with it. */
static inline void chan__intent_set(struct seg_record *record, const struct intent *i)
{
    store_release(&record->intent_where, intent_where(i->cell, i->hold, i->kind));
    store_relaxed(&record->intent_held, i->held);
    store_relaxed(&record->intent_count, i->count);
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
