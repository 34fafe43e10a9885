/* SPDX-License-Identifier: Apache-2.0 */
/* Creation options: defaults, checks, and the geometry they lead to. */
#include "src/kind.h"

#include "shm/arena.h"
#include "shm/watch.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#define DEFAULT_MESSAGES 64u
#define DEFAULT_ENDPOINTS 64u
#define ONESHOT_ENDPOINTS 4u /* its two, and room for a successor while a dead one's record is repaired */
#define DEFAULT_HOLDS 4u
#define DEFAULT_BUDGET (UINT64_C(64) << 20)

/* A growable queue's ceiling, unless one is given: what fits into this share of the space that is free, with all that a
 * message of the largest size takes; at most so many, since some of it is committed at once. */
#define CEILING_SHARE 8u
#define CEILING_MESSAGES (UINT64_C(1) << 18)
#define CREATE_FLAGS (CHAN_PREFAULT | CHAN_MLOCK | CHAN_HUGE_PAGES | CHAN_NO_KEEPER)

static const struct chan_options defaults = CHAN_OPTIONS_INIT;

static uint64_t units_each(const struct chan_options *options)
{
    uint64_t unit = chan__unit_bytes(options->kind, options->message_size);
    return (options->message_size + unit - 1) / unit;
}

static uint64_t default_ceiling(const struct chan_options *options)
{
    struct statvfs fs;
    uint64_t cell_and_block = 8 + (BLOCK_HEADER_BYTES + 63) / 64 * 64;
    uint64_t unit = 8 + chan__unit_bytes(options->kind, options->message_size);
    if (statvfs(chan_dir(), &fs))
        return DEFAULT_MESSAGES; /* creating will fail, too, and say why */
    uint64_t share = fs.f_bavail * fs.f_frsize / CEILING_SHARE;
    uint64_t messages = share / (cell_and_block + units_each(options) * unit);
    return messages < DEFAULT_MESSAGES   ? DEFAULT_MESSAGES
           : messages > CEILING_MESSAGES ? CEILING_MESSAGES
                                         : messages;
}

static uint64_t messages_of(const struct chan_options *options)
{
    if (options->kind == CHAN_GROWABLE && !options->messages)
        return default_ceiling(options);
    if (options->kind == CHAN_RENDEZVOUS)
        return options->messages; /* none */
    bool one = options->kind == CHAN_WATCH || options->kind == CHAN_ONESHOT;
    uint64_t usual = one ? 1 : DEFAULT_MESSAGES;
    return options->messages ? options->messages : usual;
}

static uint32_t endpoints_of(const struct chan_options *options)
{
    uint32_t usual = options->kind == CHAN_ONESHOT ? ONESHOT_ENDPOINTS : DEFAULT_ENDPOINTS;
    return options->endpoints ? options->endpoints : usual;
}

/* How many of the largest messages there should be memory for. Of a watch: the value, one that each endpoint reads
 * or writes, one for each that has just been replaced. Where a message is overwritten unread, the one that takes its
 * place has its memory before. */
static uint64_t messages_wanted(const struct chan_options *options)
{
    if (options->kind == CHAN_WATCH)
        return 1 + 2 * (uint64_t)endpoints_of(options);
    bool overwrites = options->kind == CHAN_BROADCAST && options->overflow == CHAN_LAG;
    return options->kind == CHAN_RENDEZVOUS ? DEFAULT_MESSAGES : messages_of(options) + overwrites;
}

/* The initial value has a channel of its kind, and room in it. */
static bool initial_is_sound(const struct chan_options *options)
{
    if (!options->initial_size)
        return !options->initial || options->kind == CHAN_WATCH;
    return options->kind == CHAN_WATCH && options->initial && options->initial_size <= options->message_size;
}

/* Nothing of it is committed at once: all that can be queued, or be in the hands of endpoints; and as much again for
 * gaps, where messages take several units in a row. */
static uint64_t growable_budget(uint64_t messages, uint64_t largest, const struct chan_options *options)
{
    uint32_t holds = options->holds ? options->holds : DEFAULT_HOLDS;
    uint64_t all = messages + 2 * ((uint64_t)holds + 1) * endpoints_of(options);
    if (units_each(options) > 1)
        all *= 2;
    return largest && all > UINT64_MAX / largest ? UINT64_MAX : all * largest;
}

/* `messages` of the largest size, in whole units, but at most the larger of 64 MiB and four of them. */
static uint64_t default_budget(uint64_t messages, const struct chan_options *options)
{
    uint64_t largest = units_each(options) * chan__unit_bytes(options->kind, options->message_size);
    uint64_t cap = largest > DEFAULT_BUDGET / 4 ? 4 * largest : DEFAULT_BUDGET;
    if (options->kind == CHAN_GROWABLE)
        return growable_budget(messages, largest, options);
    return largest && messages > cap / largest ? cap : messages * largest;
}

int chan__options_geometry(const struct chan_options *options, struct geometry *g)
{
    if (!options)
        options = &defaults;
    if (options->size != sizeof *options || options->reserved || options->flags & ~CREATE_FLAGS ||
        options->mode & ~0777u || options->message_size > UINT64_C(1) << 40 || !initial_is_sound(options))
        return -EINVAL;
    bool is_oneshot = options->kind == CHAN_ONESHOT;
    *g = (struct geometry){
        .kind = options->kind,
        .lifetime = options->lifetime,
        .senders = is_oneshot ? CHAN_ONE : options->senders,
        .receivers = is_oneshot ? CHAN_ONE : options->receivers,
        .messages = messages_of(options),
        .message_size = options->message_size,
        .payload_bytes = options->bytes ? options->bytes : default_budget(messages_wanted(options), options),
        .endpoints = endpoints_of(options),
        .holds = options->holds ? options->holds : DEFAULT_HOLDS,
        .max_deliveries = options->max_deliveries,
        .order = options->order,
        .overflow = options->overflow,
    };
    return chan__geometry_complete(g);
}

int chan__watch_begin(const struct segment *s, const struct chan_options *options)
{
    uint32_t hint = 0, number = (uint32_t)cell_block(&s->g, chan__watch_word(s));
    struct seg_block *block = seg_block(s, number);
    uint64_t size = options->initial_size;
    int result = size > s->g.inline_size ? chan__arena_claim(s, number, size, &hint) : 0;
    if (result)
        return result;
    memcpy(chan__payload(s, block, size), options->initial, size);
    store_relaxed(&block->size, size);
    return 0;
}

int chan_memory(const struct chan_options *options, struct chan_memory *out)
{
    struct geometry g;
    if (!out)
        return -EINVAL;
    int result = chan__options_geometry(options, &g);
    if (result)
        return result;
    *out = (struct chan_memory){
        .total_bytes = g.total_bytes,
        .inline_size = g.inline_size,
        .block_bytes = g.block_bytes,
        .blocks = g.blocks,
        .unit_bytes = g.unit_bytes,
        .units = g.units,
        .record_bytes = g.record_bytes,
        .fixed_bytes = g.begins_with,
        .step_bytes = g.step_units * g.unit_bytes,
    };
    return 0;
}

void chan_options_of(const struct chan *ch, struct chan_options *out)
{
    const struct geometry *g = &ch->segment.g;
    *out = (struct chan_options){
        .size = sizeof *out,
        .kind = g->kind,
        .messages = g->messages,
        .message_size = g->message_size,
        .bytes = g->payload_bytes,
        .endpoints = g->endpoints,
        .holds = g->holds,
        .senders = g->senders,
        .receivers = g->receivers,
        .lifetime = g->lifetime,
        .group = CHAN_NO_GROUP,
        .max_deliveries = g->max_deliveries,
        .order = g->order,
        .overflow = g->overflow,
    };
    struct chan_stat stat = {.size = sizeof stat};
    if (!chan_stat(ch, &stat)) {
        out->mode = stat.mode;
        out->group = stat.owner_gid;
    }
}
