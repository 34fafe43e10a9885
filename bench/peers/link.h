/* SPDX-License-Identifier: Apache-2.0 */
/* What the adapters of other libraries have in common: a link with a name, perhaps some shared memory, and
 * the roll of those who still send, since queues that outlive their senders tell nobody that nothing more
 * will come.
 *
 * Of a queue that all share, the last sender to leave sends an empty message to each receiver, behind all
 * others (link_leave). Where each sender has a connection of its own, each sends one, and the receiver
 * crosses it off (link_leave_alone, link_cross_off). A ring without messages of any size has its receivers
 * look whether all have left (link_over). */
#ifndef LINK_H
#define LINK_H

#include "../transport.h"

struct roll;

/* The first member of an adapter's own `struct end`. */
struct link {
    char name[40]; /* nobody else's */
    struct roll *roll;
};

/* An end of `bytes` zeroed bytes, which begins with a struct link, and `room` zeroed bytes shared with the
 * processes forked later. */
void *link_new(const struct shape *shape, size_t bytes, size_t room);
void link_free(void *end);

/* That room, on a cache line of its own. */
void *link_room(const void *end);

/* Sends a message of any size, or of none. */
typedef void link_send(void *end, const void *message, size_t size);

/* A sender leaves. */
void link_leave(void *end, link_send *send_bytes);
void link_leave_silently(void *end);

/* The same with a connection of its own, which it keeps until all have been heard: of one closed at once,
 * last messages were missing now and then. */
void link_leave_alone(void *end, link_send *send_bytes);

/* A sender's empty message came: 1 if it was the last. */
int link_cross_off(void *end);

/* 1 if all senders have left; what they sent is visible then. */
int link_over(const void *end);

#endif
