/* SPDX-License-Identifier: Apache-2.0 */
/* Creation options: defaults, checks, and the geometry they lead to. */
#include "src/handle.h"

#include <errno.h>

#define DEFAULT_MESSAGES 64u
#define DEFAULT_ENDPOINTS 64u
#define DEFAULT_HOLDS 4u
#define DEFAULT_BUDGET (UINT64_C(64) << 20)
#define CREATE_FLAGS (CHAN_PREFAULT | CHAN_MLOCK | CHAN_HUGE_PAGES | CHAN_NO_KEEPER)

static const struct chan_options defaults = CHAN_OPTIONS_INIT;

/* `messages` of the largest size, in whole units, but at most the larger of 64 MiB and four of them. */
static uint64_t default_budget(uint64_t messages, uint64_t message_size)
{
    uint64_t unit = chan__unit_bytes(message_size);
    uint64_t largest = (message_size + unit - 1) / unit * unit;
    uint64_t cap = largest > DEFAULT_BUDGET / 4 ? 4 * largest : DEFAULT_BUDGET;
    return largest && messages > cap / largest ? cap : messages * largest;
}

int chan__options_geometry(const struct chan_options *options, struct geometry *g)
{
    if (!options)
        options = &defaults;
    if (options->size != sizeof *options || options->reserved || options->flags & ~CREATE_FLAGS ||
        options->mode & ~0777u || options->message_size > UINT64_C(1) << 40)
        return -EINVAL;
    bool is_rendezvous = options->kind == CHAN_RENDEZVOUS;
    uint64_t messages = options->messages || is_rendezvous ? options->messages : DEFAULT_MESSAGES;
    /* Where a message is overwritten unread, the one that takes its place has its memory before. */
    bool overwrites = options->kind == CHAN_BROADCAST && options->overflow == CHAN_LAG;
    uint64_t in_memory = overwrites ? messages + 1 : is_rendezvous ? DEFAULT_MESSAGES : messages;
    *g = (struct geometry){
        .kind = options->kind,
        .lifetime = options->lifetime,
        .senders = options->senders,
        .receivers = options->receivers,
        .messages = messages,
        .message_size = options->message_size,
        .payload_bytes = options->bytes ? options->bytes : default_budget(in_memory, options->message_size),
        .endpoints = options->endpoints ? options->endpoints : DEFAULT_ENDPOINTS,
        .holds = options->holds ? options->holds : DEFAULT_HOLDS,
        .max_deliveries = options->max_deliveries,
        .order = options->order,
        .overflow = options->overflow,
    };
    return chan__geometry_complete(g);
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
