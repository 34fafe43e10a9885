/* SPDX-License-Identifier: Apache-2.0 */
/* Receivers that wait for more than one thing: by a select, or by epoll, over one channel or many, of which one has all
 * the messages; beside them a channel with an eventfd that the sender writes for each message, and a pipe in epoll. */
#include "transport_fd.h"

#include <shmchan.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MANY = 128 };

struct link {
    unsigned count;
    struct chan *channels[MANY]; /* the last one is used */
    int eventfd;                 /* or -1 */
};

struct end {
    struct link *link;
    struct chan_sender *tx;
    struct chan_receiver *rx[MANY];
    struct chan_receiver *ready; /* has not been found empty since it was readable */
    struct chan_select *sel;
    int epoll;
};

static int can(const struct shape *shape)
{
    return shape->size >= LEAST_SIZE && shape->senders == 1 && shape->receivers == 1;
}

static int checked(int result, const char *what)
{
    if (result < 0)
        die(what, chan_strerror(result));
    return result;
}

static void *create_many(const struct shape *shape, unsigned count)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct link *link = calloc(1, sizeof *link);

    if (!link)
        die("create link", "out of memory");
    options.message_size = shape->size;
    options.senders = CHAN_ONE;
    options.receivers = CHAN_ONE;
    options.endpoints = 4;
    link->count = count;
    link->eventfd = -1;
    for (unsigned i = 0; i < count; i++) {
        options.messages = i + 1 < count ? 1 : depth_of(shape->size);
        checked(chan_create_anonymous(&options, &link->channels[i]), "create channel");
    }
    return link;
}

static void *create_1(const struct shape *shape)
{
    return create_many(shape, 1);
}

static void *create_8(const struct shape *shape)
{
    return create_many(shape, 8);
}

static void *create_64(const struct shape *shape)
{
    return create_many(shape, 64);
}

static void *create_128(const struct shape *shape)
{
    return create_many(shape, 128);
}

static void *create_with_eventfd(const struct shape *shape)
{
    struct link *link = create_many(shape, 1);

    link->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (link->eventfd < 0)
        die("eventfd", strerror(errno));
    return link;
}

static void destroy(void *handle)
{
    struct link *link = handle;

    for (unsigned i = 0; i < link->count; i++)
        chan_close(link->channels[i]);
    if (link->eventfd >= 0)
        close(link->eventfd);
    free(link);
}

static struct end *attach_any(struct link *link, enum side side)
{
    struct end *end = calloc(1, sizeof *end);

    if (!end)
        die("attach", "out of memory");
    end->link = link;
    end->epoll = -1;
    if (side == SENDER)
        checked(chan_attach_sender(link->channels[link->count - 1], 0, &end->tx), "attach sender");
    else
        for (unsigned i = 0; i < link->count; i++)
            checked(chan_attach_receiver(link->channels[i], 0, &end->rx[i]), "attach receiver");
    return end;
}

static void *attach_select(void *link, enum side side)
{
    struct end *end = attach_any(link, side);

    if (side == SENDER)
        return end;
    checked(chan_select_create(0, &end->sel), "create select");
    for (unsigned i = 0; i < end->link->count; i++)
        checked(chan_select_recv(end->sel, end->rx[i]), "select");
    return end;
}

static int epoll_of(int fd, void *what, int epoll)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

    if (epoll < 0)
        epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll", strerror(errno));
    return epoll;
}

static void *attach_epoll(void *link, enum side side)
{
    struct end *end = attach_any(link, side);

    if (side == SENDER)
        return end;
    for (unsigned i = 0; i < end->link->count; i++)
        end->epoll = epoll_of(checked(chan_receiver_fd(end->rx[i]), "descriptor"), end->rx[i], end->epoll);
    return end;
}

static void *attach_eventfd(void *link, enum side side)
{
    struct end *end = attach_any(link, side);

    if (side == RECEIVER)
        end->epoll = epoll_of(end->link->eventfd, end->rx[0], -1);
    return end;
}

static void ring(int eventfd)
{
    uint64_t one = 1;

    if (eventfd >= 0 && write(eventfd, &one, sizeof one) != sizeof one)
        die("write to eventfd", strerror(errno));
}

static void detach(void *handle, enum side side)
{
    struct end *end = handle;

    chan_select_close(end->sel);
    if (end->epoll >= 0)
        close(end->epoll);
    chan_close_sender(end->tx);
    if (side == SENDER)
        ring(end->link->eventfd);
    for (unsigned i = 0; i < end->link->count; i++)
        chan_close_receiver(end->rx[i]);
    destroy(end->link);
    free(end);
}

static unsigned send_one(void *handle, struct source *source)
{
    struct end *end = handle;

    checked(chan_send(end->tx, source_next(source), source->size), "send");
    ring(end->link->eventfd);
    return 1;
}

static unsigned recv_by_select(void *handle, struct sink *sink)
{
    struct end *end = handle;
    struct chan_selected got;

    checked(chan_select(end->sel, &got), "select");
    if (got.result == -EPIPE)
        return 0;
    checked(got.result, "receive");
    sink_take(sink, got.view.data, got.view.size);
    checked(chan_release(end->rx[got.index], &got.view), "release");
    return 1;
}

static struct chan_receiver *next_ready(struct end *end)
{
    struct epoll_event event;
    uint64_t count;

    while (epoll_wait(end->epoll, &event, 1, -1) != 1)
        if (errno != EINTR)
            die("epoll_wait", strerror(errno));
    if (end->link->eventfd >= 0 && read(end->link->eventfd, &count, sizeof count) < 0)
        die("read from eventfd", strerror(errno));
    return event.data.ptr;
}

static unsigned recv_by_epoll(void *handle, struct sink *sink)
{
    struct end *end = handle;
    size_t size;

    for (;;) {
        if (!end->ready)
            end->ready = next_ready(end);
        int result = chan_try_recv(end->ready, sink->buffers, sink->size, &size);
        if (result == -EPIPE)
            return 0;
        if (!result) {
            sink_take(sink, sink->buffers, size);
            return 1;
        }
        if (result != -EAGAIN)
            die("receive", chan_strerror(result));
        end->ready = NULL;
    }
}

/* A pipe's two descriptors, and an epoll set with the one that is read. */
struct polled_pipe {
    void *fds;
    int read_fd, epoll;
};

static int can_pipe(const struct shape *shape)
{
    return shape->senders == 1 && shape->receivers == 1;
}

static void *create_pipe(const struct shape *shape)
{
    struct polled_pipe *link = calloc(1, sizeof *link);
    int fds[2];

    (void)shape;
    if (!link || pipe(fds) != 0)
        die("pipe", strerror(errno));
    *link = (struct polled_pipe){fd_link(fds[0], fds[1]), fds[0], -1};
    return link;
}

static void destroy_pipe(void *handle)
{
    struct polled_pipe *link = handle;

    fd_destroy(link->fds);
    free(link);
}

static void *attach_pipe(void *handle, enum side side)
{
    struct polled_pipe *link = handle;

    link->fds = fd_attach(link->fds, side);
    if (side == RECEIVER)
        link->epoll = epoll_of(link->read_fd, NULL, -1);
    return link;
}

static void detach_pipe(void *handle, enum side side)
{
    struct polled_pipe *link = handle;

    if (link->epoll >= 0)
        close(link->epoll);
    fd_detach(link->fds, side);
    free(link);
}

static unsigned send_pipe(void *handle, struct source *source)
{
    return fd_send(((struct polled_pipe *)handle)->fds, source);
}

static unsigned recv_pipe(void *handle, struct sink *sink)
{
    struct polled_pipe *link = handle;
    struct epoll_event event;

    while (epoll_wait(link->epoll, &event, 1, -1) != 1)
        if (errno != EINTR)
            die("epoll_wait", strerror(errno));
    return fd_recv(link->fds, sink);
}

#define WAITING(variable, its_name, its_what, its_create, its_attach, its_recv)                              \
    const struct transport variable = {.name = its_name,                                                     \
                                       .what = its_what,                                                     \
                                       .waits = SLEEPS,                                                      \
                                       .batch = 1,                                                           \
                                       .by_name = 1,                                                         \
                                       .can = can,                                                           \
                                       .create = its_create,                                                 \
                                       .destroy = destroy,                                                   \
                                       .attach = its_attach,                                                 \
                                       .detach = detach,                                                     \
                                       .send = send_one,                                                     \
                                       .recv = its_recv}

WAITING(wait_select, "select", "chan_select on a channel", create_1, attach_select, recv_by_select);
WAITING(wait_select_8, "select-8", "chan_select on 8 channels", create_8, attach_select, recv_by_select);
WAITING(wait_select_64, "select-64", "chan_select on 64", create_64, attach_select, recv_by_select);
WAITING(wait_select_128, "select-128", "chan_select on 128", create_128, attach_select, recv_by_select);
WAITING(wait_epoll, "epoll", "epoll on a channel's descriptor", create_1, attach_epoll, recv_by_epoll);
WAITING(wait_epoll_8, "epoll-8", "epoll on 8 descriptors", create_8, attach_epoll, recv_by_epoll);
WAITING(wait_epoll_64, "epoll-64", "epoll on 64", create_64, attach_epoll, recv_by_epoll);
WAITING(wait_epoll_128, "epoll-128", "epoll on 128", create_128, attach_epoll, recv_by_epoll);
WAITING(wait_eventfd, "eventfd", "a channel, and an eventfd in epoll written for each message",
        create_with_eventfd, attach_eventfd, recv_by_epoll);

const struct transport wait_pipe = {.name = "pipe-epoll",
                                    .what = "a pipe in epoll",
                                    .waits = SLEEPS,
                                    .batch = 1,
                                    .by_name = 1,
                                    .can = can_pipe,
                                    .create = create_pipe,
                                    .destroy = destroy_pipe,
                                    .attach = attach_pipe,
                                    .detach = detach_pipe,
                                    .send = send_pipe,
                                    .recv = recv_pipe};
