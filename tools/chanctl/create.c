/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl create: make a channel, or tell what it would take. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "channel_options.h"
#include "exit_codes.h"
#include "report.h"
#include "text.h"

#define HEADER_BYTES 4096u
#define CELL_BYTES 8u
#define UNIT_LINK_BYTES 8u

/* What 0 means in struct chan_options. */
#define DEFAULT_ENDPOINTS 64u
#define ONESHOT_ENDPOINTS 4u
#define DEFAULT_MESSAGES 64u
#define DEFAULT_HOLDS 4u

/* What the memory formula is about. */
struct shape {
    uint64_t endpoints;
    uint64_t messages;
    uint64_t role_blocks;  /* of an endpoint for each role: what it may hold, and what it has in hand */
    uint64_t reply_blocks; /* of an endpoint for answers that its caller has not read */
    const char *formula;   /* of the blocks of an endpoint */
};

static void print_part(const char *part, uint64_t count, uint64_t each)
{
    printf("  %-16s %12" PRIu64 " x %10" PRIu64 " = %14" PRIu64 "\n", part, count, each, count * each);
}

static struct shape shape_of(const struct chan_options *options, const struct chan_memory *memory)
{
    int is_oneshot = options->kind == CHAN_ONESHOT, is_watch = options->kind == CHAN_WATCH;
    uint64_t holds = options->holds > 0 ? options->holds : DEFAULT_HOLDS;
    struct shape shape = {
        .endpoints = is_oneshot ? ONESHOT_ENDPOINTS : DEFAULT_ENDPOINTS,
        .messages = is_oneshot || is_watch ? 1 : DEFAULT_MESSAGES,
        .role_blocks = holds + (is_watch ? 2 : 1),
        .formula = is_watch ? "2 x (holds + 2)" : "2 x (holds + 1)",
    };

    if (options->kind == CHAN_CALL) {
        shape.reply_blocks = holds;
        shape.formula = "(2 x (holds + 1) + holds)";
    }
    if (options->endpoints > 0)
        shape.endpoints = options->endpoints;
    if (options->messages > 0 || options->kind == CHAN_RENDEZVOUS)
        shape.messages = options->messages;
    if (options->kind == CHAN_GROWABLE) /* the ceiling depends on what is free */
        shape.messages = memory->blocks - 2 * shape.role_blocks * shape.endpoints;
    return shape;
}

static void print_blocks(const struct shape *shape, uint64_t inline_size)
{
    printf("blocks = messages + %s x endpoints = %" PRIu64 " + ", shape->formula, shape->messages);
    if (shape->reply_blocks > 0)
        printf("(2 x %" PRIu64 " + %" PRIu64 ")", shape->role_blocks, shape->reply_blocks);
    else
        printf("2 x %" PRIu64, shape->role_blocks);
    printf(" x %" PRIu64 "; messages of up to %" PRIu64 " bytes lie in their block, larger ones in units\n",
           shape->endpoints, inline_size);
}

/* The memory formula, filled in. */
static void print_memory(const struct chan_options *options, const struct chan_memory *memory)
{
    struct shape shape = shape_of(options, memory);
    uint64_t parts = HEADER_BYTES + shape.endpoints * memory->record_bytes + shape.messages * CELL_BYTES +
                     memory->blocks * memory->block_bytes +
                     memory->units * (UNIT_LINK_BYTES + memory->unit_bytes);
    char total[FIGURE_MAX], fixed[FIGURE_MAX], step[FIGURE_MAX];

    printf("%" PRIu64 " messages of at most %" PRIu64 " bytes take, in bytes:\n", shape.messages,
           options->message_size);
    print_part("header", 1, HEADER_BYTES);
    print_part("endpoint records", shape.endpoints, memory->record_bytes);
    print_part("cells", shape.messages, CELL_BYTES);
    print_part("blocks", memory->blocks, memory->block_bytes);
    print_part("unit links", memory->units, UNIT_LINK_BYTES);
    print_part("units", memory->units, memory->unit_bytes);
    printf("  %-16s %12s   %10s = %14" PRIu64 "\n", "rounding", "", "", memory->total_bytes - parts);
    printf("  %-16s %12s   %10s = %14" PRIu64 " (%s)\n", "total", "", "", memory->total_bytes,
           format_bytes(memory->total_bytes, total));
    print_blocks(&shape, memory->inline_size);
    if (options->kind == CHAN_GROWABLE)
        printf("%s are committed at once, the other units %s at a time when messages need them\n",
               format_bytes(memory->fixed_bytes, fixed), format_bytes(memory->step_bytes, step));
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        CHANNEL_OPTIONS,
        {"plan", no_argument, NULL, 'p'},
        {"dry-run", no_argument, NULL, 'p'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct chan_options options = default_channel();
    struct chan_memory memory;
    int plan = 0, verbose = 0, option, error;
    const char *name;
    struct chan *ch;

    while ((option = next_option(&create_command, argc, argv, ":vh", long_options)) != -1) {
        if (option == 'p')
            plan = 1;
        else if (option == 'v')
            verbose = 1;
        else
            take_channel_option(&create_command, option, &options);
    }
    name = only_name(&create_command, argc, argv);
    error = chan_memory(&options, &memory);
    if (error != 0)
        return fail(name, error);
    if (plan || verbose)
        print_memory(&options, &memory);
    if (plan)
        return CODE_OK;
    error = chan_create(name, &options, &ch);
    if (error != 0)
        return fail(name, error);
    chan_close(ch);
    return CODE_OK;
}

const struct command create_command = {
    .name = "create",
    .arguments = "NAME [options]",
    .summary = "make a channel",
    .help = CHANNEL_OPTIONS_HELP "  --plan, --dry-run     only tell what memory it would take\n"
                                 "  -v, --verbose         tell what memory it takes, and make it\n",
    .run = run,
};
