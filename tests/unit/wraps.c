/* SPDX-License-Identifier: Apache-2.0 */
/* Setting the words of a segment near their ends. */
#include "wraps.h"

#include "shm/cell.h"
#include "shm/endpoint.h"
#include "shm/owner.h"

/* Of a turn: of a ring cell's, one bit says full; of a hold cell's, two are the state. */
static uint64_t last_turn(const struct geometry *g)
{
    return (UINT64_C(1) << (63 - g->block_bits)) - 1;
}

static void set_turn(const struct geometry *g, atomic_u64 *cell, uint64_t turn)
{
    store_relaxed(cell, cell_word(g, turn, cell_block(g, load_relaxed(cell))));
}

/* The ring has come to the beginning of a lap. Cells wrap; hints, whose laps have more bits, go on. */
static void set_ring(const struct segment *s, uint64_t laps)
{
    const struct geometry *g = &s->g;
    uint64_t lap = last_turn(g) / 2 - laps;
    for (uint64_t i = 0; i < g->messages; i++)
        set_turn(g, seg_ring_cell(s, i), 2 * lap);
    store_relaxed(&seg_hot(s)->tail_hint, lap << g->index_bits);
    store_relaxed(&seg_hot(s)->head_hint, lap << g->index_bits);
    if (g->kind == CHAN_BROADCAST) /* whose every position counts as a message sent */
        store_relaxed(&seg_record(s, 0)->sent, (lap - 1) * g->messages);
}

static void set_record(const struct segment *s, uint32_t number, uint64_t steps)
{
    struct seg_record *record = seg_record(s, number);
    uint64_t generations = UINT64_C(1) << 40;
    store_relaxed(&record->status, status_word(generations - 1 - steps, 0, RECORD_FREE));
    store_relaxed(&record->deaths, (generations - 1 - steps) << DEATHS_BITS);
    store_relaxed(&record->units_reclaimed, (generations - 1 - steps) << UNITS_RECLAIMED_BITS);
    for (uint32_t hold = 0; hold < 2 * s->g.role_cells; hold++)
        set_turn(&s->g, &record->holds[hold], last_turn(&s->g) - 3 - 4 * steps);
}

static void set_block(const struct segment *s, uint64_t number, uint64_t steps)
{
    struct seg_block *block = seg_block(s, number);
    uint64_t sequences = UINT64_C(1) << (64 - OWNER_RECORD_BITS);
    /* Block i is still in cell i. Those in the ring may have been anybody's. */
    uint64_t record = number < s->g.messages ? 0 : (number - s->g.messages) / (2 * s->g.role_cells);
    store_relaxed(&block->owner, (sequences - 1 - steps) << OWNER_RECORD_BITS | record);
    store_relaxed(&block->extent_tag, UINT32_MAX - (uint32_t)steps);
}

void wraps_set(struct chan *ch, uint64_t laps)
{
    const struct segment *s = &ch->segment;
    struct seg_hot *hot = seg_hot(s);
    set_ring(s, laps);
    for (uint32_t number = 0; number < s->g.endpoints; number++)
        set_record(s, number, laps);
    for (uint64_t number = 0; number < s->g.blocks; number++)
        set_block(s, number, laps);
    store_relaxed(&hot->state, (~(STATE_VERSION - 1) - laps * STATE_VERSION) |
                                   (load_relaxed(&hot->state) & (STATE_VERSION - 1)));
    store_relaxed(&hot->orphans, ~UINT64_C(0xffffffff) - (laps << 32));
    store_relaxed(&hot->data_event, UINT32_MAX - 1 - 2 * (uint32_t)laps);
    store_relaxed(&hot->space_event, UINT32_MAX - 1 - 2 * (uint32_t)laps);
    store_relaxed(&hot->life_event, UINT32_MAX - 1 - 2 * (uint32_t)laps);
}
