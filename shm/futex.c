/* SPDX-License-Identifier: Apache-2.0 */
/* The futex calls. */
#include "shm/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* 32-bit programs with a 64-bit time_t need the call that takes one. */
#if defined(SYS_futex_time64) && !defined(__LP64__)
#define SYS_FUTEX SYS_futex_time64
#else
#define SYS_FUTEX SYS_futex
#endif

struct kernel_timespec { /* what either call expects, whatever libc's time_t is */
    int64_t seconds;
    int64_t nanoseconds;
};

int chan__futex_wait(const atomic_u32 *word, uint32_t value, int64_t deadline_ns)
{
    struct kernel_timespec until = {.seconds = deadline_ns / 1000000000,
                                    .nanoseconds = deadline_ns % 1000000000};
    struct kernel_timespec *limit = deadline_ns == INT64_MAX ? NULL : &until;
    int saved = errno;
    int result = 0;
    /* WAIT_BITSET takes an absolute deadline, on CLOCK_MONOTONIC. */
    if (syscall(SYS_FUTEX, word, FUTEX_WAIT_BITSET, value, limit, NULL, FUTEX_BITSET_MATCH_ANY) &&
        errno != EAGAIN)
        result = -errno;
    errno = saved;
    return result;
}

#ifndef SYS_futex_waitv /* C libraries older than Linux 5.16; the number is that of every architecture */
#define SYS_futex_waitv 449
#endif

struct kernel_waiter { /* struct futex_waitv of linux/futex.h, which may be too old to have it */
    uint64_t value;
    uint64_t address;
    uint32_t flags;
    uint32_t reserved;
};

#define WAITER_32_BITS 2u /* FUTEX_32 */

int chan__futex_wait_any(const struct futex_key *keys, uint32_t count, int64_t deadline_ns)
{
    struct kernel_waiter waiters[FUTEX_KEYS_MAX];
    struct kernel_timespec until = {.seconds = deadline_ns / 1000000000,
                                    .nanoseconds = deadline_ns % 1000000000};
    struct kernel_timespec *limit = deadline_ns == INT64_MAX ? NULL : &until;
    for (uint32_t i = 0; i < count; i++)
        waiters[i] = (struct kernel_waiter){keys[i].value, (uintptr_t)keys[i].word, WAITER_32_BITS, 0};
    int saved = errno;
    int result = 0;
    if (syscall(SYS_futex_waitv, waiters, count, 0, limit, CLOCK_MONOTONIC) < 0 && errno != EAGAIN)
        result = errno == EPERM ? -ENOSYS : -errno; /* EPERM: how some sandboxes refuse */
    errno = saved;
    return result;
}

int chan__futex_wake(const atomic_u32 *word, int count)
{
    int saved = errno;
    long woken = syscall(SYS_FUTEX, word, FUTEX_WAKE, count);
    errno = saved;
    return woken < 0 ? 0 : (int)woken;
}
