/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers of all soaks of one kind of channel do alike: draw, rest, compose, and say what is wrong. */
#ifndef KILL_TOIL_H
#define KILL_TOIL_H

#include "crew.h"

#include <shmchan/inspect.h>

#define TOIL_MESSAGE_MAX 40000u

/* A worker of one thread. */
struct toiler {
    const struct worker *worker;
    struct book *book;
    struct desk *desk;
    uint64_t random;
    unsigned char buffer[TOIL_MESSAGE_MAX + 64];
};

/* A kind of channel, its roles, which the members of the crew have in turns, and its law. */
struct toil_kind {
    const char *name;
    void (*shape)(struct chan_options *options, uint64_t number);
    unsigned roles;
    void (*work)(struct toiler *toiler, unsigned role); /* until the books say stop */
    /* Beside the crew, and never disturbed: until the books are closed. NULL: nobody. */
    void (*witness)(struct crew *crew);
    /* Nobody is left; everything is repaired. */
    void (*audit)(struct crew *crew, const struct chan_stat *stat, const struct balance *balance);
    int64_t lease_ns; /* its messages lend endpoints, by addresses, for so long at most; 0: they do not */
};

extern const struct toil_kind toil_lagging, toil_blocking, toil_watch, toil_call, toil_repeated_call,
    toil_lease;

uint64_t toil_draw(struct toiler *toiler, uint64_t below);

/* Between two calls: rest while the books say so. True: it is time to end. */
bool toil_stops(struct toiler *toiler);

/* Results that may be are 0, -EAGAIN, -ETIMEDOUT, and `also`. */
void toil_expect(struct toiler *toiler, const char *what, int64_t result, int64_t also);

/* The next message of this desk, of a size drawn, `at` some place of its buffer. */
size_t toil_compose(struct toiler *toiler, void *at, uint64_t *sequence);

/* What was surely sent was sent, and beyond that at most what calls had in hand whose caller died; and nothing came whose
 * send had failed. */
void toil_check_sent(struct crew *crew, const struct chan_stat *stat, const struct balance *balance);

/* Attach, whoever may have been there before. False: it is over. */
bool toil_attach_sender(struct toiler *toiler, struct chan_sender **tx);
bool toil_attach_receiver(struct toiler *toiler, struct chan_receiver **rx);

#endif
