/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of channels, by their numbers. */
#include "src/kind.h"

static const struct kind kinds[] = {
    [CHAN_QUEUE] = {chan__queue_put, NULL, chan__queue_recv, chan__queue_recv_view, chan__queue_release,
                    chan__queue_give_back, chan__queue_send_ready, chan__queue_recv_ready},
};

static const struct kind fair_queue = {chan__fair_put,        chan__fair_give_up,    chan__queue_recv,
                                       chan__queue_recv_view, chan__queue_release,   chan__queue_give_back,
                                       chan__fair_send_ready, chan__queue_recv_ready};

const struct kind *chan__kind(const struct chan *ch)
{
    return ch->segment.g.order == CHAN_FAIR ? &fair_queue : &kinds[ch->segment.g.kind];
}
