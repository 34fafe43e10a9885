/* SPDX-License-Identifier: Apache-2.0 */
/* shmchan used as a pipe: write and read, on a channel with messages of the default size. */
#include "transport.h"

#include <shmchan.h>

/* Without message boundaries, two readers could not tell whose bytes they have. */
static int can(const struct shape *shape)
{
    return shape->senders == 1 && shape->receivers == 1;
}

static void *create(const struct shape *shape)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;

    if (shape->size < options.message_size)
        options.message_size = shape->size;
    options.messages = depth_of(options.message_size);
    int error = chan_create_anonymous(&options, &ch);
    if (error)
        die("create channel", chan_strerror(error));
    return ch;
}

static void destroy(void *link)
{
    chan_close(link);
}

/* The end is the handle. */
static void *attach(void *link, enum side side)
{
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan *ch;

    int error = chan_open_fd(chan_fd(link), 0, &ch);
    if (!error)
        error = side == SENDER ? chan_attach_sender(ch, 0, &tx) : chan_attach_receiver(ch, 0, &rx);
    if (error)
        die("attach", chan_strerror(error));
    chan_close(ch);
    chan_close(link);
    return side == SENDER ? (void *)tx : (void *)rx;
}

static void detach(void *end, enum side side)
{
    if (side == SENDER)
        chan_close_sender(end);
    else
        chan_close_receiver(end);
}

static unsigned send(void *tx, struct source *source)
{
    ssize_t written = chan_write(tx, source_next(source), source->size);
    if (written != (ssize_t)source->size)
        die("write", chan_strerror((int)written));
    return 1;
}

static unsigned recv(void *rx, struct sink *sink)
{
    for (size_t done = 0; done < sink->size;) {
        ssize_t got = chan_read(rx, sink->buffers + done, sink->size - done);
        if (got < 0 || (got == 0 && done > 0))
            die("read", got < 0 ? chan_strerror((int)got) : "end of stream within a message");
        if (got == 0)
            return 0;
        done += (size_t)got;
    }
    return sink_next(sink, sink->size);
}

const struct transport stream_transport = {
    .name = "stream",
    .what = "chan_write and chan_read, as a pipe",
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = destroy,
    .attach = attach,
    .detach = detach,
    .send = send,
    .recv = recv,
};
