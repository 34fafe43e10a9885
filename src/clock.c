/* SPDX-License-Identifier: Apache-2.0 */
/* Time and versions. */
#include "shm/layout.h"

#include <shmchan/base.h>
#include <time.h>

const char *chan_version(void)
{
    return CHAN_VERSION_STRING;
}

uint32_t chan_format_version(void)
{
    return SEG_FORMAT_VERSION;
}

int64_t chan_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t chan_deadline(int64_t timeout_ns)
{
    int64_t now = chan_now();
    if (timeout_ns <= 0)
        return now;
    return timeout_ns > CHAN_FOREVER - now ? CHAN_FOREVER : now + timeout_ns;
}
