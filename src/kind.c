/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of channels, by their numbers. */
#include "src/kind.h"

int chan__no_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size, int64_t deadline_ns,
                  uint32_t *unannounced)
{
    (void)rx, (void)buffer, (void)capacity, (void)size, (void)deadline_ns, (void)unannounced;
    return -EOPNOTSUPP;
}

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
                        .inherit = chan__broadcast_inherit,
                        .send_ready = chan__broadcast_send_ready,
                        .recv_ready = chan__broadcast_recv_ready},
    [CHAN_WATCH] = {.put = chan__watch_put,
                    .make_room = chan__watch_make_room,
                    .spare = chan__watch_spare_of,
                    .recv = chan__watch_recv,
                    .recv_view = chan__watch_recv_view,
                    .release = chan__watch_release,
                    .give_back = chan__watch_give_back,
                    .attached = chan__watch_subscribe,
                    .send_ready = chan__watch_send_ready,
                    .recv_ready = chan__watch_recv_ready},
    [CHAN_ONESHOT] = {.put = chan__queue_put,
                      .recv = chan__queue_recv,
                      .recv_view = chan__queue_recv_view,
                      .release = chan__queue_release,
                      .give_back = chan__queue_give_back,
                      .send_ready = chan__queue_send_ready,
                      .recv_ready = chan__queue_recv_ready},
    [CHAN_CALL] = {.put = chan__call_put,
                   .recv = chan__no_recv,
                   .recv_view = chan__queue_recv_view,
                   .release = chan__call_release,
                   .give_back = chan__queue_give_back,
                   .send_ready = chan__queue_send_ready,
                   .recv_ready = chan__queue_recv_ready},
    [CHAN_RENDEZVOUS] = {.put = chan__rendezvous_put,
                         .recv = chan__rendezvous_recv,
                         .recv_view = chan__rendezvous_recv_view,
                         .release = chan__queue_release,
                         .give_back = chan__queue_give_back,
                         .send_ready = chan__rendezvous_send_ready,
                         .recv_ready = chan__rendezvous_recv_ready},
    [CHAN_GROWABLE] = {.put = chan__growable_put,
                       .recv = chan__growable_recv,
                       .recv_view = chan__growable_recv_view,
                       .release = chan__growable_release,
                       .give_back = chan__queue_give_back,
                       .send_ready = chan__queue_send_ready,
                       .recv_ready = chan__queue_recv_ready},
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
