/* SPDX-License-Identifier: Apache-2.0 */
/* Who still sends: queues that outlive their senders tell nobody that nothing more will come.
 *
 * The last sender to leave sends an empty message to each receiver, behind all others; a ring without
 * messages of any size has its receivers look whether all have left. Where each sender has a connection of
 * its own, each sends an empty message, and the receiver crosses it off. */
#ifndef ROLL_H
#define ROLL_H

#include "../transport.h"

struct roll;

/* In memory shared with the processes forked later, with `room` zeroed bytes for the transport's own use. */
struct roll *roll_new(const struct shape *shape, size_t room);
void roll_free(struct roll *roll);

/* That room, on a cache line of its own. */
void *roll_room(struct roll *roll);

/* A sender leaves: how many empty messages it has to send, 0 if others are left. */
unsigned roll_leave(struct roll *roll);

/* Wait until all senders have left; for those who are crossed off by the receiver. */
void roll_wait(const struct roll *roll);

/* 1 if all senders have left; what they sent is visible then. */
int roll_over(const struct roll *roll);

#endif
