/* SPDX-License-Identifier: Apache-2.0 */
/* The commonest scene: a channel, a sender in one process and a receiver in another. */
#ifndef HARNESS_PAIR_H
#define HARNESS_PAIR_H

#include "actor.h"

struct pair {
    struct chan *ch;
    struct actor *tx, *rx;
};

struct pair pair_open(const struct flavour *flavour, uint64_t messages);
struct pair pair_open_with(const struct flavour *flavour, const struct chan_options *options);

/* Sends the messages first, first + 1 ... of which all must have room; receives them so. */
void pair_send(struct pair *pair, int64_t first, int64_t count);
void pair_recv(struct pair *pair, int64_t first, int64_t count);

/* The same, but of a rendezvous, which has room for none, nothing: what is full then is full in any case. */
void pair_fill(struct pair *pair, int64_t first, int64_t count);
void pair_empty(struct pair *pair, int64_t first, int64_t count);

/* Sends the messages and receives them, one by one: in a rendezvous by a receiver that waits. */
void pair_pass(struct pair *pair, int64_t first, int64_t count);

/* Ends both, and the channel; a NULL actor was ended before. */
void pair_close(const struct flavour *flavour, struct pair *pair);

#endif
