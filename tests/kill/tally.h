/* SPDX-License-Identifier: Apache-2.0 */
/* What a run adds up to, over all of its trials. */
#ifndef KILL_TALLY_H
#define KILL_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct tally {
    uint64_t cases, instructions, kills, stops;
    unsigned failures;
    /* Victims that took another way than the one observed first. Mostly while reading the clock, which begins anew if the
     * time was changed meanwhile: so it is when stepped through, and not when run. */
    unsigned missed;
    unsigned lost; /* messages */
    int64_t *times_ns;
    size_t time_count, time_capacity;
};

/* A kill, and so long after it everything worked again. */
void tally_recovery(struct tally *tally, int64_t took_ns);

/* One line. Returns the exit status of the run. */
int tally_report(struct tally *tally);

#endif
