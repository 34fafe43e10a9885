/* SPDX-License-Identifier: Apache-2.0 */
/* What cases about descriptors for event loops begin with: channels, their ends, and whether a descriptor is readable. */
#ifndef CONFORMANCE_POLLABLE_H
#define CONFORMANCE_POLLABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <shmchan.h>

#define MS INT64_C(1000000)

/* Less than the 2 s after which a descriptor may become readable so that the loop looks around. */
#define SOON_MS 1500

/* Long enough for whoever would make a descriptor readable to have done it. */
#define A_MOMENT_MS 60

/* Without a name. */
struct chan *create(uint32_t kind, uint64_t messages);
struct chan_sender *sender_of(struct chan *ch);
struct chan_receiver *receiver_of(struct chan *ch);
int receiver_fd(struct chan_receiver *rx);
int sender_fd(struct chan_sender *tx);

/* Readable, and nothing else is said of it: within this time, now, soon. */
bool is_readable_within(int fd, int milliseconds);
bool is_readable(int fd);
bool becomes_readable(int fd);

/* An epoll instance that waits for this descriptor; how many events it has, at most one. */
int watch_by_epoll(int fd, uint32_t events);
int events_within(int epoll, int milliseconds);

/* A message, at once or not at all. */
int put(struct chan_sender *tx);
int take(struct chan_receiver *rx);

/* A child that acts on an inherited channel a moment after it was born. */
struct errand {
    struct chan *ch;
    int count;
    uint32_t flags; /* of attaching */
};

/* Such a child's body. */
int64_t send_later(void *errand);

#endif
