/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON document: { "version", "series": [ { setup, spreads, "runs": [...] } ] }. */
#include "report.h"

#include <shmchan.h>

#include <stddef.h>

static int always(const struct setup *setup)
{
    (void)setup;
    return 1;
}

static int of_trips(const struct setup *setup)
{
    return setup->mode != THROUGHPUT;
}

static int of_calls(const struct setup *setup)
{
    return setup->count_calls;
}

/* The figures of an outcome, and the setups that have them. */
static const struct figure {
    const char *name;
    size_t offset;
    int (*present)(const struct setup *setup);
} figures[] = {
    {"messages_per_second", offsetof(struct outcome, per_second), always},
    {"cpu_ns_per_message", offsetof(struct outcome, cpu_ns), always},
    {"voluntary_switches_per_message", offsetof(struct outcome, switches), always},
    {"system_calls_per_message", offsetof(struct outcome, calls), of_calls},
    {"trip_p50_ns", offsetof(struct outcome, trip_ns[0]), of_trips},
    {"trip_p90_ns", offsetof(struct outcome, trip_ns[1]), of_trips},
    {"trip_p99_ns", offsetof(struct outcome, trip_ns[2]), of_trips},
    {"trip_p99_9_ns", offsetof(struct outcome, trip_ns[3]), of_trips},
};

enum { FIGURES = sizeof figures / sizeof figures[0] };

static void print_runs(const struct series *series, FILE *out)
{
    for (size_t i = 0; i < series->count; i++) {
        const struct outcome *run = &series->runs[i];
        fprintf(out, "%s\n      {\"canary_ns\": [%.1f, %.1f]", i > 0 ? "," : "", run->canary_ns[0],
                run->canary_ns[1]);
        for (size_t j = 0; j < FIGURES; j++) {
            const double *value = (const void *)((const char *)run + figures[j].offset);
            if (figures[j].present(&series->setup))
                fprintf(out, ", \"%s\": %.6g", figures[j].name, *value);
        }
        fputc('}', out);
    }
}

static void print_series(const struct campaign *campaign, const struct series *series, FILE *out)
{
    const struct setup *setup = &series->setup;

    fprintf(
        out,
        "  {\"mode\": \"%s\", \"transport\": \"%s\", \"waits\": \"%s\", \"in_process\": %s, \"batch\": %u,\n"
        "   \"size\": %zu, \"senders\": %u, \"receivers\": %u, \"pinned\": %s,\n"
        "   \"canary_ns\": %.1f, \"disturbed\": %u",
        mode_names[setup->mode], setup->transport->name,
        setup->transport->waits == SPINS ? "spinning" : "sleeping",
        setup->transport->in_process ? "true" : "false", batch_of(setup->transport, setup->shape.size),
        setup->shape.size, setup->shape.senders, setup->shape.receivers, setup->pinned ? "true" : "false",
        campaign->distance_ns[series->group], series->disturbed);
    for (size_t i = 0; i < FIGURES; i++) {
        if (!figures[i].present(setup))
            continue;
        struct spread spread = campaign_spread(campaign, series, figures[i].offset);
        fprintf(out, ",\n   \"%s\": {\"median\": %.6g, \"min\": %.6g, \"max\": %.6g, \"runs\": %zu}",
                figures[i].name, spread.median, spread.least, spread.most, spread.count);
    }
    fprintf(out, ",\n   \"runs\": [");
    print_runs(series, out);
    fprintf(out, "]}");
}

void report_json(const struct campaign *campaign, FILE *out)
{
    fprintf(out, "{\"version\": \"%s\", \"series\": [\n", chan_version());
    for (size_t i = 0; i < campaign->count; i++) {
        print_series(campaign, &campaign->series[i], out);
        fprintf(out, i + 1 < campaign->count ? ",\n" : "\n");
    }
    fprintf(out, "]}\n");
}
