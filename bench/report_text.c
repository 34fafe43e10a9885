/* SPDX-License-Identifier: Apache-2.0 */
/* The tables. */
#include "report.h"

#include <stddef.h>
#include <string.h>

/* 1234567 as "1.23M". */
static const char *scaled(double value, char text[16])
{
    static const char units[] = " kMG";
    size_t unit = 0;

    while (value >= 999.5 && unit < 3) {
        value /= 1000;
        unit++;
    }
    snprintf(text, 16, "%.*f%c", value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, value, units[unit]);
    return text;
}

static void print_size(FILE *out, size_t size)
{
    if (size >= 1 << 20 && size % (1 << 20) == 0)
        fprintf(out, "%zu MiB", size >> 20);
    else if (size >= 1 << 10 && size % (1 << 10) == 0)
        fprintf(out, "%zu KiB", size >> 10);
    else
        fprintf(out, "%zu B", size);
}

static const struct series *pipe_of(const struct campaign *campaign, const struct series *series)
{
    for (size_t i = 0; i < campaign->count; i++) {
        const struct series *other = &campaign->series[i];
        if (other->group == series->group && strcmp(other->setup.transport->name, "pipe") == 0)
            return other;
    }
    return NULL;
}

static void print_ratio(const struct campaign *campaign, const struct series *series, size_t offset,
                        FILE *out)
{
    const struct series *pipe = pipe_of(campaign, series);
    double base = pipe ? campaign_spread(campaign, pipe, offset).median : 0;
    double value = campaign_spread(campaign, series, offset).median;

    if (base > 0)
        fprintf(out, " %7.2f", value / base);
    else
        fprintf(out, " %7s", "-");
}

static void print_costs(const struct campaign *campaign, const struct series *series, FILE *out)
{
    fprintf(out, " %8.0f %8.4f", campaign_spread(campaign, series, offsetof(struct outcome, cpu_ns)).median,
            campaign_spread(campaign, series, offsetof(struct outcome, switches)).median);
    if (series->setup.count_calls)
        fprintf(out, " %8.4f", campaign_spread(campaign, series, offsetof(struct outcome, calls)).median);
    fprintf(out, " %4zu", campaign_spread(campaign, series, offsetof(struct outcome, per_second)).count);
    fprintf(out, series->disturbed > 0 ? " (+%u disturbed)\n" : "\n", series->disturbed);
}

static void print_throughput(const struct campaign *campaign, const struct series *series, FILE *out)
{
    struct spread rate = campaign_spread(campaign, series, offsetof(struct outcome, per_second));
    char text[4][16];

    fprintf(out, "  %-12s %8s %8s %8s %8s", series->setup.transport->name, scaled(rate.median, text[0]),
            scaled(rate.least, text[1]), scaled(rate.most, text[2]),
            scaled(rate.median * (double)series->setup.shape.size, text[3]));
    print_ratio(campaign, series, offsetof(struct outcome, per_second), out);
    print_costs(campaign, series, out);
}

static void print_trips(const struct campaign *campaign, const struct series *series, FILE *out)
{
    struct spread p50 = campaign_spread(campaign, series, offsetof(struct outcome, trip_ns));

    fprintf(out, "  %-12s %8.2f %8.2f %8.2f", series->setup.transport->name, p50.median / 1e3,
            p50.least / 1e3, p50.most / 1e3);
    for (size_t i = 1; i < PERCENTILES; i++) {
        size_t offset = offsetof(struct outcome, trip_ns) + i * sizeof(double);
        fprintf(out, " %8.2f", campaign_spread(campaign, series, offset).median / 1e3);
    }
    print_ratio(campaign, series, offsetof(struct outcome, trip_ns), out);
    print_costs(campaign, series, out);
}

static const char *const titles[] = {"Throughput", "Round trip", "Waking a receiver"};

static void print_head(const struct campaign *campaign, const struct series *series, FILE *out)
{
    const struct setup *setup = &series->setup;

    fprintf(out, "\n%s, ", titles[setup->mode]);
    print_size(out, setup->shape.size);
    if (setup->shape.senders + setup->shape.receivers > 2)
        fprintf(out, ", %u senders, %u receivers", setup->shape.senders, setup->shape.receivers);
    fprintf(out, "%s; cache line there and back: %.0f ns\n", setup->pinned ? ", pinned" : "",
            campaign->distance_ns[series->group]);
    if (setup->mode == THROUGHPUT)
        fprintf(out, "  %-12s %8s %8s %8s %8s %7s", "", "msg/s", "min", "max", "B/s", "x pipe");
    else
        fprintf(out, "  %-12s %8s %8s %8s %8s %8s %8s %7s", "", "p50 us", "min", "max", "p90", "p99", "p99.9",
                "x pipe");
    fprintf(out, " %8s %8s%s %4s\n", "CPU ns", "switches", setup->count_calls ? "    calls" : "", "runs");
}

void report_text(const struct campaign *campaign, FILE *out)
{
    for (size_t i = 0; i < campaign->count; i++) {
        const struct series *series = &campaign->series[i];
        if (i == 0 || campaign->series[i - 1].group != series->group)
            print_head(campaign, series, out);
        if (campaign_spread(campaign, series, offsetof(struct outcome, per_second)).count == 0)
            fprintf(out, "  %-12s no undisturbed run\n", series->setup.transport->name);
        else if (series->setup.mode == THROUGHPUT)
            print_throughput(campaign, series, out);
        else
            print_trips(campaign, series, out);
    }
}
