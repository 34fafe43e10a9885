/* SPDX-License-Identifier: Apache-2.0 */
/* A POSIX message queue, as deep and wide as the system lets everybody have one. */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>

struct end {
    struct link link;
    mqd_t queue;
};

/* root may exceed it; programs that others are to run may not count on that. */
static long limit(const char *path)
{
    FILE *file = fopen(path, "r");
    long value = 0;

    if (file) {
        if (fscanf(file, "%ld", &value) != 1)
            value = 0;
        fclose(file);
    }
    return value;
}

static mqd_t open_queue(const char *name, size_t size)
{
    long most = limit("/proc/sys/fs/mqueue/msg_max");
    long wanted = depth_of(size);
    struct mq_attr attr = {.mq_maxmsg = wanted < most ? wanted : most, .mq_msgsize = (long)size};
    char path[64];

    snprintf(path, sizeof path, "/%s", name);
    mqd_t queue = mq_open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600, &attr);
    if (queue != (mqd_t)-1)
        mq_unlink(path);
    return queue;
}

static int can(const struct shape *shape)
{
    long most = limit("/proc/sys/fs/mqueue/msgsize_max");

    if (shape->size > (size_t)most) {
        fprintf(stderr, "chanbench: mq: no messages of %zu bytes: fs.mqueue.msgsize_max is %ld\n",
                shape->size, most);
        return 0;
    }
    struct end *end = link_new(shape, sizeof *end, 0);
    end->queue = open_queue(end->link.name, shape->size);
    if (end->queue == (mqd_t)-1)
        fprintf(stderr, "chanbench: mq: no queue of messages of %zu bytes: %s (fs.mqueue, ulimit -q)\n",
                shape->size, strerror(errno));
    int possible = end->queue != (mqd_t)-1;
    if (possible)
        mq_close(end->queue);
    link_free(end);
    return possible;
}

static void *create(const struct shape *shape)
{
    struct end *end = link_new(shape, sizeof *end, 0);

    end->queue = open_queue(end->link.name, shape->size);
    if (end->queue == (mqd_t)-1)
        die("mq_open", strerror(errno));
    return end;
}

static void destroy(void *link)
{
    struct end *end = link;

    mq_close(end->queue);
    link_free(end);
}

static void send_bytes(void *handle, const void *message, size_t size)
{
    const struct end *end = handle;

    if (mq_send(end->queue, message, size, 0) != 0)
        die("mq_send", strerror(errno));
}

static void detach(void *end, enum side side)
{
    if (side == SENDER)
        link_leave(end, send_bytes);
    destroy(end);
}

static unsigned send_one(void *end, struct source *source)
{
    send_bytes(end, source_next(source), source->size);
    return 1;
}

static unsigned recv_one(void *handle, struct sink *sink)
{
    const struct end *end = handle;
    ssize_t size = mq_receive(end->queue, (char *)sink->buffers, sink->size, NULL);

    if (size < 0)
        die("mq_receive", strerror(errno));
    return sink_next(sink, (size_t)size);
}

const struct transport mq_transport = {
    .name = "mq",
    .what = "mq_send and mq_receive on a POSIX message queue",
    .waits = SLEEPS,
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = destroy,
    .detach = detach,
    .send = send_one,
    .recv = recv_one,
};
