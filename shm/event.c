/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeping and waking on an event word. */
#include "shm/event.h"

#include "shm/futex.h"

#include <limits.h>

uint32_t chan__event_prepare(atomic_u32 *event)
{
    uint32_t key;
    do
        key = fetch_or_seq_cst(event, EVENT_SLEEPERS) | EVENT_SLEEPERS; /* SLEEP */
    while (key & EVENT_CLEARING && !cas_seq_cst_u32(event, key, key & ~EVENT_CLEARING));
    return key & ~EVENT_CLEARING;
}

int chan__event_wait(atomic_u32 *event, uint32_t key, int64_t deadline_ns)
{
    return chan__futex_wait(event, key, deadline_ns);
}

uint32_t chan__event_wake(atomic_u32 *event, int count)
{
    uint32_t key = load_seq_cst(event);
    uint32_t raised = ((key & ~EVENT_CLEARING) + EVENT_STEP) | EVENT_CLEARING;
    if (!(key & EVENT_SLEEPERS))
        return 0;
    /* Losing this race means that another waker has just raised the sequence: sleepers in between will
     * look again. */
    bool is_raised = cas_seq_cst_u32(event, key, raised);
    /* Fewer than asked for: of those who prepared before the sequence was raised nobody is asleep any more; whoever
     * has prepared since has taken the clearing bit away. */
    if (chan__futex_wake(event, count) < count && is_raised)
        (void)cas_seq_cst_u32(event, raised, raised & ~(EVENT_SLEEPERS | EVENT_CLEARING));
    return is_raised ? raised : 0;
}

void chan__event_notify_all(atomic_u32 *event)
{
    atomic_fetch_add_explicit(event, EVENT_STEP, memory_order_seq_cst);
    chan__futex_wake(event, INT_MAX);
}
