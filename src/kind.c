/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of channels, by their numbers. */
#include "src/kind.h"

static const struct kind kinds[] = {
    [CHAN_QUEUE] = {chan__queue_put, chan__queue_recv, chan__queue_recv_view, chan__queue_release},
    [CHAN_RENDEZVOUS] = {chan__rendezvous_put, chan__rendezvous_recv, chan__rendezvous_recv_view,
                         chan__queue_release},
};

const struct kind *chan__kind(const struct chan *ch)
{
    return &kinds[ch->segment.g.kind];
}
