/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of a select, its arms. */
#ifndef SRC_ARMS_H
#define SRC_ARMS_H

#include "src/kind.h"
#include "src/waitset.h"

enum operation { REMOVED, RECV, SEND, TIMER, DESCRIPTOR };

struct arm {
    enum operation operation;
    bool disabled;
    struct handle *handle; /* RECV, SEND: of the endpoint */
    struct chan_receiver *rx;
    struct chan_sender *tx;
    const void *data;
    size_t size;
    struct chan_timer *timer;
    struct pollfd fd;
    uint32_t key;  /* of the endpoint's event, while preparing to sleep */
    bool was_rung; /* somebody has been woken by it since: perhaps we, in place of another */
    struct stamp stamp;
};

struct chan_select {
    struct arm *arms;
    uint32_t *order; /* of trying, a permutation */
    uint32_t count, capacity;
    bool biased;
    uint64_t random;
    unsigned fork_count;
    atomic_bool cancelled;
    struct waitset waitset;
    struct futex_key *keys; /* for sleeping: room for all arms */
    struct pollfd *fds;
};

static inline bool takes_part(const struct arm *arm)
{
    return arm->operation != REMOVED && !arm->disabled;
}

static inline bool is_endpoint(const struct arm *arm)
{
    return takes_part(arm) && arm->handle;
}

#endif
