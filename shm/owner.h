/* SPDX-License-Identifier: Apache-2.0 */
/* The owner word of a block, {sequence:40, record + 1:24}, and the packed part of an intent.
 *
 * The sequence never comes back, so a repairer that was stopped cannot overwrite a later owner. */
#ifndef SHM_OWNER_H
#define SHM_OWNER_H

#include "shm/layout.h"

#define OWNER_RECORD_BITS 24u

static inline uint64_t owner_word(uint64_t sequence, uint32_t record)
{
    return sequence << OWNER_RECORD_BITS | (record + 1);
}

static inline bool owner_is(uint64_t word, uint32_t record)
{
    return (word & ((UINT64_C(1) << OWNER_RECORD_BITS) - 1)) == record + 1;
}

static inline uint64_t owner_next(uint64_t word, uint32_t record)
{
    return owner_word((word >> OWNER_RECORD_BITS) + 1, record);
}

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

#endif
