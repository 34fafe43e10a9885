/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for channels in an io_uring, beside the program's other I/O: that an endpoint may be ready comes as
 * a completion on the program's own ring. An optional part, in a library of its own, libshmchan_uring, which
 * needs liburing; <shmchan.h> does not include it. The kernel must be 6.7 or newer.
 *
 *     chan_uring_of_receiver(ring, rx, user_data, &u);
 *     chan_uring_arm(u);
 *     ... io_uring_submit_and_wait(), and for each completion with that user_data:
 *     if (chan_uring_complete(u, cqe) == 0)
 *         while ((result = chan_uring_recv(u, buffer, sizeof buffer, &size)) == 0)
 *             ... a message ...
 *
 * That is multishot: the receive that finds nothing (-EAGAIN) has armed it again, and so has
 * chan_uring_complete() when it says -EAGAIN. The entries are prepared on the ring; the program's next
 * submission takes them along. Two entries for one sleep: a wait on a futex, and a time-out linked to it, by
 * which the waiter looks around by itself (8 ms after it fell asleep, or was woken for nothing, then less and
 * less often, in the end about once a second; where there is no keeper, every 20 ms). One completion for both.
 *
 * Nobody pays for it who sends: the other side makes the system call by which it wakes any sleeper, and none
 * unless one is armed.
 *
 * An object belongs to the thread that has the ring and the endpoint; both outlive it. Of those that wait on
 * one ring for endpoints, and the program's own requests, each has a `user_data` that no other has, and none
 * has LIBURING_UDATA_TIMEOUT. After fork() the child's use of it is -ECHILD, and leaves the ring alone, which
 * is its parent's, too; there chan_uring_close() does no more than free it. A process killed with it armed
 * leaves nothing behind; what woke it, others hear of. */
#ifndef SHMCHAN_URING_H
#define SHMCHAN_URING_H

#include <shmchan/waiter.h>

struct io_uring;
struct io_uring_cqe;

CHAN_BEGIN

struct chan_uring;

/* For messages, or for room. Nothing is prepared on the ring yet. It needs a ring of two entries at least.
 *   -EOPNOTSUPP  the kernel cannot wait on futexes in a ring, or does not let the ring be asked: have the
 *                ring poll the endpoint's descriptor (<shmchan/poll.h>)
 *   -EINVAL      NULL, or the ring is too small      -ENOMEM -ECHILD
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_uring_of_receiver(struct io_uring *ring, struct chan_receiver *rx,
                                                  uint64_t user_data, struct chan_uring **out);
CHAN_API CHAN_MUST_USE int chan_uring_of_sender(struct io_uring *ring, struct chan_sender *tx,
                                                uint64_t user_data, struct chan_uring **out);

/* Have a completion come when a receive, or the send of a small message, may be done or fail: soon, if that
 * is so already. Armed already: 0. Where the submission queue has no room for two entries, what is there is
 * submitted first.
 *   -EBUSY  there is none after that either: reap completions, and arm again; or what io_uring_submit() says
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_uring_arm(struct chan_uring *u);

/* A completion has come that has its user_data; `cqe` may be marked seen before or after.
 *   0           it may be ready, and is not armed
 *   -EAGAIN     it is not, and is armed again
 *   -ECANCELED  chan_uring_cancel(), or another cancellation; it is not armed, and its wake-up went to
 *               somebody else. Only after chan_uring_cancel() is this sure: of a wait that was about to end by itself,
 *               as each does once in a while, a cancellation by the program says -EAGAIN
 *   -EINVAL     it was not armed      -EBUSY ... as above, not armed; or what the kernel said of the wait
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_uring_complete(struct chan_uring *u, const struct io_uring_cqe *cqe);

/* chan_try_recv(), chan_try_recv_view() and chan_try_send() on its endpoint, or any other call on it that
 * does not wait; if that says -EAGAIN it is armed, as by chan_uring_arm(), whose errors may come instead. A
 * send of any size waits for what it needs. `attempt` may be called twice; see chan_waiter_try(). -EINVAL: it
 * is for the other side. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_uring_recv(struct chan_uring *u, void *buffer, size_t capacity, size_t *size);
CHAN_API CHAN_MUST_USE int chan_uring_recv_view(struct chan_uring *u, struct chan_view *view);
CHAN_API CHAN_MUST_USE int chan_uring_send(struct chan_uring *u, const void *data, size_t size);
CHAN_API CHAN_MUST_USE int chan_uring_try(struct chan_uring *u, int (*attempt)(void *argument),
                                          void *argument);

/* Its completion comes now, if it is armed: hand it to chan_uring_complete(). (Where the kernel polls the
 * submission queue, and has not come to it yet, within a good second.) Submits what is prepared, and is a
 * system call. 0, armed or not; -EBUSY, or what the kernel says. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_uring_cancel(struct chan_uring *u);

/* Free it. Cancel it first, and have its last completion, unless the ring is gone (io_uring_queue_exit()). A
 * message or room that it has been told of and not taken is told to somebody else. NULL is fine.
 * Since 0.1. */
CHAN_API void chan_uring_close(struct chan_uring *u);

CHAN_END

#endif
