/* SPDX-License-Identifier: Apache-2.0 */
/* The byte-stream face: reading and writing as with a pipe. */
#include "src/kind.h"

#include "shm/copy.h"

#include <errno.h>
#include <limits.h>

/* Empty messages mean nothing to a stream. After so many, a call looks at its deadline: a peer that sends nothing else
 * is not to keep a call that does not wait. */
#define EMPTY_MAX 1000u

/* Parts of messages, and only those, need the message to be held: what is read entirely is copied and acknowledged. */
struct reading {
    struct chan_receiver *rx;
    unsigned char *buffer;
    size_t size;
    size_t done;
    uint32_t empty;       /* messages without a byte */
    uint32_t unannounced; /* places that senders have not been told of yet */
    uint64_t acknowledged;
};

static bool has_rest(const struct chan_receiver *rx)
{
    return rx->rest.hold;
}

/* Through the table, so that a queue's own calls have these to themselves and the compiler can take them in. */
static const struct kind *kind_of(const struct reading *op)
{
    return chan__kind(op->rx->handle.chan);
}

/* Go on within the message that is held. */
static int read_rest(struct reading *op)
{
    struct chan_receiver *rx = op->rx;
    size_t bytes = rx->rest.size - rx->read_bytes;
    if (bytes > op->size - op->done)
        bytes = op->size - op->done;
    if (bytes)
        copy_bytes(op->buffer + op->done, (const unsigned char *)rx->rest.data + rx->read_bytes, bytes);
    op->done += bytes;
    rx->read_bytes += bytes;
    if (rx->read_bytes == rx->rest.size && kind_of(op)->release(rx, &rx->rest))
        return -EBADMSG; /* it was an open view until somebody else wrote there */
    return 0;
}

/* The first message does not fit: hold it. Another receiver may have been faster, and this be the next one. */
static int begin_message(struct reading *op, int64_t deadline_ns)
{
    int result = kind_of(op)->recv_view(op->rx, &op->rx->rest, deadline_ns);
    if (result)
        return result;
    op->rx->read_bytes = 0;
    return read_rest(op);
}

static int read_whole(struct reading *op, int64_t deadline_ns)
{
    size_t size;
    int result = kind_of(op)->recv(op->rx, op->buffer + op->done, op->size - op->done, &size,
                                   op->done ? DEADLINE_TRY : deadline_ns, &op->unannounced);
    if (result)
        return result == -EMSGSIZE && !op->done ? begin_message(op, deadline_ns) : result;
    op->acknowledged++;
    op->done += size;
    /* Before the next call waits: senders may be waiting for this place. */
    if (!op->done || op->unannounced == BATCH_UNANNOUNCED)
        chan__recv_announce(op->rx, &op->unannounced);
    if (!op->done && ++op->empty % EMPTY_MAX == 0 && chan_now() >= deadline_ns)
        return deadline_ns == DEADLINE_TRY ? -EAGAIN : -ETIMEDOUT;
    return 0;
}

static ssize_t read_bytes(struct chan_receiver *rx, void *buffer, size_t size, int64_t deadline_ns)
{
    struct reading op = {.rx = rx, .buffer = buffer, .size = size < SSIZE_MAX ? size : SSIZE_MAX};
    int result = size && has_rest(rx) ? read_rest(&op) : 0;
    while (!result && op.done < op.size)
        result = read_whole(&op, deadline_ns);
    chan__recv_announce(rx, &op.unannounced);
    if (op.acknowledged)
        chan__recv_returns(rx, op.acknowledged);
    if (!op.done)
        chan__note_end(rx, result);
    if (op.done || result == -EPIPE)
        return (ssize_t)op.done; /* 0: the end */
    return result;
}

static ssize_t read_until(struct chan_receiver *rx, void *buffer, size_t size, int64_t deadline_ns)
{
    if (!rx || (!buffer && size))
        return -EINVAL;
    int entered = chan__handle_enter(&rx->handle);
    if (entered)
        return entered;
    ssize_t result =
        chan__has_queue(rx->handle.chan) ? read_bytes(rx, buffer, size, deadline_ns) : -EOPNOTSUPP;
    chan__handle_leave(&rx->handle);
    return result;
}

ssize_t chan_read(struct chan_receiver *rx, void *buffer, size_t size)
{
    return read_until(rx, buffer, size, CHAN_FOREVER);
}

ssize_t chan_try_read(struct chan_receiver *rx, void *buffer, size_t size)
{
    return read_until(rx, buffer, size, DEADLINE_TRY);
}

ssize_t chan_read_timeout(struct chan_receiver *rx, void *buffer, size_t size, int64_t timeout_ns)
{
    return read_until(rx, buffer, size, chan_deadline(timeout_ns));
}

ssize_t chan_read_until(struct chan_receiver *rx, void *buffer, size_t size, int64_t deadline_ns)
{
    return read_until(rx, buffer, size, chan__user_deadline(deadline_ns));
}

static ssize_t write_bytes(struct chan_sender *tx, const void *data, size_t size, int64_t deadline_ns)
{
    uint64_t largest = tx->handle.chan->segment.g.message_size;
    size_t done = 0;
    int result = 0;
    struct batch batch = {0};
    if (size > SSIZE_MAX)
        size = SSIZE_MAX;
    if (size && !largest)
        return -EMSGSIZE;
    while (!result && done < size) {
        struct iovec piece = {
            .iov_base = (unsigned char *)data + done,
            .iov_len = size - done < largest ? size - done : (size_t)largest,
        };
        result = chan__send_one_of_many(tx, &piece, deadline_ns, &batch);
        done += result ? 0 : piece.iov_len;
    }
    chan__send_many_ends(tx, &batch, result);
    return done ? (ssize_t)done : result;
}

static ssize_t write_until(struct chan_sender *tx, const void *data, size_t size, int64_t deadline_ns)
{
    if (!tx || (!data && size))
        return -EINVAL;
    int entered = chan__handle_enter(&tx->handle);
    if (entered)
        return entered;
    ssize_t result =
        chan__has_queue(tx->handle.chan) ? write_bytes(tx, data, size, deadline_ns) : -EOPNOTSUPP;
    chan__handle_leave(&tx->handle);
    return result;
}

ssize_t chan_write(struct chan_sender *tx, const void *data, size_t size)
{
    return write_until(tx, data, size, CHAN_FOREVER);
}

ssize_t chan_try_write(struct chan_sender *tx, const void *data, size_t size)
{
    return write_until(tx, data, size, DEADLINE_TRY);
}

ssize_t chan_write_timeout(struct chan_sender *tx, const void *data, size_t size, int64_t timeout_ns)
{
    return write_until(tx, data, size, chan_deadline(timeout_ns));
}

ssize_t chan_write_until(struct chan_sender *tx, const void *data, size_t size, int64_t deadline_ns)
{
    return write_until(tx, data, size, chan__user_deadline(deadline_ns));
}
