/* SPDX-License-Identifier: Apache-2.0 */
/* Adding up, and the line at the end of a run. */
#include "tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void tally_recovery(struct tally *t, int64_t took_ns)
{
    if (t->time_count == t->time_capacity) {
        t->time_capacity = t->time_capacity ? 2 * t->time_capacity : 1024;
        t->times_ns = realloc(t->times_ns, t->time_capacity * sizeof *t->times_ns);
        if (!t->times_ns)
            abort();
    }
    t->times_ns[t->time_count++] = took_ns;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int tally_report(struct tally *t)
{
    printf("%" PRIu64 " cases, %" PRIu64 " instructions, %" PRIu64 " kills, %" PRIu64 " stops, ", t->cases,
           t->instructions, t->kills, t->stops);
    if (t->time_count) {
        qsort(t->times_ns, t->time_count, sizeof *t->times_ns, by_time);
        printf("recovered after %.3f ms (p99), %.3f ms (worst), ",
               (double)t->times_ns[t->time_count - 1 - t->time_count / 100] / 1e6,
               (double)t->times_ns[t->time_count - 1] / 1e6);
    }
    printf("%u messages lost, %u missed, %u failures\n", t->lost, t->missed, t->failures);
    free(t->times_ns);
    return t->failures || !t->cases;
}
