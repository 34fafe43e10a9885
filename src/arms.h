/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of a select, its arms. */
#ifndef SRC_ARMS_H
#define SRC_ARMS_H

#include "src/kind.h"
#include "src/waitset.h"

enum operation { REMOVED, RECV, SEND, PERMIT, TIMER, DESCRIPTOR };

struct arm {
    enum operation operation;
    bool disabled;
    struct handle *handle; /* RECV, SEND, PERMIT: of the endpoint */
    struct chan_receiver *rx;
    struct chan_sender *tx;
    const void *data;
    size_t size;
    struct chan_timer *timer;
    struct pollfd fd;
    atomic_u32 *event; /* of the endpoint, while preparing to sleep */
    uint32_t key;
    bool was_rung; /* somebody has been woken by it since: perhaps we, in place of another */
    bool stalled;  /* it looked ready, and was not, for want of payload memory: until the next sleep */
    bool refused;  /* what it is about could not be shown: until the next sleep */
    struct stamp stamp;
};

/* What a select shows on a rendezvous channel: showing.c. */
struct showing {
    int index; /* of the operation; -1: nothing */
    struct sending offer;
    struct receiving demand;
    bool others_wait; /* selects on channels where nothing is shown */
};

struct chan_select {
    struct arm *arms;
    uint32_t *order; /* of trying, a permutation */
    uint32_t count, capacity;
    bool biased;
    uint64_t random;
    uint32_t spins;     /* learnt: how long spinning is worth it */
    uint64_t selection; /* its number, not 0 */
    unsigned fork_count;
    atomic_bool cancelled;
    struct showing showing;
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

/* Below bound: xorshift64*. */
uint32_t chan__select_random(struct chan_select *sel, uint32_t bound);

/* Why a select looks again at what it shows. */
enum occasion { NOTHING_NEW, WAS_RUNG, TIME_IS_UP };

/* The operation that is to be shown, which may be the one that is; -1: none can be. */
int chan__showing_choose(struct chan_select *sel, enum occasion occasion);

/* Show it, or one that can be shown in its place. */
void chan__showing_begin(struct chan_select *sel, int index);

/* True if what is shown has been met, or cannot be any more. */
bool chan__showing_is_over(const struct chan_select *sel);

/* Stop showing. 0: it had been met, which is what was selected. -EAGAIN: it is withdrawn. */
int chan__showing_end(struct chan_select *sel, struct chan_selected *out);

/* The select waits, with all its operations; it does not any more. */
void chan__showing_join(struct chan_select *sel);
void chan__showing_leave(struct chan_select *sel);

static inline bool is_rendezvous(const struct arm *arm)
{
    return is_endpoint(arm) && arm->handle->chan->segment.g.kind == CHAN_RENDEZVOUS;
}

#endif
