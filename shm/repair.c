/* SPDX-License-Identifier: Apache-2.0 */
/* Undoing or finishing what a dead endpoint left. Every step is a CAS from a word that never comes back,
 * read while the record was surely still the dead one's; so a repairer that was stopped for any time fails
 * harmlessly. */
#include "shm/repair.h"

#include "shm/arena.h"
#include "shm/orphans.h"
#include "shm/owner.h"
#include "shm/reply.h"
#include "shm/watch.h"

/* Somebody read `new` from `cell`: it has been there. */
static bool was_seen(const struct segment *s, uint32_t except, uint64_t new, uint32_t cell)
{
    for (uint32_t number = 0; number < s->g.endpoints; number++) {
        struct seg_record *record = seg_record(s, number);
        if (number == except)
            continue;
        uint64_t old = load_acquire(&record->intent_old); /* INTENT, OWNER */
        if ((old & ~s->g.seal) != (new & ~s->g.seal))
            continue;
        uint32_t where = load_acquire(&record->intent_cell);
        /* Unchanged: the place belongs to that word. Words never come back, and intent_old is 0 while a
         * place is written. */
        if (load_acquire(&record->intent_old) == old && where == cell)
            return true;
    }
    return false;
}

bool chan__decide(const struct segment *s, uint32_t number, uint64_t new, uint32_t cell)
{
    const struct geometry *g = &s->g;
    /* The order of these reads is the proof: the cell, then the intents, then the owner word. */
    uint64_t word = load_acquire(seg_cell(s, cell));
    int64_t ahead = cell_ahead(g, word, cell_turn(g, new));
    if (ahead < 0)
        return false;
    if (ahead == 0)
        return cell_block(g, word) == cell_block(g, new); /* a seal may have been added since */
    /* A cell of its own: while the record is DEAD it gets beyond `new` by a repairer and a taker of orphans only,
     * who begin with `new`; from `old`, a taker leads to the turn of `new` at most, with another block. */
    if (hold_cell_is_of(g, cell, number))
        return true;
    return was_seen(s, number, new, cell) ||
           !owner_is(load_acquire(&seg_block(s, cell_block(g, new))->owner), number);
}

static bool intent_is_sound(const struct segment *s, const struct intent *i)
{
    const struct geometry *g = &s->g;
    return i->cell < cell_count(g) && i->hold < 2 * g->role_cells && cell_block(g, i->old) < g->blocks &&
           cell_block(g, i->held) < g->blocks && i->kind >= INTENT_SEND && i->kind <= INTENT_LAST;
}

/* What the cell holds afterwards. In place, where the hold cell is the cell itself, from ORPHAN or HELD to the
 * other or to SPARE; else an exchange. */
static uint64_t intent_new(const struct segment *s, uint32_t number, const struct intent *i)
{
    bool becomes_spare = i->kind == INTENT_DISCARD_ORPHAN || i->kind == INTENT_DEAD_LETTER;
    if (hold_cell_is_of(&s->g, i->cell, number))
        return hold_changed(&s->g, i->old, becomes_spare ? HOLD_SPARE : HOLD_HELD);
    return cell_exchanged(&s->g, i->old, cell_turns(&s->g, i->cell, i->old, i->kind), i->held);
}

bool chan__exchange_took(const struct segment *s, uint32_t number)
{
    struct seg_record *record = seg_record(s, number);
    uint64_t old = load_acquire(&record->intent_old); /* INTENT */
    struct intent i = chan__intent_get(record);
    if (!old)
        return false;
    if (i.old != old || load_acquire(&record->intent_old) != old)
        return true;
    if (hold_cell_is_of(&s->g, i.cell, number))
        return false; /* in place: it is in that cell before and after */
    return intent_is_sound(s, &i) && chan__decide(s, number, intent_new(s, number, &i), i.cell);
}

bool chan__send_is_uncounted(const struct segment *s, uint32_t number, uint64_t sent)
{
    struct seg_record *record = seg_record(s, number);
    uint64_t old = load_acquire(&record->intent_old); /* INTENT */
    if (!old)
        return false;
    struct intent i = chan__intent_get(record);
    bool fits = i.old == old && i.kind == INTENT_SEND && i.count == sent && intent_is_sound(s, &i);
    return fits && chan__decide(s, number, intent_new(s, number, &i), i.cell) &&
           load_acquire(&record->intent_old) == old;
}

static bool is_still(struct seg_record *record, uint64_t status)
{
    return load_acquire(&record->status) == status;
}

/* Write the dead one's owner word, as long as the hold cell has `word`; false: it has not. Once it has another, the
 * block may be somebody else's: hence the look at it between reading the owner word and changing it. */
static bool own_block(const struct segment *s, uint32_t number, uint64_t block, const atomic_u64 *hold,
                      uint64_t word)
{
    atomic_u64 *owner = &seg_block(s, block)->owner;
    uint64_t owner_now = load_acquire(owner);
    if (load_acquire(hold) != word)
        return false;
    if (!owner_is(owner_now, number))
        cas_acq_rel_u64(owner, owner_now, owner_next(owner_now, number));
    return true;
}

/* The dead one's exchange took effect: it owns the block it got, and holds it. The hold cell is written
 * last, so as long as it has its old word the owner word may be missing too; once it has another, both are
 * done. */
static void finish_exchange(const struct segment *s, uint32_t number, const struct intent *i)
{
    const struct geometry *g = &s->g;
    atomic_u64 *hold = &seg_record(s, number)->holds[i->hold];
    if (own_block(s, number, cell_block(g, i->old), hold, i->held))
        cas_acq_rel_u64(hold, i->held, cell_exchanged(g, i->held, hold_turns(i->kind), i->old));
}

static bool is_showing(enum intent_kind kind)
{
    return kind == INTENT_OFFER || kind == INTENT_DEMAND;
}

/* What the dead one showed has been withdrawn, or met: then a taker of the offer has left another block, or a sender
 * a message, which may be an orphan by now. */
static bool was_met(const struct segment *s, const struct intent *i)
{
    uint64_t word = load_acquire(seg_cell(s, i->cell));
    int64_t ahead = cell_ahead(&s->g, word, cell_turn(&s->g, i->old));
    if (i->kind == INTENT_OFFER)
        return ahead == 1 && cell_block(&s->g, word) != cell_block(&s->g, i->old);
    return ahead >= 2;
}

static void repair_exchange(const struct segment *s, uint32_t number, uint64_t status)
{
    struct seg_record *record = seg_record(s, number);
    struct intent i = chan__intent_get(record);
    if (!i.old || !intent_is_sound(s, &i))
        return;
    bool in_place =
        hold_cell_is_of(&s->g, i.cell, number); /* no exchange: nothing but the count may be missing */
    bool happened =
        (!in_place && load_acquire(&record->holds[i.hold]) != i.held) ||
        (is_showing(i.kind) ? was_met(s, &i) : chan__decide(s, number, intent_new(s, number, &i), i.cell));
    /* All of the above was about the dead one only if the record is still its. */
    if (!happened || !is_still(record, status))
        return;
    if (!in_place)
        finish_exchange(s, number, &i);
    if (is_still(record, status))
        cas_acq_rel_u64(chan__counter_of(record, i.kind), i.count, i.count + 1);
}

/* Offers and demands of the dead: nobody is to meet them. Before all else, so that what is decided afterwards stays
 * so. */
static void withdraw(const struct segment *s, uint32_t number, uint64_t status)
{
    const struct geometry *g = &s->g;
    struct seg_record *record = seg_record(s, number);
    for (uint32_t hold = 0; hold < 2 * g->role_cells; hold++) {
        uint64_t word = load_acquire(&record->holds[hold]);
        if (hold_state(g, word) == HOLD_OPEN && is_still(record, status))
            cas_acq_rel_u64(&record->holds[hold], word, hold_changed(g, word, HOLD_SPARE));
    }
}

/* Add to a word {generation, count:count_bits} what was found in a record of this generation, once: whoever comes
 * second finds the generation there, or another word than `before`, read before looking for what there is. */
static void count_once(struct seg_record *record, uint64_t status, atomic_u64 *word, uint64_t before,
                       unsigned count_bits, uint64_t found)
{
    uint64_t generation = status_generation(status) << count_bits;
    uint64_t count_mask = (UINT64_C(1) << count_bits) - 1;
    if ((before & ~count_mask) != generation && is_still(record, status))
        cas_acq_rel_u64(word, before, generation | ((before + found) & count_mask));
}

/* Payload of loans that were never sent, of messages whose release was cut short, and of answers: in the record's own
 * blocks, in cells that are SPARE or, which is the same number, IDLE. */
static uint32_t for_each_payload(const struct segment *s, uint32_t number, uint64_t status,
                                 uint32_t (*what)(const struct segment *s, uint32_t block, struct extent e))
{
    const struct geometry *g = &s->g;
    struct seg_record *record = seg_record(s, number);
    uint32_t units = 0;
    for (uint32_t cell = 0; g->units && cell < g->record_cells; cell++) {
        uint64_t word = load_acquire(&record->holds[cell]);
        uint64_t block = cell_block(g, word);
        if (hold_state(g, word) != HOLD_SPARE || block >= g->blocks)
            continue;
        if (g->kind == CHAN_WATCH && (cell >= g->role_cells || chan__watch_is_pinned(s, block)))
            continue; /* in others' use: whoever is short of memory looks at it again */
        struct extent extent = chan__extent_of(seg_block(s, block));
        if (is_still(record, status))
            units += what(s, (uint32_t)block, extent);
    }
    return units;
}

/* Counted before any is freed, by everybody: so the count that is entered first is of all of them. */
static uint32_t free_payload(const struct segment *s, uint32_t number, uint64_t status)
{
    struct seg_record *record = seg_record(s, number);
    uint64_t before = load_acquire(&record->units_reclaimed);
    uint32_t left = for_each_payload(s, number, status, chan__arena_left);
    if (left)
        count_once(record, status, &record->units_reclaimed, before, UNITS_RECLAIMED_BITS, left);
    return for_each_payload(s, number, status, chan__arena_reclaim);
}

/* A request in the hands of a dead server: what it becomes. Its call ends if it is not to be delivered again. What was
 * read of its block counts only if it was still held afterwards: another repairer may have given it back, and a live
 * server have it now. */
static enum hold_state end_request(const struct segment *s, uint32_t number, uint64_t status,
                                   const atomic_u64 *hold, uint64_t word)
{
    struct reply_to to;
    struct seg_block *request = seg_block(s, cell_block(&s->g, word));
    int result = chan__reply_read(s, request, &to);
    bool last = result || chan__reply_is_last(s, request, to);
    fence_acquire();
    if (last && !result && load_acquire(hold) == word && is_still(seg_record(s, number), status))
        (void)chan__reply_refuse(s, to);
    return last ? HOLD_SPARE : HOLD_ORPHAN;
}

static void clear_replies(const struct segment *s, uint32_t number, uint64_t status)
{
    for (uint32_t cell = 0; cell < s->g.reply_cells; cell++)
        (void)chan__reply_clear(s, number, cell, status);
}

static uint32_t give_back_messages(const struct segment *s, uint32_t number, uint64_t status)
{
    const struct geometry *g = &s->g;
    struct seg_record *record = seg_record(s, number);
    uint32_t given = 0;
    for (uint32_t hold = g->role_cells; hold < 2 * g->role_cells; hold++) {
        uint64_t word = load_acquire(&record->holds[hold]); /* ACK */
        uint64_t block = cell_block(g, word);
        if (hold_state(g, word) != HOLD_HELD || block >= g->blocks)
            continue;
        /* A message that a sender put there may still be the sender's by its owner word. */
        if (!own_block(s, number, block, &record->holds[hold], word) || !is_still(record, status))
            continue;
        enum hold_state state =
            g->reply_cells ? end_request(s, number, status, &record->holds[hold], word) : HOLD_ORPHAN;
        if (!is_still(record, status))
            continue;
        bool turned = cas_acq_rel_u64(&record->holds[hold], word, hold_changed(g, word, state));
        given += turned && state == HOLD_ORPHAN;
    }
    /* Also for those that another repairer turned before it was killed. */
    if (chan__holds_count(s, number, HOLD_ORPHAN))
        chan__orphans_announce(s, number);
    return given;
}

static void repair_record(const struct segment *s, uint32_t number, uint64_t status,
                          struct chan_repair_report *report)
{
    struct seg_record *record = seg_record(s, number);
    withdraw(s, number, status);
    repair_exchange(s, number, status);
    clear_replies(s, number, status);
    report->orphaned += give_back_messages(s, number, status);
    report->units_freed += free_payload(s, number, status);
    count_once(record, status, &record->deaths, load_acquire(&record->deaths), DEATHS_BITS, 1);
    report->repaired +=
        cas_acq_rel_u64(&record->status, status, status_with_state(status, RECORD_FREE)); /* REPAIRED */
}

void chan__repair_all(const struct segment *s, bool dry_run, struct chan_repair_report *report)
{
    for (uint32_t number = 0; number < s->g.endpoints; number++) {
        struct seg_record *record = seg_record(s, number);
        uint64_t status = load_acquire(&record->status); /* STATUS */
        uint32_t state = status_state(status);
        if (state == RECORD_FREE)
            continue;
        if (state != CHAN_STATE_DEAD && !chan__endpoint_is_dead(s, number, status))
            continue;
        report->dead++;
        if (dry_run)
            continue;
        uint64_t dead = status_with_state(status, CHAN_STATE_DEAD);
        if (status == dead || cas_acq_rel_u64(&record->status, status, dead))
            repair_record(s, number, dead, report);
    }
}
