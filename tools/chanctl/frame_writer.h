/* SPDX-License-Identifier: Apache-2.0 */
/* Writes messages as a stream of bytes. */
#ifndef CHANCTL_FRAME_WRITER_H
#define CHANCTL_FRAME_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "framing.h"

/* How many bytes stand before and after each message. */
size_t frame_head(enum framing framing);
size_t frame_tail(enum framing framing);

/* Fill in the head (frame_head() bytes) and the tail of a message of `size` bytes. */
void frame_put_head(enum framing framing, char *head, size_t size);
void frame_put_tail(enum framing framing, char *tail);

/* Write all of it, also through signals, but a second signal stops it. Adds to *written what has been
 * written; returns 0 or a negative errno value. Changes the iovecs. */
int write_fully(int fd, struct iovec *pieces, size_t count, uint64_t *written);

/* Report that this error of write_fully() has stopped what was written to standard output for the channel `name`.
 * Returns the exit code. */
int fail_to_write(const char *name, int error);

#endif
