/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a soak: senders, receivers that copy, receivers that look, and those that come and go. */
#ifndef KILL_WORKER_H
#define KILL_WORKER_H

#include "book.h"

#include <shmchan.h>

enum worker_kind { WORKER_SENDER, WORKER_COPIER, WORKER_VIEWER, WORKER_VISITOR, WORKER_KINDS };

struct worker {
    enum worker_kind kind;
    uint32_t number; /* of a sender, in the books */
    uint64_t seed;
    struct chan *ch;
    struct book *book;
    uint64_t message_max; /* bytes */
};

/* Works until it is killed, or the books say stop and, for receivers, nothing is left. Never returns. */
__attribute__((noreturn)) void worker_run(const struct worker *worker);

/* The next of a series of numbers. */
uint64_t worker_random(uint64_t *state);

/* Book a message that a copying receive returned. */
void worker_book_copy(struct book *book, const void *data, size_t size);

#endif
