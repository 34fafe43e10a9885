/* SPDX-License-Identifier: Apache-2.0 */
/* Weak senders: handles from which a sender can be had as long as there is another one. */
#include "src/handle.h"

#include <errno.h>
#include <stdlib.h>

static int new_weak(const struct handle *from, struct chan_weak_sender **out)
{
    if (!chan__is_usable(from))
        return -ECHILD;
    struct chan_weak_sender *weak = calloc(1, sizeof *weak);
    if (!weak)
        return -ENOMEM;
    int result = chan__attach(from->chan, JOINS_WEAKLY, CHAN_STATE_LIVE, from->flags, &weak->handle, NULL);
    if (result)
        free(weak);
    else
        *out = weak;
    return result;
}

int chan_downgrade_sender(const struct chan_sender *tx, struct chan_weak_sender **out)
{
    return tx && out ? new_weak(&tx->handle, out) : -EINVAL;
}

int chan_clone_weak_sender(const struct chan_weak_sender *weak, struct chan_weak_sender **out)
{
    return weak && out ? new_weak(&weak->handle, out) : -EINVAL;
}

int chan_upgrade_sender(const struct chan_weak_sender *weak, struct chan_sender **out)
{
    if (!weak || !out)
        return -EINVAL;
    if (!chan__is_usable(&weak->handle))
        return -ECHILD;
    struct chan_sender *tx = calloc(1, sizeof *tx);
    if (!tx)
        return -ENOMEM;
    const struct handle *h = &weak->handle;
    int result = chan__attach(h->chan, JOINS_BY_UPGRADE, CHAN_STATE_LIVE, h->flags, &tx->handle, NULL);
    if (result)
        free(tx);
    else
        *out = tx;
    return result;
}

void chan_close_weak_sender(struct chan_weak_sender *weak)
{
    if (!weak)
        return;
    chan__close_handle(&weak->handle);
    free(weak);
}

struct chan *chan_of_weak_sender(const struct chan_weak_sender *weak)
{
    return weak->handle.chan;
}

uint32_t chan_weak_senders(const struct chan *ch)
{
    return chan__endpoint_count(&ch->segment, CHAN_ROLE_WEAK);
}
