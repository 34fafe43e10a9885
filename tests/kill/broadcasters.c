/* SPDX-License-Identifier: Apache-2.0 */
/* A soak of broadcasts. The law: all that was sent reaches a witness that is there from beginning to end and is never
 * disturbed, once and whole, or, where receivers lag, is counted as missed by it, exactly; to every other receiver the
 * messages of each sender come whole and in order, and, where senders wait, without a gap. */
#include "toil.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_NS INT64_C(50000000)
#define HOLD_US_MAX 200u

/* The last message seen of each sender, by a receiver since it came. */
struct seen {
    bool any[BOOK_DESKS];
    uint64_t last[BOOK_DESKS];
};

static void shape(struct chan_options *options, uint64_t number, uint32_t overflow)
{
    static const uint64_t messages[] = {64, 2, 7};
    options->kind = CHAN_BROADCAST;
    options->overflow = overflow;
    options->messages = messages[number % 3];
    options->bytes = UINT64_C(10) * TOIL_MESSAGE_MAX;
}

static void shape_lagging(struct chan_options *options, uint64_t number)
{
    shape(options, number, CHAN_LAG);
}

static void shape_blocking(struct chan_options *options, uint64_t number)
{
    shape(options, number, CHAN_BLOCK);
}

/* ---- senders ---- */

static int send_loan(struct toiler *t, struct chan_sender *tx, const void *message, size_t size)
{
    struct chan_loan loan;
    int result = chan_reserve_timeout(tx, size, &loan, PATIENCE_NS);
    if (result)
        return result;
    memcpy(loan.data, message, size);
    result = chan_commit_timeout(tx, &loan, size, PATIENCE_NS);
    if (result)
        toil_expect(t, "abort", chan_abort(tx, &loan), 0);
    return result;
}

static void send_on(struct toiler *t)
{
    struct chan_sender *tx;
    if (!toil_attach_sender(t, &tx))
        return;
    while (!toil_stops(t)) {
        uint64_t sequence;
        size_t size = toil_compose(t, t->buffer, &sequence);
        atomic_store(&t->desk->sending, 1);
        int result = toil_draw(t, 4) ? chan_send_timeout(tx, t->buffer, size, PATIENCE_NS)
                                     : send_loan(t, tx, t->buffer, size);
        toil_expect(t, "send", result, 0);
        book_mark(t->book, t->worker->desk, sequence, result ? MARK_WITHDRAWN : MARK_SENT);
        atomic_store(&t->desk->sending, 0);
    }
    chan_close_sender(tx);
}

/* ---- receivers ---- */

static void look_for_gap(struct book *book, uint32_t sender, uint64_t from, uint64_t to)
{
    for (uint64_t sequence = from; sequence < to; sequence++)
        if (book_mark(book, sender, sequence, 0) & MARK_SENT)
            book_fault(book, "message %lu of sender %u was left out", sequence, sender);
}

static void see(struct toiler *t, struct seen *seen, const void *data, size_t size, bool gapless)
{
    uint32_t sender;
    uint64_t sequence;
    if (!book_read(t->book, data, size, &sender, &sequence)) {
        atomic_fetch_add(&t->book->torn, 1);
        book_fault(t->book, "a message of %zu bytes is torn", size);
        return;
    }
    if (seen->any[sender] && sequence <= seen->last[sender])
        book_fault(t->book, "message %lu of sender %u came after %lu", sequence, sender, seen->last[sender]);
    else if (seen->any[sender] && gapless)
        look_for_gap(t->book, sender, seen->last[sender] + 1, sequence);
    seen->any[sender] = true;
    seen->last[sender] = sequence;
    atomic_fetch_add(&t->book->received, 1);
}

static int receive(struct toiler *t, struct chan_receiver *rx, struct seen *seen, bool gapless)
{
    size_t size;
    int result = chan_recv_timeout(rx, t->buffer, sizeof t->buffer, &size, PATIENCE_NS);
    if (!result)
        see(t, seen, t->buffer, size, gapless);
    return result;
}

/* What is read of a view counts if it was intact afterwards. */
static int view(struct toiler *t, struct chan_receiver *rx, struct seen *seen, bool gapless)
{
    struct chan_view view;
    int result = chan_recv_view_timeout(rx, &view, PATIENCE_NS);
    if (result)
        return result;
    if (!toil_draw(t, 16))
        usleep((useconds_t)toil_draw(t, HOLD_US_MAX));
    size_t size = view.size < sizeof t->buffer ? view.size : sizeof t->buffer;
    memcpy(t->buffer, view.data, size);
    int intact = chan_view_is_intact(rx, &view);
    if (intact == 1)
        see(t, seen, t->buffer, size, gapless);
    else if (intact || gapless)
        book_fault(t->book, "a view is not intact: %d", intact);
    return chan_release(rx, &view);
}

static void receive_on(struct toiler *t, bool views, bool gapless)
{
    struct chan_receiver *rx;
    struct seen *seen = calloc(1, sizeof *seen);
    if (!seen)
        abort();
    if (toil_attach_receiver(t, &rx)) {
        while (!toil_stops(t))
            toil_expect(t, "receive", views ? view(t, rx, seen, gapless) : receive(t, rx, seen, gapless),
                        gapless ? 0 : -EOVERFLOW);
        chan_close_receiver(rx);
    }
    free(seen);
}

static void work(struct toiler *t, unsigned role, bool gapless)
{
    if (role < 2)
        send_on(t);
    else
        receive_on(t, role == 3, gapless);
}

static void work_lagging(struct toiler *t, unsigned role)
{
    work(t, role, false);
}

static void work_blocking(struct toiler *t, unsigned role)
{
    work(t, role, true);
}

/* ---- the witness, and the law ---- */

static void witness(struct crew *crew)
{
    static unsigned char buffer[TOIL_MESSAGE_MAX + 64];
    struct book *book = crew->book;
    struct chan_receiver *rx;
    size_t size;
    int result = chan_attach_receiver(crew->kept, 0, &rx), closing = 0;
    if (result)
        book_fault(book, "the witness: %s", chan_error_name(result));
    else
        atomic_store(&crew->witnessed.number, chan_receiver_number(rx));
    atomic_store(&crew->witnessed.ready, 1);
    if (result)
        return;
    do {
        closing = (int)atomic_load(&crew->witnessed.closing);
        result = chan_recv_timeout(rx, buffer, sizeof buffer, &size, PATIENCE_NS);
        if (!result)
            book_copy(book, buffer, size);
        else if (result == -EOVERFLOW)
            atomic_fetch_add(&crew->witnessed.missed, chan_receiver_lagged(rx));
    } while (!result || result == -EOVERFLOW || (result == -ETIMEDOUT && !closing));
    if (result != -ETIMEDOUT)
        book_fault(book, "the witness: %s", chan_error_name(result));
    chan_close_receiver(rx);
}

static void audit(struct crew *crew, const struct chan_stat *stat, const struct balance *b)
{
    uint64_t missed = atomic_load(&crew->witnessed.missed);
    toil_check_sent(crew, stat, b);
    if (b->arrived + missed != stat->sent)
        book_fault(crew->book, "%lu sent; the witness got %lu and missed %lu", stat->sent, b->arrived,
                   missed);
}

static void audit_blocking(struct crew *crew, const struct chan_stat *stat, const struct balance *b)
{
    audit(crew, stat, b);
    if (b->lost || atomic_load(&crew->witnessed.missed))
        book_fault(crew->book, "%lu messages are lost", b->lost);
}

const struct toil_kind toil_lagging = {"lag", shape_lagging, 4, work_lagging, witness, audit, 0};
const struct toil_kind toil_blocking = {"block", shape_blocking, 4, work_blocking,
                                        witness, audit_blocking, 0};
