/* SPDX-License-Identifier: Apache-2.0 */
/* The list of transports, and what they have in common. */
#include "transport.h"

#include "peers.h"

#include <stdio.h>
#include <stdlib.h>

const struct transport *const transports[] = {
    &shmchan_copy,     &shmchan_spin,     &shmchan_sleep,    &shmchan_batch,   &shmchan_gather,
    &shmchan_view,     &shmchan_hand_off, &stream_transport, &pipe_transport,  &socket_transport,
    &wait_select,      &wait_select_8,    &wait_select_64,   &wait_select_128, &wait_epoll,
    &wait_epoll_8,     &wait_epoll_64,    &wait_epoll_128,   &wait_eventfd,    &wait_pipe,
    &shmchan_growable, PEERS NULL,
};

void *transport_attach(const struct transport *transport, void *link, enum side side)
{
    return transport->attach ? transport->attach(link, side) : link;
}

/* A batch beyond this no longer stays in the caches, and measures them. */
static const size_t batch_bytes = 256 << 10;

unsigned batch_of(const struct transport *transport, size_t size)
{
    size_t most = batch_bytes / size;

    if (most >= transport->batch)
        return transport->batch;
    return most > 0 ? (unsigned)most : 1;
}

/* 1024 small ones, at most 16 MiB of large ones, but four in any case. */
unsigned depth_of(size_t size)
{
    unsigned depth = 1024;

    while (depth > 4 && depth * size > (size_t)16 << 20)
        depth /= 2;
    return depth;
}

void die(const char *what, const char *why)
{
    fprintf(stderr, "chanbench: %s: %s\n", what, why);
    exit(1);
}
