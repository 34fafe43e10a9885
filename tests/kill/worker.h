/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a soak: senders, receivers that copy, receivers that look, those that come and go, and
 * those that repair and inspect. */
#ifndef KILL_WORKER_H
#define KILL_WORKER_H

#include "book.h"

#include <shmchan.h>

#define WORKER_THREADS_MAX 3u

enum worker_kind {
    WORKER_SENDER,
    WORKER_COPIER,
    WORKER_VIEWER,
    WORKER_VISITOR,
    WORKER_REPAIRER,
    WORKER_KINDS
};

struct worker {
    enum worker_kind kind;
    uint32_t threads;
    uint32_t desk; /* of its first thread, in the books */
    uint64_t seed;
    struct chan *ch;
    struct book *book;
    uint64_t message_max;   /* bytes */
    uint64_t large_one_in;  /* so many messages; the others are small */
    int64_t patience_ns;    /* of every call; CHAN_FOREVER: the soak ends by chan_shutdown() */
    struct chan_sender *tx; /* prepared for it, or NULL */
    struct chan_receiver *rx;
};

/* Works until it is killed, or the channel ends, or the books say stop and, for receivers, nothing is left.
 * Never returns. */
__attribute__((noreturn)) void worker_run(const struct worker *worker);

/* The next of a series of numbers. */
uint64_t worker_random(uint64_t *state);

#endif
