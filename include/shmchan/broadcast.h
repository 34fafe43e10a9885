/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcast (CHAN_BROADCAST): every receiver gets every message that is sent while it is attached.
 *
 * Sending and receiving are the calls of all channels (shmchan/send.h, shmchan/recv.h). Attaching a receiver is
 * subscribing: it gets what is sent from then on, nothing from before; so does a clone, which is a subscription of its
 * own, and a prepared receiver, from chan_prepare_receiver() on; whoever attaches in its place (shmchan/address.h) goes on
 * with what was for it. All receivers see the same order, that in which the sends took effect, whoever sent. What a killed
 * sender had not sent leaves no gap.
 *
 * The latest `messages` messages are kept, exactly that many. What becomes of a receiver that falls further behind is
 * chosen at creation (options.overflow):
 *
 *   CHAN_LAG    Senders never wait for receivers. The receiver's next call returns -EOVERFLOW, once, and
 *               chan_receiver_lagged() says how many messages it has missed; it goes on with the oldest one kept. That
 *               comes before -EPIPE. Of large messages fewer are kept if their memory (options.bytes) is used up; a
 *               sender waits only for memory in the loans of others.
 *   CHAN_BLOCK  Sending is full (-EAGAIN, or it waits) until the slowest receiver has read the message that would be
 *               overwritten, and released its view. One that is stopped holds senders up; a dead one does not, from
 *               the moment that its death is noticed.
 *
 * With no receiver attached, sending is -EPIPE, nothing is stored and no place is used; the next one to attach opens
 * the channel again. So chan_is_closed() is true of a broadcast before the first receiver has come. When the last
 * sender of an ephemeral one is gone, receivers get what is left to them, then -EPIPE. It is unlinked with the last
 * endpoint.
 *
 * A receive that is not released, or whose process is killed, is nobody else's: nothing is redelivered.
 *
 * After -EOVERFLOW the buffer given to a copying receive may have been written to. A view is read where the message
 * lies: with CHAN_BLOCK it stays until released; with CHAN_LAG it may be overwritten while it is read, so what was read
 * of it counts only if chan_view_is_intact() says so afterwards.
 *
 *                 concurrent with    send      recv, view   attach, close   shutdown      death of any process
 *   send, commit                     yes       yes          yes             yes           yes
 *   recv, view of another receiver   yes       yes          yes             yes           yes
 */
#ifndef SHMCHAN_BROADCAST_H
#define SHMCHAN_BROADCAST_H

#include <shmchan/recv.h>
#include <shmchan/send.h>

CHAN_BEGIN

/* How many messages the receiver missed, as its last -EOVERFLOW told; 0 if it never did. Since 0.1. */
CHAN_API CHAN_MUST_USE uint64_t chan_receiver_lagged(const struct chan_receiver *rx);

/* Messages sent that the receiver has not got yet, those included that were overwritten: more than the capacity means
 * that the next receive tells of a gap. Of other kinds: chan_len(). Since 0.1. */
CHAN_API CHAN_MUST_USE uint64_t chan_receiver_len(const struct chan_receiver *rx);

/* Leave out what has not been received yet and go on with what is sent from now on. Views stay open. -EOPNOTSUPP: no
 * broadcast. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_resubscribe(struct chan_receiver *rx);

/* 1 if the view's message has not been overwritten so far, and all that was read of it is good; 0 if it has been.
 * Views of other kinds are always intact. -EINVAL: not an open view of this receiver. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_view_is_intact(const struct chan_receiver *rx, const struct chan_view *view);

/* Receivers attached now that the message sent last by `tx` was for: those that had subscribed before it. 0 if it has
 * sent none, or in another kind of channel. Since 0.1. */
CHAN_API CHAN_MUST_USE uint32_t chan_sender_reached(const struct chan_sender *tx);

/* Messages kept that not every receiver is done with: those from the slowest receiver's on, and of these the ones that
 * have not been overwritten; never more than the capacity, and 0 without receivers. A receiver is done with a message
 * when it has received it, and released its view; those attached later never had to be, and those that have left, or
 * died, no longer have to, from when chan_receivers() leaves them out. While others send and receive, it counts every
 * message that was so throughout the call, and none that was so at no moment of it. chan_len() says the same from the
 * channel. Of other kinds: chan_len(). Since 0.1. */
CHAN_API CHAN_MUST_USE uint64_t chan_sender_len(const struct chan_sender *tx);

CHAN_END

#endif
