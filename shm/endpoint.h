/* SPDX-License-Identifier: Apache-2.0 */
/* The table of attached endpoints: taking a record, keeping it, and telling whether its holder is alive.
 *
 * Every endpoint maps one page of the object through an open file description of its own, which has an OFD
 * lock on the byte of the endpoint's record and no descriptor any more: the mapping alone keeps it. So the
 * lock is held exactly as long as the address space is there that can touch the segment. The kernel drops
 * it when the last thread of the process is gone, and at exec; no fork child has it; closing descriptors
 * does not touch it; pid namespaces, zombies and reused pids do not matter. It also tells everybody who
 * watches the object (inotify, IN_CLOSE_WRITE).
 *
 * The lock is taken before the record and let go after it: a record that is not FREE and whose lock is free
 * belongs to the dead. So does a prepared one that was lent until a time that has passed (its `lapses_ns`), though its
 * lock is held: it is repaired like any other, and nobody can claim the record before the lock is let go of. */
#ifndef SHM_ENDPOINT_H
#define SHM_ENDPOINT_H

#include "shm/ring.h"

/* An attached endpoint: what the ring needs, and the mapping that proves it alive. */
struct endpoint {
    struct party party;
    uint64_t status; /* the record's status word while we have it */
    uint32_t role;   /* CHAN_ROLE_* */
    void *life;      /* the page that keeps the lock */
};

static inline uint64_t status_word(uint64_t generation, uint32_t role, uint32_t state)
{
    return generation << 24 | (uint64_t)role << 8 | state;
}

static inline uint32_t status_state(uint64_t status)
{
    return (uint32_t)(status & 0xff);
}

static inline uint32_t status_role(uint64_t status)
{
    return (uint32_t)(status >> 8) & 0xff;
}

static inline uint64_t status_generation(uint64_t status)
{
    return status >> 24;
}

static inline uint64_t status_with_state(uint64_t status, uint32_t state)
{
    return (status & ~UINT64_C(0xff)) | state;
}

/* Hold cells of a role are [first, first + role_cells). */
static inline uint32_t hold_first(const struct geometry *g, uint32_t role)
{
    return role == 2 ? g->role_cells : 0;
}

/* Records to look at: all others have never been taken. */
static inline uint32_t chan__records_used(const struct segment *s)
{
    uint64_t used = load_seq_cst(&seg_hot(s)->records_used); /* PIN, ASK */
    return used < s->g.endpoints ? (uint32_t)used : s->g.endpoints;
}

/* Take a free record; its state is ATTACHING afterwards. -EUSERS; -EBUSY: the side's one seat is taken;
 * -EMFILE ... */
int chan__endpoint_claim(const struct segment *s, uint32_t role, struct endpoint *out);

/* Write this process's identity into the record and show it in `state`. PREPARED: children inherit the
 * lock, until the endpoint is shown LIVE. -ENOENT: it was prepared, and has been handed over, or has lapsed. */
int chan__endpoint_show(struct endpoint *e, uint32_t state);

/* A PREPARED endpoint counts as dead from this time on (CLOCK_MONOTONIC; 0: never). -ENOENT: it has been handed over, or
 * has lapsed. */
int chan__endpoint_lease(const struct endpoint *e, uint64_t lapses_ns);

/* Give the record back (its holds must be in order) and let go of the lock. */
void chan__endpoint_leave(struct endpoint *e);

/* Let go of the lock only: a prepared endpoint lives on in whoever else has the mapping. */
void chan__endpoint_forget(struct endpoint *e);

/* True if the holder of record `number`, seen with `status`, is dead; false also if the record has changed
 * hands, or if this process has lost its descriptor and cannot tell. */
bool chan__endpoint_is_dead(const struct segment *s, uint32_t number, uint64_t status);

/* Endpoints of a role that count as attached: LIVE or PREPARED. */
uint32_t chan__endpoint_count(const struct segment *s, uint32_t role);

#endif
