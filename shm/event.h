/* SPDX-License-Identifier: Apache-2.0 */
/* An event: one word of the segment on which any number of endpoints sleep until a condition may have
 * changed.
 *
 * The word is {sequence:30, clearing:1, sleepers:1}. It counts nobody, so a killed sleeper leaves nothing
 * wrong behind:
 *
 *   sleeper:  key = chan__event_prepare()     sets the sleeper bit, takes the clearing bit away
 *             look at the condition once more; if it holds now, do not sleep
 *             chan__event_wait(key)           sleeps only while the word is still `key`
 *   waker:    change the condition, then chan__event_notify(): nothing but a load unless the bit is set; else
 *             raise the sequence and set the clearing bit, wake, and if there were fewer sleepers than could be
 *             served, clear both bits unless somebody has prepared to sleep since.
 *
 * Either the waker sees the bit or the sleeper sees the change (SLEEP in atomic.h), and the bit is set
 * whenever somebody sleeps: who is stopped anywhere in between keeps no wake-up but its own. A bit left behind
 * by the dead costs the next waker one call, once. model/event.pml checks all this.
 *
 * A waker killed between its change and its wake is made up for by whoever notices the death: everybody is
 * woken then. One that is stopped there has warned before the change, with chan__event_warn(): whoever is woken,
 * and finds nothing, looks again by itself before long (wait.c). A warning wakes one sleeper more than the change
 * can serve, so one of those woken may be stopped, too. As long as nobody has prepared to sleep since the warning,
 * all those that it woke have yet to look, and will see the change: the notice costs no call then. */
#ifndef SHM_EVENT_H
#define SHM_EVENT_H

#include "shm/atomic.h"

#include <limits.h>

#define EVENT_SLEEPERS 1u
#define EVENT_CLEARING 2u
#define EVENT_STEP 4u

uint32_t chan__event_prepare(atomic_u32 *event);

/* As chan__futex_wait(). */
int chan__event_wait(atomic_u32 *event, uint32_t key, int64_t deadline_ns);

/* The out-of-line part of what follows. Returns the word that shows that nobody has prepared to sleep since; 0: there
 * is none. */
uint32_t chan__event_wake(atomic_u32 *event, int count);

/* True if somebody sleeps, or did. */
static inline bool chan__event_has_sleepers(const atomic_u32 *event)
{
    return load_relaxed(event) & EVENT_SLEEPERS;
}

/* Before a change that can serve `count` sleepers. What it returns is for chan__event_notify_warned(). */
static inline uint32_t chan__event_warn(atomic_u32 *event, int count)
{
    return chan__event_has_sleepers(event) ? chan__event_wake(event, count < INT_MAX ? count + 1 : count) : 0;
}

/* Wake up to `count` sleepers, if anybody sleeps: as many as the change of the condition can serve. */
static inline void chan__event_notify(atomic_u32 *event, int count)
{
    if (load_seq_cst(event) & EVENT_SLEEPERS) /* SLEEP */
        (void)chan__event_wake(event, count);
}

/* The same after a warning for as many; `warned` is 0 if there was none. */
static inline void chan__event_notify_warned(atomic_u32 *event, uint32_t warned, int count)
{
    uint32_t word = load_seq_cst(event); /* SLEEP */
    if (word & EVENT_SLEEPERS && word != warned)
        (void)chan__event_wake(event, count);
}

/* The same as chan__event_notify() after a change made by a plain store, or by a weaker operation than a sequentially consistent
 * CAS. */
static inline void chan__event_notify_after_store(atomic_u32 *event, int count)
{
    if (fetch_or_seq_cst(event, 0) & EVENT_SLEEPERS) /* SLEEP */
        (void)chan__event_wake(event, count);
}

/* Wake everybody, sleeper bit or not: for changes that concern all, and after a death, which may have left
 * the bit wrong. Costs a system call. */
void chan__event_notify_all(atomic_u32 *event);

#endif
