/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of the layout: from what was asked for to every offset, the same for creator and opener. */
#include "shm/layout.h"

#include <errno.h>
#include <shmchan/channel.h>

#define MESSAGES_MAX (UINT64_C(1) << 24)
#define MESSAGE_SIZE_MAX (UINT64_C(1) << 40)
#define ENDPOINTS_MAX 1024u
#define HOLDS_MAX 63u
#define TOTAL_MAX (UINT64_C(1) << 46)

/* Up to this size every block has room for the largest message. Above, a block keeps SMALL_INLINE bytes
 * for the small messages of a mixed channel and larger ones go to payload units: spares are many, and most
 * are empty. */
#define INLINE_MAX 4096u
#define SMALL_INLINE 1024u

/* A message takes at most 64 units, a bound for the CASes of one allocation, and a small one wastes at most as much as
 * a 64th of the largest, as long as units stay in this range: a page at least. */
#define UNIT_MIN 4096u
#define UNIT_MAX (1u << 20)
#define UNITS_OF_LARGEST 64u

/* Growable queues keep all but the smallest messages in units, since blocks are not given back. Those that would fit
 * into a block elsewhere take one unit each, of a power of two from this size on, so that their memory is not scattered.
 */
#define SMALL_UNIT 64u

/* A step has as many units at least, and a page. There are at most so many steps, and one more for each endpoint, which
 * it may be giving back. */
#define STEP_UNITS_MIN 64u
#define STEP_BYTES_MIN 4096u
#define STEPS_MAX 1024u

static uint64_t round_up(uint64_t value, uint64_t to)
{
    return (value + to - 1) / to * to;
}

static unsigned bits_for(uint64_t count)
{
    unsigned bits = 1;
    while ((UINT64_C(1) << bits) < count)
        bits++;
    return bits;
}

/* Words of 64 bits. */
static uint64_t bit_words(uint64_t bits)
{
    return (bits + 63) / 64;
}

static bool kind_in_range(const struct geometry *g)
{
    if (g->kind != CHAN_BROADCAST && g->overflow != CHAN_LAG)
        return false;
    switch (g->kind) {
    case CHAN_QUEUE:
    case CHAN_RENDEZVOUS:
    case CHAN_GROWABLE:
        return true;
    case CHAN_BROADCAST:
        return g->overflow <= CHAN_BLOCK && !g->max_deliveries;
    case CHAN_WATCH:
        return g->messages == 1 && g->holds < WATCH_PINS && !g->max_deliveries;
    case CHAN_ONESHOT:
        return g->messages == 1 && g->senders == CHAN_ONE && g->receivers == CHAN_ONE;
    case CHAN_CALL:
        return true;
    default:
        return false;
    }
}

static bool in_range(const struct geometry *g)
{
    return kind_in_range(g) && g->lifetime <= CHAN_DURABLE && g->senders <= CHAN_ONE &&
           g->receivers <= CHAN_ONE && (g->messages == 0) == (g->kind == CHAN_RENDEZVOUS) &&
           g->messages <= MESSAGES_MAX && g->message_size <= MESSAGE_SIZE_MAX && g->endpoints >= 1 &&
           g->endpoints <= ENDPOINTS_MAX && g->holds >= 1 && g->holds <= HOLDS_MAX &&
           g->payload_bytes <= TOTAL_MAX && g->order <= (g->kind == CHAN_QUEUE ? CHAN_FAIR : CHAN_BARGING);
}

static bool is_growable(const struct geometry *g)
{
    return g->kind == CHAN_GROWABLE;
}

uint64_t chan__unit_bytes(uint32_t kind, uint64_t message_size)
{
    uint64_t unit = UNIT_MIN;
    if (kind == CHAN_GROWABLE && message_size <= INLINE_MAX)
        for (unit = SMALL_UNIT; unit < message_size;)
            unit *= 2;
    while (unit < UNIT_MAX && unit * UNITS_OF_LARGEST < message_size)
        unit *= 2;
    return unit;
}

/* All units in steps, and those that endpoints may have in hand while they give memory back. */
static void steps_complete(struct geometry *g)
{
    g->step_units = STEP_UNITS_MIN;
    while (g->step_units * g->unit_bytes < STEP_BYTES_MIN || g->step_units * STEPS_MAX < g->units)
        g->step_units *= 2;
    g->steps = (g->units + g->step_units - 1) / g->step_units + g->endpoints;
    g->units = g->sent_units = g->steps * g->step_units;
}

static int payload_complete(struct geometry *g)
{
    g->unit_bytes = chan__unit_bytes(g->kind, g->message_size);
    g->units = g->sent_units = g->step_units = g->steps = 0;
    if (g->message_size <= g->inline_size)
        return 0;
    if (g->payload_bytes < g->message_size)
        return -EINVAL;
    g->units = round_up(g->payload_bytes, g->unit_bytes) / g->unit_bytes;
    g->sent_units = g->units;
    /* Answers have a budget of their own: else requests that wait to be answered could use up the memory that answering
     * them takes. */
    if (g->kind == CHAN_CALL)
        g->units *= 2;
    if (is_growable(g))
        steps_complete(g);
    return g->units <= UINT32_MAX ? 0 : -EFBIG;
}

int chan__geometry_complete(struct geometry *g)
{
    if (!in_range(g))
        return -EINVAL;
    uint64_t inline_wanted = g->message_size <= INLINE_MAX ? g->message_size : SMALL_INLINE;
    if (is_growable(g))
        inline_wanted = 0; /* what is left of the header's cache line */
    uint64_t trailer = g->kind == CHAN_CALL ? sizeof(struct seg_request) : 0;
    g->block_bytes = round_up(BLOCK_HEADER_BYTES + inline_wanted + trailer, 64);
    g->inline_size = g->block_bytes - BLOCK_HEADER_BYTES - trailer;
    int result = payload_complete(g);
    if (result)
        return result;
    g->plain = g->kind == CHAN_QUEUE && g->order == CHAN_BARGING;
    g->small = g->plain && !g->units;
    g->wakes_all = g->units || g->order == CHAN_FAIR;
    g->role_cells = g->holds + 1 + (g->kind == CHAN_WATCH);
    g->reply_cells = g->kind == CHAN_CALL ? g->holds : 0;
    g->record_cells = 2 * g->role_cells + g->reply_cells;
    g->blocks = g->messages + (uint64_t)g->record_cells * g->endpoints;
    g->record_bytes = round_up(offsetof(struct seg_record, holds) + (uint64_t)g->record_cells * 8, SEG_LINE);
    g->records_at = SEG_RECORDS_AT;
    g->cells_at = g->records_at + g->endpoints * g->record_bytes;
    g->blocks_at = g->cells_at + round_up(g->messages * 8, SEG_LINE);
    g->units_at = g->blocks_at + round_up(g->blocks * g->block_bytes, SEG_LINE);
    g->steps_at = is_growable(g) ? round_up(g->units_at + g->units * 8, SEG_LINE) : 0;
    g->arena_at = round_up(
        is_growable(g) ? g->steps_at + 2 * bit_words(g->steps) * 8 : g->units_at + g->units * 8, 4096);
    g->total_bytes = g->arena_at + g->units * g->unit_bytes;
    g->begins_with = is_growable(g) ? g->arena_at + g->step_units * g->unit_bytes : g->total_bytes;
    g->block_bits = bits_for(g->blocks + 1);
    g->index_bits = bits_for(g->messages);
    g->seal = UINT64_C(1) << g->block_bits;
    g->sent_seal = g->kind == CHAN_ONESHOT ? g->seal : 0;
    g->block_mask = g->seal - 1;
    g->turn_unit = g->seal << 1;
    return g->total_bytes <= TOTAL_MAX ? 0 : -EFBIG;
}

uint64_t chan__layout_signature(void)
{
    static const uint64_t facts[] = {
        sizeof(struct seg_header),
        offsetof(struct seg_header, messages),
        offsetof(struct seg_header, inline_size),
        offsetof(struct seg_header, step_units),
        offsetof(struct seg_header, name),
        SEG_HOT_AT,
        sizeof(struct seg_hot),
        offsetof(struct seg_hot, data_event),
        offsetof(struct seg_hot, orphans),
        offsetof(struct seg_hot, life_event),
        offsetof(struct seg_hot, records_used),
        offsetof(struct seg_hot, tickets),
        SEG_RECORDS_AT,
        offsetof(struct seg_record, intent_old),
        offsetof(struct seg_record, sent),
        offsetof(struct seg_record, returned),
        offsetof(struct seg_record, waits_for),
        offsetof(struct seg_record, own),
        offsetof(struct seg_record, holds),
        offsetof(struct seg_block, extent_first),
        BLOCK_HEADER_BYTES,
        offsetof(struct seg_call, answered),
        sizeof(struct seg_request),
        INLINE_MAX,
        SMALL_INLINE,
        UNIT_MIN,
        UNIT_MAX,
    };
    uint64_t hash =
        UINT64_C(0xcbf29ce484222325); /* FNV-1a, 64 bit, over the bytes of each fact, low byte first */
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        for (unsigned shift = 0; shift < 64; shift += 8)
            hash = (hash ^ (facts[i] >> shift & 0xff)) * UINT64_C(0x100000001b3);
    return hash;
}
