/* SPDX-License-Identifier: Apache-2.0 */
/* Sleepers in calls that block. */
#include "asleep.h"

bool asleep_shows(void)
{
    return true;
}

int asleep_send(struct chan_sender *tx, const void *data, size_t size)
{
    return chan_send(tx, data, size);
}

int asleep_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size)
{
    return chan_recv(rx, buffer, capacity, size);
}
