/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting, as a sender, until nobody will receive any more. */
#include "src/handle.h"

#include <errno.h>

/* A watch is not ended by that: another receiver may come, and the life word says nothing of it. */
static bool nobody_follows(const struct chan *ch)
{
    return ch->segment.g.kind == CHAN_WATCH && !chan__endpoint_count(&ch->segment, CHAN_ROLE_RECEIVER);
}

int chan__attempt_closed(void *operation)
{
    const struct chan_sender *tx = operation;
    const struct chan *ch = tx->handle.chan;
    bool ended = chan__life_state(ch) & (STATE_SHUT_DOWN | STATE_RECEIVERS_GONE);
    return ended || nobody_follows(ch) ? 0 : -EAGAIN;
}

static int wait_closed_until(struct chan_sender *tx, int64_t deadline_ns)
{
    if (!tx)
        return -EINVAL;
    int result = chan__handle_enter(&tx->handle);
    if (result)
        return result;
    result = chan__wait_for_end(&tx->handle, chan__attempt_closed, tx, deadline_ns);
    chan__handle_leave(&tx->handle);
    return result;
}

int chan_wait_closed(struct chan_sender *tx)
{
    return wait_closed_until(tx, CHAN_FOREVER);
}

int chan_try_wait_closed(struct chan_sender *tx)
{
    return wait_closed_until(tx, DEADLINE_TRY);
}

int chan_wait_closed_timeout(struct chan_sender *tx, int64_t timeout_ns)
{
    return wait_closed_until(tx, chan_deadline(timeout_ns));
}

int chan_wait_closed_until(struct chan_sender *tx, int64_t deadline_ns)
{
    return wait_closed_until(tx, chan__user_deadline(deadline_ns));
}
