/* SPDX-License-Identifier: Apache-2.0 */
/* A POSIX message queue, as deep and wide as the system lets everybody have one. */
#include "roll.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct link {
    mqd_t queue;
    struct roll *roll;
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

static mqd_t open_queue(size_t size)
{
    long most = limit("/proc/sys/fs/mqueue/msg_max");
    long wanted = depth_of(size);
    struct mq_attr attr = {.mq_maxmsg = wanted < most ? wanted : most, .mq_msgsize = (long)size};
    char name[64];

    snprintf(name, sizeof name, "/chanbench-%ld", (long)getpid());
    mqd_t queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600, &attr);
    if (queue != (mqd_t)-1)
        mq_unlink(name);
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
    mqd_t queue = open_queue(shape->size);
    if (queue == (mqd_t)-1) {
        fprintf(stderr, "chanbench: mq: no queue of messages of %zu bytes: %s (fs.mqueue, ulimit -q)\n",
                shape->size, strerror(errno));
        return 0;
    }
    mq_close(queue);
    return 1;
}

static void *create(const struct shape *shape)
{
    struct link *link = malloc(sizeof *link);

    if (!link)
        die("create link", "out of memory");
    link->queue = open_queue(shape->size);
    if (link->queue == (mqd_t)-1)
        die("mq_open", strerror(errno));
    link->roll = roll_new(shape, 0);
    return link;
}

static void destroy(void *handle)
{
    struct link *link = handle;

    mq_close(link->queue);
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
    if (mq_send(link->queue, message, size, 0) != 0)
        die("mq_send", strerror(errno));
}

static void detach(void *end, enum side side)
{
    struct link *link = end;

    if (side == SENDER) {
        for (unsigned left = roll_leave(link->roll); left > 0; left--)
            send_bytes(link, "", 0);
    }
    destroy(link);
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
    ssize_t size = mq_receive(link->queue, (char *)sink->buffers, sink->size, NULL);

    if (size < 0)
        die("mq_receive", strerror(errno));
    if (size == 0)
        return 0;
    sink_take(sink, sink->buffers, (size_t)size);
    return 1;
}

const struct transport mq_transport = {
    .name = "mq",
    .what = "mq_send and mq_receive on a POSIX message queue",
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = destroy,
    .attach = attach,
    .detach = detach,
    .send = send_one,
    .recv = recv_one,
};
