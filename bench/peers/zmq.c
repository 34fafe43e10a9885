/* SPDX-License-Identifier: Apache-2.0 */
/* ZeroMQ: PUSH to PULL over ipc://, an I/O thread on each side, 1000 messages deep on each. */
#include "link.h"

#include <zmq.h>

#include <errno.h>
#include <stdio.h>

struct end {
    struct link link;
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
    return link_new(shape, sizeof(struct end), 0);
}

static void *attach(void *link, enum side side)
{
    struct end *end = link;
    int again_ms = 1; /* the receiver may not be there yet */
    char address[64]; /* in the abstract namespace: no file */

    snprintf(address, sizeof address, "ipc://@%s", end->link.name);
    end->context = zmq_ctx_new();
    end->socket = zmq_socket(end->context, side == SENDER ? ZMQ_PUSH : ZMQ_PULL);
    if (!end->socket)
        die("zmq_socket", zmq_strerror(errno));
    zmq_setsockopt(end->socket, ZMQ_RECONNECT_IVL, &again_ms, sizeof again_ms);
    if ((side == SENDER ? zmq_connect : zmq_bind)(end->socket, address) != 0)
        die(address, zmq_strerror(errno));
    return end;
}

static void send_bytes(void *handle, const void *message, size_t size)
{
    const struct end *end = handle;

    if (zmq_send(end->socket, message, size, 0) < 0)
        die("zmq_send", zmq_strerror(errno));
}

static void detach(void *handle, enum side side)
{
    struct end *end = handle;

    if (side == SENDER)
        link_leave_alone(end, send_bytes);
    zmq_close(end->socket);
    zmq_ctx_term(end->context);
    link_free(end);
}

static unsigned send_one(void *end, struct source *source)
{
    send_bytes(end, source_next(source), source->size);
    return 1;
}

static unsigned recv_one(void *handle, struct sink *sink)
{
    struct end *end = handle;
    int size;

    while ((size = zmq_recv(end->socket, sink->buffers, sink->size, 0)) == 0) {
        if (link_cross_off(end))
            return 0;
    }
    if (size < 0)
        die("zmq_recv", zmq_strerror(errno));
    return sink_next(sink, (size_t)size);
}

const struct transport zmq_transport = {
    .name = "zmq",
    .what = "ZeroMQ, PUSH and PULL over ipc://, one receiver",
    .waits = SLEEPS,
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = link_free,
    .attach = attach,
    .detach = detach,
    .send = send_one,
    .recv = recv_one,
};
