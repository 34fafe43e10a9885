/* SPDX-License-Identifier: Apache-2.0 */
/* One process's part in a case: the steps it can take. */
#include "party.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "expect.h"
#include "pattern.h"

#define SHORT_NS 20000000
#define ONE_SECOND_NS 1000000000

void party_open(struct party *me, const struct flavour *flavour, struct chan *ch)
{
    *me = (struct party){.flavour = flavour, .ch = ch, .buffer = malloc(flavour_largest(flavour))};
    expect(me->buffer != NULL);
}

void party_leave(struct party *me)
{
    chan_close_sender(me->tx);
    chan_close_receiver(me->rx);
    free(me->buffer);
    *me = (struct party){0};
}

int form_expired(enum form form)
{
    switch (form) {
    case FORM_BLOCK:
    case FORM_TIMEOUT_HUGE:
    case FORM_UNTIL_FOREVER:
        return 0;
    case FORM_TRY:
        return -EAGAIN;
    default:
        return -ETIMEDOUT;
    }
}

static int is_timeout(enum form form)
{
    return form >= FORM_TIMEOUT_ZERO && form <= FORM_TIMEOUT_HUGE;
}

/* The timeout or the deadline of a form. */
static int64_t limit_of(enum form form)
{
    switch (form) {
    case FORM_TIMEOUT_NEGATIVE:
        return -5;
    case FORM_TIMEOUT_SHORT:
        return SHORT_NS;
    case FORM_TIMEOUT_HUGE:
        return INT64_MAX;
    case FORM_UNTIL_PAST:
        return chan_now() - ONE_SECOND_NS;
    case FORM_UNTIL_NEGATIVE:
        return INT64_MIN;
    case FORM_UNTIL_SHORT:
        return chan_deadline(SHORT_NS);
    case FORM_UNTIL_FOREVER:
        return CHAN_FOREVER;
    default:
        return 0;
    }
}

int64_t attach_sender(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return chan_attach_sender(me->ch, (uint32_t)a, &me->tx);
}

int64_t attach_receiver(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return chan_attach_receiver(me->ch, (uint32_t)a, &me->rx);
}

int64_t prepare_sender(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return chan_prepare_sender(me->ch, (uint32_t)a, &me->tx);
}

int64_t prepare_receiver(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return chan_prepare_receiver(me->ch, (uint32_t)a, &me->rx);
}

int64_t close_sender(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    chan_close_sender(me->tx);
    me->tx = NULL;
    return 0;
}

int64_t close_receiver(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    chan_close_receiver(me->rx);
    me->rx = NULL;
    return 0;
}

int64_t close_channel(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    chan_close(me->ch);
    me->ch = NULL;
    return 0;
}

static int send_copy(struct chan_sender *tx, const void *data, size_t size, enum form form)
{
    if (form == FORM_BLOCK)
        return chan_send(tx, data, size);
    if (form == FORM_TRY)
        return chan_try_send(tx, data, size);
    if (is_timeout(form))
        return chan_send_timeout(tx, data, size, limit_of(form));
    return chan_send_until(tx, data, size, limit_of(form));
}

static int send_batch(struct chan_sender *tx, void *data, size_t size, enum form form)
{
    struct iovec one = {.iov_base = data, .iov_len = size};
    ssize_t sent;
    if (form == FORM_BLOCK)
        sent = chan_send_many(tx, &one, 1);
    else if (form == FORM_TRY)
        sent = chan_try_send_many(tx, &one, 1);
    else if (is_timeout(form))
        sent = chan_send_many_timeout(tx, &one, 1, limit_of(form));
    else
        sent = chan_send_many_until(tx, &one, 1, limit_of(form));
    expect(sent < 0 || sent == 1);
    return sent < 0 ? (int)sent : 0;
}

static int commit(struct chan_sender *tx, struct chan_loan *loan, size_t size, enum form form)
{
    if (form == FORM_BLOCK)
        return chan_commit(tx, loan, size);
    if (form == FORM_TRY)
        return chan_try_commit(tx, loan, size);
    if (is_timeout(form))
        return chan_commit_timeout(tx, loan, size, limit_of(form));
    return chan_commit_until(tx, loan, size, limit_of(form));
}

static int reserve(struct chan_sender *tx, size_t size, struct chan_loan *loan, enum form form)
{
    if (form == FORM_BLOCK)
        return chan_reserve(tx, size, loan);
    if (form == FORM_TRY)
        return chan_try_reserve(tx, size, loan);
    if (is_timeout(form))
        return chan_reserve_timeout(tx, size, loan, limit_of(form));
    return chan_reserve_until(tx, size, loan, limit_of(form));
}

static int send_loan(struct chan_sender *tx, const void *data, size_t size, enum form form)
{
    struct chan_loan loan;
    int result = reserve(tx, size, &loan, form);
    if (result < 0)
        return result;
    expect(loan.size == size);
    expect(((uintptr_t)loan.data & 15) == 0);
    memcpy(loan.data, data, size);
    result = commit(tx, &loan, size, form);
    if (result < 0)
        expect_result(chan_abort(tx, &loan), 0);
    expect(loan.data == NULL);
    return result;
}

int64_t send_by(struct party *me, int64_t a, int64_t b)
{
    size_t size = flavour_size(me->flavour, (uint64_t)a);
    enum form form = (enum form)(b % FORMS);
    pattern_write(me->buffer, size, 0, (uint64_t)a);
    switch ((enum way)(b / FORMS)) {
    case WAY_COPY:
        return send_copy(me->tx, me->buffer, size, form);
    case WAY_MANY:
        return send_batch(me->tx, me->buffer, size, form);
    default:
        return send_loan(me->tx, me->buffer, size, form);
    }
}

int64_t send_blocking(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return send_by(me, a, HOW(WAY_COPY, FORM_BLOCK));
}

int64_t send_try(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return send_by(me, a, HOW(WAY_COPY, FORM_TRY));
}

/* Verifies a message and returns its number. */
static int64_t verified(const struct party *me, const void *data, size_t size)
{
    uint32_t sender;
    uint64_t sequence;
    if (!pattern_read(data, size, &sender, &sequence))
        expect_never("a message of %zu bytes has foreign content", size);
    expect_number(size, flavour_size(me->flavour, sequence));
    return (int64_t)sequence;
}

static int64_t recv_copy(struct party *me, enum form form)
{
    size_t capacity = flavour_largest(me->flavour), size = SIZE_MAX;
    int result;
    if (form == FORM_BLOCK)
        result = chan_recv(me->rx, me->buffer, capacity, &size);
    else if (form == FORM_TRY)
        result = chan_try_recv(me->rx, me->buffer, capacity, &size);
    else if (is_timeout(form))
        result = chan_recv_timeout(me->rx, me->buffer, capacity, &size, limit_of(form));
    else
        result = chan_recv_until(me->rx, me->buffer, capacity, &size, limit_of(form));
    if (result < 0) {
        expect(size == SIZE_MAX); /* outputs are untouched on failure */
        return result;
    }
    return verified(me, me->buffer, size);
}

static int64_t recv_batch(struct party *me, enum form form)
{
    struct iovec one = {.iov_base = me->buffer, .iov_len = flavour_largest(me->flavour)};
    ssize_t got;
    if (form == FORM_BLOCK)
        got = chan_recv_many(me->rx, &one, 1);
    else if (form == FORM_TRY)
        got = chan_try_recv_many(me->rx, &one, 1);
    else if (is_timeout(form))
        got = chan_recv_many_timeout(me->rx, &one, 1, limit_of(form));
    else
        got = chan_recv_many_until(me->rx, &one, 1, limit_of(form));
    if (got < 0)
        return got;
    expect_number(got, 1);
    return verified(me, me->buffer, one.iov_len);
}

static int view(struct chan_receiver *rx, struct chan_view *out, enum form form)
{
    if (form == FORM_BLOCK)
        return chan_recv_view(rx, out);
    if (form == FORM_TRY)
        return chan_try_recv_view(rx, out);
    if (is_timeout(form))
        return chan_recv_view_timeout(rx, out, limit_of(form));
    return chan_recv_view_until(rx, out, limit_of(form));
}

static int64_t recv_view(struct party *me, enum form form)
{
    struct chan_view seen;
    int result = view(me->rx, &seen, form);
    if (result < 0)
        return result;
    expect(((uintptr_t)seen.data & 15) == 0);
    int64_t sequence = verified(me, seen.data, seen.size);
    expect_result(chan_release(me->rx, &seen), 0);
    expect(seen.data == NULL && seen.size == 0);
    return sequence;
}

int64_t recv_by(struct party *me, int64_t a, int64_t b)
{
    (void)a;
    enum form form = (enum form)(b % FORMS);
    switch ((enum way)(b / FORMS)) {
    case WAY_COPY:
        return recv_copy(me, form);
    case WAY_MANY:
        return recv_batch(me, form);
    default:
        return recv_view(me, form);
    }
}

int64_t recv_blocking(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return recv_by(me, a, HOW(WAY_COPY, FORM_BLOCK));
}

int64_t is_terminated(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_receiver_is_terminated(me->rx);
}

int64_t recv_try(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return recv_by(me, a, HOW(WAY_COPY, FORM_TRY));
}

int64_t recv_one_second(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    size_t size;
    int result = chan_recv_timeout(me->rx, me->buffer, flavour_largest(me->flavour), &size, ONE_SECOND_NS);
    return result < 0 ? result : verified(me, me->buffer, size);
}

int64_t loan_reserve(struct party *me, int64_t a, int64_t b)
{
    size_t size = flavour_size(me->flavour, (uint64_t)b);
    int result = chan_try_reserve(me->tx, size, &me->loans[a]);
    if (result < 0)
        return result;
    me->loaned[a] = (uint64_t)b;
    pattern_write(me->loans[a].data, size, 0, (uint64_t)b);
    return 0;
}

int64_t loan_commit(struct party *me, int64_t a, int64_t b)
{
    return commit(me->tx, &me->loans[a], flavour_size(me->flavour, me->loaned[a]), (enum form)b);
}

int64_t loan_abort(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return chan_abort(me->tx, &me->loans[a]);
}

int64_t view_take(struct party *me, int64_t a, int64_t b)
{
    int result = view(me->rx, &me->views[a], (enum form)b);
    return result < 0 ? result : verified(me, me->views[a].data, me->views[a].size);
}

int64_t view_release(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    if (me->views[a].data)
        (void)verified(me, me->views[a].data, me->views[a].size); /* still as it was */
    return chan_release(me->rx, &me->views[a]);
}

int64_t view_deliveries(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return me->views[a].deliveries;
}

int64_t sender_number(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_sender_number(me->tx);
}

int64_t receiver_number(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_receiver_number(me->rx);
}

int64_t len(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return (int64_t)chan_len(me->ch);
}

int64_t available(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return (int64_t)chan_available(me->ch);
}

int64_t is_empty(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_is_empty(me->ch);
}

int64_t is_full(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_is_full(me->ch);
}

int64_t is_closed(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_is_closed(me->ch);
}

int64_t is_drained(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_is_drained(me->ch);
}

int64_t senders(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_senders(me->ch);
}

int64_t receivers(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_receivers(me->ch);
}

int64_t shutdown_channel(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_shutdown(me->ch);
}

int64_t end_by_exit(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    _exit(0);
}

int64_t end_by_exec(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    execlp("sleep", "sleep", "60", (char *)NULL);
    return -errno;
}
