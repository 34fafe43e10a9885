/* SPDX-License-Identifier: Apache-2.0 */
/* The word of a cell, {turn, sealed, block + 1}: taking it apart and putting it together.
 *
 * The block takes g.block_bits, the seal one bit, the turn all others. A turn only goes forward, and
 * wraps: turns are compared by their difference. No word is 0.
 *   ring cell:  2L empty in lap L, 2L+1 full in lap L; the first lap is 1. A ring that overwrites (overwrite.h)
 *               goes from 2L-1 to 2L+1 at once
 *   hold cell:  the two low bits are the state */
#ifndef SHM_CELL_H
#define SHM_CELL_H

#include "shm/segment.h"

#include <shmchan/channel.h>

enum hold_state { HOLD_SPARE = 0, HOLD_HELD = 1, HOLD_ORPHAN = 2, HOLD_OPEN = 3 };

static inline uint64_t cell_word(const struct geometry *g, uint64_t turn, uint64_t block)
{
    return turn * g->turn_unit | (block + 1);
}

static inline uint64_t cell_turn(const struct geometry *g, uint64_t word)
{
    return word >> (g->block_bits + 1);
}

/* How far the cell's turn is ahead of `turn`; negative if it is behind. */
static inline int64_t cell_ahead(const struct geometry *g, uint64_t word, uint64_t turn)
{
    return (int64_t)((word & -g->turn_unit) - turn * g->turn_unit) >> (g->block_bits + 1);
}

/* True if the cell is in that turn. */
static inline bool cell_is_in(const struct geometry *g, uint64_t word, uint64_t turn)
{
    return !((word ^ turn * g->turn_unit) & -g->turn_unit);
}

/* True if the cell is in that turn and not sealed. */
static inline bool cell_is_open_in(const struct geometry *g, uint64_t word, uint64_t turn)
{
    return !((word ^ turn * g->turn_unit) & ~g->block_mask);
}

/* The word, some turns on, with the block of another word; a seal stays. */
static inline uint64_t cell_exchanged(const struct geometry *g, uint64_t word, uint64_t turns, uint64_t other)
{
    return ((word & ~g->block_mask) + turns * g->turn_unit) | (other & g->block_mask);
}

/* Not a block of the segment, but some number beyond, if the word is nonsense. */
static inline uint64_t cell_block(const struct geometry *g, uint64_t word)
{
    return (word & g->block_mask) - 1;
}

static inline enum hold_state hold_state(const struct geometry *g, uint64_t word)
{
    return (enum hold_state)(cell_turn(g, word) & 3);
}

static inline bool hold_is_spare(const struct geometry *g, uint64_t word)
{
    return !(word & 3 * g->turn_unit);
}

/* Turns that an exchange moves a hold cell on from SPARE: to HELD, or once round to SPARE again. */
static inline uint64_t hold_turns(enum intent_kind kind)
{
    return kind == INTENT_TAKE || kind == INTENT_REDELIVER || kind == INTENT_MOVE ? 1 : 4;
}

/* True if the hold cell is in the half that senders use. */
static inline bool hold_cell_sends(const struct geometry *g, uint32_t cell)
{
    return (cell - g->messages) % g->record_cells < g->role_cells;
}

/* Turns that an exchange moves the cell itself on from `word`: a ring cell by one, or by two where a broadcast's send
 * overwrites a message; a reply cell from AWAITED, 4k + 1, to ANSWERED; a hold cell from ORPHAN, 4k + 2, to SPARE,
 * 4k + 4, or once round; an OPEN one, 4k + 3, of a sender to SPARE, 4k + 4, and of a receiver to HELD, 4k + 5. */
static inline uint64_t cell_turns(const struct geometry *g, uint32_t cell, uint64_t word,
                                  enum intent_kind kind)
{
    bool overwrites = g->kind == CHAN_BROADCAST && kind == INTENT_SEND && word & g->turn_unit;
    if (cell < g->messages)
        return overwrites ? 2 : 1;
    if (kind == INTENT_ANSWER)
        return 1;
    if (kind == INTENT_SWAP)
        return 4;
    return hold_state(g, word) == HOLD_OPEN && hold_cell_sends(g, cell) ? 1 : 2;
}

/* The word of a hold cell at its next turn that has this state. */
static inline uint64_t hold_changed(const struct geometry *g, uint64_t word, enum hold_state state)
{
    uint64_t now = cell_turn(g, word) & 3, next = (uint64_t)state;
    return word + (next > now ? next - now : next + 4 - now) * g->turn_unit;
}

/* The same from HELD to SPARE. */
static inline uint64_t hold_released(const struct geometry *g, uint64_t word)
{
    return word + (4 + HOLD_SPARE - HOLD_HELD) * g->turn_unit;
}

/* Cells are numbered ring cells first, then the hold and reply cells of record 0, of record 1, ... */
static inline uint32_t hold_cell_number(const struct geometry *g, uint32_t record, uint32_t hold)
{
    return (uint32_t)g->messages + record * g->record_cells + hold;
}

/* True if the cell is one of the record's hold cells. */
static inline bool hold_cell_is_of(const struct geometry *g, uint32_t cell, uint32_t record)
{
    uint32_t first = hold_cell_number(g, record, 0);
    return cell >= first && cell - first < 2 * g->role_cells;
}

static inline atomic_u64 *seg_cell(const struct segment *s, uint32_t cell)
{
    if (cell < s->g.messages)
        return seg_ring_cell(s, cell);
    uint32_t hold = cell - (uint32_t)s->g.messages;
    return &seg_record(s, hold / s->g.record_cells)->holds[hold % s->g.record_cells];
}

static inline uint32_t cell_count(const struct geometry *g)
{
    return (uint32_t)g->messages + g->record_cells * g->endpoints;
}

#endif
