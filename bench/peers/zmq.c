/* SPDX-License-Identifier: Apache-2.0 */
/* ZeroMQ: PUSH to PULL over ipc://, an I/O thread on each side, 1000 messages deep on each. */
#include "roll.h"

#include <zmq.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct end {
    char address[64]; /* in the abstract namespace: no file */
    struct roll *roll;
    void *context; /* with threads, hence made in the process that uses it */
    void *socket;
};

/* PUSH deals its messages out, and the end with them: a receiver among several could not be told. */
static int can(const struct shape *shape)
{
    return shape->receivers == 1;
}

static void *create(const struct shape *shape)
{
    static unsigned number;
    struct end *end = calloc(1, sizeof *end);

    if (!end)
        die("create link", "out of memory");
    snprintf(end->address, sizeof end->address, "ipc://@chanbench-%ld-%u", (long)getpid(), number++);
    end->roll = roll_new(shape, 0);
    return end;
}

static void destroy(void *handle)
{
    struct end *end = handle;

    roll_free(end->roll);
    free(end);
}

static void *attach(void *handle, enum side side)
{
    struct end *end = handle;
    int again_ms = 1; /* the receiver may not be there yet */

    end->context = zmq_ctx_new();
    end->socket = zmq_socket(end->context, side == SENDER ? ZMQ_PUSH : ZMQ_PULL);
    if (!end->socket)
        die("zmq_socket", zmq_strerror(errno));
    zmq_setsockopt(end->socket, ZMQ_RECONNECT_IVL, &again_ms, sizeof again_ms);
    if ((side == SENDER ? zmq_connect : zmq_bind)(end->socket, end->address) != 0)
        die(end->address, zmq_strerror(errno));
    return end;
}

static void send_bytes(const struct end *end, const void *message, size_t size)
{
    if (zmq_send(end->socket, message, size, 0) < 0)
        die("zmq_send", zmq_strerror(errno));
}

/* Each sender says that it has come to its end: between connections there is no order. And it closes only
 * when all have been heard: closed at once, last messages were missing now and then. */
static void detach(void *handle, enum side side)
{
    struct end *end = handle;

    if (side == SENDER) {
        send_bytes(end, "", 0);
        roll_wait(end->roll);
    }
    zmq_close(end->socket);
    zmq_ctx_term(end->context);
    destroy(end);
}

static unsigned send_one(void *end, struct source *source)
{
    payload_stamp(source->buffers, source->size, source->next++);
    send_bytes(end, source->buffers, source->size);
    return 1;
}

static unsigned recv_one(void *handle, struct sink *sink)
{
    struct end *end = handle;
    int size;

    while ((size = zmq_recv(end->socket, sink->buffers, sink->size, 0)) == 0) {
        if (roll_leave(end->roll) > 0)
            return 0;
    }
    if (size < 0)
        die("zmq_recv", zmq_strerror(errno));
    sink_take(sink, sink->buffers, (size_t)size);
    return 1;
}

const struct transport zmq_transport = {
    .name = "zmq",
    .what = "ZeroMQ, PUSH and PULL over ipc://, one receiver",
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = destroy,
    .attach = attach,
    .detach = detach,
    .send = send_one,
    .recv = recv_one,
};
