/* SPDX-License-Identifier: Apache-2.0 */
/* Pinning, within what the process was allowed at its start. */
#include "pin.h"

#include "transport.h"

#include <errno.h>
#include <sched.h>

static cpu_set_t allowed;

unsigned pin_count(void)
{
    if (CPU_COUNT(&allowed) == 0 && sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        die("sched_getaffinity", strerror(errno));
    return (unsigned)CPU_COUNT(&allowed);
}

void pin_to(unsigned i)
{
    unsigned skip = i % pin_count();
    cpu_set_t one;

    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || skip-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof one, &one) != 0)
            die("sched_setaffinity", strerror(errno));
        return;
    }
}

void pin_undo(void)
{
    if (sched_setaffinity(0, sizeof allowed, &allowed) != 0)
        die("sched_setaffinity", strerror(errno));
}
