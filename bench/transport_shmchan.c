/* SPDX-License-Identifier: Apache-2.0 */
/* shmchan in its ways: a copy per call (waiting as usual, spinning, sleeping at once, through memory that is committed
 * and given back), 32 copies per call on the receiver's or on both sides, in place. */
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

static void *create_kind(const struct shape *shape, uint32_t kind)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;

    options.kind = kind;
    options.messages = depth_of(shape->size);
    options.message_size = shape->size;
    options.senders = shape->senders == 1 ? CHAN_ONE : CHAN_MANY;
    options.receivers = shape->receivers == 1 ? CHAN_ONE : CHAN_MANY;
    int error = chan_create_anonymous(&options, &ch);
    if (error)
        die("create channel", chan_strerror(error));
    return ch;
}

static void *create(const struct shape *shape)
{
    return create_kind(shape, CHAN_QUEUE);
}

static void *create_growable(const struct shape *shape)
{
    return create_kind(shape, CHAN_GROWABLE);
}

static void destroy(void *link)
{
    chan_close(link);
}

static void *attach_with(void *link, enum side side, unsigned flags)
{
    struct end *end = calloc(1, sizeof *end);

    if (!end)
        die("attach", "out of memory");
    int error = chan_open_fd(chan_fd(link), 0, &end->ch);
    if (!error && side == SENDER)
        error = chan_attach_sender(end->ch, flags, &end->tx);
    if (!error && side == RECEIVER)
        error = chan_attach_receiver(end->ch, flags, &end->rx);
    if (error)
        die("attach", chan_strerror(error));
    chan_close(link);
    return end;
}

static void *attach(void *link, enum side side)
{
    return attach_with(link, side, 0);
}

static void *attach_sleeper(void *link, enum side side)
{
    return attach_with(link, side, CHAN_NO_SPIN);
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

    int error = chan_send(end->tx, source_next(source), source->size);
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

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static unsigned send_spinning(void *handle, struct source *source)
{
    struct end *end = handle;
    const void *message = source_next(source);
    int error;

    while ((error = chan_try_send(end->tx, message, source->size)) == -EAGAIN)
        relax();
    if (error)
        die("try to send", chan_strerror(error));
    return 1;
}

static unsigned recv_spinning(void *handle, struct sink *sink)
{
    struct end *end = handle;
    size_t size;
    int error;

    while ((error = chan_try_recv(end->rx, sink->buffers, sink->size, &size)) == -EAGAIN)
        relax();
    if (error == -EPIPE)
        return 0;
    if (error)
        die("try to receive", chan_strerror(error));
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

/* The next message, reserved. */
static struct chan_loan reserve(const struct end *end, const struct source *source)
{
    struct chan_loan loan;

    int error = chan_reserve(end->tx, source->size, &loan);
    if (error)
        die("reserve", chan_strerror(error));
    return loan;
}

static unsigned commit(const struct end *end, struct source *source, struct chan_loan *loan)
{
    payload_stamp(loan->data, source->size, source->next++);
    int error = chan_commit(end->tx, loan, source->size);
    if (error)
        die("commit", chan_strerror(error));
    return 1;
}

/* The sender writes every byte of the message in place; the receiver looks at it there. */
static unsigned send_loan(void *handle, struct source *source)
{
    struct chan_loan loan = reserve(handle, source);

    memcpy(loan.data, source->buffers, source->size);
    return commit(handle, source, &loan);
}

static unsigned send_as_it_lies(void *handle, struct source *source)
{
    struct chan_loan loan = reserve(handle, source);

    return commit(handle, source, &loan);
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

#define SHMCHAN_ENDS .can = can_any, .destroy = destroy, .detach = detach
#define SHMCHAN_LINK SHMCHAN_ENDS, .create = create

const struct transport shmchan_copy = {
    .name = "shmchan",
    .what = "chan_send and chan_recv",
    .batch = 1,
    SHMCHAN_LINK,
    .attach = attach,
    .send = send_copy,
    .recv = recv_copy,
};

const struct transport shmchan_spin = {
    .name = "spin",
    .what = "chan_try_send and chan_try_recv, again and again",
    .waits = SPINS,
    .batch = 1,
    SHMCHAN_LINK,
    .attach = attach,
    .send = send_spinning,
    .recv = recv_spinning,
};

const struct transport shmchan_sleep = {
    .name = "sleep",
    .what = "chan_send and chan_recv, sleeping without spinning first",
    .batch = 1,
    SHMCHAN_LINK,
    .attach = attach_sleeper,
    .send = send_copy,
    .recv = recv_copy,
};

const struct transport shmchan_growable = {
    .name = "growable",
    .what = "chan_send and chan_recv on a growable queue",
    .batch = 1,
    .by_name = 1,
    SHMCHAN_ENDS,
    .create = create_growable,
    .attach = attach,
    .send = send_copy,
    .recv = recv_copy,
};

const struct transport shmchan_batch = {
    .name = "batch",
    .what = "chan_send_many and chan_recv_many, 32 at once",
    .batch = BATCH,
    SHMCHAN_LINK,
    .attach = attach,
    .send = send_batch,
    .recv = recv_batch,
};

const struct transport shmchan_gather = {
    .name = "gather",
    .what = "chan_send one by one, chan_recv_many 32 at once",
    .batch = BATCH,
    SHMCHAN_LINK,
    .attach = attach,
    .send = send_copy,
    .recv = recv_batch,
};

const struct transport shmchan_view = {
    .name = "view",
    .what = "written in place and read in place",
    .batch = 1,
    SHMCHAN_LINK,
    .attach = attach,
    .send = send_loan,
    .recv = recv_view,
};

const struct transport shmchan_hand_off = {
    .name = "hand-off",
    .what = "the same, but only the stamps at both ends are written and read",
    .batch = 1,
    .stamps_only = 1,
    SHMCHAN_LINK,
    .attach = attach,
    .send = send_as_it_lies,
    .recv = recv_view,
};
