/* SPDX-License-Identifier: Apache-2.0 */
/* What cases about descriptors for event loops begin with. */
#include "pollable.h"

#include <sys/epoll.h>

#include "expect.h"
#include "process.h"

struct chan *create(uint32_t kind, uint64_t messages)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.kind = kind;
    options.messages = messages;
    options.message_size = 64;
    options.endpoints = 8;
    expect_result(chan_create_anonymous(&options, &ch), 0);
    return ch;
}

struct chan_sender *sender_of(struct chan *ch)
{
    struct chan_sender *tx;
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    return tx;
}

struct chan_receiver *receiver_of(struct chan *ch)
{
    struct chan_receiver *rx;
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    return rx;
}

int receiver_fd(struct chan_receiver *rx)
{
    int fd = chan_receiver_fd(rx);
    expect(fd >= 0);
    return fd;
}

int sender_fd(struct chan_sender *tx)
{
    int fd = chan_sender_fd(tx);
    expect(fd >= 0);
    return fd;
}

bool is_readable_within(int fd, int milliseconds)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    int ready = process_poll(&polled, milliseconds);
    expect(ready >= 0);
    return ready == 1 && polled.revents == POLLIN;
}

bool is_readable(int fd)
{
    return is_readable_within(fd, 0);
}

bool becomes_readable(int fd)
{
    return is_readable_within(fd, SOON_MS);
}

int put(struct chan_sender *tx)
{
    return chan_try_send(tx, "x", 1);
}

int take(struct chan_receiver *rx)
{
    char buffer[64];
    return chan_try_recv(rx, buffer, sizeof buffer, NULL);
}

int64_t send_later(void *argument)
{
    const struct errand *e = argument;
    struct chan_sender *tx = sender_of(e->ch);
    process_sleep_ms(A_MOMENT_MS);
    for (int i = 0; i < e->count; i++)
        expect_result(chan_send(tx, "x", 1), 0);
    chan_close_sender(tx);
    return 0;
}

int watch_by_epoll(int fd, uint32_t events)
{
    struct epoll_event event = {.events = events};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    expect(epoll >= 0);
    expect(!epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    return epoll;
}

int events_within(int epoll, int milliseconds)
{
    struct pollfd polled = {.fd = epoll, .events = POLLIN};
    struct epoll_event event;
    (void)process_poll(&polled, milliseconds);
    return epoll_wait(epoll, &event, 1, 0);
}
