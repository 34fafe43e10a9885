/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving.
 *
 * Every operation comes in four forms: it blocks, tries once (-EAGAIN when empty), waits at most
 * `timeout_ns`, or waits until a deadline (-ETIMEDOUT). The order of results is message > closed > timed
 * out, also when the deadline has already passed.
 *
 * -EPIPE means that nothing will ever come again: the channel is closed, nothing is queued, and no other
 * receiver holds a message that its death would give back. While another receiver still holds one,
 * receivers wait (and try_ forms say -EAGAIN): release views before waiting for the end.
 *
 * Copying receives are at-most-once: a receiver killed before its copy was complete loses nothing (the
 * message goes to another receiver); killed between that and the return of the call, the message goes with
 * it. Views are acknowledged receives: until chan_release() the message survives the receiver's death. */
#ifndef SHMCHAN_RECV_H
#define SHMCHAN_RECV_H

#include <shmchan/endpoint.h>

CHAN_BEGIN

/* Receive one message into `buffer`; *size (may be NULL) is set to its length. -EMSGSIZE: `capacity` is too
 * small; *size tells what is needed and the message stays. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size);
CHAN_API CHAN_MUST_USE int chan_try_recv(struct chan_receiver *rx, void *buffer, size_t capacity,
                                         size_t *size);
CHAN_API CHAN_MUST_USE int chan_recv_timeout(struct chan_receiver *rx, void *buffer, size_t capacity,
                                             size_t *size, int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_recv_until(struct chan_receiver *rx, void *buffer, size_t capacity,
                                           size_t *size, int64_t deadline_ns);

/* How often the message that the last copying receive returned had been handed to a receiver, that time included;
 * > 1: it is redelivered. Of a batch, the highest. 0: nothing was received yet. Since 0.1. */
CHAN_API CHAN_MUST_USE uint32_t chan_receiver_deliveries(const struct chan_receiver *rx);

/* 1 once a receive has told this receiver that nothing will come any more (-EPIPE) or, of a CHAN_ONESHOT, has
 * returned its message; else 0: also while the end is there but no receive has said so. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_receiver_is_terminated(const struct chan_receiver *rx);

/* Wait for one message, then receive what is there, at most `count`, one into each iovec, whose iov_len is
 * set to the message's length. Returns how many. -EMSGSIZE if the first does not fit its iovec (whose
 * iov_len then tells what is needed); a later one that does not fit ends the batch before it. count 0
 * returns 0. Since 0.1. */
CHAN_API CHAN_MUST_USE ssize_t chan_recv_many(struct chan_receiver *rx, struct iovec *messages, size_t count);
CHAN_API CHAN_MUST_USE ssize_t chan_try_recv_many(struct chan_receiver *rx, struct iovec *messages,
                                                  size_t count);
CHAN_API CHAN_MUST_USE ssize_t chan_recv_many_timeout(struct chan_receiver *rx, struct iovec *messages,
                                                      size_t count, int64_t timeout_ns);
CHAN_API CHAN_MUST_USE ssize_t chan_recv_many_until(struct chan_receiver *rx, struct iovec *messages,
                                                    size_t count, int64_t deadline_ns);

/* Take what is queued at one moment of the call, at most `count` messages, the oldest first, one into each iovec as
 * above; nothing that is sent after that moment. Does not wait; senders that wait for room are woken, and their
 * messages are not among those taken. Returns how many; 0: nothing is queued; -EPIPE as of chan_recv(). Messages
 * given back by dead receivers come first. Other receivers may take some of those meant: each goes to one.
 * -EMSGSIZE as above; -EOPNOTSUPP: no queue. Since 0.1. */
CHAN_API CHAN_MUST_USE ssize_t chan_drain(struct chan_receiver *rx, struct iovec *messages, size_t count);

/* A message being read in place. */
struct chan_view {
    const void *data; /* `size` bytes, aligned to 16; stable against peers that keep the rules. From a peer
                          * that is not trusted, copy first, then validate */
    size_t size;
    uint32_t deliveries; /* how often it was handed to a receiver, this time included; > 1: redelivered */
    uint32_t sender;     /* endpoint number of its sender; that endpoint may be gone */
    int64_t sent_ns;     /* when it was sent, CLOCK_MONOTONIC, to a few milliseconds */
    uint32_t hold;       /* the library's */
    uint32_t reserved;   /* the library's */
};

/* Take one message and look at it where it lies. It is no longer queued, but stays this receiver's until
 * chan_release(); if the receiver dies or closes first, another gets it. -ENOBUFS: `holds` views are open
 * (and a message is there). Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_recv_view(struct chan_receiver *rx, struct chan_view *view);
CHAN_API CHAN_MUST_USE int chan_try_recv_view(struct chan_receiver *rx, struct chan_view *view);
CHAN_API CHAN_MUST_USE int chan_recv_view_timeout(struct chan_receiver *rx, struct chan_view *view,
                                                  int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_recv_view_until(struct chan_receiver *rx, struct chan_view *view,
                                                int64_t deadline_ns);

/* Done with it: the message is acknowledged and its memory free; *view is zeroed. -EINVAL: not an open view
 * of this receiver. Since 0.1. */
CHAN_API int chan_release(struct chan_receiver *rx, struct chan_view *view);

/* Not done with it: the message is given back, to be received next, by this receiver or another, as if it had not
 * been delivered this time; *view is zeroed. -EINVAL: not an open view of this receiver. Since 0.1. */
CHAN_API int chan_give_back(struct chan_receiver *rx, struct chan_view *view);

/* Messages of rx's channel that were delivered max_deliveries times and never released are moved to the channel of
 * `dead_letters` by whichever receiver meets them that was told of one; a receiver that was not discards them. It
 * does so within its receiving calls, blocked ones included. A message is there at least once: twice if the
 * receiver that moved it was killed right then; `dead_lettered` counts it once.
 *
 * While the dead-letter channel is full, such messages wait as given back, and receiving goes on with the others;
 * the end of the channel waits for them. They are tried again by every receive, and in blocked ones every 1.25 s
 * (CHAN_NO_KEEPER: 20 ms). Where it is closed, corrupt or takes no message as large, they are discarded.
 *
 * `dead_letters` stays the caller's, belongs to the same thread as rx, has to leave it one loan to use, and
 * outlives it or another call of this function; NULL: none any more. Clones of rx have none. -EINVAL: the channel
 * has no max_deliveries, or `dead_letters` leads back into it. -EOPNOTSUPP: the channel is one for calls, whose requests
 * end when they were delivered too often; or `dead_letters` leads into a rendezvous, a watch, or one for calls, which do
 * not keep messages. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_receiver_set_dead_letters(struct chan_receiver *rx,
                                                          struct chan_sender *dead_letters);

CHAN_END

#endif
