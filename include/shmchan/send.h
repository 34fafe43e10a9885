/* SPDX-License-Identifier: Apache-2.0 */
/* Sending.
 *
 * Every operation comes in four forms: it blocks, tries once (-EAGAIN when full), waits at most
 * `timeout_ns`, or waits until a deadline (-ETIMEDOUT). The order of results is closed > sent > full: a
 * closed channel refuses even with room, and an expired deadline still sends when there is room. A call
 * that does not succeed has had no effect, and the message is still the caller's.
 *
 *                concurrent with    send, reserve   recv, view   shutdown      death of any process
 *   send, commit                    yes             yes          yes: either sent before it, or -EPIPE   yes
 *
 * On a fair queue (CHAN_FAIR) places go to those who have waited longest; -EAGAIN then also says that others wait.
 * A send that had its place when the channel was shut down still takes effect, and receivers wait for it.
 * Operations of a struct chan_select do not wait in line: each time they look, they come last.
 *
 * On a growable queue (CHAN_GROWABLE) a send or a loan that needs memory which is not to be had fails with -ENOSPC
 * or -ENOMEM, in all forms; it may succeed later.
 *
 * The blocking forms sleep only when the channel is full, and never sleep on a process: what another sender
 * or receiver is doing, stopped or dead, delays nobody. FIFO: messages are received in the order in which
 * sends took effect; messages given back by dead receivers come late. */
#ifndef SHMCHAN_SEND_H
#define SHMCHAN_SEND_H

#include <shmchan/endpoint.h>

CHAN_BEGIN

/* Send a copy of `size` bytes. -EMSGSIZE: larger than the channel's maximum. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_send(struct chan_sender *tx, const void *data, size_t size);
CHAN_API CHAN_MUST_USE int chan_try_send(struct chan_sender *tx, const void *data, size_t size);
CHAN_API CHAN_MUST_USE int chan_send_timeout(struct chan_sender *tx, const void *data, size_t size,
                                             int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_send_until(struct chan_sender *tx, const void *data, size_t size,
                                           int64_t deadline_ns);

/* Send `count` messages, one from each iovec, in order. Returns how many were sent: all of them, or fewer if
 * something came in between; if not even the first could be sent, the error. Other senders' messages may
 * come between them. Since 0.1. */
CHAN_API CHAN_MUST_USE ssize_t chan_send_many(struct chan_sender *tx, const struct iovec *messages,
                                              size_t count);
CHAN_API CHAN_MUST_USE ssize_t chan_try_send_many(struct chan_sender *tx, const struct iovec *messages,
                                                  size_t count);
CHAN_API CHAN_MUST_USE ssize_t chan_send_many_timeout(struct chan_sender *tx, const struct iovec *messages,
                                                      size_t count, int64_t timeout_ns);
CHAN_API CHAN_MUST_USE ssize_t chan_send_many_until(struct chan_sender *tx, const struct iovec *messages,
                                                    size_t count, int64_t deadline_ns);

/* A message being written in place. */
struct chan_loan {
    void *data;        /* `size` writable bytes, aligned to 16 */
    size_t size;       /* as asked for */
    uint32_t hold;     /* the library's */
    uint32_t reserved; /* the library's */
};

/* Borrow room for a message of up to `size` bytes. It takes no place in the queue: order is by commit, and
 * commit is what may find the queue full. Blocks (or -EAGAIN, -ETIMEDOUT) only while the payload budget is
 * used up; -ENOBUFS: `holds` loans are open; -EMSGSIZE. The loan ends with commit, abort or close. Since
 * 0.1. */
CHAN_API CHAN_MUST_USE int chan_reserve(struct chan_sender *tx, size_t size, struct chan_loan *loan);
CHAN_API CHAN_MUST_USE int chan_try_reserve(struct chan_sender *tx, size_t size, struct chan_loan *loan);
CHAN_API CHAN_MUST_USE int chan_reserve_timeout(struct chan_sender *tx, size_t size, struct chan_loan *loan,
                                                int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_reserve_until(struct chan_sender *tx, size_t size, struct chan_loan *loan,
                                              int64_t deadline_ns);

/* Send the first `size` (<= loan->size) bytes of a loan. On failure the loan is still open. On success
 * *loan is zeroed. -EINVAL: not an open loan of this sender. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_commit(struct chan_sender *tx, struct chan_loan *loan, size_t size);
CHAN_API CHAN_MUST_USE int chan_try_commit(struct chan_sender *tx, struct chan_loan *loan, size_t size);
CHAN_API CHAN_MUST_USE int chan_commit_timeout(struct chan_sender *tx, struct chan_loan *loan, size_t size,
                                               int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_commit_until(struct chan_sender *tx, struct chan_loan *loan, size_t size,
                                             int64_t deadline_ns);

/* Wait until nothing can be sent any more: no receiver is left, or the channel was shut down. 0 then, also where that
 * has been so from the start; in a broadcast a receiver may come again afterwards. -ETIMEDOUT, -EINTR as sending. To
 * ask without waiting: chan_is_closed(). Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_wait_closed(struct chan_sender *tx);
CHAN_API CHAN_MUST_USE int chan_wait_closed_timeout(struct chan_sender *tx, int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_wait_closed_until(struct chan_sender *tx, int64_t deadline_ns);

/* Give a loan back unsent; *loan is zeroed. -EINVAL: not an open loan of this sender. Since 0.1. */
CHAN_API int chan_abort(struct chan_sender *tx, struct chan_loan *loan);

/* Wait until nobody will receive what this sender sends: the channel was shut down, or (ephemeral) the last
 * receiver is gone. 0 then, and from then on always. Such a sender's sends fail with -EPIPE; it may close its
 * handle. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_wait_closed(struct chan_sender *tx);
CHAN_API CHAN_MUST_USE int chan_try_wait_closed(struct chan_sender *tx);
CHAN_API CHAN_MUST_USE int chan_wait_closed_timeout(struct chan_sender *tx, int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_wait_closed_until(struct chan_sender *tx, int64_t deadline_ns);

CHAN_END

#endif
