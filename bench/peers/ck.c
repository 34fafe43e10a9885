/* SPDX-License-Identifier: Apache-2.0 */
/* Concurrency Kit's ring, one sender and one receiver, slots of a cache line; both sides spin. */
#include "link.h"

#include <ck_pr.h>
#include <ck_ring.h>

struct slot {
    unsigned char bytes[64]; /* as large as the buffers of the payload are at least */
};

CK_RING_PROTOTYPE(slot, slot)

struct ring {
    struct ck_ring ring;
    _Alignas(128) struct slot slots[];
};

static int can(const struct shape *shape)
{
    return shape->senders == 1 && shape->receivers == 1 && shape->size <= sizeof(struct slot);
}

static void *create(const struct shape *shape)
{
    unsigned depth = depth_of(shape->size);
    void *link = link_new(shape, sizeof(struct link), sizeof(struct ring) + depth * sizeof(struct slot));
    struct ring *ring = link_room(link);

    ck_ring_init(&ring->ring, depth);
    return link;
}

static void detach(void *end, enum side side)
{
    if (side == SENDER)
        link_leave_silently(end);
    link_free(end);
}

static unsigned send_one(void *end, struct source *source)
{
    struct ring *ring = link_room(end);
    struct slot *slot = (struct slot *)source_next(source);

    while (!ck_ring_enqueue_spsc_slot(&ring->ring, ring->slots, slot))
        ck_pr_stall();
    return 1;
}

static unsigned recv_one(void *end, struct sink *sink)
{
    struct ring *ring = link_room(end);
    struct slot *slot = (struct slot *)sink->buffers;

    while (!ck_ring_dequeue_spsc_slot(&ring->ring, ring->slots, slot)) {
        if (link_over(end) && ck_ring_size(&ring->ring) == 0)
            return 0;
        ck_pr_stall();
    }
    return sink_next(sink, sink->size);
}

const struct transport ck_transport = {
    .name = "ck",
    .what = "Concurrency Kit's ring, spinning, up to 64 bytes, one sender and one receiver",
    .waits = SPINS,
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = link_free,
    .detach = detach,
    .send = send_one,
    .recv = recv_one,
};
