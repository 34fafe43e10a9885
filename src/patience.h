/* SPDX-License-Identifier: Apache-2.0 */
/* How long a sleeper sleeps before it looks around by itself.
 *
 * With the keeper, deaths wake it, and in the end it looks around only about once a second; but soon after it fell
 * asleep, or was woken for nothing: a process that was stopped before it gave notice may not have seen it fall asleep,
 * or have warned it.
 *
 * Of leases that end nobody is told, and without a keeper nobody is told of deaths. So one of those of a process that
 * wait, however briefly each of them does, looks for the dead every 1.25 s, and without a keeper every 20 ms
 * (chan__heal_if_due()). No sleep lasts beyond that time. */
#ifndef SRC_PATIENCE_H
#define SRC_PATIENCE_H

#include "src/handle.h"

#define PATIENCE_NS INT64_C(1250000000)
#define PATIENCE_ALONE_NS INT64_C(20000000)
#define PATIENCE_WARNED_NS INT64_C(8000000)
#define PATIENCE_GROWTH 4

/* Of the first sleep. Tests of what wakes somebody who has long been asleep begin with the longest. */
#ifndef PATIENCE_FIRST_NS
#define PATIENCE_FIRST_NS PATIENCE_WARNED_NS
#endif

struct patience {
    int64_t now_ns; /* of the next sleep, at most */
};

/* When the next sleep ends by itself; it is time to look for the dead at heal_ns. If that is over, the sleep is a short
 * one, and not none: who is too slow for more than one look in that time is to sleep, too. */
static inline int64_t patience_end(const struct patience *p, int64_t now_ns, int64_t heal_ns,
                                   int64_t deadline_ns)
{
    int64_t end_ns = now_ns + p->now_ns;
    if (heal_ns <= now_ns)
        heal_ns = now_ns + PATIENCE_WARNED_NS;
    if (heal_ns < end_ns)
        end_ns = heal_ns;
    return deadline_ns < end_ns ? deadline_ns : end_ns;
}

/* After a sleep that lasted to its own end, or not. */
static inline void patience_learn(struct patience *p, bool to_its_end)
{
    int64_t longer_ns = p->now_ns < PATIENCE_NS / PATIENCE_GROWTH ? p->now_ns * PATIENCE_GROWTH : PATIENCE_NS;
    p->now_ns = to_its_end ? longer_ns : PATIENCE_WARNED_NS;
}

#endif
