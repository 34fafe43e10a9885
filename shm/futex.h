/* SPDX-License-Identifier: Apache-2.0 */
/* The futex calls: the only place that makes them. All futexes are shared between processes. */
#ifndef SHM_FUTEX_H
#define SHM_FUTEX_H

#include "shm/atomic.h"

/* Sleep while *word == value, until `deadline_ns` on CLOCK_MONOTONIC (INT64_MAX: for ever).
 * 0: woken, or *word differed; -ETIMEDOUT; -EINTR. */
int chan__futex_wait(const atomic_u32 *word, uint32_t value, int64_t deadline_ns);

/* A word to sleep on, and the value it must have for that. */
struct futex_key {
    const atomic_u32 *word;
    uint32_t value;
};

#define FUTEX_KEYS_MAX 128u /* the kernel's */

/* The same on up to FUTEX_KEYS_MAX words: sleep while each has its value. -ENOSYS: a kernel before 5.16, or a
 * sandbox that does not let it through. */
int chan__futex_wait_any(const struct futex_key *keys, uint32_t count, int64_t deadline_ns);

/* Wake up to `count` sleepers; returns how many there were. */
int chan__futex_wake(const atomic_u32 *word, int count);

#endif
