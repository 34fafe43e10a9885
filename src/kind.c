/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of channels, by their numbers. */
#include "src/kind.h"

static const struct kind kinds[] = {
    [CHAN_QUEUE] = {.put = chan__queue_put,
                    .recv = chan__queue_recv,
                    .recv_view = chan__queue_recv_view,
                    .release = chan__queue_release},
    [CHAN_BROADCAST] = {.put = chan__broadcast_put,
                        .make_room = chan__broadcast_make_room,
                        .recv = chan__broadcast_recv,
                        .recv_view = chan__broadcast_recv_view,
                        .release = chan__broadcast_release,
                        .attaching = chan__broadcast_attaching,
                        .attached = chan__broadcast_attached},
};

const struct kind *chan__kind(const struct chan *ch)
{
    return &kinds[ch->segment.g.kind];
}
