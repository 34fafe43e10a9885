/* SPDX-License-Identifier: Apache-2.0 */
/* The scene of most cases about broadcasts: a sender, and receivers in processes of their own. */
#ifndef CONFORMANCE_BROADCAST_H
#define CONFORMANCE_BROADCAST_H

#include "actor.h"

#define RECEIVERS_MAX 3u

struct audience {
    struct chan *ch;
    struct actor *tx;
    struct actor *rx[RECEIVERS_MAX];
};

struct audience audience_open(const struct flavour *flavour, uint64_t messages, unsigned receivers);

/* Ends all, checks that nothing is amiss in the channel, and ends it; a NULL actor was ended before. */
void audience_close(const struct flavour *flavour, struct audience *audience);

/* Sends the messages first, first + 1 ... of which all have room; has one receiver get them. */
void audience_send(struct audience *audience, int64_t first, int64_t count);
void audience_recv(struct audience *audience, unsigned receiver, int64_t first, int64_t count);

/* Steps: what the receiver missed, as told last, and what is before it; onwards from now; of the sender, how many it
 * reached, and how much not all have seen; whether view a is intact. */
step lagged, receiver_len, resubscribe, reached, sender_len, view_is_intact, wait_closed, wait_closed_shortly;

#endif
