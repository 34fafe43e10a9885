/* SPDX-License-Identifier: Apache-2.0 */
/* The byte-stream face of a queue: read and write as with a pipe, and FILE * over it.
 *
 * A write is sent as one message if it is no larger than the channel's message_size (4096 by default, as
 * PIPE_BUF is): bytes of other writers never come into it. A larger one is cut into messages of that size,
 * and others' may come between. A read takes as many whole messages as are there and fit; only where not even
 * the first fits does it take a part, and the rest is for the next read. Boundaries cannot be seen, and empty
 * messages not at all.
 *
 *                       pipe                               here
 *   last writer gone    rest, then end of file             the same (durable channel: by chan_shutdown())
 *   last reader gone    SIGPIPE, EPIPE                     -EPIPE, no signal
 *   atomic writes       up to PIPE_BUF                     up to message_size
 *   room for            64 KiB                             `messages` messages, be they full or not: many small
 *                                                          writes fill it sooner than few large ones
 *   two readers         divide the bytes as it happens     each message to one of them
 *   reader killed       what it had read is gone, and      the same; but a message of which it had read a part
 *                       what a read was handing over       is read again, from its beginning, by the next reader
 *   child after fork()  shares both ends                   has none that was not prepared for it (-ECHILD)
 *
 * So with one reader at a time, which may be killed and replaced, no byte is lost that was not read, the
 * order stays, and where lines or records are written in one piece, a successor begins with a whole one.
 *
 * Reads and writes may be mixed with the other receiving and sending functions. What a read has left of a
 * message is for further reads alone; meanwhile it is one of the receiver's `holds` views. Closing the
 * receiver gives that message back, whole. A select does not know of the rest: read until there is nothing
 * (-EAGAIN) before waiting there.
 *
 * Only queues have it, growable ones too; other kinds are -EOPNOTSUPP. */
#ifndef SHMCHAN_STREAM_H
#define SHMCHAN_STREAM_H

#include <shmchan/recv.h>
#include <shmchan/send.h>

#include <stdio.h>

CHAN_BEGIN

/* Read at most `size` bytes, at least one. Waits only while there is nothing. Returns how many; 0 at the end:
 * the channel is closed and everything has been read; 0 for size 0, at once. -EAGAIN, -ETIMEDOUT: there was
 * nothing to read. -ENOBUFS: a part of a message would have to be held, and all `holds` views are open. Since
 * 0.1. */
CHAN_API CHAN_MUST_USE ssize_t chan_read(struct chan_receiver *rx, void *buffer, size_t size);
CHAN_API CHAN_MUST_USE ssize_t chan_try_read(struct chan_receiver *rx, void *buffer, size_t size);
CHAN_API CHAN_MUST_USE ssize_t chan_read_timeout(struct chan_receiver *rx, void *buffer, size_t size,
                                                 int64_t timeout_ns);
CHAN_API CHAN_MUST_USE ssize_t chan_read_until(struct chan_receiver *rx, void *buffer, size_t size,
                                               int64_t deadline_ns);

/* Write `size` bytes. Returns how many: all of them, or fewer if something came in between; if none could be
 * written, the error. A write that is no larger than message_size is written whole or not at all. 0 bytes are
 * no message, and always written. -EMSGSIZE: message_size is 0. Since 0.1. */
CHAN_API CHAN_MUST_USE ssize_t chan_write(struct chan_sender *tx, const void *data, size_t size);
CHAN_API CHAN_MUST_USE ssize_t chan_try_write(struct chan_sender *tx, const void *data, size_t size);
CHAN_API CHAN_MUST_USE ssize_t chan_write_timeout(struct chan_sender *tx, const void *data, size_t size,
                                                  int64_t timeout_ns);
CHAN_API CHAN_MUST_USE ssize_t chan_write_until(struct chan_sender *tx, const void *data, size_t size,
                                                int64_t deadline_ns);

/* A standard I/O stream that reads from rx, or writes to tx, by the blocking forms above. It is the handle's
 * owner from then on, and fclose() closes it, whatever became of the last flush; if this fails (-ENOMEM,
 * -ECHILD, -EOPNOTSUPP), the handle is still the caller's. As stdio's functions do, the stream's report
 * errors in errno (EPIPE, and EBADMSG ECANCELED ECHILD EINTR as of chan_read() and chan_write()). It cannot
 * seek (ESPIPE) and has no descriptor.
 *
 * Threads: a stream locks itself, and may be used by any number of them, as any FILE. Fork: a child can
 * neither read, nor write, nor flush what was in the buffer, which so is not written twice; fclose() there
 * frees the memory.
 *
 * The buffer is as large as the largest message (4 to 64 KiB). Writers are fully buffered: fflush() or
 * fclose() sends what is there, as one message if it fits. setvbuf(file, NULL, _IOLBF, 0) makes each line
 * that is written by one call one message, and _IONBF each call. A reader that is killed loses what it had in
 * its buffer, as with a pipe; _IONBF keeps that short. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_fopen_reader(struct chan_receiver *rx, FILE **out);
CHAN_API CHAN_MUST_USE int chan_fopen_writer(struct chan_sender *tx, FILE **out);

CHAN_END

#endif
