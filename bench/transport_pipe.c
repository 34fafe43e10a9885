/* SPDX-License-Identifier: Apache-2.0 */
/* A pipe of the default size, a write(2) and a read(2) per message. */
#include "transport_fd.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* Several processes share one pipe only with messages that it keeps whole. */
static int can(const struct shape *shape)
{
    return (shape->senders == 1 && shape->receivers == 1) || shape->size <= PIPE_BUF;
}

static void *create(const struct shape *shape)
{
    int fds[2];

    (void)shape;
    if (pipe(fds) != 0)
        die("pipe", strerror(errno));
    return fd_link(fds[0], fds[1]);
}

const struct transport pipe_transport = {
    .name = "pipe",
    .what = "write and read on a pipe",
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
