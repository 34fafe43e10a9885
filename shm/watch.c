/* SPDX-License-Identifier: Apache-2.0 */
/* Pinning the value of a watch, and replacing it. */
#include "shm/watch.h"

#include "shm/arena.h"
#include "shm/endpoint.h"

#include <shmchan/inspect.h>

/* Attempts before a receiver asks for help: each of them cost a sender more than this one. */
#define ATTEMPTS_ALONE 4u

/* More attempts than that after asking mean that somebody writes nonsense: senders answer. */
#define ATTEMPTS_MAX (1u << 22)

/* Rounds through all blocks. One does, unless receivers name one block after another just ahead of the search. */
#define ROUNDS_MAX 1000u

static atomic_u64 *current(const struct segment *s)
{
    return seg_ring_cell(s, WATCH_CELL);
}

static struct seg_watch *words_of(const struct party *party)
{
    return &party->record->own.watch;
}

/* A question: {turn of the word, no block}. */
static uint64_t question(const struct geometry *g, uint64_t word)
{
    return word & -g->turn_unit;
}

static bool is_question(const struct geometry *g, uint64_t word)
{
    return word && !(word & g->block_mask);
}

/* True if `word` was the cell's once the pin was there; else it is now what the cell has. */
static bool try_pin(struct party *party, uint32_t slot, uint64_t *word)
{
    uint64_t tried = *word;
    store_seq_cst(&words_of(party)->pins[slot], tried); /* PIN */
    *word = load_seq_cst(current(party->segment));      /* PIN, PUBLISH */
    return *word == tried;
}

/* Ask, and go on trying until one or the other works. */
static int pin_with_help(struct party *party, uint32_t slot, uint64_t *word)
{
    const struct geometry *g = &party->segment->g;
    struct seg_watch *watch = words_of(party);
    uint64_t asked = question(g, *word);
    store_seq_cst(&watch->request, asked); /* ASK */
    *word = load_seq_cst(current(party->segment));
    for (uint32_t attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        bool pinned = try_pin(party, slot, word);
        uint64_t answer = load_acquire(&watch->request); /* ANSWER */
        if (!pinned && answer != asked) {
            *word = answer;
            store_release(&watch->pins[slot], answer); /* before the request is taken back: is_named_by() */
            pinned = true;
        }
        if (pinned) {
            if (!cas_acq_rel_u64(&watch->request, asked, 0))
                store_release(&watch->request, 0); /* UNPIN */
            return 0;
        }
    }
    store_release(&watch->request, 0);
    return -EBADMSG;
}

int chan__watch_pin(struct party *party, uint32_t slot, struct pinned *out)
{
    const struct segment *s = party->segment;
    uint64_t word = chan__watch_word(s);
    bool pinned = false;
    for (uint32_t attempt = 0; !pinned && attempt < ATTEMPTS_ALONE; attempt++)
        pinned = try_pin(party, slot, &word);
    int result = pinned ? 0 : pin_with_help(party, slot, &word);
    uint64_t number = cell_block(&s->g, word);
    if (!result && number >= s->g.blocks)
        result = -EBADMSG;
    if (result) {
        chan__watch_unpin(party, slot);
        return result;
    }
    struct seg_block *block = seg_block(s, number);
    *out = (struct pinned){word, watch_version(block), {block, (uint32_t)number, load_relaxed(&block->size)}};
    return 0;
}

void chan__watch_unpin(struct party *party, uint32_t slot)
{
    store_release(&words_of(party)->pins[slot], 0); /* UNPIN */
}

void chan__watch_forget(struct seg_record *record)
{
    store_relaxed(&record->own.watch.request, 0);
    for (uint32_t slot = 0; slot < WATCH_PINS; slot++)
        store_relaxed(&record->own.watch.pins[slot], 0);
}

/* An answer is moved to a pin before the request is taken back, hence this order. */
static bool is_named_by(const struct geometry *g, struct seg_record *record, uint64_t block)
{
    struct seg_watch *watch = &record->own.watch;
    bool named = cell_block(g, load_seq_cst(&watch->request)) == block; /* UNPIN */
    for (uint32_t slot = 0; slot < WATCH_PINS; slot++)
        named |= cell_block(g, load_seq_cst(&watch->pins[slot])) == block; /* PIN, UNPIN */
    if (!named)
        return false;
    /* The dead read no more, and newcomers have not begun. */
    uint32_t state = status_state(load_acquire(&record->status));
    return state == CHAN_STATE_LIVE || state == CHAN_STATE_PREPARED;
}

bool chan__watch_is_pinned(const struct segment *s, uint64_t block)
{
    uint32_t used = chan__records_used(s);
    for (uint32_t number = 0; number < used; number++)
        if (is_named_by(&s->g, seg_record(s, number), block))
            return true;
    return false;
}

static bool is_usable(const struct party *party, uint64_t open, uint32_t hold, struct held *out)
{
    return !(open >> hold & 1) && !chan__hold_read(party, hold, out) &&
           hold_is_spare(&party->segment->g, out->word);
}

/* Give a spare that is being read for the block in a cell of the receivers' halves that nobody reads. */
static bool swap(struct party *party, struct held *spare)
{
    const struct segment *s = party->segment;
    const struct geometry *g = &s->g;
    for (uint32_t number = 0; number < g->endpoints; number++) {
        for (uint32_t hold = g->role_cells; number != party->number && hold < 2 * g->role_cells; hold++) {
            uint32_t cell = hold_cell_number(g, number, hold);
            uint64_t word = load_acquire(seg_cell(s, cell)); /* PUBLISH */
            if (hold_is_spare(g, word) && !chan__watch_is_pinned(s, cell_block(g, word)) &&
                chan__exchange(party, cell, word, spare, INTENT_SWAP))
                return !chan__hold_read(party, spare->hold, spare);
        }
    }
    return false;
}

int chan__watch_spare(struct party *party, uint64_t open, uint32_t first, struct held *out)
{
    const struct segment *s = party->segment;
    for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
        bool any = false;
        for (uint32_t i = 0; i < s->g.role_cells; i++) {
            struct held held;
            if (!is_usable(party, open, (first + i) % s->g.role_cells, &held))
                continue;
            *out = held;
            any = true;
            if (!chan__watch_is_pinned(s, held.number))
                return 0;
        }
        if (any && swap(party, out))
            return 0;
    }
    return -EBADMSG;
}

/* Whoever asked before the value was replaced gets it. */
static void answer_all(const struct party *party, uint64_t replaced)
{
    const struct segment *s = party->segment;
    uint32_t used = chan__records_used(s);
    for (uint32_t number = 0; number < used; number++) {
        atomic_u64 *request = &seg_record(s, number)->own.watch.request;
        uint64_t asked = load_seq_cst(request); /* ASK */
        if (is_question(&s->g, asked) && cell_ahead(&s->g, replaced, cell_turn(&s->g, asked)) >= 0)
            (void)cas_acq_rel_u64(request, asked, replaced); /* ANSWER */
    }
}

bool chan__watch_replace(struct party *party, uint64_t old, const struct held *spare)
{
    if (!chan__exchange(party, WATCH_CELL, old, spare, INTENT_SEND)) /* PIN, ASK */
        return false;
    answer_all(party, old);
    return true;
}

bool chan__watch_tidy(struct party *party, uint32_t hold)
{
    const struct segment *s = party->segment;
    struct held held;
    if (!s->g.units || chan__hold_read(party, hold, &held) || !load_relaxed(&held.block->extent_count))
        return false;
    if (chan__watch_is_pinned(s, held.number) && !swap(party, &held))
        return false;
    return chan__arena_free(s, held.number);
}

/* The block was in that cell, out of use, while its extent was read: the cell has not changed since. Whoever takes
 * it out then, and claims another extent for it, does so with another tag. */
static bool reclaim_cell(const struct segment *s, struct seg_record *record, uint64_t status, uint32_t hold)
{
    const struct geometry *g = &s->g;
    uint64_t word = load_acquire(&record->holds[hold]);
    uint64_t number = cell_block(g, word);
    if (!hold_is_spare(g, word) || number >= g->blocks)
        return false;
    struct extent extent = chan__extent_of(seg_block(s, number));
    if (!extent.count || chan__watch_is_pinned(s, number))
        return false;
    bool unchanged = load_acquire(&record->holds[hold]) == word &&
                     (hold >= g->role_cells || load_acquire(&record->status) == status);
    return unchanged && chan__arena_reclaim(s, (uint32_t)number, extent);
}

bool chan__watch_reclaim(const struct segment *s)
{
    bool freed = false;
    for (uint32_t number = 0; number < s->g.endpoints; number++) {
        struct seg_record *record = seg_record(s, number);
        uint64_t status = load_acquire(&record->status);
        uint32_t first = status_state(status) == RECORD_FREE ? 0 : s->g.role_cells;
        for (uint32_t hold = first; hold < 2 * s->g.role_cells; hold++)
            freed |= reclaim_cell(s, record, status, hold);
    }
    return freed;
}
