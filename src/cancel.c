/* SPDX-License-Identifier: Apache-2.0 */
/* Cancelling a call that waits, from another thread of its process. */
#include "src/handle.h"

#include "shm/event.h"

static int cancel(struct handle *h)
{
    if (h->state != CHAN_STATE_LIVE || h->fork_count != chan__fork_count())
        return -ECHILD;
    /* Sequentially consistent, as is raising the event: the call sees the mark before it sleeps, or the raised
     * event keeps it from sleeping. */
    atomic_store(&h->cancelled, true);
    bool sends = h->endpoint.role == CHAN_ROLE_SENDER, calls = h->chan->segment.g.kind == CHAN_CALL;
    if (sends || calls)
        chan__event_notify_all(chan__event_of(h, CHAN_WAITS_FOR_SPACE));
    if (sends)
        chan__event_notify_all(chan__event_of(h, CHAN_WAITS_FOR_CLOSE));
    else
        chan__event_notify_all(chan__event_of(h, CHAN_WAITS_FOR_MESSAGE));
    if (sends && calls)
        chan__event_notify_all(chan__event_of(h, CHAN_WAITS_FOR_ANSWER));
    if (h->chan->segment.g.kind == CHAN_RENDEZVOUS)
        chan__event_notify_all(
            &h->endpoint.party.record->own.match.bell); /* the one or the other, see wait.c */
    return 0;
}

int chan_cancel_sender(struct chan_sender *tx)
{
    return tx ? cancel(&tx->handle) : -EINVAL;
}

int chan_cancel_receiver(struct chan_receiver *rx)
{
    return rx ? cancel(&rx->handle) : -EINVAL;
}
