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
    [CHAN_QUEUE] = {chan__queue_put, chan__queue_recv, chan__queue_recv_view, chan__queue_release,
                    chan__queue_give_back, chan__queue_send_ready, chan__queue_recv_ready},
    [CHAN_ONESHOT] = {chan__oneshot_put, chan__queue_recv, chan__queue_recv_view, chan__queue_release,
                      chan__queue_give_back, chan__queue_send_ready, chan__queue_recv_ready},
    [CHAN_CALL] = {chan__call_put, chan__no_recv, chan__queue_recv_view, chan__call_release,
                   chan__queue_give_back, chan__queue_send_ready, chan__queue_recv_ready},
};

const struct kind *chan__kind(const struct chan *ch)
{
    return &kinds[ch->segment.g.kind];
}
