/* SPDX-License-Identifier: Apache-2.0 */
/* The daemons of 03_pipe_before.c over a channel with as little changed as can be: what is opened. The
 * channel is read and written as a FILE (diff 03_pipe_before.c 03_pipe_file.c).
 *
 *     ./03_pipe_file store log >stored &
 *     ./03_pipe_file forward log <lines */
#include <errno.h>
#include <shmchan.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 4096 };

static int fail(const char *what, int error)
{
    fprintf(stderr, "03_pipe_file: %s: %s\n", what, chan_strerror(error));
    return 1;
}

static int forward(struct chan *ch)
{
    char line[LINE];
    struct chan_sender *tx;
    FILE *out;
    int error = chan_attach_sender(ch, 0, &tx);
    if (!error)
        error = chan_fopen_writer(tx, &out);
    if (error)
        return fail("open", error);
    while (fgets(line, sizeof line, stdin))
        if (fputs(line, out) < 0)
            return fail("write", errno);
    if (fclose(out) < 0)
        return fail("write", errno);
    return chan_shutdown(ch); /* as the last close() of a pipe's writing end */
}

static int store(struct chan *ch)
{
    char line[LINE];
    unsigned long number = 0;
    struct chan_receiver *rx;
    FILE *in;
    int error = chan_attach_receiver(ch, 0, &rx);
    if (!error)
        error = chan_fopen_reader(rx, &in);
    if (error)
        return fail("open", error);
    while (fgets(line, sizeof line, in))
        printf("%lu: %s", ++number, line);
    if (ferror(in))
        return fail("read", errno);
    fclose(in);
    return chan_unlink(chan_name(ch));
}

int main(int argc, char **argv)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.lifetime = CHAN_DURABLE; /* as a FIFO's name: either may start first */
    if (argc != 3)
        return fail("usage: 03_pipe_file forward|store CHANNEL", -EINVAL);
    int error = chan_open_or_create(argv[2], &options, &ch);
    if (error)
        return fail("open", error);
    int status = strcmp(argv[1], "forward") == 0 ? forward(ch) : store(ch);
    chan_close(ch);
    return status;
}
