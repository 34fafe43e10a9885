/* SPDX-License-Identifier: Apache-2.0 */
/* Messages given back by dead receivers: finding them, and the summary that makes looking for them one
 * load. */
#include "shm/repair.h"

#define GROUPS 32u

static uint64_t with_next_version(uint64_t summary)
{
    return summary + (UINT64_C(1) << 32);
}

void chan__orphans_announce(const struct segment *s, uint32_t number)
{
    atomic_u64 *summary = &seg_hot(s)->orphans;
    uint64_t now = load_relaxed(summary);
    /* The version rises even if the bit is set: somebody may be about to clear it, having looked too
     * early. */
    while (
        !cas_acq_rel_u64(summary, now, with_next_version(now) | UINT64_C(1) << number % GROUPS)) /* ORPHAN */
        now = load_relaxed(summary);
}

bool chan__orphans_find_in(const struct segment *s, uint32_t number, uint32_t *cell, uint64_t *word)
{
    const struct geometry *g = &s->g;
    for (uint32_t hold = g->role_cells; hold < 2 * g->role_cells; hold++) {
        *word = load_acquire(&seg_record(s, number)->holds[hold]);
        if (hold_state(g, *word) == HOLD_ORPHAN) {
            *cell = hold_cell_number(g, number, hold);
            return true;
        }
    }
    return false;
}

bool chan__orphans_find(const struct segment *s, uint32_t *cell, uint64_t *word)
{
    uint64_t summary = load_acquire(&seg_hot(s)->orphans); /* ORPHAN */
    for (uint32_t group = 0; (uint32_t)summary && group < GROUPS; group++) {
        if (!(summary >> group & 1))
            continue;
        for (uint32_t number = group; number < s->g.endpoints; number += GROUPS)
            if (chan__orphans_find_in(s, number, cell, word))
                return true;
        /* Fails if anything was announced since `summary` was read: the next look finds it. */
        uint64_t cleared = with_next_version(summary) & ~(UINT64_C(1) << group);
        if (cas_acq_rel_u64(&seg_hot(s)->orphans, summary, cleared))
            summary = cleared;
    }
    return false;
}

uint32_t chan__holds_count(const struct segment *s, uint32_t number, enum hold_state state)
{
    uint32_t count = 0;
    for (uint32_t hold = s->g.role_cells; hold < 2 * s->g.role_cells; hold++)
        count += hold_state(&s->g, load_acquire(&seg_record(s, number)->holds[hold])) == state;
    return count;
}

uint64_t chan__holds_total(const struct segment *s, enum hold_state state)
{
    uint64_t count = 0;
    for (uint32_t number = 0; number < s->g.endpoints; number++)
        count += chan__holds_count(s, number, state);
    return count;
}
