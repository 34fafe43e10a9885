/* SPDX-License-Identifier: Apache-2.0 */
/* Messages given back: announcing, finding and changing them. */
#include "shm/orphans.h"

#include "shm/owner.h"

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

void chan__orphans_give_back(struct party *party, uint64_t holds)
{
    uint32_t first = party->segment->g.role_cells;
    if (!holds)
        return;
    store_relaxed(&party->record->gives_back, 1); /* ORPHAN */
    chan__orphans_announce(party->segment, party->number);
    for (uint32_t i = 0; i < first; i++)
        if (holds >> i & 1)
            chan__hold_orphan(party, first + i);
    store_release(&party->record->gives_back, 0); /* GIVEN */
    /* Who shows a demand looks again only if the summary is another one, and may have looked in between. */
    if (party->segment->g.kind == CHAN_RENDEZVOUS)
        chan__orphans_announce(party->segment, party->number);
}

bool chan__orphans_next_in(const struct segment *s, struct orphan_scan *scan)
{
    const struct geometry *g = &s->g;
    struct seg_record *record = seg_record(s, scan->number);
    bool gives_back = load_acquire(&record->gives_back) != 0; /* GIVEN */
    while (scan->hold < 2 * g->role_cells) {
        uint32_t hold = scan->hold++;
        scan->word = load_acquire(&record->holds[hold]);
        scan->cell = hold_cell_number(g, scan->number, hold);
        enum hold_state state = hold_state(g, scan->word);
        scan->keeps |= state == HOLD_ORPHAN || (state == HOLD_HELD && gives_back);
        if (state == HOLD_ORPHAN)
            return true;
    }
    return false;
}

static void end_group(const struct segment *s, struct orphan_scan *scan)
{
    /* Fails if anything was announced since `summary` was read: the next look finds it. */
    uint64_t cleared = with_next_version(scan->summary) & ~(UINT64_C(1) << scan->group);
    if (!scan->keeps && cas_acq_rel_u64(&seg_hot(s)->orphans, scan->summary, cleared))
        scan->summary = cleared;
    scan->keeps = false;
}

bool chan__orphans_next(const struct segment *s, struct orphan_scan *scan)
{
    for (; scan->group < GROUPS && (uint32_t)scan->summary >> scan->group; scan->number = ++scan->group) {
        if (!(scan->summary >> scan->group & 1))
            continue;
        for (; scan->number < s->g.endpoints; scan->number += GROUPS, scan->hold = s->g.role_cells)
            if (chan__orphans_next_in(s, scan))
                return true;
        end_group(s, scan);
    }
    return false;
}

bool chan__orphans_change_own(struct party *party, uint32_t hold, uint64_t word, enum hold_state state,
                              enum intent_kind kind)
{
    const struct geometry *g = &party->segment->g;
    struct seg_record *record = party->record;
    atomic_u64 *counter = chan__counter_of(record, kind);
    uint64_t new = hold_changed(g, word, state);
    uint64_t count = load_relaxed(counter);
    uint32_t cell = hold_cell_number(g, party->number, hold);

    chan__intent_set(record, &(struct intent){word, word, count, cell, hold, kind});
    bool done = cas_acq_rel_u64(&record->holds[hold], word, new); /* ACK */
    if (done)
        store_release(counter, count + 1);
    chan__intent_clear(record);
    return done;
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
