/* SPDX-License-Identifier: Apache-2.0 */
/* Pollable descriptors: eventfds that say whether a handle is worth a try.
 *
 * A descriptor's level and who listens for the change:
 *
 *   RESTING   it is readable. Nobody listens. Its handle's thread may try at any time.
 *   ARMED     it is not. The handle's thread has prepared to sleep on the event (shm/event.h: `key`), and
 *             tried once more, in vain. The poller, a thread of this process, sleeps on the word for it,
 *             and makes the descriptor readable when the word is no longer `key`.
 *
 *   RESTING -> ARMED
 *             by a try_ form that says -EAGAIN twice, the second time after preparing
 *             (chan__pollable_attempt)
 *   ARMED -> RESTING
 *             by the poller: rung; or it is time to look around (patience.h)
 *             by the handle's thread, which is about to sleep in a call of its own, or has looked at all that it may
 *             wait for and found something
 *
 * Both under the poller's lock, with the write to the eventfd, or the read from it, under the same: so
 * level and state agree for whoever has the lock. What changes after `key` was taken changes the word, or
 * its maker saw no sleeper, and then the second attempt saw the change: as with every sleeper.
 *
 * Lingering: having rung, the poller goes back to sleep on the same word, though nobody has armed it again.
 * The usual arming then need not wake the poller: to be in the kernel's queue for the word is all that a
 * wake-up asks for. A wake-up that comes while it is not armed is for others: it is passed on, and the
 * poller does not linger on this word any more.
 *
 * Whoever dies with an armed descriptor leaves what every sleeper leaves: perhaps a sleeper bit too many. */
#ifndef SRC_POLLABLE_H
#define SRC_POLLABLE_H

#include "src/handle.h"

/* A descriptor (level.c): readable while the level is up, as it is at first. */
struct level {
    int fd;
    bool is_marked;  /* it bears the mark by which it is known */
    uint32_t serial; /* which one of this process's */
};

int chan__level_open(struct level *level); /* -EMFILE -ENFILE -ENOMEM, or how a sandbox refuses */
void chan__level_close(const struct level *level);
void chan__level_raise(const struct level *level);
void chan__level_lower(const struct level *level);

/* False: the program has closed it. What may have its number now is left alone by all of these. */
bool chan__level_is_ours(const struct level *level);

/* Writer of all: whoever has the poller's lock, unless it says otherwise. */
struct pollable {
    struct pollable *next;   /* of the handle; only its thread looks at it */
    struct pollable *others; /* of this process: the poller's list */
    struct handle *handle;
    atomic_u32 *word;   /* the event */
    uint32_t waits_for; /* CHAN_WAITS_FOR_* */
    struct level level;

    atomic_bool armed; /* also read by the handle's thread, without the lock */
    uint32_t key;      /* of the word, while armed. Writer: the handle's thread */
    int64_t armed_ns;  /* since when */
    uint64_t moved;    /* messages that the handle had moved when it last rested */
    int64_t patience_ns;
    int64_t look_ns;    /* armed: when it is time to look around */
    int64_t heal_ns;    /* armed, where no keeper watches: when to look for the dead */
    int64_t pass_on_ns; /* resting: when to pass the wake-up on; INT64_MAX: there is none */
    bool was_rung;      /* resting because of the word, and not to look around */

    bool lingers;
    bool is_slept_on; /* by the sleep that the poller is in */
    uint32_t slept;   /* the word when that began */
};

/* The poller (poller.c). Add a descriptor that rests, and start the thread if there is none: -ENOMEM. */
int chan__poller_add(struct pollable *p);

/* It sleeps no more on the word when this returns. */
void chan__poller_remove(struct pollable *p);

/* Arm it: the word was `key`. And have it rest, because its thread is going to sleep by itself, or has found something.
 * `was_vain`: what it may have been woken for is not there any more; else others are to hear of that in time. */
void chan__poller_arm(struct pollable *p, uint32_t key);
void chan__poller_rest(struct pollable *p, bool was_vain);

#endif
