/* SPDX-License-Identifier: Apache-2.0 */
/* How long a sleeper sleeps before it looks around by itself.
 *
 * With the keeper, deaths wake it, and in the end it looks around only about once a second; but soon after it fell
 * asleep, or was woken for nothing: a process that was stopped before it gave notice may not have seen it fall asleep,
 * or have warned it. Without, it looks after the dead itself, every 20 ms. */
#ifndef SRC_PATIENCE_H
#define SRC_PATIENCE_H

#include "src/handle.h"

#define PATIENCE_NS INT64_C(1250000000)
#define PATIENCE_ALONE_NS INT64_C(20000000)
#define PATIENCE_WARNED_NS INT64_C(8000000)
#define PATIENCE_GROWTH 4

struct patience {
    int64_t now_ns; /* of the next sleep, at most */
    bool alone;     /* no keeper watches */
};

/* When the next sleep ends by itself. */
static inline int64_t patience_end(struct patience *p, int64_t now_ns, int64_t deadline_ns)
{
    int64_t most_ns = p->alone ? PATIENCE_ALONE_NS : PATIENCE_NS;
    if (p->now_ns > most_ns)
        p->now_ns = most_ns;
    return deadline_ns - now_ns < p->now_ns ? deadline_ns : now_ns + p->now_ns;
}

/* After a sleep that lasted to its own end, or not. True: it is time to look for the dead. */
static inline bool patience_is_over(struct patience *p, bool to_its_end)
{
    bool over = to_its_end && (p->alone || p->now_ns == PATIENCE_NS);
    p->now_ns = to_its_end ? p->now_ns * PATIENCE_GROWTH : PATIENCE_WARNED_NS;
    return over;
}

#endif
