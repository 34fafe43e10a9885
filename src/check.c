/* SPDX-License-Identifier: Apache-2.0 */
/* The audit of a channel, and repair by hand. */
#include "src/handle.h"

#include "shm/arena.h"
#include "shm/match.h"
#include "shm/orphans.h"
#include "shm/overwrite.h"
#include "shm/repair.h"
#include "shm/reply.h"
#include "shm/steps.h"
#include "shm/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int chan_repair(struct chan *ch, int dry_run, struct chan_repair_report *out)
{
    if (!ch || !out)
        return -EINVAL;
    if (ch->segment.read_only && !dry_run)
        return -EACCES;
    struct chan_repair_report report = {0};
    int notice = dry_run ? -1 : chan__segment_reopen(&ch->segment); /* as in chan_shutdown() */
    chan__repair_all(&ch->segment, dry_run, &report);
    if (!dry_run) {
        chan__life_update(ch);
        chan__wake_all(ch);
    }
    if (notice >= 0)
        close(notice);
    *out = report;
    return 0;
}

/* What is being audited, and the first thing found wrong. */
struct audit {
    const struct segment *segment;
    uint64_t *cell_of; /* for each block: number of the cell that has it, + 1 */
    char *text;
    size_t capacity;
};

__attribute__((format(printf, 2, 3))) static int wrong(struct audit *a, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(a->text, a->capacity, format, arguments);
    va_end(arguments);
    return 1;
}

static int audit_blocks(struct audit *a)
{
    const struct geometry *g = &a->segment->g;
    for (uint32_t cell = 0; cell < cell_count(g); cell++) {
        uint64_t block = cell_block(g, load_acquire(seg_cell(a->segment, cell)));
        if (block >= g->blocks)
            return wrong(a, "cell %" PRIu32 " names block %" PRIu64 ", which does not exist", cell, block);
        if (a->cell_of[block])
            return wrong(a, "block %" PRIu64 " is in cells %" PRIu64 " and %" PRIu32, block,
                         a->cell_of[block] - 1, cell);
        a->cell_of[block] = cell + 1;
    }
    return 0;
}

/* Between head and tail every cell is full, and all others are empty. */
static int audit_ring(struct audit *a, struct cursor head, uint64_t queued)
{
    const struct geometry *g = &a->segment->g;
    uint64_t first = chan__ring_number(g, head);
    for (uint64_t i = 0; i < g->messages; i++) {
        struct cursor at = chan__ring_position(g, first + i);
        uint64_t expected = 2 * at.lap + (i < queued);
        int64_t ahead = cell_ahead(g, load_acquire(seg_ring_cell(a->segment, at.index)), expected);
        if (ahead)
            return wrong(a, "ring cell %" PRIu32 " is %" PRId64 " turns away from turn %" PRIu64, at.index,
                         ahead, expected);
    }
    return 0;
}

/* The message at each position that is retained is full in its lap; those given up early, and never sent, are
 * empty in the lap that comes next; every message sent has its position, and no receiver is beyond the last. */
static int audit_retained(struct audit *a, uint64_t oldest, uint64_t tail)
{
    const struct geometry *g = &a->segment->g;
    uint64_t sent = 0;
    for (uint64_t i = 0; i < g->messages; i++) {
        struct cursor at = chan__ring_position(g, tail + i);
        bool is_retained = i >= g->messages - (tail - oldest);
        int64_t ahead =
            cell_ahead(g, load_acquire(seg_ring_cell(a->segment, at.index)), 2 * at.lap - is_retained);
        if (ahead)
            return wrong(a, "ring cell %" PRIu32 " is %" PRId64 " turns away from turn %" PRIu64, at.index,
                         ahead, 2 * at.lap - is_retained);
    }
    for (uint32_t number = 0; number < g->endpoints; number++) {
        struct seg_record *record = seg_record(a->segment, number);
        sent += load_acquire(&record->sent);
        if (load_acquire(&record->own.subscription.cursor) > tail)
            return wrong(a, "endpoint %" PRIu32 " has read messages that nobody sent", number);
    }
    if (sent != tail)
        return wrong(a, "%" PRIu64 " messages sent, but the ring is at message %" PRIu64, sent, tail);
    return 0;
}

static int audit_units(struct audit *a)
{
    const struct geometry *g = &a->segment->g;
    for (uint64_t unit = 0; unit < g->units; unit++) {
        uint64_t word = load_acquire(seg_unit(a->segment, unit));
        uint64_t block = (uint32_t)word - UINT64_C(1);
        if (!word)
            continue;
        if (block >= g->blocks)
            return wrong(a, "payload unit %" PRIu64 " belongs to block %" PRIu64 ", which does not exist",
                         unit, block);
        struct extent e = chan__extent_of(seg_block(a->segment, block));
        if (unit < e.first || unit - e.first >= e.count || e.tag != word >> 32)
            return wrong(a,
                         "payload unit %" PRIu64 " is claimed by block %" PRIu64 ", which does not have it",
                         unit, block);
        if (g->steps && !(extent_is_sound(a->segment, e) && chan__steps_have(a->segment, e)))
            return wrong(a, "payload unit %" PRIu64 " is in use, but its memory is not committed", unit);
    }
    return 0;
}

static int audit_records(struct audit *a)
{
    for (uint32_t number = 0; number < a->segment->g.endpoints; number++) {
        struct seg_record *record = seg_record(a->segment, number);
        bool is_free = status_state(load_acquire(&record->status)) == RECORD_FREE;
        if (is_free && chan__holds_count(a->segment, number, HOLD_HELD))
            return wrong(a, "endpoint %" PRIu32 " is free and holds messages", number);
        if (is_free && chan__reply_open(a->segment, number))
            return wrong(a, "endpoint %" PRIu32 " is free and has open calls", number);
        if (is_free && (chan__match_count(a->segment, number, MATCH_OFFERS) ||
                        chan__match_count(a->segment, number, MATCH_DEMANDS)))
            return wrong(a, "endpoint %" PRIu32 " is free and waits for a peer", number);
    }
    return 0;
}

static int audit_sums(struct audit *a, uint64_t queued)
{
    uint64_t sent = 0, gone = 0, taken = 0, settled = 0;
    for (uint32_t number = 0; number < a->segment->g.endpoints; number++) {
        struct seg_record *record = seg_record(a->segment, number);
        sent += load_acquire(&record->sent);
        taken += load_acquire(&record->taken);
        gone += load_acquire(&record->taken) + load_acquire(&record->discarded);
        settled += load_acquire(&record->orphans_discarded) + load_acquire(&record->dead_lettered) +
                   load_acquire(&record->returned) + chan__holds_count(a->segment, number, HOLD_HELD) +
                   chan__holds_count(a->segment, number, HOLD_ORPHAN);
    }
    if (sent != gone + queued)
        return wrong(a,
                     "%" PRIu64 " messages sent, but %" PRIu64 " taken or discarded and %" PRIu64 " queued",
                     sent, gone, queued);
    if (settled > taken)
        return wrong(a,
                     "%" PRIu64 " messages taken to be received, but %" PRIu64
                     " held, given back, put away or returned",
                     taken, settled);
    return 0;
}

/* Each change of a watch's cell was counted by its sender, and its value can be read. */
static int audit_value(struct audit *a)
{
    const struct segment *s = a->segment;
    uint64_t word = chan__watch_word(s), sent = 0;
    struct seg_block *block = seg_block(s, cell_block(&s->g, word)); /* audit_blocks() has looked at it */
    uint64_t size = load_acquire(&block->size);
    for (uint32_t number = 0; number < s->g.endpoints; number++)
        sent += load_acquire(&seg_record(s, number)->sent);
    if (cell_ahead(&s->g, word, sent + 2))
        return wrong(a,
                     "%" PRIu64 " values sent, but the value's cell has been changed another number of times",
                     sent);
    if (watch_version(block) > sent)
        return wrong(a, "the value has version %" PRIu64 " after %" PRIu64 " sends", watch_version(block),
                     sent);
    if (chan__holds_total(s, HOLD_HELD) || chan__holds_total(s, HOLD_ORPHAN))
        return wrong(a, "there are hold cells that are not spare");
    if (size > s->g.message_size || !chan__payload(s, block, size))
        return wrong(a, "the value of %" PRIu64 " bytes has no room", size);
    return 0;
}

int chan_check(const struct chan *ch, char *text, size_t capacity)
{
    if (!ch || !text || !capacity)
        return -EINVAL;
    *text = '\0';
    const struct segment *s = &ch->segment;
    struct audit audit = {.segment = s, .text = text, .capacity = capacity};
    struct chan_repair_report report = {0};
    chan__repair_all(s, true, &report);
    if (report.dead)
        return wrong(&audit, "%" PRIu32 " dead endpoints are not repaired yet", report.dead);
    struct cursor head;
    uint64_t queued = 0, oldest, tail;
    bool retains = s->g.kind == CHAN_BROADCAST, is_watch = s->g.kind == CHAN_WATCH;
    int result = is_watch  ? 0
                 : retains ? chan__retained_range(s, &oldest, &tail)
                           : chan__ring_length(s, &head, &queued);
    if (result)
        return result;
    audit.cell_of = calloc(s->g.blocks, sizeof *audit.cell_of);
    if (!audit.cell_of)
        return -ENOMEM;
    result = audit_blocks(&audit);
    if (!result)
        result = is_watch  ? audit_value(&audit)
                 : retains ? audit_retained(&audit, oldest, tail)
                           : audit_ring(&audit, head, queued);
    if (!result)
        result = audit_units(&audit);
    if (!result)
        result = audit_records(&audit);
    if (!result && !retains && !is_watch)
        result = audit_sums(&audit, queued);
    free(audit.cell_of);
    return result;
}
