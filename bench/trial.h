/* SPDX-License-Identifier: Apache-2.0 */
/* One timed run: real processes, a warm-up that does not count, a window that does, then an end in order. */
#ifndef TRIAL_H
#define TRIAL_H

#include "transport.h"

enum mode { THROUGHPUT, ROUND_TRIP, WAKE_UP };

extern const char *const mode_names[]; /* by enum mode */

enum { PERCENTILES = 4 };
extern const double percentiles[PERCENTILES]; /* 50, 90, 99, 99.9 */

/* What to run. */
struct setup {
    enum mode mode;
    const struct transport *transport;
    struct shape shape; /* of each link; a round trip has two */
    int pinned;         /* senders and receivers on alternate processors */
    int count_calls;    /* system calls; times are not comparable then */
    unsigned window_ms;
};

/* What came out. A message of a round trip is one of its two. A trip is a round trip, or the way to a
 * receiver that has to be woken. */
struct outcome {
    double per_second; /* messages */
    double trip_ns[PERCENTILES];
    double cpu_ns;       /* of all processes, per message */
    double switches;     /* voluntary context switches of all processes, per message */
    double calls;        /* system calls of all processes, per message */
    double canary_ns[2]; /* before and after */
};

/* Run it once. Every message is accounted for, or the program ends with a message. */
void trial(const struct setup *setup, struct outcome *out);

#endif
