/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of channels, by their numbers. */
#include "src/kind.h"

static const struct kind kinds[] = {
    [CHAN_QUEUE] = {chan__queue_put, chan__queue_recv, chan__queue_recv_view, chan__queue_release,
                    chan__queue_give_back, chan__queue_send_ready, chan__queue_recv_ready, NULL},
    [CHAN_WATCH] = {chan__watch_put, chan__watch_recv, chan__watch_recv_view, chan__watch_release,
                    chan__watch_give_back, chan__watch_send_ready, chan__watch_recv_ready,
                    chan__watch_spare_of},
};

const struct kind *chan__kind(const struct chan *ch)
{
    return &kinds[ch->segment.g.kind];
}
