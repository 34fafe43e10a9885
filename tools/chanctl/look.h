/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a channel from outside without disturbing it: what it is, and in what state. */
#ifndef CHANCTL_LOOK_H
#define CHANCTL_LOOK_H

#include <shmchan.h>

/* How chanctl opens what it only looks at. */
#define LOOK_FLAGS (CHAN_READ_ONLY | CHAN_ANY_OWNER | CHAN_NO_KEEPER)

enum channel_state {
    STATE_OPEN,
    STATE_CLOSED,
    STATE_DRAINED,
    STATE_STALE, /* ephemeral, and all endpoints that it had are dead */
    STATE_CORRUPT,
    STATE_OTHER_VERSION,
    STATE_NO_PERMISSION,
    STATE_ABSENT,  /* removed meanwhile */
    STATE_UNKNOWN, /* cannot be opened for another reason, which `error` tells */
};

struct look {
    const char *name;
    enum channel_state state;
    const char *reason; /* why it is in that state; "" if that says itself. Static storage */
    int error;          /* why it cannot be opened; 0 if it is open, and only then the rest is valid */
    struct chan *ch;
    struct chan_options options;
    struct chan_stat stat;
    struct chan_memory memory;
    uint32_t live; /* senders and receivers: weak senders keep nothing */
    uint32_t live_senders;
    uint32_t live_receivers;
    uint32_t live_weak;
    uint32_t dead;
};

/* Look at the channel `name`, which must outlive `look`. Returns 0 or a negative errno value, which is also
 * look->error. End with look_away() in either case. */
int look_at(struct look *look, const char *name);

/* Bring the figures up to date. */
int look_again(struct look *look);

void look_away(struct look *look);

const char *state_name(enum channel_state state);

#endif
