/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that can be compared: interleaved pass by pass, disturbed ones repeated, medians of those made while
 * the processors were equally far apart. */
#ifndef CAMPAIGN_H
#define CAMPAIGN_H

#include "trial.h"

/* All runs of one setup. */
struct series {
    struct setup setup;
    unsigned group; /* series of one group are compared with each other */
    struct outcome *runs;
    size_t count;
    unsigned disturbed; /* runs thrown away: the canaries before and after disagreed, or nothing arrived */
};

struct campaign {
    struct series *series; /* series of a group stand together */
    size_t count;
    unsigned passes;
    int64_t deadline_ns; /* no further pass begins after it */
    double *distance_ns; /* by group: the canary of the runs that are compared */
};

struct spread {
    double median;
    double least;
    double most;
    size_t count;
};

/* Run it all, with a dot on stderr for each run. */
void campaign_run(struct campaign *campaign);

/* Of one figure of an outcome, over the runs that are compared; `offset` is offsetof(struct outcome, ...). */
struct spread campaign_spread(const struct campaign *campaign, const struct series *series, size_t offset);

#endif
