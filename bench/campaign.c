/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the runs, and the choice of those that count. */
#include "campaign.h"

#include <shmchan.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A run whose canaries differ by more was moved in the middle. */
static const double steady = 1.3;

/* Runs whose canaries differ by less were made at the same distance. */
static const double same_distance = 1.3;

enum { RETRIES = 3 };

/* So many times as many passes, where the processors were moved or taken away so often that too few runs can
 * be compared; for those of which there are too few. */
enum { PATIENCE = 8 };

/* Also false if one of them is NAN. */
static int within(double a, double b, double factor)
{
    return a <= b * factor && b <= a * factor;
}

static double distance(const struct outcome *run)
{
    return (run->canary_ns[0] + run->canary_ns[1]) / 2;
}

static void run_once(struct series *series)
{
    struct outcome outcome;

    for (unsigned attempt = 0; attempt <= RETRIES; attempt++) {
        trial(&series->setup, &outcome);
        if (outcome.per_second > 0 && within(outcome.canary_ns[0], outcome.canary_ns[1], steady)) {
            series->runs[series->count++] = outcome;
            fputc('.', stderr);
            return;
        }
        series->disturbed++;
    }
    fputc('!', stderr);
}

/* Runs of a series at this distance. */
static size_t runs_at(const struct series *series, double distance_ns)
{
    size_t count = 0;

    for (size_t i = 0; i < series->count; i++)
        count += (size_t)within(distance(&series->runs[i]), distance_ns, same_distance);
    return count;
}

/* Choose the distance at which the series with the fewest runs has most; returns how many that are. */
static size_t choose_distance(const struct series *first, size_t count, double *chosen)
{
    size_t best_least = 0;
    size_t best_total = 0;

    *chosen = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < first[i].count; j++) {
            double candidate = distance(&first[i].runs[j]);
            size_t least = SIZE_MAX;
            size_t total = 0;
            for (size_t k = 0; k < count; k++) {
                size_t runs = runs_at(&first[k], candidate);
                least = runs < least ? runs : least;
                total += runs;
            }
            if (least > best_least || (least == best_least && total > best_total)) {
                best_least = least;
                best_total = total;
                *chosen = candidate;
            }
        }
    }
    return best_least;
}

static size_t group_size(const struct campaign *campaign, size_t first)
{
    size_t end = first;

    while (end < campaign->count && campaign->series[end].group == campaign->series[first].group)
        end++;
    return end - first;
}

void campaign_run(struct campaign *campaign)
{
    unsigned most = campaign->passes * PATIENCE;

    campaign->distance_ns = calloc(campaign->series[campaign->count - 1].group + 1, sizeof(double));
    if (!campaign->distance_ns)
        die("campaign", "out of memory");
    for (size_t i = 0; i < campaign->count; i++) {
        campaign->series[i].runs = calloc(most, sizeof *campaign->series[i].runs);
        if (!campaign->series[i].runs)
            die("campaign", "out of memory");
    }
    for (unsigned pass = 0; pass < most; pass++) {
        for (size_t first = 0, size; first < campaign->count; first += size) {
            struct series *group = &campaign->series[first];
            double *chosen = &campaign->distance_ns[group->group];
            size = group_size(campaign, first);
            if (pass > 0 && chan_now() >= campaign->deadline_ns)
                continue;
            if (pass >= campaign->passes && choose_distance(group, size, chosen) >= campaign->passes)
                continue;
            for (size_t i = 0; i < size; i++) {
                if (pass < campaign->passes || runs_at(&group[i], *chosen) < campaign->passes)
                    run_once(&group[i]);
            }
            choose_distance(group, size, chosen);
        }
    }
    fputc('\n', stderr);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

struct spread campaign_spread(const struct campaign *campaign, const struct series *series, size_t offset)
{
    double distance_ns = campaign->distance_ns[series->group];
    double *values = calloc(series->count + 1, sizeof *values);
    struct spread spread = {.count = 0};

    if (!values)
        die("spread", "out of memory");
    for (size_t i = 0; i < series->count; i++) {
        const struct outcome *run = &series->runs[i];
        if (within(distance(run), distance_ns, same_distance))
            values[spread.count++] = *(const double *)(const void *)((const char *)run + offset);
    }
    qsort(values, spread.count, sizeof *values, by_value);
    if (spread.count > 0) {
        spread.median = (values[(spread.count - 1) / 2] + values[spread.count / 2]) / 2;
        spread.least = values[0];
        spread.most = values[spread.count - 1];
    }
    free(values);
    return spread;
}
