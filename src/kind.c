/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of channels, by their numbers. */
#include "src/kind.h"

static const struct kind kinds[] = {
    [CHAN_QUEUE] = {.put = chan__queue_put,
                    .recv = chan__queue_recv,
                    .recv_view = chan__queue_recv_view,
                    .release = chan__queue_release,
                    .give_back = chan__queue_give_back,
                    .send_ready = chan__queue_send_ready,
                    .recv_ready = chan__queue_recv_ready},
    [CHAN_BROADCAST] = {.put = chan__broadcast_put,
                        .make_room = chan__broadcast_make_room,
                        .recv = chan__broadcast_recv,
                        .recv_view = chan__broadcast_recv_view,
                        .release = chan__broadcast_release,
                        .attaching = chan__broadcast_attaching,
                        .attached = chan__broadcast_attached,
                        .send_ready = chan__broadcast_send_ready,
                        .recv_ready = chan__broadcast_recv_ready},
    [CHAN_RENDEZVOUS] = {.put = chan__rendezvous_put,
                         .recv = chan__rendezvous_recv,
                         .recv_view = chan__rendezvous_recv_view,
                         .release = chan__queue_release,
                         .give_back = chan__queue_give_back,
                         .send_ready = chan__rendezvous_send_ready,
                         .recv_ready = chan__rendezvous_recv_ready},
};

static const struct kind fair_queue = {.put = chan__fair_put,
                                       .recv = chan__queue_recv,
                                       .recv_view = chan__queue_recv_view,
                                       .release = chan__queue_release,
                                       .give_back = chan__queue_give_back,
                                       .send_ready = chan__fair_send_ready,
                                       .recv_ready = chan__queue_recv_ready};

const struct kind *chan__kind(const struct chan *ch)
{
    return ch->segment.g.order == CHAN_FAIR ? &fair_queue : &kinds[ch->segment.g.kind];
}
