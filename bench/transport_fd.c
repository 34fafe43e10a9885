/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of known size over a descriptor: write(2) and read(2), more than one of each only if need be. */
#include "transport_fd.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct pair {
    int fds[2]; /* by side */
};

void *fd_link(int read_fd, int write_fd)
{
    struct pair *pair = malloc(sizeof *pair);

    if (!pair)
        die("create link", "out of memory");
    pair->fds[SENDER] = write_fd;
    pair->fds[RECEIVER] = read_fd;
    return pair;
}

void fd_destroy(void *link)
{
    struct pair *pair = link;

    close(pair->fds[SENDER]);
    close(pair->fds[RECEIVER]);
    free(pair);
}

void *fd_attach(void *link, enum side side)
{
    struct pair *pair = link;
    enum side other = side == SENDER ? RECEIVER : SENDER;

    close(pair->fds[other]);
    pair->fds[other] = -1;
    return pair;
}

void fd_detach(void *end, enum side side)
{
    struct pair *pair = end;

    close(pair->fds[side]);
    free(pair);
}

unsigned fd_send(void *end, struct source *source)
{
    const struct pair *pair = end;
    const unsigned char *message = source_next(source);

    for (size_t done = 0; done < source->size;) {
        ssize_t n = write(pair->fds[SENDER], message + done, source->size - done);
        if (n < 0)
            die("write", strerror(errno));
        done += (size_t)n;
    }
    return 1;
}

unsigned fd_recv(void *end, struct sink *sink)
{
    const struct pair *pair = end;

    for (size_t done = 0; done < sink->size;) {
        ssize_t n = read(pair->fds[RECEIVER], sink->buffers + done, sink->size - done);
        if (n < 0 || (n == 0 && done > 0))
            die("read", n < 0 ? strerror(errno) : "end of file within a message");
        if (n == 0)
            return 0;
        done += (size_t)n;
    }
    return sink_next(sink, sink->size);
}
