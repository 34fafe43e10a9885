/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeping and waking on an event word. */
#include "shm/event.h"

#include "shm/futex.h"

#include <limits.h>

uint32_t chan__event_prepare(atomic_u32 *event)
{
    return fetch_or_seq_cst(event, EVENT_SLEEPERS) | EVENT_SLEEPERS; /* SLEEP */
}

int chan__event_wait(atomic_u32 *event, uint32_t key, int64_t deadline_ns)
{
    return chan__futex_wait(event, key, deadline_ns);
}

void chan__event_wake(atomic_u32 *event, int count)
{
    uint32_t key = load_seq_cst(event);
    /* Losing this race means that another waker has just raised the sequence: sleepers in between will
     * look again. */
    bool raised = cas_seq_cst_u32(event, key, key + EVENT_STEP);
    if (chan__futex_wake(event, count) || !raised)
        return;
    /* Nobody slept: the bit was a leftover. Somebody may have gone to sleep on it since, just before it is
     * cleared, and would be overlooked from then on: hence the second wake. */
    if (cas_seq_cst_u32(event, key + EVENT_STEP, (key + 2 * EVENT_STEP) & ~EVENT_SLEEPERS))
        chan__futex_wake(event, INT_MAX);
}

void chan__event_notify_all(atomic_u32 *event)
{
    atomic_fetch_add_explicit(event, EVENT_STEP, memory_order_seq_cst);
    chan__futex_wake(event, INT_MAX);
}
