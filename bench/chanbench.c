/* SPDX-License-Identifier: Apache-2.0 */
/* chanbench: how fast messages go between processes over shmchan, pipes, sockets and peers; see README.md. */
#include "campaign.h"
#include "pin.h"
#include "report.h"

#include <shmchan.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SIZES = 16 };

struct choice {
    unsigned modes; /* bit per enum mode */
    size_t sizes[MOST_SIZES];
    size_t size_count;
    const char *transports; /* comma-separated names; NULL: all */
    const char *without;    /* the same; NULL: none */
    struct setup setup;     /* what all have in common */
    unsigned passes;
    unsigned seconds;
    const char *json;
};

static void usage(FILE *out)
{
    fputs("usage: chanbench [OPTION]...\n"
          "  --mode throughput|roundtrip|wakeup   default: the first two\n"
          "  --size BYTES,...              default: 8,64,256,1k,4k,64k,1m\n"
          "  --transport NAME,...          default: all before \"select\", and peers\n"
          "  --without NAME,...            not these\n"
          "  --senders N --receivers M     processes on one queue; implies throughput; default 1 and 1\n"
          "  --passes N                    runs of each, interleaved; default 5\n"
          "  --ms N                        length of a run, after 20 ms of warm-up; default 100\n"
          "  --seconds N                   no further pass after that; default 600\n"
          "  --pin                         processes on alternate processors\n"
          "  --calls                       count system calls (root); times are not comparable then\n"
          "  --json FILE                   every run and the summaries too; - for stdout, without the text\n"
          "transports:\n",
          out);
    for (size_t i = 0; transports[i]; i++)
        fprintf(out, "  %-12s %s\n", transports[i]->name, transports[i]->what);
}

static __attribute__((noreturn)) void bad(const char *what, const char *value)
{
    fprintf(stderr, "chanbench: %s: '%s'\n", what, value);
    exit(2);
}

static unsigned long number(const char *text, unsigned long least, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || value < least || value > most)
        bad("not a number in range", text);
    return value;
}

static size_t size_of(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    unsigned shift = *end == 'k' ? 10 : *end == 'm' ? 20 : 0;

    if (end == text || end[shift ? 1 : 0] != '\0' || value << shift < LEAST_SIZE ||
        value > (1ul << 30) >> shift)
        bad("not a size", text);
    return value << shift;
}

static enum mode mode_of(const char *name)
{
    for (enum mode mode = THROUGHPUT; mode <= WAKE_UP; mode++) {
        if (strcmp(mode_names[mode], name) == 0)
            return mode;
    }
    bad("no such mode", name);
}

static void read_sizes(struct choice *choice, char *list)
{
    choice->size_count = 0;
    for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
        if (choice->size_count == MOST_SIZES)
            bad("too many sizes", item);
        choice->sizes[choice->size_count++] = size_of(item);
    }
    if (choice->size_count == 0)
        bad("no size", list);
}

/* Whether a name stands in a comma-separated list. */
static int listed(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return 1;
    }
    return 0;
}

static void read_options(struct choice *choice, int argc, char **argv)
{
    static const struct option options[] = {
        {"mode", required_argument, NULL, 'm'},
        {"size", required_argument, NULL, 's'},
        {"transport", required_argument, NULL, 't'},
        {"without", required_argument, NULL, 'o'},
        {"senders", required_argument, NULL, 'S'},
        {"receivers", required_argument, NULL, 'R'},
        {"passes", required_argument, NULL, 'p'},
        {"ms", required_argument, NULL, 'w'},
        {"seconds", required_argument, NULL, 'l'},
        {"pin", no_argument, NULL, 'P'},
        {"calls", no_argument, NULL, 'c'},
        {"json", required_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'm':
            choice->modes = 1u << mode_of(optarg);
            break;
        case 's':
            read_sizes(choice, optarg);
            break;
        case 't':
            choice->transports = optarg;
            break;
        case 'o':
            choice->without = optarg;
            break;
        case 'S':
            choice->setup.shape.senders = (unsigned)number(optarg, 1, MAX_PROCESSES / 2);
            break;
        case 'R':
            choice->setup.shape.receivers = (unsigned)number(optarg, 1, MAX_PROCESSES / 2);
            break;
        case 'p':
            choice->passes = (unsigned)number(optarg, 1, 1000);
            break;
        case 'w':
            choice->setup.window_ms = (unsigned)number(optarg, 1, 30000);
            break;
        case 'l':
            choice->seconds = (unsigned)number(optarg, 1, 1000000);
            break;
        case 'P':
            choice->setup.pinned = 1;
            break;
        case 'c':
            choice->setup.count_calls = 1;
            break;
        case 'j':
            choice->json = optarg;
            break;
        case 'h':
            usage(stdout);
            exit(0);
        default:
            usage(stderr);
            exit(2);
        }
    }
    if (optind < argc)
        bad("unexpected argument", argv[optind]);
    if (choice->setup.shape.senders + choice->setup.shape.receivers > 2)
        choice->modes = 1u << THROUGHPUT;
}

static void add_group(struct campaign *campaign, const struct choice *choice, enum mode mode, size_t size)
{
    unsigned group = campaign->count > 0 ? campaign->series[campaign->count - 1].group + 1 : 0;

    for (size_t i = 0; transports[i]; i++) {
        struct setup setup = choice->setup;
        setup.mode = mode;
        setup.transport = transports[i];
        setup.shape.size = size;
        if (choice->transports ? !listed(choice->transports, transports[i]->name) : transports[i]->by_name)
            continue;
        if (listed(choice->without, transports[i]->name))
            continue;
        if (!transports[i]->can(&setup.shape))
            continue;
        if (mode != THROUGHPUT && transports[i]->batch > 1)
            continue; /* there is only one message at a time */
        campaign->series = realloc(campaign->series, (campaign->count + 1) * sizeof *campaign->series);
        if (!campaign->series)
            die("campaign", "out of memory");
        campaign->series[campaign->count++] = (struct series){.setup = setup, .group = group};
    }
}

int main(int argc, char **argv)
{
    struct choice choice = {
        .modes = 1u << THROUGHPUT | 1u << ROUND_TRIP,
        .sizes = {8, 64, 256, 1 << 10, 4 << 10, 64 << 10, 1 << 20},
        .size_count = 7,
        .setup = {.shape = {.senders = 1, .receivers = 1}, .window_ms = 100},
        .passes = 5,
        .seconds = 600,
    };
    struct campaign campaign = {.series = NULL};
    FILE *json = NULL;

    read_options(&choice, argc, argv);
    campaign.passes = choice.passes;
    campaign.deadline_ns = chan_deadline(choice.seconds * INT64_C(1000000000));
    for (unsigned mode = THROUGHPUT; mode <= WAKE_UP; mode++) {
        for (size_t i = 0; i < choice.size_count && choice.modes & 1u << mode; i++)
            add_group(&campaign, &choice, (enum mode)mode, choice.sizes[i]);
    }
    if (campaign.count == 0)
        bad("nothing to measure with", choice.transports ? choice.transports : "");
    if (choice.json)
        json = strcmp(choice.json, "-") == 0 ? stdout : fopen(choice.json, "w");
    if (choice.json && !json)
        die(choice.json, strerror(errno));
    pin_count();
    campaign_run(&campaign);

    if (json != stdout)
        report_text(&campaign, stdout);
    if (json) {
        report_json(&campaign, json);
        if (fclose(json) != 0)
            die(choice.json, strerror(errno));
    }
    for (size_t i = 0; i < campaign.count; i++)
        free(campaign.series[i].runs);
    free(campaign.distance_ns);
    free(campaign.series);
    return 0;
}
