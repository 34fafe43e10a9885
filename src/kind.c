/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of channels, by their numbers. */
#include "src/kind.h"

static const struct kind kinds[] = {
    [CHAN_QUEUE] = {chan__queue_put, chan__queue_recv, chan__queue_recv_view, chan__queue_release,
                    chan__queue_give_back, chan__queue_send_ready, chan__queue_recv_ready},
    [CHAN_RENDEZVOUS] = {chan__rendezvous_put, chan__rendezvous_recv, chan__rendezvous_recv_view,
                         chan__queue_release, chan__queue_give_back, chan__rendezvous_send_ready,
                         chan__rendezvous_recv_ready},
};

const struct kind *chan__kind(const struct chan *ch)
{
    return &kinds[ch->segment.g.kind];
}
