/* SPDX-License-Identifier: Apache-2.0 */
/* libqb's ring buffer: the receiver sleeps on its semaphore, the sender, who can only try, yields. */
#include "roll.h"

#include <qb/qbrb.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct link {
    qb_ringbuffer_t *ring; /* its mapping is shared with the processes forked later */
    struct roll *roll;
};

static int can(const struct shape *shape)
{
    return shape->senders == 1 && shape->receivers == 1;
}

static void *create(const struct shape *shape)
{
    static unsigned number;
    struct link *link = malloc(sizeof *link);
    char name[64];

    if (!link)
        die("create link", "out of memory");
    snprintf(name, sizeof name, "chanbench-%ld-%u", (long)getpid(), number++);
    link->ring = qb_rb_open(name, (size_t)depth_of(shape->size) * payload_stride(shape->size),
                            QB_RB_FLAG_CREATE | QB_RB_FLAG_SHARED_PROCESS, 0);
    if (!link->ring)
        die("qb_rb_open", strerror(errno));
    link->roll = roll_new(shape, 0);
    return link;
}

static void destroy(void *handle)
{
    struct link *link = handle;

    qb_rb_close(link->ring); /* and unlinks its files */
    roll_free(link->roll);
    free(link);
}

static void *attach(void *link, enum side side)
{
    (void)side;
    return link;
}

static void send_bytes(const struct link *link, const void *message, size_t size)
{
    ssize_t sent;

    while ((sent = qb_rb_chunk_write(link->ring, message, size)) == -EAGAIN)
        sched_yield();
    if (sent != (ssize_t)size)
        die("qb_rb_chunk_write", strerror((int)-sent));
}

/* The ring goes with the process: closed here, it would take the semaphore from under the other side. */
static void detach(void *end, enum side side)
{
    struct link *link = end;

    if (side == SENDER) {
        for (unsigned left = roll_leave(link->roll); left > 0; left--)
            send_bytes(link, "", 0);
    }
    roll_free(link->roll);
    free(link);
}

static unsigned send_one(void *end, struct source *source)
{
    payload_stamp(source->buffers, source->size, source->next++);
    send_bytes(end, source->buffers, source->size);
    return 1;
}

static unsigned recv_one(void *end, struct sink *sink)
{
    const struct link *link = end;
    ssize_t size = qb_rb_chunk_read(link->ring, sink->buffers, sink->size, -1);

    if (size < 0)
        die("qb_rb_chunk_read", strerror((int)-size));
    if (size == 0)
        return 0;
    sink_take(sink, sink->buffers, (size_t)size);
    return 1;
}

const struct transport qb_transport = {
    .name = "qb",
    .what = "libqb's ring buffer, one sender and one receiver",
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = destroy,
    .attach = attach,
    .detach = detach,
    .send = send_one,
    .recv = recv_one,
};
