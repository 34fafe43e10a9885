/* SPDX-License-Identifier: Apache-2.0 */
/* Fair queues: a send waits for its turn, and for a place that is its own, before it takes effect. */
#include "src/fair.h"

#include "shm/admission.h"
#include "shm/event.h"

#include <errno.h>
#include <limits.h>

static struct party *party_of(struct chan_sender *tx)
{
    return &tx->handle.endpoint.party;
}

static atomic_u32 *space_event(struct chan_sender *tx)
{
    return &seg_hot(party_of(tx)->segment)->space_event;
}

/* Before and after a change that may make room for others: see event.h. */
static void warn_senders(struct chan_sender *tx)
{
    (void)chan__event_warn(space_event(tx), INT_MAX);
}

void chan__fair_release(struct chan_sender *tx, uint64_t places)
{
    warn_senders(tx);
    chan__admission_release(party_of(tx), places);
    chan__event_notify(space_event(tx), INT_MAX);
    chan__others_may_end(tx->handle.chan);
}

void chan__fair_withdraw(struct chan_sender *tx)
{
    warn_senders(tx);
    chan__admission_withdraw(party_of(tx));
    chan__event_notify(space_event(tx), INT_MAX);
}

int chan__fair_secure(struct chan_sender *tx, uint64_t places, bool waits, bool *claims)
{
    int result = waits || *claims ? 0 : chan__admission_look(party_of(tx), places);
    if (result)
        return result;
    if (!*claims)
        chan__admission_claim(party_of(tx), places);
    *claims = true;
    result = chan__admission_attempt(party_of(tx));
    if (result)
        return result;
    *claims = false;
    /* Looked at again, now that receivers see the places: see ENDING. */
    result = chan__sending_check_open(tx);
    if (result)
        chan__fair_release(tx, places);
    return result;
}

int chan__fair_place(struct sending *op)
{
    int result = chan__sending_place(op);
    /* Receivers that met this between its exchange and its count went on waiting for it. */
    if (!result)
        chan__others_may_end(op->tx->handle.chan);
    return result == -EAGAIN ? -EBADMSG : result;
}

static int attempt_put(void *sending)
{
    struct sending *op = sending;
    int result = chan__sending_check_open(op->tx);
    if (!result)
        result = chan__sending_fill(op);
    if (!result)
        result = chan__fair_secure(op->tx, 1, op->waits, &op->claims);
    if (result)
        return result;
    result = chan__fair_place(op);
    if (result)
        chan__fair_release(op->tx, 1);
    return result;
}

int chan__fair_put(struct sending *op, int64_t deadline_ns)
{
    op->waits = deadline_ns != DEADLINE_TRY;
    int result = chan__wait(&op->tx->handle, attempt_put, op, deadline_ns);
    if (op->claims)
        chan__fair_withdraw(op->tx);
    return result;
}

/* Room can only be used up by a send, which moves the tail, or by a claim, which takes a ticket. */
int chan__fair_send_ready(struct chan_sender *tx, struct stamp *stamp)
{
    struct party *party = party_of(tx);
    int result = chan__sending_check_open(tx);
    uint64_t tickets = load_acquire(&seg_hot(party->segment)->tickets);
    if (!result)
        result = chan__admission_look(party, 1);
    *stamp = (struct stamp){{chan__ring_number(&party->segment->g, party->cursor), tickets}};
    return result == -EAGAIN ? result : 0;
}
