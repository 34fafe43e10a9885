/* SPDX-License-Identifier: Apache-2.0 */
/* A UNIX socket pair: SOCK_SEQPACKET, or SOCK_STREAM for messages larger than a packet may be. */
#include "transport_fd.h"

#include <errno.h>
#include <sys/socket.h>

/* Well below the usual limit (net.core.wmem_default is 212992, overhead included). */
static const size_t packet_size = 64 << 10;

static int can(const struct shape *shape)
{
    return (shape->senders == 1 && shape->receivers == 1) || shape->size <= packet_size;
}

static void *create(const struct shape *shape)
{
    int fds[2];
    int type = shape->size <= packet_size ? SOCK_SEQPACKET : SOCK_STREAM;

    if (socketpair(AF_UNIX, type, 0, fds) != 0)
        die("socketpair", strerror(errno));
    return fd_link(fds[0], fds[1]);
}

const struct transport socket_transport = {
    .name = "socket",
    .what = "write and read on a UNIX socket pair",
    .waits = SLEEPS,
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = fd_destroy,
    .attach = fd_attach,
    .detach = fd_detach,
    .send = fd_send,
    .recv = fd_recv,
};
