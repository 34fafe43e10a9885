/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: sources of one message, or of one after another, at given times. They live in this process only, and
 * are never closed by others; what they are for is an arm of a select (shmchan/select.h).
 *
 * A timer's message is the time at which it was due, not that of reading it. Any number of threads may use a
 * timer at once; each message goes to one of them. A fork child has a copy of its own. */
#ifndef SHMCHAN_TIMER_H
#define SHMCHAN_TIMER_H

#include <shmchan/base.h>

CHAN_BEGIN

struct chan_timer;

/* One message, `delay_ns` from now; negative counts as 0, and what does not fit is never. -ENOMEM. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_timer_after(int64_t delay_ns, struct chan_timer **out);

/* One message at a time of CLOCK_MONOTONIC; at once if that is past, never if it is CHAN_FOREVER. -ENOMEM.
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_timer_at(int64_t when_ns, struct chan_timer **out);

/* A message every `period_ns`, the first in `period_ns` from now. Those that nobody read in time become one. The
 * next is due a period after this one was; after it was read, where reading did not wait for it, or came late.
 * Period 0: always due. -EINVAL: negative; -ENOMEM. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_timer_every(int64_t period_ns, struct chan_timer **out);

/* NULL is fine. Since 0.1. */
CHAN_API void chan_timer_close(struct chan_timer *timer);

/* Take the message that is due, or wait for it; *due_ns (may be NULL) is when it was due. -EAGAIN: not due yet;
 * -ETIMEDOUT. A timer that has no message any more is as one whose message is due never. Signals do not show.
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_timer_recv(struct chan_timer *timer, int64_t *due_ns);
CHAN_API CHAN_MUST_USE int chan_timer_try_recv(struct chan_timer *timer, int64_t *due_ns);
CHAN_API CHAN_MUST_USE int chan_timer_recv_timeout(struct chan_timer *timer, int64_t *due_ns,
                                                   int64_t timeout_ns);
CHAN_API CHAN_MUST_USE int chan_timer_recv_until(struct chan_timer *timer, int64_t *due_ns,
                                                 int64_t deadline_ns);

/* When the next message is due, or was; CHAN_FOREVER: never. Since 0.1. */
CHAN_API int64_t chan_timer_due(const struct chan_timer *timer);

CHAN_END

#endif
