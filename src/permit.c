/* SPDX-License-Identifier: Apache-2.0 */
/* Permits: places in a fair queue that are a sender's before it has a message. */
#include "src/fair.h"

#include "shm/admission.h"

#include <errno.h>

/* Places on their way to a sender. */
struct reserving {
    struct chan_sender *tx;
    uint64_t places;
    bool waits;
    bool claims;
};

static int attempt_reserve(void *operation)
{
    struct reserving *op = operation;
    int result = chan__sending_check_open(op->tx);
    if (result || !op->places)
        return result;
    return chan__fair_secure(op->tx, op->places, op->waits, &op->claims);
}

static int reserve(struct chan_sender *tx, uint64_t places, int64_t deadline_ns)
{
    struct reserving op = {.tx = tx, .places = places, .waits = deadline_ns != DEADLINE_TRY};
    uint64_t all = tx->handle.chan->segment.g.messages;
    /* Never to be had. The try_ form says so as it says of what is not to be had now, closed or not. */
    if (places > all)
        return deadline_ns == DEADLINE_TRY ? -EAGAIN : -EINVAL;
    /* To be had only if the caller, who would be waiting, gave back what it has. */
    if (op.waits && chan_permits(tx) > all - places) {
        int closed = chan__sending_check_open(tx);
        return closed ? closed : -EINVAL;
    }
    int result = chan__wait(&tx->handle, attempt_reserve, &op, deadline_ns);
    if (op.claims)
        chan__fair_withdraw(tx);
    return result;
}

/* Into a call on a sender of a fair queue. */
static int enter(struct chan_sender *tx)
{
    if (!tx)
        return -EINVAL;
    if (tx->handle.chan->segment.g.order != CHAN_FAIR)
        return -EOPNOTSUPP;
    return chan__handle_enter(&tx->handle);
}

static int reserve_until(struct chan_sender *tx, uint64_t places, int64_t deadline_ns)
{
    int result = enter(tx);
    if (result)
        return result;
    result = reserve(tx, places, deadline_ns);
    chan__handle_leave(&tx->handle);
    return result;
}

int chan_permit_reserve(struct chan_sender *tx, uint64_t places)
{
    return reserve_until(tx, places, CHAN_FOREVER);
}

int chan_permit_try_reserve(struct chan_sender *tx, uint64_t places)
{
    return reserve_until(tx, places, DEADLINE_TRY);
}

int chan_permit_reserve_timeout(struct chan_sender *tx, uint64_t places, int64_t timeout_ns)
{
    return reserve_until(tx, places, chan_deadline(timeout_ns));
}

int chan_permit_reserve_until(struct chan_sender *tx, uint64_t places, int64_t deadline_ns)
{
    return reserve_until(tx, places, chan__user_deadline(deadline_ns));
}

static uint64_t permits(const struct chan_sender *tx)
{
    const struct party *party = &tx->handle.endpoint.party;
    return chan__admission_held(party->segment, party->number);
}

uint64_t chan_permits(const struct chan_sender *tx)
{
    return tx->handle.chan->segment.g.order == CHAN_FAIR ? permits(tx) : 0;
}

static int send(struct chan_sender *tx, const void *data, size_t size)
{
    struct sending op = {.tx = tx, .data = data, .size = size};
    if (size > tx->handle.chan->segment.g.message_size)
        return -EMSGSIZE;
    int result = permits(tx) ? chan__handle_spare(&tx->handle, &op.spare) : -EINVAL;
    if (!result)
        result = chan__sending_fill(&op);
    if (!result)
        result = chan__fair_place(&op);
    if (result)
        chan__sending_drop(&op);
    return result;
}

int chan_permit_send(struct chan_sender *tx, const void *data, size_t size)
{
    if (!data && size)
        return -EINVAL;
    int result = enter(tx);
    if (result)
        return result;
    result = send(tx, data, size);
    chan__handle_leave(&tx->handle);
    return result;
}

static int commit(struct chan_sender *tx, struct chan_loan *loan, size_t size)
{
    struct sending op;
    int result = permits(tx) ? chan__sending_loan(tx, loan, size, &op) : -EINVAL;
    if (!result)
        result = chan__fair_place(&op);
    if (!result)
        chan__sending_end_loan(tx, &op, loan);
    return result;
}

int chan_permit_commit(struct chan_sender *tx, struct chan_loan *loan, size_t size)
{
    if (!loan)
        return -EINVAL;
    int result = enter(tx);
    if (result)
        return result;
    result = commit(tx, loan, size);
    chan__handle_leave(&tx->handle);
    return result;
}

int chan_permit_release(struct chan_sender *tx, uint64_t places)
{
    int result = enter(tx);
    if (result)
        return result;
    if (places > permits(tx))
        result = -EINVAL;
    else if (places)
        chan__fair_release(tx, places);
    chan__handle_leave(&tx->handle);
    return result;
}
