/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a growable queue: its payload units are committed, and given back, in steps of `step_units` units.
 *
 * A step's pages may be touched by whoever owns a unit in it, and then only. Two bits tell of its memory:
 *
 *   touched  there may be memory behind it: set before the first page is committed, cleared after all are given back
 *   ready    there is memory behind all of it: set after the last page is committed, cleared before one is given back
 *
 *   sender:     owns its units (CAS, UNIT); not ready: touched := 1; commit; ready := 1; writes its message
 *   giver back: owns all units of the step; ready := 0; gives the pages back; touched := 0; frees the units (UNIT)
 *
 * So both bits are changed by owners of units of the step only, and nobody gives back what another has a unit in. To
 * commit can be repeated, by any number at once. Giving back is done by whoever owns everything there, with the units in
 * the extent of a spare block of its own: killed anywhere, it leaves units that are freed like those of any dead owner,
 * and a touched bit that says what is left to be done; stopped anywhere, it keeps one step from the others, for which
 * there is one more step for each endpoint. Step 0 is committed with the segment and is never given back. */
#ifndef SHM_STEPS_H
#define SHM_STEPS_H

#include "shm/arena.h"

/* As chan__arena_claim(), with memory behind the extent. -ENOSPC -ENOMEM: there is none to be had, and none that is
 * committed is free. */
int chan__steps_claim(const struct segment *s, uint32_t block, uint64_t bytes, uint32_t *hint);

/* The highest step below `below` that may be given back; 0: there is none. */
uint64_t chan__steps_touched(const struct segment *s, uint64_t below);

/* Give a step's memory back, if nobody has a unit in it. `block` is a spare of the caller's, without an extent. An
 * error: this process cannot, since its pages are locked into memory, or larger than a step. */
int chan__steps_give_back(const struct segment *s, uint32_t block, uint64_t step);

/* The steps that a new segment begins with: their bits, the memory being there already. */
void chan__steps_begin(const struct segment *s);

/* How many steps have memory behind all of them. */
uint64_t chan__steps_ready(const struct segment *s);

/* Whether all units of the extent are in such steps. */
bool chan__steps_have(const struct segment *s, struct extent e);

#endif
