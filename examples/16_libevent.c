/* SPDX-License-Identifier: Apache-2.0 */
/* Channels and a pipe in one libevent loop, until all of them have ended.
 *
 *     ./16_libevent           four workers with a channel each, and a child that writes to a pipe
 *
 * Three of the channels are told of by level: the callback takes a few messages and may leave the rest, since the
 * descriptor stays readable, and libevent comes back when the others have had their turn. The fourth one is told of
 * by edge (EV_ET): once each time that something comes after nothing was left, so it goes on until -EAGAIN. What is
 * closed, or at its end, is taken out of the loop; when nothing is left in it, the loop ends by itself. */
#include <shmchan.h>

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHANNELS = 4, BY_EDGE = 3, MESSAGES = 500, FEW = 4, BYTES = 1000 };

struct source {
    struct chan *ch; /* or a pipe */
    struct chan_receiver *rx;
    struct event *event;
    unsigned received;
};

static int check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "16_libevent: %s: %s\n", what, chan_strerror(result));
        exit(1);
    }
    return result;
}

static void work(struct chan_sender *tx)
{
    check(chan_adopt_sender(tx), "adopt sender");
    for (unsigned i = 0; i < MESSAGES; i++)
        check(chan_send(tx, &i, sizeof i), "send");
    chan_close_sender(tx); /* the last sender's leaving closes the channel */
    _exit(0);
}

static void write_bytes(int fd)
{
    for (int i = 0; i < BYTES; i++)
        if (write(fd, "x", 1) != 1)
            _exit(1);
    _exit(0);
}

/* 0, or why there is no message: -EAGAIN, -EPIPE. */
static int take(struct source *source)
{
    unsigned message;
    int result = chan_try_recv(source->rx, &message, sizeof message, NULL);
    if (!result)
        source->received++;
    else if (result == -EPIPE)
        event_del(source->event); /* readable for good */
    else if (result != -EAGAIN)
        check(result, "receive");
    return result;
}

static void on_level(evutil_socket_t fd, short what, void *source)
{
    (void)fd, (void)what;
    for (int i = 0; i < FEW && !take(source); i++)
        continue;
}

static void on_edge(evutil_socket_t fd, short what, void *source)
{
    (void)fd, (void)what;
    while (!take(source))
        continue;
}

static void on_bytes(evutil_socket_t fd, short what, void *argument)
{
    struct source *source = argument;
    char bytes[256];
    ssize_t size = read(fd, bytes, sizeof bytes);
    (void)what;
    if (size <= 0)
        event_del(source->event);
    else
        source->received += (unsigned)size;
}

static void open_source(struct source *source)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan_sender *tx;
    options.messages = 16;
    options.message_size = sizeof(unsigned);
    check(chan_create_anonymous(&options, &source->ch), "create");
    check(chan_attach_receiver(source->ch, 0, &source->rx), "attach receiver");
    check(chan_prepare_sender(source->ch, 0, &tx), "prepare sender");
    if (fork() == 0)
        work(tx);
    chan_close_sender(tx);
}

static void watch(struct event_base *base, int fd, short how, event_callback_fn callback,
                  struct source *source)
{
    source->event = event_new(base, fd, EV_READ | EV_PERSIST | how, callback, source);
    if (!source->event || event_add(source->event, NULL))
        exit(1);
}

int main(void)
{
    struct source sources[CHANNELS + 1] = {0}, *bytes = &sources[CHANNELS];
    int ends[2], status, failures = 0;
    for (int i = 0; i < CHANNELS; i++)
        open_source(&sources[i]);
    if (pipe(ends))
        return 1;
    if (fork() == 0)
        write_bytes(ends[1]);
    close(ends[1]);

    struct event_base *base = event_base_new();
    if (!base)
        return 1;
    for (int i = 0; i < CHANNELS; i++)
        watch(base, check(chan_receiver_fd(sources[i].rx), "descriptor"), i == BY_EDGE ? EV_ET : 0,
              i == BY_EDGE ? on_edge : on_level, &sources[i]);
    watch(base, ends[0], 0, on_bytes, bytes);
    event_base_dispatch(base);

    for (int i = 0; i <= CHANNELS; i++)
        event_free(sources[i].event); /* before the handle, which closes the descriptor */
    event_base_free(base);
    close(ends[0]);
    for (int i = 0; i < CHANNELS; i++) {
        failures += sources[i].received != MESSAGES;
        chan_close_receiver(sources[i].rx);
        chan_close(sources[i].ch);
    }
    while (wait(&status) > 0)
        failures += status != 0;
    printf("%d channels with %d messages each and %u bytes of a pipe\n", CHANNELS, MESSAGES, bytes->received);
    return failures || bytes->received != BYTES;
}
