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
 * woken then. One that is stopped there has warned before the change: whoever is woken, and finds nothing,
 * looks again by itself before long (wait.c). Warning and notice wake two sleepers where there are two, so
 * one of them may be stopped, too, right after it was woken. */
#ifndef SHM_EVENT_H
#define SHM_EVENT_H

#include "shm/atomic.h"

#define EVENT_SLEEPERS 1u
#define EVENT_CLEARING 2u
#define EVENT_STEP 4u

uint32_t chan__event_prepare(atomic_u32 *event);

/* As chan__futex_wait(). */
int chan__event_wait(atomic_u32 *event, uint32_t key, int64_t deadline_ns);

/* A warning, and the out-of-line part of chan__event_notify(). */
void chan__event_wake(atomic_u32 *event, int count);

/* True if somebody sleeps, or did: time for a warning with chan__event_wake(). */
static inline bool chan__event_has_sleepers(const atomic_u32 *event)
{
    return load_relaxed(event) & EVENT_SLEEPERS;
}

/* Wake up to `count` sleepers, if anybody sleeps: as many as the change of the condition can serve. */
static inline void chan__event_notify(atomic_u32 *event, int count)
{
    if (load_seq_cst(event) & EVENT_SLEEPERS) /* SLEEP */
        chan__event_wake(event, count);
}

/* The same after a change made by a plain store, or by a weaker operation than a sequentially consistent
 * CAS. */
static inline void chan__event_notify_after_store(atomic_u32 *event, int count)
{
    if (fetch_or_seq_cst(event, 0) & EVENT_SLEEPERS) /* SLEEP */
        chan__event_wake(event, count);
}

/* Wake everybody, sleeper bit or not: for changes that concern all, and after a death, which may have left
 * the bit wrong. Costs a system call. */
void chan__event_notify_all(atomic_u32 *event);

#endif
