/* SPDX-License-Identifier: Apache-2.0 */
/* Showing, finding and withdrawing offers and demands. */
#include "shm/match.h"

#include "shm/endpoint.h"
#include "shm/event.h"
#include "shm/owner.h"

#include <limits.h>
#include <shmchan/inspect.h>

#define GROUPS 32u

/* How often to look again because somebody announced something meanwhile: more often, and somebody writes nonsense. */
#define LOOKS_MAX 1000

static uint64_t with_next_version(uint64_t summary)
{
    return summary + (UINT64_C(1) << 32);
}

static void announce(const struct segment *s, enum match_side side, uint32_t number)
{
    atomic_u64 *summary = match_summary(s, side);
    uint64_t now = load_relaxed(summary);
    while (
        !cas_seq_cst_u64(summary, now, with_next_version(now) | UINT64_C(1) << number % GROUPS)) /* SHOWN */
        now = load_relaxed(summary);
}

static bool is_sender(const struct party *party, uint32_t hold)
{
    return hold < party->segment->g.role_cells;
}

void chan__match_show(struct party *party, const struct held *spare, uint32_t ticket, uint64_t limit)
{
    const struct segment *s = party->segment;
    struct seg_record *record = party->record;
    bool sends = is_sender(party, spare->hold);
    enum intent_kind kind = sends ? INTENT_OFFER : INTENT_DEMAND;
    uint64_t open = hold_changed(&s->g, spare->word, HOLD_OPEN);
    uint32_t cell = hold_cell_number(&s->g, party->number, spare->hold);

    store_relaxed(&record->own.match.ticket, ticket);
    store_relaxed(&record->own.match.limit, limit);
    chan__owner_ensure(spare->block, party->number);
    chan__intent_set(record, &(struct intent){open, open, load_relaxed(chan__counter_of(record, kind)), cell,
                                              spare->hold, kind});
    store_release(&record->holds[spare->hold], open); /* PUBLISH */
    party->shown = open;
    party->shown_hold = spare->hold;
    announce(s, sends ? MATCH_OFFERS : MATCH_DEMANDS, party->number);
}

bool chan__match_is_over(const struct party *party)
{
    return load_acquire(&party->record->holds[party->shown_hold]) != party->shown; /* PUBLISH */
}

bool chan__match_settle(struct party *party)
{
    const struct segment *s = party->segment;
    struct seg_record *record = party->record;
    enum intent_kind kind = is_sender(party, party->shown_hold) ? INTENT_OFFER : INTENT_DEMAND;
    atomic_u64 *cell = &record->holds[party->shown_hold];
    atomic_u64 *counter = chan__counter_of(record, kind);
    uint64_t withdrawn = hold_changed(&s->g, party->shown, HOLD_SPARE);
    bool met = !cas_seq_cst_u64(cell, party->shown, withdrawn) && load_acquire(cell) != withdrawn;
    if (met) {
        uint64_t block = cell_block(&s->g, load_acquire(cell));
        if (block < s->g.blocks)
            chan__owner_take(seg_block(s, block), party->number);
        store_release(counter, load_relaxed(counter) + 1);
    }
    chan__intent_clear(record);
    party->shown = 0;
    return met;
}

static bool is_older(uint32_t ticket, uint32_t other)
{
    return (int32_t)(ticket - other) < 0;
}

/* The offer or demand behind an OPEN cell's word, if it is wanted: true only while the cell has that word. */
static bool is_wanted(const struct segment *s, enum match_side side, uint64_t size, uint64_t except,
                      struct match *m)
{
    const struct seg_record *record = seg_record(s, m->number);
    uint64_t block = cell_block(&s->g, m->word);
    if (block >= s->g.blocks || (except && load_relaxed(&record->own.match.selection) == except))
        return false;
    m->status = load_acquire(&record->status);
    if (status_state(m->status) == RECORD_FREE)
        return false; /* nonsense: what the dead showed is withdrawn before their record is freed */
    m->ticket = (uint32_t)load_acquire(&record->own.match.ticket);
    m->size = load_acquire(&seg_block(s, block)->size);
    return side == MATCH_OFFERS || load_acquire(&record->own.match.limit) >= size;
}

/* A look through one record; true if it shows anything, wanted or not. */
static bool look_at(const struct segment *s, enum match_side side, uint32_t number, uint64_t size,
                    uint64_t except, bool *found, struct match *oldest)
{
    const struct geometry *g = &s->g;
    bool shows = false;
    uint32_t first = side == MATCH_OFFERS ? 0 : g->role_cells;
    for (uint32_t hold = first; hold < first + g->role_cells; hold++) {
        struct match m = {.number = number, .cell = hold_cell_number(g, number, hold)};
        m.word = load_acquire(&seg_record(s, number)->holds[hold]); /* PUBLISH */
        if (hold_state(g, m.word) != HOLD_OPEN)
            continue;
        shows = true;
        if (!is_wanted(s, side, size, except, &m) || (*found && !is_older(m.ticket, oldest->ticket)))
            continue;
        *oldest = m;
        *found = true;
    }
    return shows;
}

/* One look; *summary is what it began with, but for leftover bits that it has cleared. */
static bool look(const struct segment *s, enum match_side side, uint64_t size, uint64_t except,
                 uint64_t *summary, struct match *oldest)
{
    bool found = false;
    for (uint32_t group = 0; group < GROUPS && (uint32_t)*summary >> group; group++) {
        bool shows = false;
        if (!(*summary >> group & 1))
            continue;
        for (uint32_t number = group; number < s->g.endpoints; number += GROUPS)
            shows |= look_at(s, side, number, size, except, &found, oldest);
        /* Fails if anything was announced since the look began. */
        uint64_t cleared = with_next_version(*summary) & ~(UINT64_C(1) << group);
        if (!shows && cas_seq_cst_u64(match_summary(s, side), *summary, cleared))
            *summary = cleared;
    }
    return found;
}

bool chan__match_find(const struct segment *s, enum match_side side, uint64_t size, uint64_t except,
                      struct match *out)
{
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
        uint64_t summary = load_seq_cst(match_summary(s, side)); /* SHOWN */
        if (look(s, side, size, except, &summary, out))
            return true;
        if (load_seq_cst(match_summary(s, side)) == summary)
            return false;
    }
    return false;
}

void chan__match_select(struct party *party, uint64_t selection)
{
    party->selection = selection;
    store_seq_cst(&party->record->own.match.selection, selection); /* SELECTS */
}

void chan__match_unselect(struct party *party)
{
    party->selection = 0;
    store_release(&party->record->own.match.selection, 0);
}

void chan__match_forget(struct seg_record *record)
{
    store_relaxed(&record->own.match.selection, 0);
}

bool chan__match_is_selected(const struct segment *s, uint32_t role, uint64_t except)
{
    uint32_t used = chan__records_used(s);
    for (uint32_t number = 0; number < used; number++) {
        const struct seg_record *record = seg_record(s, number);
        uint64_t status = load_acquire(&record->status);                 /* STATUS */
        uint64_t selection = load_seq_cst(&record->own.match.selection); /* SELECTS */
        if (selection && selection != except && status_role(status) == role &&
            status_state(status) == CHAN_STATE_LIVE && !chan__endpoint_is_dead(s, number, status))
            return true;
    }
    return false;
}

void chan__match_ring(const struct segment *s, enum match_side side)
{
    uint64_t summary = load_seq_cst(match_summary(s, side)); /* SHOWN */
    for (uint32_t number = 0; (uint32_t)summary && number < s->g.endpoints; number++)
        if (summary >> number % GROUPS & 1 && chan__match_count(s, number, side))
            chan__event_notify(&seg_record(s, number)->own.match.bell, 1);
}

void chan__match_ring_all(const struct segment *s)
{
    for (uint32_t number = 0; number < s->g.endpoints; number++)
        chan__event_notify_after_store(&seg_record(s, number)->own.match.bell, INT_MAX);
}

void chan__match_seal(const struct segment *s)
{
    const struct geometry *g = &s->g;
    for (uint32_t cell = 0; cell < cell_count(g); cell++) {
        uint64_t word = load_seq_cst(seg_cell(s, cell));
        if (hold_state(g, word) == HOLD_OPEN)
            (void)cas_seq_cst_u64(seg_cell(s, cell), word, hold_changed(g, word, HOLD_SPARE));
    }
}

uint32_t chan__match_count(const struct segment *s, uint32_t number, enum match_side side)
{
    uint32_t first = side == MATCH_OFFERS ? 0 : s->g.role_cells, count = 0;
    for (uint32_t hold = first; hold < first + s->g.role_cells; hold++)
        count += hold_state(&s->g, load_acquire(&seg_record(s, number)->holds[hold])) == HOLD_OPEN;
    return count;
}
