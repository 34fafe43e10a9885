/* SPDX-License-Identifier: Apache-2.0 */
/* Permits: places in the queue, got before there are messages for them. Fair queues have them (CHAN_FAIR); on all
 * other channels these functions say -EOPNOTSUPP.
 *
 * A sender has a number of permits, which are all alike. Each is a place that nobody else gets: sending on it never
 * waits for room. Permits are kept through chan_shutdown(): receivers get what is sent on them, and their end comes
 * when nobody has any left; until then try_ forms of receiving say -EAGAIN. They are the sender's own: it stays
 * attached, which counts as a sender, for as long as it has them. Closed, or dead, it has none any more, and who waits
 * for a place or for the end is woken.
 *
 * Places do not stand for an order among messages: they come in the order in which they are sent. chan_len() does
 * not count permits; chan_available() tells what is left. A chan_send() beside them gets a place of its own. */
#ifndef SHMCHAN_PERMIT_H
#define SHMCHAN_PERMIT_H

#include <shmchan/send.h>

CHAN_BEGIN

/* Get `places` permits, all or none, when those who have waited longer have theirs. 0 places: 0 unless the channel is
 * closed. -EINVAL: more than the capacity (the try_ form: -EAGAIN, closed or not), or, where it would have to wait, more
 * than the capacity together with those that tx has, so that nobody else could end the waiting. -EPIPE: closed, also
 * when there is room; -EAGAIN, -ETIMEDOUT as for sending. Killed while it waits, a process has not waited. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_permit_reserve(struct chan_sender *tx, uint64_t places);
CHAN_API CHAN_MUST_USE int chan_permit_try_reserve(struct chan_sender *tx, uint64_t places);
CHAN_API CHAN_MUST_USE int chan_permit_reserve_timeout(struct chan_sender *tx, uint64_t places,
                                                       int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_permit_reserve_until(struct chan_sender *tx, uint64_t places,
                                                     int64_t deadline_ns);

/* Permits that tx has. Since 0.1. */
CHAN_API CHAN_MUST_USE uint64_t chan_permits(const struct chan_sender *tx);

/* Send a copy on a permit, which is used up by that. Does not wait. On failure the permit is still there:
 *   -EINVAL  tx has none      -EMSGSIZE  larger than the channel's maximum      -ENOBUFS  all holds are out on loan
 *   -EPIPE   the receivers are gone for good (ephemeral); shut down is no reason
 *   -EAGAIN  the message is larger than chan_memory.inline_size, and the payload budget is used up: a loan got before
 *            secures that, too
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_permit_send(struct chan_sender *tx, const void *data, size_t size);

/* Send the first `size` bytes of a loan on a permit; on success *loan is zeroed. Errors as above but the last. Since
 * 0.1. */
CHAN_API CHAN_MUST_USE int chan_permit_commit(struct chan_sender *tx, struct chan_loan *loan, size_t size);

/* Give permits back unused. -EINVAL: tx has not so many. Since 0.1. */
CHAN_API int chan_permit_release(struct chan_sender *tx, uint64_t places);

CHAN_END

#endif
