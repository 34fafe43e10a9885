/* SPDX-License-Identifier: Apache-2.0 */
/* libqb's ring buffer: the receiver sleeps on its semaphore, the sender, who can only try, yields. */
#include "link.h"

#include <qb/qbrb.h>

#include <errno.h>
#include <sched.h>

struct end {
    struct link link;
    qb_ringbuffer_t *ring; /* its mapping is shared with the processes forked later */
};

static int can(const struct shape *shape)
{
    return shape->senders == 1 && shape->receivers == 1;
}

static void *create(const struct shape *shape)
{
    struct end *end = link_new(shape, sizeof *end, 0);

    end->ring = qb_rb_open(end->link.name, (size_t)depth_of(shape->size) * payload_stride(shape->size),
                           QB_RB_FLAG_CREATE | QB_RB_FLAG_SHARED_PROCESS, 0);
    if (!end->ring)
        die("qb_rb_open", strerror(errno));
    return end;
}

static void destroy(void *link)
{
    struct end *end = link;

    qb_rb_close(end->ring); /* and unlinks its files */
    link_free(end);
}

static void send_bytes(void *handle, const void *message, size_t size)
{
    const struct end *end = handle;
    ssize_t sent;

    while ((sent = qb_rb_chunk_write(end->ring, message, size)) == -EAGAIN)
        sched_yield();
    if (sent != (ssize_t)size)
        die("qb_rb_chunk_write", strerror((int)-sent));
}

/* The ring goes with the process: closed here, it would take the semaphore from under the other side. */
static void detach(void *end, enum side side)
{
    if (side == SENDER)
        link_leave(end, send_bytes);
    link_free(end);
}

static unsigned send_one(void *end, struct source *source)
{
    send_bytes(end, source_next(source), source->size);
    return 1;
}

static unsigned recv_one(void *handle, struct sink *sink)
{
    const struct end *end = handle;
    ssize_t size = qb_rb_chunk_read(end->ring, sink->buffers, sink->size, -1);

    if (size < 0)
        die("qb_rb_chunk_read", strerror((int)-size));
    return sink_next(sink, (size_t)size);
}

const struct transport qb_transport = {
    .name = "qb",
    .what = "libqb's ring buffer, one sender and one receiver",
    .waits = SLEEPS,
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = destroy,
    .detach = detach,
    .send = send_one,
    .recv = recv_one,
};
