/* SPDX-License-Identifier: Apache-2.0 */
/* Two daemons that talk over a channel: one forwards log lines, the other numbers and stores them. Compare
 * with 03_pipe_before.c, which is the same pair over a FIFO (diff 03_pipe_before.c 03_pipe_after.c).
 *
 *     ./03_pipe_after store log >stored &
 *     ./03_pipe_after forward log <lines */
#include <errno.h>
#include <shmchan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 4096 };

static int fail(const char *what, int error)
{
    fprintf(stderr, "03_pipe_after: %s: %s\n", what, chan_strerror(error));
    return 1;
}

static int forward(struct chan *ch)
{
    char line[LINE];
    struct chan_sender *tx;
    int error = chan_attach_sender(ch, 0, &tx);
    if (error)
        return fail("attach", error);
    while (fgets(line, sizeof line, stdin)) {
        error = chan_send(tx, line, strlen(line));
        if (error)
            return fail("send", error);
    }
    chan_close_sender(tx);
    return chan_shutdown(ch); /* as the last close() of a pipe's writing end: no more will come */
}

static int store(struct chan *ch)
{
    char line[LINE];
    size_t size;
    unsigned long number = 0;
    struct chan_receiver *rx;
    int error = chan_attach_receiver(ch, 0, &rx);
    if (error)
        return fail("attach", error);
    while ((error = chan_recv(rx, line, sizeof line, &size)) == 0)
        printf("%lu: %.*s", ++number, (int)size, line);
    if (error != -EPIPE)
        return fail("receive", error);
    chan_close_receiver(rx);
    return chan_unlink(chan_name(ch));
}

int main(int argc, char **argv)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.message_size = LINE;
    options.lifetime = CHAN_DURABLE; /* as a FIFO's name: either may start first, or restart */
    if (argc != 3)
        return fail("usage: 03_pipe_after forward|store CHANNEL", -EINVAL);
    int error = chan_open_or_create(argv[2], &options, &ch);
    if (error)
        return fail("open", error);
    int status = strcmp(argv[1], "forward") == 0 ? forward(ch) : store(ch);
    chan_close(ch);
    return status;
}
