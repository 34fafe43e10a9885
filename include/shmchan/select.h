/* SPDX-License-Identifier: Apache-2.0 */
/* Select: wait for the first of several operations that can go on, on any number of channels, beside timers and
 * file descriptors. Exactly one operation takes effect; the others leave their channels untouched, and their
 * messages with the caller.
 *
 * An operation is ready if it would not block, and that includes failing: on a closed channel it is ready, and
 * stays so until it is removed or disabled.
 *
 * On rendezvous channels a select that waits is met by calls and by other selects, of other threads and processes, but
 * never by itself. With operations on several rendezvous channels it shows what it waits for on one of them at a time:
 * where another select waits, or somebody in chan_ready(), if there is any. So a try_ form may find it waiting on one
 * and not on the others; calls and selects that wait always meet it.
 *
 * A select belongs to one thread at a time, like the handles in it, which must outlive it or be removed first.
 * After fork() the child's use of it is -ECHILD. */
#ifndef SHMCHAN_SELECT_H
#define SHMCHAN_SELECT_H

#include <shmchan/recv.h>
#include <shmchan/send.h>
#include <shmchan/timer.h>

CHAN_BEGIN

struct chan_select;

/* Of several that are ready, take the one with the lowest index. Without it any of them, with equal chances. */
#define CHAN_SELECT_BIASED 0x1u

/* -ENOMEM; -EINVAL: unknown flag. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_select_create(uint32_t flags, struct chan_select **out);

/* The handles in it stay open. NULL is fine. Since 0.1. */
CHAN_API void chan_select_close(struct chan_select *sel);

/* Add an operation. Returns its index: 0, 1, 2, ... in the order of adding, never used again after removal. The
 * same handle may stand in several operations. -ENOMEM; -EINVAL. Since 0.1.
 *
 * recv: the message is selected as a view. send: `data` is read, and sent, if and when the operation is
 * selected; until then it stays the caller's, and may change, but during a call that waits on a rendezvous channel.
 * timer: its message. fd: `events` as of poll(2). */
CHAN_API CHAN_MUST_USE int chan_select_recv(struct chan_select *sel, struct chan_receiver *rx);
CHAN_API CHAN_MUST_USE int chan_select_send(struct chan_select *sel, struct chan_sender *tx, const void *data,
                                            size_t size);
CHAN_API CHAN_MUST_USE int chan_select_timer(struct chan_select *sel, struct chan_timer *timer);
CHAN_API CHAN_MUST_USE int chan_select_fd(struct chan_select *sel, int fd, short events);

/* A permit of a fair queue's sender (permit.h): selected, it has one more, to be used by chan_permit_send(), once there is a
 * message, or given back by chan_permit_release(); its death gives it back, too. Returns and errors as above;
 * -EOPNOTSUPP: no fair queue. Of other channels no place can be kept without a message: see chan_ready(), and
 * chan_reserve() for the memory. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_select_permit(struct chan_select *sel, struct chan_sender *tx);

/* Another message for a send. -EINVAL: there is no such send. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_select_set_message(struct chan_select *sel, int index, const void *data,
                                                   size_t size);

/* Leave an operation out for ever, or until it is let in again. -EINVAL: there is none of that index (any more).
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_select_remove(struct chan_select *sel, int index);
CHAN_API CHAN_MUST_USE int chan_select_disable(struct chan_select *sel, int index);
CHAN_API CHAN_MUST_USE int chan_select_enable(struct chan_select *sel, int index);

/* What was selected. */
struct chan_selected {
    int index;
    int result; /* 0, or why the operation failed, as it would have by itself: -EPIPE ... */
    struct chan_view
        view;       /* recv: the message; end it with chan_release(), or undo it with chan_give_back() */
    int64_t due_ns; /* timer: when its message was due */
    int revents;    /* fd: as of poll(2) */
};

/* Do one of the operations that are ready, waiting for one if need be. 0: *out says which, and what became of it.
 *   -EAGAIN     (try) at one moment of the call none was ready       -ETIMEDOUT
 *   -ENODATA    there is no operation left to wait for: all are removed or disabled
 *   -ECANCELED  chan_select_cancel()    -EINTR  a signal handler ran, and one of the handles is
 *   -ECHILD                             CHAN_INTERRUPTIBLE
 *   -EINVAL     NULL; or there are more descriptors than poll(2) takes: RLIMIT_NOFILE
 *   -EMFILE -ENFILE -ENOMEM  what waits for descriptors, or for more channels than one system call takes, cannot be had
 * A large message that waits for payload memory may be passed over by the try form. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_select(struct chan_select *sel, struct chan_selected *out);
CHAN_API CHAN_MUST_USE int chan_try_select(struct chan_select *sel, struct chan_selected *out);
CHAN_API CHAN_MUST_USE int chan_select_timeout(struct chan_select *sel, struct chan_selected *out,
                                               int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_select_until(struct chan_select *sel, struct chan_selected *out,
                                             int64_t deadline_ns);

/* Do nothing, but say which operation is ready: its index, or an error as above. Nothing is reserved, so that by the
 * time it is tried another may have been faster. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_ready(struct chan_select *sel);
CHAN_API CHAN_MUST_USE int chan_try_ready(struct chan_select *sel);
CHAN_API CHAN_MUST_USE int chan_ready_timeout(struct chan_select *sel, int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_ready_until(struct chan_select *sel, int64_t deadline_ns);

/* As chan_cancel_receiver(), for the select. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_select_cancel(struct chan_select *sel);

CHAN_END

#endif
