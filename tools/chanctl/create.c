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
#define DEFAULT_MESSAGES 64u
#define DEFAULT_HOLDS 4u

static void print_part(const char *part, uint64_t count, uint64_t each)
{
    printf("  %-16s %12" PRIu64 " x %10" PRIu64 " = %14" PRIu64 "\n", part, count, each, count * each);
}

/* The memory formula, filled in. */
static void print_memory(const struct chan_options *options, const struct chan_memory *memory)
{
    uint64_t endpoints = options->endpoints > 0 ? options->endpoints : DEFAULT_ENDPOINTS;
    int is_watch = options->kind == CHAN_WATCH;
    uint64_t usual = is_watch ? 1 : DEFAULT_MESSAGES;
    uint64_t messages = options->messages > 0 || options->kind == CHAN_RENDEZVOUS ? options->messages : usual;
    uint64_t holds = (options->holds > 0 ? options->holds : DEFAULT_HOLDS) + 1 + (is_watch ? 1 : 0);
    if (options->kind == CHAN_GROWABLE)
        messages = memory->blocks - 2 * holds * endpoints; /* the ceiling depends on what is free */
    uint64_t parts = HEADER_BYTES + endpoints * memory->record_bytes + messages * CELL_BYTES +
                     memory->blocks * memory->block_bytes +
                     memory->units * (UNIT_LINK_BYTES + memory->unit_bytes);
    char total[FIGURE_MAX], fixed[FIGURE_MAX], step[FIGURE_MAX];

    printf("%" PRIu64 " messages of at most %" PRIu64 " bytes take, in bytes:\n", messages,
           options->message_size);
    print_part("header", 1, HEADER_BYTES);
    print_part("endpoint records", endpoints, memory->record_bytes);
    print_part("cells", messages, CELL_BYTES);
    print_part("blocks", memory->blocks, memory->block_bytes);
    print_part("unit links", memory->units, UNIT_LINK_BYTES);
    print_part("units", memory->units, memory->unit_bytes);
    printf("  %-16s %12s   %10s = %14" PRIu64 "\n", "rounding", "", "", memory->total_bytes - parts);
    printf("  %-16s %12s   %10s = %14" PRIu64 " (%s)\n", "total", "", "", memory->total_bytes,
           format_bytes(memory->total_bytes, total));
    printf("blocks = messages + 2 x (holds + %d) x endpoints = %" PRIu64 " + 2 x %" PRIu64 " x %" PRIu64
           "; messages of up to %" PRIu64 " bytes lie in their block, larger ones in units\n",
           is_watch ? 2 : 1, messages, holds, endpoints, memory->inline_size);
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
