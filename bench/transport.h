/* SPDX-License-Identifier: Apache-2.0 */
/* What is compared: one table of functions per way of moving messages from process to process. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "payload.h"

/* One link carries messages one way. */
struct shape {
    size_t size; /* of every message */
    unsigned senders;
    unsigned receivers;
};

enum side { SENDER, RECEIVER };

/* What an end does that has to wait. */
enum waits { SLEEPS, SPINS };

/* Functions that cannot do what they are asked say why on stderr and exit: a benchmark that goes on after a
 * failure measures something else. */
struct transport {
    const char *name;
    const char *what; /* for --help */
    enum waits waits;
    unsigned batch;  /* messages that one send() or recv() moves, at most */
    int in_process;  /* its ends are threads of one process */
    int by_name;     /* measured only if asked for by name */
    int stamps_only; /* messages are handed over as they lie; only their stamps are written and read */

    int (*can)(const struct shape *shape); /* 1 if it can carry that */

    /* In the parent, before the fork. Every process attaches one end or destroys the link. */
    void *(*create)(const struct shape *shape);
    void (*destroy)(void *link);

    /* In the process that uses it. Consumes the link, which is the end itself if there is no attach(). In
     * one process, as many ends are made of one link as the shape says. */
    void *(*attach)(void *link, enum side side);
    void (*detach)(void *end, enum side side);

    /* Send from source->next on; returns how many, at least 1. */
    unsigned (*send)(void *end, struct source *source);

    /* Receive and sink_take(); returns how many, 0 when all senders have detached and nothing is left. */
    unsigned (*recv)(void *end, struct sink *sink);
};

extern const struct transport shmchan_copy;
extern const struct transport shmchan_batch;
extern const struct transport shmchan_gather;
extern const struct transport shmchan_view;
extern const struct transport shmchan_hand_off;
extern const struct transport shmchan_spin;
extern const struct transport shmchan_sleep;
extern const struct transport shmchan_growable;
extern const struct transport stream_transport;
extern const struct transport pipe_transport;
extern const struct transport socket_transport;
extern const struct transport wait_select;
extern const struct transport wait_select_8;
extern const struct transport wait_select_64;
extern const struct transport wait_select_128;
extern const struct transport wait_epoll;
extern const struct transport wait_epoll_8;
extern const struct transport wait_epoll_64;
extern const struct transport wait_epoll_128;
extern const struct transport wait_eventfd;
extern const struct transport wait_pipe;

extern const struct transport *const transports[]; /* NULL-terminated */

/* transport->attach(), if it has one. */
void *transport_attach(const struct transport *transport, void *link, enum side side);

/* How many messages of a batch transport go together: fewer when they are large. */
unsigned batch_of(const struct transport *transport, size_t size);

/* How many messages a queue should hold, a power of two: as many as a program would give it. */
unsigned depth_of(size_t size);

/* Say what failed, and why, and exit. */
void die(const char *what, const char *why) __attribute__((noreturn));

#endif
