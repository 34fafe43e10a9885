/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing a segment with its copy. Payload is left out: until it is published it is its writer's alone. */
#include "image.h"

#include "shm/cell.h"
#include "shm/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
    size_t offset;
    const char *name;
};

static const struct word record_words[] = {
    {offsetof(struct seg_record, status), "status"},
    {offsetof(struct seg_record, pid), "identity"},
    {offsetof(struct seg_record, gives_back), "gives_back"},
    {offsetof(struct seg_record, attached_ns), "identity"},
    {offsetof(struct seg_record, base_messages), "base counters"},
    {offsetof(struct seg_record, deaths), "deaths"},
    {offsetof(struct seg_record, units_reclaimed), "units_reclaimed"},
    {offsetof(struct seg_record, lapses_ns), "lapses_ns"},
    {offsetof(struct seg_record, intent_old), "intent_old"},
    {offsetof(struct seg_record, intent_cell), "intent_cell"},
    {offsetof(struct seg_record, intent_held), "intent_held"},
    {offsetof(struct seg_record, intent_count), "intent_count"},
    {offsetof(struct seg_record, sent), "sent"},
    {offsetof(struct seg_record, taken), "taken"},
    {offsetof(struct seg_record, discarded), "discarded"},
    {offsetof(struct seg_record, redelivered), "redelivered"},
    {offsetof(struct seg_record, orphans_discarded), "orphans_discarded"},
    {offsetof(struct seg_record, sent_bytes), "sent_bytes"},
    {offsetof(struct seg_record, received_bytes), "received_bytes"},
    {offsetof(struct seg_record, moves), "moves"},
    {offsetof(struct seg_record, dead_lettered), "dead_lettered"},
    {offsetof(struct seg_record, returned), "returned"},
    {offsetof(struct seg_record, peak), "peak"},
    {offsetof(struct seg_record, swaps), "swaps"},
    {offsetof(struct seg_record, waits_for), "waits_for"},
    {offsetof(struct seg_record, waiting_since_ns), "waiting figures"},
    {offsetof(struct seg_record, refused_full), "refusals"},
    {offsetof(struct seg_record, own), "words of its kind"},
    {offsetof(struct seg_record, holds), "hold cell"},
};

static const struct word hot_words[] = {
    {offsetof(struct seg_hot, state), "state"},
    {offsetof(struct seg_hot, tail_hint), "tail hint"},
    {offsetof(struct seg_hot, head_hint), "head hint"},
    {offsetof(struct seg_hot, data_event), "data event"},
    {offsetof(struct seg_hot, space_event), "space event"},
    {offsetof(struct seg_hot, orphans), "orphan summary"},
    {offsetof(struct seg_hot, life_event), "life event"},
    {offsetof(struct seg_hot, records_used), "records used"},
    {offsetof(struct seg_hot, tickets), "tickets"},
};

static const struct word block_words[] = {
    {offsetof(struct seg_block, owner), "owner"},
    {offsetof(struct seg_block, size), "size"},
    {offsetof(struct seg_block, sent_ns), "sent_ns"},
    {offsetof(struct seg_block, sender), "sender"},
    {offsetof(struct seg_block, deliveries), "deliveries"},
    {offsetof(struct seg_block, extent_first), "extent_first"},
    {offsetof(struct seg_block, extent_count), "extent_count"},
    {offsetof(struct seg_block, extent_tag), "extent_tag"},
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* The last word of the table that begins at or before `at`. */
static const char *name_at(const struct word *table, size_t count, size_t at)
{
    size_t i = 0;
    while (i + 1 < count && table[i + 1].offset <= at)
        i++;
    return table[i].name;
}

static void describe(const struct geometry *g, size_t at, char *name, size_t capacity)
{
    if (g->steps && at >= g->steps_at)
        snprintf(name, capacity, "%s steps",
                 at - g->steps_at < (g->steps + 63) / 64 * 8 ? "ready" : "touched");
    else if (at >= g->units_at)
        snprintf(name, capacity, "payload unit");
    else if (at >= g->blocks_at)
        snprintf(name, capacity, "block %s",
                 name_at(block_words, COUNT(block_words), (at - g->blocks_at) % g->block_bytes));
    else if (at >= g->cells_at)
        snprintf(name, capacity, "ring cell");
    else if (at >= g->records_at)
        snprintf(name, capacity, "record %s",
                 name_at(record_words, COUNT(record_words), (at - g->records_at) % g->record_bytes));
    else
        snprintf(name, capacity, "%s",
                 at < SEG_HOT_AT ? "header" : name_at(hot_words, COUNT(hot_words), at - SEG_HOT_AT));
}

void image_take(struct image *image, const struct chan *ch)
{
    image->segment = &ch->segment;
    size_t bytes = (size_t)ch->segment.g.arena_at;
    image->copy = malloc(bytes);
    if (!image->copy)
        abort();
    memcpy(image->copy, ch->segment.base, bytes);
}

void image_drop(struct image *image)
{
    free(image->copy);
    image->copy = NULL;
}

/* Offset of the first difference in [from, from + bytes), which is brought up to date; SIZE_MAX if none. */
static size_t update(struct image *image, size_t from, size_t bytes)
{
    const unsigned char *now = image->segment->base + from;
    unsigned char *then = image->copy + from;
    if (!memcmp(now, then, bytes))
        return SIZE_MAX;
    size_t at = 0;
    while (now[at] == then[at])
        at++;
    memcpy(then, now, bytes);
    return from + at;
}

bool image_changed(struct image *image, char *name, size_t capacity)
{
    const struct geometry *g = &image->segment->g;
    size_t first = update(image, 0, (size_t)g->blocks_at);
    for (uint64_t block = 0; block < g->blocks; block++) {
        size_t at = update(image, (size_t)(g->blocks_at + block * g->block_bytes), BLOCK_HEADER_BYTES);
        if (first == SIZE_MAX)
            first = at;
    }
    size_t at = update(image, (size_t)g->units_at, (size_t)(g->units * 8));
    if (first == SIZE_MAX)
        first = at;
    at = g->steps ? update(image, (size_t)g->steps_at, (size_t)(g->arena_at - g->steps_at)) : SIZE_MAX;
    if (first == SIZE_MAX)
        first = at;
    if (first != SIZE_MAX && name)
        describe(g, first, name, capacity);
    return first != SIZE_MAX;
}
