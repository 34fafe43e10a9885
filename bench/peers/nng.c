/* SPDX-License-Identifier: Apache-2.0 */
/* nng: push0 to pull0 over a UNIX socket, threads on each side, 1024 messages deep at the sender. */
#include "link.h"

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>

#include <stdio.h>
#include <unistd.h>

struct end {
    struct link link;
    nng_socket socket; /* with threads, hence made in the process that uses it */
};

/* push0 deals its messages out, and the end with them: a receiver among several could not be told. */
static int can(const struct shape *shape)
{
    return shape->receivers == 1;
}

static void *create(const struct shape *shape)
{
    return link_new(shape, sizeof(struct end), 0);
}

static void must(const char *what, int error)
{
    if (error)
        die(what, nng_strerror(error));
}

static void *attach(void *link, enum side side)
{
    struct end *end = link;
    char address[64]; /* in the abstract namespace: no file */
    int error;

    snprintf(address, sizeof address, "abstract://%s", end->link.name);
    if (side == RECEIVER) {
        must("nng_pull0_open", nng_pull0_open(&end->socket));
        must("nng_socket_set_size", nng_socket_set_size(end->socket, NNG_OPT_RECVMAXSZ, 0)); /* any size */
        must("nng_listen", nng_listen(end->socket, address, NULL, 0));
        return end;
    }
    must("nng_push0_open", nng_push0_open(&end->socket));
    must("nng_socket_set_int", nng_socket_set_int(end->socket, NNG_OPT_SENDBUF, 1024));
    while ((error = nng_dial(end->socket, address, NULL, 0)) == NNG_ECONNREFUSED)
        usleep(1000); /* the receiver is not there yet */
    must("nng_dial", error);
    return end;
}

static void send_bytes(void *handle, const void *message, size_t size)
{
    const struct end *end = handle;

    must("nng_send", nng_send(end->socket, (void *)message, size, 0)); /* copies it */
}

static void detach(void *handle, enum side side)
{
    struct end *end = handle;

    if (side == SENDER)
        link_leave_alone(end, send_bytes);
    nng_close(end->socket);
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

    for (;;) {
        size_t size = sink->size;
        must("nng_recv", nng_recv(end->socket, sink->buffers, &size, 0));
        if (size > 0 || link_cross_off(end))
            return sink_next(sink, size);
    }
}

const struct transport nng_transport = {
    .name = "nng",
    .what = "nng, push0 and pull0 over a UNIX socket, one receiver",
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
