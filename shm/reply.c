/* SPDX-License-Identifier: Apache-2.0 */
/* Changing reply cells. */
#include "shm/reply.h"

#include "shm/owner.h"

/* From AWAITED a cell is at most three changes away from IDLE: refused or answered meanwhile, and what another
 * repairer does. */
#define CLEAR_STEPS 8

static uint32_t reply_cell_number(const struct geometry *g, uint32_t record, uint32_t cell)
{
    return hold_cell_number(g, record, 2 * g->role_cells + cell);
}

/* The record and the cell in it; false if it is no reply cell. */
static bool find(const struct geometry *g, uint32_t number, uint32_t *record, uint32_t *cell)
{
    if (number < g->messages || number >= cell_count(g))
        return false;
    uint32_t at = number - (uint32_t)g->messages;
    *record = at / g->record_cells;
    *cell = at % g->record_cells - 2 * g->role_cells;
    return at % g->record_cells >= 2 * g->role_cells;
}

bool chan__reply_is_sound(const struct segment *s, struct reply_to to)
{
    uint32_t record, cell;
    return find(&s->g, to.cell, &record, &cell) && reply_state(&s->g, to.word) == REPLY_AWAITED &&
           cell_block(&s->g, to.word) < s->g.blocks;
}

static struct seg_request *request_of(const struct segment *s, struct seg_block *block)
{
    return (void *)((unsigned char *)block + s->g.block_bytes - sizeof(struct seg_request));
}

void chan__reply_write(const struct segment *s, struct seg_block *request, struct reply_to to)
{
    store_relaxed(&request_of(s, request)->reply_word, to.word);
    store_relaxed(&request_of(s, request)->reply_cell, to.cell);
}

int chan__reply_read(const struct segment *s, struct seg_block *request, struct reply_to *out)
{
    struct reply_to to = {
        .word = load_relaxed(&request_of(s, request)->reply_word),
        .cell = load_relaxed(&request_of(s, request)->reply_cell),
    };
    if (!chan__reply_is_sound(s, to))
        return -EBADMSG;
    *out = to;
    return 0;
}

/* A change in place, to the next turn with that state. */
static bool change(const struct segment *s, uint32_t cell, uint64_t word, enum reply_state state)
{
    uint64_t next = hold_changed(&s->g, word, (enum hold_state)state);
    return cas_seq_cst_u64(seg_cell(s, cell), word, next); /* REPLY, CLEARED */
}

int chan__reply_await(struct party *party, struct reply_to *out)
{
    const struct geometry *g = &party->segment->g;
    for (uint32_t cell = 0; cell < g->reply_cells; cell++) {
        uint32_t number = reply_cell_number(g, party->number, cell);
        uint64_t word = load_relaxed(seg_cell(party->segment, number));
        if (reply_state(g, word) != REPLY_IDLE)
            continue;
        if (cell_block(g, word) >= g->blocks || !change(party->segment, number, word, REPLY_AWAITED))
            return -EBADMSG;
        *out = (struct reply_to){hold_changed(g, word, (enum hold_state)REPLY_AWAITED), number};
        return 0;
    }
    return -ENOBUFS;
}

int chan__reply_look(struct party *party, struct reply_to call, enum reply_state *state, uint32_t *block)
{
    const struct geometry *g = &party->segment->g;
    uint32_t record, cell;
    if (!find(g, call.cell, &record, &cell) || record != party->number ||
        reply_state(g, call.word) != REPLY_AWAITED)
        return -EINVAL;
    uint64_t word = load_acquire(seg_cell(party->segment, call.cell)); /* REPLY */
    int64_t ahead = cell_ahead(g, word, cell_turn(g, call.word));
    if (ahead < 0 || ahead > REPLY_REFUSED - REPLY_AWAITED)
        return -EINVAL;
    if (cell_block(g, word) >= g->blocks)
        return -EBADMSG;
    *state = reply_state(g, word);
    *block = (uint32_t)cell_block(g, word);
    return 0;
}

bool chan__reply_withdraw(struct party *party, struct reply_to call)
{
    return change(party->segment, call.cell, call.word, REPLY_IDLE);
}

/* The block of an answer becomes the record's, while it surely still is in the cell. */
static void own_answer(const struct segment *s, uint32_t number, atomic_u64 *cell, uint64_t word)
{
    atomic_u64 *owner = &seg_block(s, cell_block(&s->g, word))->owner;
    uint64_t before = load_acquire(owner);
    if (load_acquire(cell) == word && !owner_is(before, number))
        cas_acq_rel_u64(owner, before, owner_next(before, number));
}

bool chan__reply_clear(const struct segment *s, uint32_t number, uint32_t cell, uint64_t status)
{
    const struct geometry *g = &s->g;
    uint32_t at = reply_cell_number(g, number, cell);
    for (int steps = 0; steps < CLEAR_STEPS; steps++) {
        uint64_t word = load_acquire(seg_cell(s, at));
        if (status && load_acquire(&seg_record(s, number)->status) != status)
            return false;
        if (reply_state(g, word) == REPLY_IDLE || cell_block(g, word) >= g->blocks)
            break;
        if (reply_state(g, word) == REPLY_ANSWERED)
            own_answer(s, number, seg_cell(s, at), word);
        (void)change(s, at, word, REPLY_IDLE);
    }
    return true;
}

bool chan__reply_answer(struct party *party, struct reply_to to, const struct held *spare)
{
    return chan__exchange(party, to.cell, to.word, spare, INTENT_ANSWER);
}

bool chan__reply_refuse(const struct segment *s, struct reply_to to)
{
    return change(s, to.cell, to.word, REPLY_REFUSED);
}

bool chan__reply_is_last(const struct segment *s, struct seg_block *request, struct reply_to to)
{
    uint32_t most = s->g.max_deliveries ? s->g.max_deliveries : 1;
    return load_relaxed(&request->deliveries) >= most || !chan__reply_is_awaited(s, to);
}

atomic_u32 *chan__reply_event(const struct segment *s, uint32_t cell)
{
    uint32_t record = (cell - (uint32_t)s->g.messages) / s->g.record_cells;
    return &seg_record(s, record)->own.call.reply_event;
}

uint32_t chan__reply_count(const struct segment *s, uint32_t number, enum reply_state state)
{
    uint32_t count = 0;
    for (uint32_t cell = 0; cell < s->g.reply_cells; cell++)
        count +=
            reply_state(&s->g, load_acquire(seg_cell(s, reply_cell_number(&s->g, number, cell)))) == state;
    return count;
}

uint64_t chan__reply_total(const struct segment *s, enum reply_state state)
{
    uint64_t count = 0;
    for (uint32_t number = 0; number < s->g.endpoints; number++)
        count += chan__reply_count(s, number, state);
    return count;
}

uint32_t chan__reply_open(const struct segment *s, uint32_t number)
{
    return s->g.reply_cells - chan__reply_count(s, number, REPLY_IDLE);
}
