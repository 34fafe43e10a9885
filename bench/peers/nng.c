/* SPDX-License-Identifier: Apache-2.0 */
/* nng: push0 to pull0 over a UNIX socket, threads on each side, 1024 messages deep at the sender. */
#include "roll.h"

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct end {
    char address[64]; /* in the abstract namespace: no file */
    struct roll *roll;
    nng_socket socket; /* with threads, hence made in the process that uses it */
};

/* push0 deals its messages out, and the end with them: a receiver among several could not be told. */
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
    snprintf(end->address, sizeof end->address, "abstract://chanbench-%ld-%u", (long)getpid(), number++);
    end->roll = roll_new(shape, 0);
    return end;
}

static void destroy(void *handle)
{
    struct end *end = handle;

    roll_free(end->roll);
    free(end);
}

static void must(const char *what, int error)
{
    if (error)
        die(what, nng_strerror(error));
}

static void *attach(void *handle, enum side side)
{
    struct end *end = handle;
    int error;

    if (side == RECEIVER) {
        must("nng_pull0_open", nng_pull0_open(&end->socket));
        must("nng_socket_set_size", nng_socket_set_size(end->socket, NNG_OPT_RECVMAXSZ, 0)); /* any size */
        must("nng_listen", nng_listen(end->socket, end->address, NULL, 0));
        return end;
    }
    must("nng_push0_open", nng_push0_open(&end->socket));
    must("nng_socket_set_int", nng_socket_set_int(end->socket, NNG_OPT_SENDBUF, 1024));
    while ((error = nng_dial(end->socket, end->address, NULL, 0)) == NNG_ECONNREFUSED)
        usleep(1000); /* the receiver is not there yet */
    must("nng_dial", error);
    return end;
}

static void send_bytes(const struct end *end, const void *message, size_t size)
{
    must("nng_send", nng_send(end->socket, (void *)message, size, 0)); /* copies it */
}

/* Each sender says that it has come to its end: between connections there is no order. And it closes only
 * when all have been heard, so that nothing depends on how long a closed socket goes on writing. */
static void detach(void *handle, enum side side)
{
    struct end *end = handle;

    if (side == SENDER) {
        send_bytes(end, "", 0);
        roll_wait(end->roll);
    }
    nng_close(end->socket);
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

    for (;;) {
        size_t size = sink->size;
        must("nng_recv", nng_recv(end->socket, sink->buffers, &size, 0));
        if (size > 0) {
            sink_take(sink, sink->buffers, size);
            return 1;
        }
        if (roll_leave(end->roll) > 0)
            return 0;
    }
}

const struct transport nng_transport = {
    .name = "nng",
    .what = "nng, push0 and pull0 over a UNIX socket, one receiver",
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = destroy,
    .attach = attach,
    .detach = detach,
    .send = send_one,
    .recv = recv_one,
};
