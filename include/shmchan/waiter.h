/* SPDX-License-Identifier: Apache-2.0 */
/* Waiters: waiting for an endpoint by other means than the library's own calls. A program that sleeps in one
 * place for all it does, in an io_uring (<shmchan/uring.h> is made of this), in futex_waitv(2), in a runtime
 * of its own, needs to know what to sleep on.
 *
 * Whatever the kind of channel, it is one word of 32 bits in shared memory, a futex that is not private, on
 * which to sleep while it has a certain value, and a moment at which to look in any case: with that, a waiter
 * is told of messages or room, of the end and of deaths as soon as a blocking call is, and no process stopped
 * at the wrong moment keeps it asleep.
 *
 *     for (;;) {
 *         result = chan_waiter_try(w, attempt, argument, &sleep);
 *         if (result != -EAGAIN)
 *             break;
 *         ... sleep while *sleep.word is sleep.value, until sleep.until_ns, or for anything else ...
 *     }
 *
 * Waiters are for messages and for room. A caller that waits for an answer, and a sender that waits for the
 * end, have calls for that, and descriptors (<shmchan/poll.h>).
 *
 * Who waits announces that, so that senders make no system call where nobody does. A waiter belongs to one
 * thread at a time, together with its endpoint, which must outlive it. After fork() the child's use of it is
 * -ECHILD. Killed with it, a process leaves nothing behind: what woke it, others hear of. */
#ifndef SHMCHAN_WAITER_H
#define SHMCHAN_WAITER_H

#include <shmchan/recv.h>
#include <shmchan/send.h>

CHAN_BEGIN

struct chan_waiter;

/* What to sleep on, as of futex_waitv(2). Waking early does no harm. */
struct chan_sleep {
    const uint32_t *word; /* in shared memory: FUTEX2_SIZE_U32, not FUTEX2_PRIVATE */
    uint32_t value;       /* awake already if the word has another */
    int64_t until_ns;     /* CLOCK_MONOTONIC: sleep no longer than this, about a second at most */
};

/* A waiter for messages, or for room. The same endpoint may have several, and may be used beside them.
 * -ENOMEM; -ECHILD. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_waiter_of_receiver(struct chan_receiver *rx, struct chan_waiter **out);
CHAN_API CHAN_MUST_USE int chan_waiter_of_sender(struct chan_sender *tx, struct chan_waiter **out);

/* Try, and if that cannot be done now, say what to sleep on until it may be. The sleep that was begun by the
 * last try is over with this one.
 *
 * `attempt` makes one call on the waiter's endpoint that does not wait, and returns its result, -EAGAIN if it
 * would have to; it may be called twice. NULL: look only whether a receive, or the send of a small message,
 * would be done or fail at once. On a rendezvous a try, and a look, find only peers that wait.
 *
 * -EAGAIN: *out is filled in. Anything else is what the attempt said (NULL: 0), and nothing is to be slept
 * on. -ECHILD. It does not wait; where other processes have died it repairs what they left, as any call does.
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_waiter_try(struct chan_waiter *w, int (*attempt)(void *argument),
                                           void *argument, struct chan_sleep *out);

/* The sleep is over, and no try follows: a message, or room, that may have ended it is for somebody else, who
 * is woken. Since 0.1. */
CHAN_API void chan_waiter_withdraw(struct chan_waiter *w);

/* Withdraw, and free it. If somebody may still sleep for it, in the kernel on its behalf, everybody on the
 * channel is woken, so that no wake-up can go astray. NULL is fine. Since 0.1. */
CHAN_API void chan_waiter_close(struct chan_waiter *w);

CHAN_END

#endif
