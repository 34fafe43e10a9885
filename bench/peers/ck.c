/* SPDX-License-Identifier: Apache-2.0 */
/* Concurrency Kit's ring, one sender and one receiver, slots of a cache line; both sides spin. */
#include "roll.h"

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
    struct roll *roll = roll_new(shape, sizeof(struct ring) + depth * sizeof(struct slot));
    struct ring *ring = roll_room(roll);

    ck_ring_init(&ring->ring, depth);
    return roll;
}

static void destroy(void *link)
{
    roll_free(link);
}

static void *attach(void *link, enum side side)
{
    (void)side;
    return link;
}

static void detach(void *end, enum side side)
{
    if (side == SENDER)
        roll_leave(end);
    roll_free(end);
}

static unsigned send_one(void *end, struct source *source)
{
    struct ring *ring = roll_room(end);

    payload_stamp(source->buffers, source->size, source->next++);
    while (!ck_ring_enqueue_spsc_slot(&ring->ring, ring->slots, (struct slot *)source->buffers))
        ck_pr_stall();
    return 1;
}

static unsigned recv_one(void *end, struct sink *sink)
{
    struct ring *ring = roll_room(end);
    struct slot *slot = (struct slot *)sink->buffers;

    while (!ck_ring_dequeue_spsc_slot(&ring->ring, ring->slots, slot)) {
        if (roll_over(end) && ck_ring_size(&ring->ring) == 0)
            return 0;
        ck_pr_stall();
    }
    sink_take(sink, sink->buffers, sink->size);
    return 1;
}

const struct transport ck_transport = {
    .name = "ck",
    .what = "Concurrency Kit's ring, spinning, up to 64 bytes, one sender and one receiver",
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = destroy,
    .attach = attach,
    .detach = detach,
    .send = send_one,
    .recv = recv_one,
};
