/* SPDX-License-Identifier: Apache-2.0 */
/* DPDK's ring on memory of its user's, without the rest of DPDK: slots of whole cache lines; all sides spin.
 *
 * Many senders or receivers use its mode RTS, the one that stands their being preempted best. */
#include "link.h"

#include <rte_pause.h>
#include <rte_ring.h>

enum { BATCH = 32 };

extern const struct transport dpdk_batch_transport;

static int can(const struct shape *shape)
{
    return rte_ring_get_memsize_elem((unsigned)payload_stride(shape->size), depth_of(shape->size)) > 0;
}

static void *create(const struct shape *shape)
{
    unsigned depth = depth_of(shape->size);
    unsigned flags = (shape->senders == 1 ? RING_F_SP_ENQ : RING_F_MP_RTS_ENQ) |
                     (shape->receivers == 1 ? RING_F_SC_DEQ : RING_F_MC_RTS_DEQ);
    ssize_t bytes = rte_ring_get_memsize_elem((unsigned)payload_stride(shape->size), depth);
    void *link = link_new(shape, sizeof(struct link), (size_t)bytes);

    if (rte_ring_init(link_room(link), "chanbench", depth, flags) != 0)
        die("rte_ring_init", "refused");
    return link;
}

static void detach(void *end, enum side side)
{
    if (side == SENDER)
        link_leave_silently(end);
    link_free(end);
}

static unsigned send_burst(void *end, struct source *source, unsigned count)
{
    struct rte_ring *ring = link_room(end);
    unsigned size = (unsigned)payload_stride(source->size);
    unsigned sent;

    for (unsigned i = 0; i < count; i++)
        payload_stamp(source_message(source, i), source->size, source->next + i);
    while ((sent = rte_ring_enqueue_burst_elem(ring, source->buffers, size, count, NULL)) == 0)
        rte_pause();
    source->next += sent;
    return sent;
}

static unsigned recv_burst(void *end, struct sink *sink, unsigned count)
{
    struct rte_ring *ring = link_room(end);
    unsigned size = (unsigned)payload_stride(sink->size);
    unsigned received;

    while ((received = rte_ring_dequeue_burst_elem(ring, sink->buffers, size, count, NULL)) == 0) {
        if (link_over(end) && rte_ring_empty(ring))
            return 0;
        rte_pause();
    }
    for (unsigned i = 0; i < received; i++)
        sink_take(sink, sink->buffers + i * size, sink->size);
    return received;
}

static unsigned send_one(void *end, struct source *source)
{
    return send_burst(end, source, 1);
}

static unsigned recv_one(void *end, struct sink *sink)
{
    return recv_burst(end, sink, 1);
}

static unsigned send_batch(void *end, struct source *source)
{
    return send_burst(end, source, batch_of(&dpdk_batch_transport, source->size));
}

static unsigned recv_batch(void *end, struct sink *sink)
{
    return recv_burst(end, sink, batch_of(&dpdk_batch_transport, sink->size));
}

const struct transport dpdk_transport = {
    .name = "dpdk",
    .what = "DPDK's rte_ring, spinning",
    .waits = SPINS,
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = link_free,
    .detach = detach,
    .send = send_one,
    .recv = recv_one,
};

const struct transport dpdk_batch_transport = {
    .name = "dpdk-batch",
    .what = "the same, 32 at once",
    .waits = SPINS,
    .batch = BATCH,
    .can = can,
    .create = create,
    .destroy = link_free,
    .detach = detach,
    .send = send_batch,
    .recv = recv_batch,
};
