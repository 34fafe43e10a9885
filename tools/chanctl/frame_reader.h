/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a stream of bytes into messages. */
#ifndef CHANCTL_FRAME_READER_H
#define CHANCTL_FRAME_READER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "framing.h"

struct frame_reader {
    enum framing framing;
    int fd;
    uint64_t limit; /* largest message */
    char *buffer;
    size_t capacity;
    size_t start;   /* of what is not cut off yet */
    size_t scanned; /* start .. scanned holds no end of a frame */
    size_t end;     /* of what has been read */
    int at_eof;
    int finished; /* the last frame has been cut off */
};

/* -ENOMEM. End with frame_reader_free() in either case. */
int frame_reader_init(struct frame_reader *reader, int fd, enum framing framing, uint64_t limit);
void frame_reader_free(struct frame_reader *reader);

/* Cut off the next frames that are complete in the buffer, at most `count`, and point `frames` at them, valid
 * until the next frame_reader_fill(). Returns how many; 0: none is complete (or `finished`).
 *   -EMSGSIZE  the next frame is larger than `limit`; all before it have been cut off
 *   -EPROTO    the input ended within a frame */
ssize_t frame_reader_cut(struct frame_reader *reader, struct iovec *frames, size_t count);

/* Read once. -EINTR: a signal handler ran; -ENOMEM; other errors as read(). */
int frame_reader_fill(struct frame_reader *reader);

#endif
