/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: requests that are answered. A CHAN_CALL channel is a queue of requests, with any number of callers (its
 * senders) and servers (its receivers), and for each caller `holds` places in which answers arrive.
 *
 * A caller sends a request and gets the answer to just this one, or -EPIPE as soon as no answer will come: the server
 * that had it was killed, closed, or released it unanswered, or (on an ephemeral channel) no server is left. A server
 * takes a request with chan_recv_view() and answers it once, with chan_reply() or, from another thread,
 * chan_reply_to(). Of answer, end without answer, and the caller's giving up exactly one happens, whoever is killed or
 * stopped at whatever moment.
 *
 * A request whose server ends before answering is not delivered again: it may have been carried out. Where that does
 * no harm, chan_options.max_deliveries says how often a request may be handed to a server before its call ends; one that
 * a server died over before it was handed out has not been delivered.
 *
 * Requests and answers are up to message_size bytes. The payload budget is there twice, for requests and for answers:
 * a server waits for memory only as long as callers leave large answers unread. chan_send(), chan_recv() and their
 * batches are -EOPNOTSUPP here, and the calls of this header on other kinds. As everywhere, a handle belongs to one
 * thread at a time.
 *
 *                concurrent with    start, finish, call   recv_view, reply   close, death of any process
 *   start, finish, call, cancel     yes                   yes                yes
 *   reply, reply_to, release        yes                   yes                yes
 */
#ifndef SHMCHAN_CALL_H
#define SHMCHAN_CALL_H

#include <shmchan/recv.h>
#include <shmchan/send.h>

CHAN_BEGIN

/* Call, and wait for the answer, which is copied into `answer`; *answer_size (may be NULL) is set to its length. The
 * time is that of the whole call: for room in the queue, and for the answer. If it passes, or the call is cancelled or
 * interrupted, the caller gives up: the request may still be carried out, and its answer goes nowhere.
 *   -EPIPE    no answer will come, or the channel is closed    -ETIMEDOUT -ECANCELED -EINTR
 *   -EMSGSIZE the request is larger than the channel's maximum; or the answer is larger than `capacity`, then
 *             *answer_size tells its length, and it is gone
 *   -ENOBUFS  `holds` calls are open
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_call(struct chan_sender *tx, const void *request, size_t size, void *answer,
                                     size_t capacity, size_t *answer_size);
CHAN_API CHAN_MUST_USE int chan_call_timeout(struct chan_sender *tx, const void *request, size_t size,
                                             void *answer, size_t capacity, size_t *answer_size,
                                             int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_call_until(struct chan_sender *tx, const void *request, size_t size,
                                           void *answer, size_t capacity, size_t *answer_size,
                                           int64_t deadline_ns);

/* A call that is open: plain data, of use to the caller that started it. Zeroed it is none. */
struct chan_ticket {
    uint64_t word;     /* the library's */
    uint32_t cell;     /* the library's */
    uint32_t reserved; /* the library's */
};

/* Send a request and do not wait for its answer. Up to `holds` calls of a caller may be open (-ENOBUFS), and be answered
 * in any order. The forms are those of chan_send(), which has the other errors. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_call_start(struct chan_sender *tx, const void *request, size_t size,
                                           struct chan_ticket *ticket);
CHAN_API CHAN_MUST_USE int chan_try_call_start(struct chan_sender *tx, const void *request, size_t size,
                                               struct chan_ticket *ticket);
CHAN_API CHAN_MUST_USE int chan_call_start_timeout(struct chan_sender *tx, const void *request, size_t size,
                                                   struct chan_ticket *ticket, int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_call_start_until(struct chan_sender *tx, const void *request, size_t size,
                                                 struct chan_ticket *ticket, int64_t deadline_ns);

/* The same with a loan (chan_reserve()) as the request, whose first `size` bytes are sent: as chan_commit(), in one
 * form, which waits. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_call_commit(struct chan_sender *tx, struct chan_loan *loan, size_t size,
                                            struct chan_ticket *ticket);

/* Wait for the answer to a call and copy it. With 0 and -EPIPE (no answer will come) the call is over and *ticket zeroed;
 * with any other result it is open as before: -EAGAIN, -ETIMEDOUT, -EINTR, -ECANCELED, -EMSGSIZE (`capacity` is too
 * small; *answer_size tells what is needed). -EINVAL: no open call of this caller. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_call_finish(struct chan_sender *tx, struct chan_ticket *ticket, void *answer,
                                            size_t capacity, size_t *answer_size);
CHAN_API CHAN_MUST_USE int chan_try_call_finish(struct chan_sender *tx, struct chan_ticket *ticket,
                                                void *answer, size_t capacity, size_t *answer_size);
CHAN_API CHAN_MUST_USE int chan_call_finish_timeout(struct chan_sender *tx, struct chan_ticket *ticket,
                                                    void *answer, size_t capacity, size_t *answer_size,
                                                    int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_call_finish_until(struct chan_sender *tx, struct chan_ticket *ticket,
                                                  void *answer, size_t capacity, size_t *answer_size,
                                                  int64_t deadline_ns);

/* Give a call up; an answer that is there is dropped. *ticket is zeroed. Closing the sender gives up all its calls.
 * -EINVAL: no open call of this caller. Since 0.1. */
CHAN_API int chan_call_cancel(struct chan_sender *tx, struct chan_ticket *ticket);

/* Answer a request that this receiver has in view, and release it: with 0 and -EPIPE *request is zeroed, with any other
 * result it is still open. The forms wait for payload memory only, which answers up to chan_memory.inline_size do not
 * need.
 *   -EPIPE    nobody waits for the answer: the caller has closed, died or given up, or the request has been answered
 *   -EMSGSIZE larger than the channel's maximum      -EINVAL  not an open view of this receiver
 * chan_release() of a request ends its call without an answer. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_reply(struct chan_receiver *rx, struct chan_view *request, const void *answer,
                                      size_t size);
CHAN_API CHAN_MUST_USE int chan_try_reply(struct chan_receiver *rx, struct chan_view *request,
                                          const void *answer, size_t size);
CHAN_API CHAN_MUST_USE int chan_reply_timeout(struct chan_receiver *rx, struct chan_view *request,
                                              const void *answer, size_t size, int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_reply_until(struct chan_receiver *rx, struct chan_view *request,
                                            const void *answer, size_t size, int64_t deadline_ns);

/* Where the answer to a request is to go: plain data, for a thread that answers with a receiver of its own while the
 * one that has the request goes on receiving. */
struct chan_reply_address {
    uint64_t word;     /* the library's */
    uint32_t cell;     /* the library's */
    uint32_t reserved; /* the library's */
};

/* The address of a request that this receiver has in view. -EINVAL. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_reply_address_of(const struct chan_receiver *rx,
                                                 const struct chan_view *request,
                                                 struct chan_reply_address *out);

/* Answer by address, with any receiver of the same channel. The request stays in view where it is, and must, until it
 * is answered: its release, or its holder's death, ends the call. A second answer is -EPIPE; other errors as
 * chan_reply(); -EINVAL: not an address. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_reply_to(struct chan_receiver *rx, const struct chan_reply_address *to,
                                         const void *answer, size_t size);
CHAN_API CHAN_MUST_USE int chan_try_reply_to(struct chan_receiver *rx, const struct chan_reply_address *to,
                                             const void *answer, size_t size);
CHAN_API CHAN_MUST_USE int chan_reply_to_timeout(struct chan_receiver *rx,
                                                 const struct chan_reply_address *to, const void *answer,
                                                 size_t size, int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_reply_to_until(struct chan_receiver *rx, const struct chan_reply_address *to,
                                               const void *answer, size_t size, int64_t deadline_ns);

/* 1 while the caller still waits for an answer, else 0: for servers whose work is worth a look before. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_reply_is_awaited(const struct chan_receiver *rx,
                                                 const struct chan_reply_address *to);

CHAN_END

#endif
