/* SPDX-License-Identifier: Apache-2.0 */
/* Frames and writes messages. */
#include "frame_writer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "exit_codes.h"
#include "interrupt.h"
#include "report.h"

size_t frame_head(enum framing framing)
{
    return framing == FRAME_LENGTH ? LENGTH_PREFIX : 0;
}

size_t frame_tail(enum framing framing)
{
    return framing == FRAME_LINES || framing == FRAME_NUL ? 1 : 0;
}

void frame_put_head(enum framing framing, char *head, size_t size)
{
    if (framing != FRAME_LENGTH)
        return;
    head[0] = (char)(size >> 24);
    head[1] = (char)(size >> 16);
    head[2] = (char)(size >> 8);
    head[3] = (char)size;
}

void frame_put_tail(enum framing framing, char *tail)
{
    if (framing == FRAME_LINES)
        *tail = '\n';
    else if (framing == FRAME_NUL)
        *tail = '\0';
}

static void skip(struct iovec **pieces, size_t *count, size_t bytes)
{
    while (*count > 0 && bytes >= (*pieces)->iov_len) {
        bytes -= (*pieces)->iov_len;
        (*pieces)++;
        (*count)--;
    }
    if (*count > 0) {
        (*pieces)->iov_base = (char *)(*pieces)->iov_base + bytes;
        (*pieces)->iov_len -= bytes;
    }
}

int write_fully(int fd, struct iovec *pieces, size_t count, uint64_t *written)
{
    struct pollfd output = {.fd = fd, .events = POLLOUT};

    skip(&pieces, &count, 0);
    while (count > 0) {
        ssize_t put = writev(fd, pieces, count < IOV_MAX ? (int)count : IOV_MAX);

        if (put >= 0) {
            *written += (uint64_t)put;
            skip(&pieces, &count, (size_t)put);
            continue;
        }
        if (errno == EAGAIN && poll(&output, 1, -1) >= 0) /* somebody made it non-blocking */
            continue;
        if (errno != EINTR || interrupts() > 1)
            return -errno;
    }
    return 0;
}

int fail_to_write(const char *name, int error)
{
    if (error == -EINTR)
        return interrupt_code();
    if (error == -EPIPE)
        return CODE_SIGNAL + SIGPIPE;
    return fail_saying(name, CODE_OTHER, "cannot write standard output: %s; send it where there is room",
                       strerror(-error));
}
