/* SPDX-License-Identifier: Apache-2.0 */
/* shmchan in its ways: a copy per call, 32 copies per call on the receiver's or on both sides, and in place. */
#include "transport.h"

#include <shmchan.h>

#include <errno.h>
#include <stdlib.h>

enum { BATCH = 32 };

struct end {
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
};

static int can_any(const struct shape *shape)
{
    return shape->size >= LEAST_SIZE;
}

static void *create(const struct shape *shape)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;

    options.messages = depth_of(shape->size);
    options.message_size = shape->size;
    options.senders = shape->senders == 1 ? CHAN_ONE : CHAN_MANY;
    options.receivers = shape->receivers == 1 ? CHAN_ONE : CHAN_MANY;
    int error = chan_create_anonymous(&options, &ch);
    if (error)
        die("create channel", chan_strerror(error));
    return ch;
}

static void destroy(void *link)
{
    chan_close(link);
}

static void *attach(void *link, enum side side)
{
    struct end *end = calloc(1, sizeof *end);

    if (!end)
        die("attach", "out of memory");
    int error = chan_open_fd(chan_fd(link), 0, &end->ch);
    if (!error && side == SENDER)
        error = chan_attach_sender(end->ch, 0, &end->tx);
    if (!error && side == RECEIVER)
        error = chan_attach_receiver(end->ch, 0, &end->rx);
    if (error)
        die("attach", chan_strerror(error));
    chan_close(link);
    return end;
}

static void detach(void *handle, enum side side)
{
    struct end *end = handle;

    if (side == SENDER)
        chan_close_sender(end->tx);
    else
        chan_close_receiver(end->rx);
    chan_close(end->ch);
    free(end);
}

static unsigned send_copy(void *handle, struct source *source)
{
    struct end *end = handle;

    payload_stamp(source->buffers, source->size, source->next++);
    int error = chan_send(end->tx, source->buffers, source->size);
    if (error)
        die("send", chan_strerror(error));
    return 1;
}

static unsigned recv_copy(void *handle, struct sink *sink)
{
    struct end *end = handle;
    size_t size;

    int error = chan_recv(end->rx, sink->buffers, sink->size, &size);
    if (error == -EPIPE)
        return 0;
    if (error)
        die("receive", chan_strerror(error));
    sink_take(sink, sink->buffers, size);
    return 1;
}

static unsigned send_batch(void *handle, struct source *source)
{
    struct end *end = handle;
    struct iovec messages[BATCH];
    unsigned count = batch_of(&shmchan_batch, source->size);

    for (unsigned i = 0; i < count; i++) {
        messages[i].iov_base = source_message(source, i);
        messages[i].iov_len = source->size;
        payload_stamp(messages[i].iov_base, source->size, source->next + i);
    }
    ssize_t sent = chan_send_many(end->tx, messages, count);
    if (sent <= 0)
        die("send many", chan_strerror((int)sent));
    source->next += (uint64_t)sent;
    return (unsigned)sent;
}

static unsigned recv_batch(void *handle, struct sink *sink)
{
    struct end *end = handle;
    struct iovec messages[BATCH];
    unsigned count = batch_of(&shmchan_batch, sink->size);

    for (unsigned i = 0; i < count; i++) {
        messages[i].iov_base = sink->buffers + i * payload_stride(sink->size);
        messages[i].iov_len = sink->size;
    }
    ssize_t received = chan_recv_many(end->rx, messages, count);
    if (received == -EPIPE)
        return 0;
    if (received <= 0)
        die("receive many", chan_strerror((int)received));
    for (ssize_t i = 0; i < received; i++)
        sink_take(sink, messages[i].iov_base, messages[i].iov_len);
    return (unsigned)received;
}

/* The sender writes every byte of the message in place; the receiver looks at it there. */
static unsigned send_loan(void *handle, struct source *source)
{
    struct end *end = handle;
    struct chan_loan loan;

    int error = chan_reserve(end->tx, source->size, &loan);
    if (error)
        die("reserve", chan_strerror(error));
    memcpy(loan.data, source->buffers, source->size);
    payload_stamp(loan.data, source->size, source->next++);
    error = chan_commit(end->tx, &loan, source->size);
    if (error)
        die("commit", chan_strerror(error));
    return 1;
}

static unsigned recv_view(void *handle, struct sink *sink)
{
    struct end *end = handle;
    struct chan_view view;

    int error = chan_recv_view(end->rx, &view);
    if (error == -EPIPE)
        return 0;
    if (error)
        die("receive view", chan_strerror(error));
    sink_take(sink, view.data, view.size);
    error = chan_release(end->rx, &view);
    if (error)
        die("release", chan_strerror(error));
    return 1;
}

const struct transport shmchan_copy = {
    .name = "shmchan",
    .what = "chan_send and chan_recv",
    .batch = 1,
    .can = can_any,
    .create = create,
    .destroy = destroy,
    .attach = attach,
    .detach = detach,
    .send = send_copy,
    .recv = recv_copy,
};

const struct transport shmchan_batch = {
    .name = "batch",
    .what = "chan_send_many and chan_recv_many, 32 at once",
    .batch = BATCH,
    .can = can_any,
    .create = create,
    .destroy = destroy,
    .attach = attach,
    .detach = detach,
    .send = send_batch,
    .recv = recv_batch,
};

const struct transport shmchan_gather = {
    .name = "gather",
    .what = "chan_send one by one, chan_recv_many 32 at once",
    .batch = BATCH,
    .can = can_any,
    .create = create,
    .destroy = destroy,
    .attach = attach,
    .detach = detach,
    .send = send_copy,
    .recv = recv_batch,
};

const struct transport shmchan_view = {
    .name = "view",
    .what = "written in place and read in place",
    .batch = 1,
    .can = can_any,
    .create = create,
    .destroy = destroy,
    .attach = attach,
    .detach = detach,
    .send = send_loan,
    .recv = recv_view,
};
