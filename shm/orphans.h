/* SPDX-License-Identifier: Apache-2.0 */
/* Messages given back: HELD cells that become ORPHAN ones, finding those, and changing one's own in place.
 *
 * The summary, {version:32, groups:32}, makes looking for orphans one load: bit r % 32 is set as long as record
 * r has an ORPHAN cell. Setting the bit and turning the cell are two steps, and whoever does them may be stopped
 * between; whoever looks may be about to clear the bit:
 *
 *   give back:  gives_back := 1;  bit and version up;  the cells HELD -> ORPHAN;  gives_back := 0
 *   look:       S = summary;  of each record of a group: gives_back, then the cells;
 *               no ORPHAN, and none HELD that is being given back: clear the bit by CAS from S
 *
 * A look whose S is older than the announcement cannot clear the bit afterwards, since the version has changed.
 * One whose S is younger sees gives_back; it then sees either the HELD cell, and leaves the bit, or 0 again, and
 * with that the ORPHAN cell. So the bit is set before the cell is an orphan, and stays until it is none. Being
 * stopped before a cell is ORPHAN, the endpoint still holds that message, as if it had not begun. */
#ifndef SHM_ORPHANS_H
#define SHM_ORPHANS_H

#include "shm/ring.h"

/* True if there may be ORPHAN cells: one load. */
static inline bool chan__orphans_maybe(const struct segment *s)
{
    return (uint32_t)load_acquire(&seg_hot(s)->orphans) != 0; /* ORPHAN */
}

/* A look through the ORPHAN cells there are, each once. */
struct orphan_scan {
    uint64_t summary;
    uint32_t group, number, hold; /* where it goes on */
    bool keeps;                   /* the group's bit stays */
    uint32_t cell;                /* found: the cell and its word */
    uint64_t word;
};

static inline struct orphan_scan chan__orphans_scan(const struct segment *s)
{
    return (struct orphan_scan){.summary = load_acquire(&seg_hot(s)->orphans), /* ORPHAN */
                                .hold = s->g.role_cells};
}

/* The same, to be used with chan__orphans_next_in() only. */
static inline struct orphan_scan chan__orphans_scan_in(const struct segment *s, uint32_t number)
{
    return (struct orphan_scan){.number = number, .hold = s->g.role_cells};
}

/* The next ORPHAN cell; false: there is no more. Clears summary bits that it finds to be leftovers. */
bool chan__orphans_next(const struct segment *s, struct orphan_scan *scan);

/* The next one of the record that the scan stands at. */
bool chan__orphans_next_in(const struct segment *s, struct orphan_scan *scan);

/* Give back the messages in the party's receiving hold cells; bit i: hold cell role_cells + i. */
void chan__orphans_give_back(struct party *party, uint64_t holds);

/* After turning a dead endpoint's HELD cells into ORPHAN ones, which a repairer does while the record is DEAD:
 * whoever else repairs announces them too. */
void chan__orphans_announce(const struct segment *s, uint32_t number);

/* Change a hold cell of one's own record, which holds `word`, in place to `state`, counted once as `kind`. False:
 * a taker of the orphan was faster, nothing happened. */
bool chan__orphans_change_own(struct party *party, uint32_t hold, uint64_t word, enum hold_state state,
                              enum intent_kind kind);

/* Receiving hold cells in a state, of one record and of all. */
uint32_t chan__holds_count(const struct segment *s, uint32_t number, enum hold_state state);
uint64_t chan__holds_total(const struct segment *s, enum hold_state state);

#endif
