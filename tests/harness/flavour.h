/* SPDX-License-Identifier: Apache-2.0 */
/* The flavours of channel that every case of the conformance suite runs over. */
#ifndef HARNESS_FLAVOUR_H
#define HARNESS_FLAVOUR_H

#include <stddef.h>
#include <stdint.h>

#include <shmchan.h>

struct flavour {
    uint32_t kind;
    uint32_t senders; /* CHAN_ONE, CHAN_MANY */
    uint32_t receivers;
    uint32_t lifetime; /* CHAN_EPHEMERAL, CHAN_DURABLE */
    uint32_t order;    /* CHAN_BARGING, CHAN_FAIR */
    int large;         /* messages too large for their block: they lie in payload units */
    int anonymous;     /* passed by descriptor, not opened by name */
    uint32_t flags;    /* for creating and opening */
    uint32_t overflow; /* broadcast: CHAN_LAG, CHAN_BLOCK */
};

/* Flavour number 0, 1, 2 ...; 0 when there is no such number. */
int flavour_number(unsigned number, struct flavour *out);

/* "one>many durable large named" */
void flavour_name(const struct flavour *flavour, char *text, size_t capacity);

/* Messages of this flavour have sizes in [smallest, largest]; largest is the channel's maximum. */
size_t flavour_smallest(const struct flavour *flavour);
size_t flavour_largest(const struct flavour *flavour);

/* The size of message `sequence`: all sizes in the range occur. */
size_t flavour_size(const struct flavour *flavour, uint64_t sequence);

/* Options for `messages` messages; a rendezvous has no room for any. The payload budget is so large that views, loans and unlucky sizes never
 * use it up: what is full then is the queue. */
struct chan_options flavour_options(const struct flavour *flavour, uint64_t messages);

/* The name of its channel in the sandbox. */
#define FLAVOUR_CHANNEL "subject"

/* Create; 1 if an object of that name is in the sandbox; remove the object if there is one. */
struct chan *flavour_create(const struct flavour *flavour, uint64_t messages);
struct chan *flavour_create_with(const struct flavour *flavour, const struct chan_options *options);
int flavour_exists(void);

/* Close the creator's mapping, and unlink if that is up to the user (durable) or endpoints never were. */
void flavour_finish(const struct flavour *flavour, struct chan *ch);

#endif
