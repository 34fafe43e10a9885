/* SPDX-License-Identifier: Apache-2.0 */
/* Watches (CHAN_WATCH): the latest value, which any number of receivers follow.
 *
 * A watch has one value of up to message_size bytes. Sending replaces it and gives it the next version; receivers
 * read the latest, and may miss values in between. Equal values count as changes too. What is written in send.h and
 * recv.h holds, with these differences:
 *
 *   chan_send, chan_commit   never find the channel full. -EPIPE: there is no receiver now, and the value was not
 *                            stored; chan_watch_send_replace() stores it all the same
 *   chan_recv, _view         wait for a value that this receiver has not seen, mark it as seen and return it: every
 *                            receiver gets it. -EPIPE: closed, and the last value has been seen
 *   chan_release             ends a view; closing the receiver ends its views
 *
 * A receiver that is attached has seen the current value, as if it had been there; a clone has seen what its
 * original has. Before anything is sent the value is options.initial, or empty, and its version is 0.
 *
 * Closed means shut down, or (ephemeral) that the last sender has gone. The last value can be read ever after. That
 * there is no receiver closes nothing: the next one that attaches is welcome.
 *
 * A value that somebody reads stays as it is, and delays nobody: values that fit in chan_memory.inline_size are
 * never waited for. Larger ones take payload memory until nobody reads them; when options.bytes is used up in this
 * way, sending blocks (or -EAGAIN, -ETIMEDOUT). A sender killed anywhere leaves the value that there was, or the one
 * it sent; no receiver ever sees parts of two. However fast senders are, reading takes a bounded number of steps.
 *
 *                        concurrent with    send, modify   read, changed   shutdown   death of any process
 *   send, replace, modify                   yes            yes             yes        yes
 *   borrow, changed, wait_for               yes            yes             yes        yes
 *
 * On a channel of another kind all of these are -EOPNOTSUPP; chan_peek() copies the value without attaching. */
#ifndef SHMCHAN_WATCH_H
#define SHMCHAN_WATCH_H

#include <shmchan/recv.h>
#include <shmchan/send.h>

CHAN_BEGIN

/* Copy the current value, seen or not, and leave it as it is, or mark it as seen. *size (may be NULL) is set to its
 * length. -EMSGSIZE: `capacity` is too small; *size tells what is needed, and nothing is marked. They never block.
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_watch_borrow(struct chan_receiver *rx, void *buffer, size_t capacity,
                                             size_t *size);
CHAN_API CHAN_MUST_USE int chan_watch_borrow_and_update(struct chan_receiver *rx, void *buffer,
                                                        size_t capacity, size_t *size);

/* The same in place, until chan_release(). -ENOBUFS: `holds` views are open. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_watch_borrow_view(struct chan_receiver *rx, struct chan_view *view);
CHAN_API CHAN_MUST_USE int chan_watch_borrow_and_update_view(struct chan_receiver *rx,
                                                             struct chan_view *view);

/* The version of the value that this receiver looked at last: 0 before anything was sent, then 1, 2 ... Since 0.1. */
CHAN_API uint64_t chan_watch_version(const struct chan_receiver *rx);

/* Wait until there is a value that this receiver has not seen, and mark it as seen. -EPIPE: closed, and seen.
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_watch_changed(struct chan_receiver *rx);
CHAN_API CHAN_MUST_USE int chan_watch_try_changed(struct chan_receiver *rx);
CHAN_API CHAN_MUST_USE int chan_watch_changed_timeout(struct chan_receiver *rx, int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_watch_changed_until(struct chan_receiver *rx, int64_t deadline_ns);

/* 1 if there is a value that this receiver has not seen, else 0; marks nothing. -EPIPE: closed, even if there is
 * one. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_watch_has_changed(struct chan_receiver *rx);

/* Take the current value for not seen, or for seen. Since 0.1. */
CHAN_API int chan_watch_mark_changed(struct chan_receiver *rx);
CHAN_API int chan_watch_mark_unchanged(struct chan_receiver *rx);

/* Wait for a value that `predicate` accepts (returns nonzero for), beginning with the current one, seen or not. That
 * very value is viewed and marked as seen; chan_release() it. Values may be skipped. The predicate reads the value
 * in place and must not use rx. -EPIPE: closed, and the last value is not accepted. -ENOBUFS. Since 0.1. */
typedef int chan_watch_predicate(const void *value, size_t size, void *arg);
CHAN_API CHAN_MUST_USE int chan_watch_wait_for(struct chan_receiver *rx, chan_watch_predicate *predicate,
                                               void *arg, struct chan_view *view);
CHAN_API CHAN_MUST_USE int chan_watch_try_wait_for(struct chan_receiver *rx, chan_watch_predicate *predicate,
                                                   void *arg, struct chan_view *view);
CHAN_API CHAN_MUST_USE int chan_watch_wait_for_timeout(struct chan_receiver *rx,
                                                       chan_watch_predicate *predicate, void *arg,
                                                       struct chan_view *view, int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_watch_wait_for_until(struct chan_receiver *rx,
                                                     chan_watch_predicate *predicate, void *arg,
                                                     struct chan_view *view, int64_t deadline_ns);

/* Send whether or not there is a receiver, and copy the value that was replaced into `old` (NULL, with capacity 0 and
 * old_size NULL: it is not wanted). -EMSGSIZE: `size` is over the channel's maximum, or `capacity` too small for the
 * old value (*old_size tells): nothing is replaced. -EPIPE: shut down. Blocks only while there is no payload memory.
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_watch_send_replace(struct chan_sender *tx, const void *data, size_t size,
                                                   void *old, size_t capacity, size_t *old_size);

/* Change the value. `modify` gets a private copy of *size bytes, with room for `capacity`, the channel's largest
 * value, may change it and *size, and says what becomes of it:
 *
 *   > 0   it is a new value: the version goes up, receivers are woken
 *   0     it takes the place of the value silently: no new version, nobody is woken (chan_watch_send_if_modified;
 *         chan_watch_send_modify makes it a new value)
 *   < 0   nothing happens, and the call returns that
 *
 * They block only while there is no payload memory. Returned is 0, and by chan_watch_send_if_modified 1 for a new
 * value. If another sender replaces the value meanwhile, `modify` is
 * called again, with that one: it should do nothing but change the copy, and must not use tx. (Some sender has
 * succeeded then, whatever the others do.) They need no receiver. -EPIPE: shut down. -EMSGSIZE: *size is over
 * `capacity`. Since 0.1. */
typedef int chan_watch_modifier(void *value, size_t *size, size_t capacity, void *arg);
CHAN_API CHAN_MUST_USE int chan_watch_send_modify(struct chan_sender *tx, chan_watch_modifier *modify,
                                                  void *arg);
CHAN_API CHAN_MUST_USE int chan_watch_send_if_modified(struct chan_sender *tx, chan_watch_modifier *modify,
                                                       void *arg);

/* chan_watch_borrow() for senders. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_watch_sender_borrow(struct chan_sender *tx, void *buffer, size_t capacity,
                                                    size_t *size);

/* 1 if there is no receiver now, or the channel is shut down, else 0: what chan_wait_closed() waits for. Another
 * receiver may come later. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_watch_is_closed(const struct chan_sender *tx);

CHAN_END

#endif
