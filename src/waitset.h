/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeping on any number of futex words, and on descriptors, at once.
 *
 * One futex_waitv call does it for as many words as the kernel takes. What goes beyond that is handed to lookouts:
 * threads that sleep on further words, or on descriptors, and ring the bell, a word of this process that the call
 * sleeps on, too. Where there is no futex_waitv, every word has a lookout. Nobody polls. */
#ifndef SRC_WAITSET_H
#define SRC_WAITSET_H

#include "shm/futex.h"

#include <poll.h>

struct lookout;

struct waitset {
    atomic_u32 bell;         /* raised by lookouts, and to end a sleep */
    struct lookout *words;   /* lookouts for words, a list */
    struct lookout *polling; /* the one for descriptors, or NULL */
    bool has_no_waitv;       /* found out once */
};

/* The bell as it is now: what rings from here on ends the sleep. */
static inline uint32_t chan__waitset_bell(const struct waitset *w)
{
    return load_seq_cst(&w->bell);
}

/* From any thread. */
void chan__waitset_ring(struct waitset *w);

/* Sleep until one of the words has another value than its key's (who wakes its sleepers has changed it before), a
 * descriptor is ready, the bell has been rung since it was `bell`, or the deadline passes. It may end sooner. 0: look
 * again; -ETIMEDOUT; -EINTR; -ENOMEM -EMFILE: a lookout could not be started; -EINVAL: more descriptors than poll(2)
 * takes. No lookout sleeps on a word any more when it returns. */
int chan__waitset_sleep(struct waitset *w, uint32_t bell, const struct futex_key *keys, uint32_t count,
                        const struct pollfd *fds, uint32_t fd_count, int64_t deadline_ns);

/* End all lookouts. `forked`: this is a child, and they stayed with the parent. */
void chan__waitset_close(struct waitset *w, bool forked);

#endif
