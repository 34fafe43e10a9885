/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of one run share: when the clock starts and stops, and what each has to report. */
#ifndef STAGE_H
#define STAGE_H

#include "payload.h"

#include <stdatomic.h>

enum phase { WAIT, WARM_UP, MEASURE, STOP };

/* A process's meters at one moment. */
struct reading {
    int64_t time_ns;
    int64_t cpu_ns;
    uint64_t messages;
    uint64_t switches; /* voluntary */
    uint64_t calls;    /* system calls, if counted */
};

enum { NOT_COUNTED = -1 };

/* What a process, or a thread that plays one, reports. */
struct log {
    int by_thread;               /* its meters are those of the one thread */
    int counter;                 /* calls_open(), or NOT_COUNTED */
    struct reading at[STOP + 1]; /* the moments it saw a phase begin; only MEASURE and STOP are used */
    uint64_t messages;           /* in all */
    uint64_t sum;                /* of their stamps */
    uint64_t trips;              /* measured */
    _Alignas(128) enum phase seen;
};

enum { MOST_TRIPS = 1 << 20, MOST_UNDERWAY = 4096 };

struct stage {
    _Alignas(128) _Atomic unsigned ready; /* processes */
    _Alignas(128) _Atomic unsigned phase;
    _Alignas(128) struct log logs[MAX_PROCESSES];
    _Alignas(128) int64_t sent_ns[MOST_UNDERWAY]; /* of messages sent to a sleeper, by their number */
    _Alignas(128) uint32_t trips_ns[];            /* of the trips in the window */
};

struct stage *stage_new(void);
void stage_free(struct stage *stage);

/* Read the meters because `phase` has begun. */
void stage_note(struct log *log, enum phase phase, uint64_t messages);

/* Note how long a trip took. */
static inline void stage_trip(struct stage *stage, struct log *log, int64_t ns)
{
    if (log->trips < MOST_TRIPS)
        stage->trips_ns[log->trips++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

void stage_sleep_us(long us);

/* The phase, after noting it if it is new. */
static inline enum phase stage_phase(struct stage *stage, struct log *log, uint64_t messages)
{
    enum phase phase = (enum phase)atomic_load_explicit(&stage->phase, memory_order_relaxed);

    if (phase != log->seen)
        stage_note(log, phase, messages);
    return phase;
}

/* In a process: attached, wait for the start. */
void stage_enter(struct stage *stage);

/* In the parent: lead `processes` through the phases. */
void stage_direct(struct stage *stage, unsigned processes, unsigned window_ms);

#endif
