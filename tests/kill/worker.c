/* SPDX-License-Identifier: Apache-2.0 */
/* What soak workers do until they are killed. */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_BYTES 20000u
#define BATCH 4u
#define PATIENCE_NS INT64_C(50000000)

/* Holding a view for a while, so that many are killed or stopped with one in hand. */
#define HOLD_US_MAX 200u

struct state {
    const struct worker *w;
    uint64_t random;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    unsigned char buffers[BATCH][BUFFER_BYTES];
};

uint64_t worker_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void expect_result(struct state *s, const char *what, int64_t result)
{
    if (result < 0 && result != -EAGAIN && result != -ETIMEDOUT)
        book_fault(s->w->book, "%s: %s", what, chan_error_name((int)result));
}

static size_t draw_size(struct state *s)
{
    uint64_t most = worker_random(&s->random) % 8 ? 200 : s->w->message_max;
    return MESSAGE_MIN + worker_random(&s->random) % (most - MESSAGE_MIN + 1);
}

/* The next message of this sender: a number is never used twice, also not by its successor. */
static size_t compose(struct state *s, void *data, size_t size, uint64_t *sequence)
{
    struct book *book = s->w->book;
    *sequence = atomic_fetch_add(&book->next[s->w->number], 1);
    if (*sequence >= BOOK_MESSAGES)
        _exit(0);
    book_mark(book, s->w->number, *sequence, MARK_ABOUT);
    book_write(data, size, s->w->number, *sequence);
    return size;
}

static void send_copies(struct state *s, size_t count)
{
    struct iovec messages[BATCH];
    uint64_t sequences[BATCH];
    for (size_t i = 0; i < count; i++)
        messages[i] = (struct iovec){s->buffers[i], compose(s, s->buffers[i], draw_size(s), &sequences[i])};
    ssize_t sent = count == 1
                       ? chan_send_timeout(s->tx, messages[0].iov_base, messages[0].iov_len, PATIENCE_NS)
                       : chan_send_many_timeout(s->tx, messages, count, PATIENCE_NS);
    expect_result(s, "send", sent);
    if (count == 1 && !sent)
        sent = 1;
    for (ssize_t i = 0; i < sent; i++)
        book_mark(s->w->book, s->w->number, sequences[i], MARK_SENT);
}

static void send_loan(struct state *s)
{
    struct chan_loan loan;
    uint64_t sequence;
    int result = chan_reserve_timeout(s->tx, draw_size(s), &loan, PATIENCE_NS);
    expect_result(s, "reserve", result);
    if (result)
        return;
    compose(s, loan.data, loan.size, &sequence);
    result = chan_commit_timeout(s->tx, &loan, loan.size, PATIENCE_NS);
    expect_result(s, "commit", result);
    if (result)
        expect_result(s, "abort", chan_abort(s->tx, &loan));
    else
        book_mark(s->w->book, s->w->number, sequence, MARK_SENT);
}

static void send_something(struct state *s)
{
    switch (worker_random(&s->random) % 4) {
    case 0:
        send_loan(s);
        break;
    case 1:
        send_copies(s, 1 + worker_random(&s->random) % BATCH);
        break;
    default:
        send_copies(s, 1);
    }
}

void worker_book_copy(struct book *book, const void *data, size_t size)
{
    uint32_t sender;
    uint64_t sequence;
    if (!book_read(book, data, size, &sender, &sequence)) {
        book_fault(book, "a copied message of %zu bytes is torn", size);
        return;
    }
    if (book_mark(book, sender, sequence, MARK_COPIED) & (MARK_RELEASED | MARK_COPIED))
        book_fault(book, "message %lu of sender %u was received twice", sequence, sender);
    atomic_fetch_add(&book->received, 1);
}

static bool copy_something(struct state *s)
{
    struct iovec messages[BATCH];
    size_t count = worker_random(&s->random) % 4 ? 1 : 1 + worker_random(&s->random) % BATCH;
    for (size_t i = 0; i < count; i++)
        messages[i] = (struct iovec){s->buffers[i], BUFFER_BYTES};
    ssize_t got = chan_recv_many_timeout(s->rx, messages, count, PATIENCE_NS);
    expect_result(s, "recv", got);
    for (ssize_t i = 0; i < got; i++)
        worker_book_copy(s->w->book, s->buffers[i], messages[i].iov_len);
    return got > 0;
}

static bool view_something(struct state *s)
{
    struct book *book = s->w->book;
    struct chan_view view;
    uint32_t sender;
    uint64_t sequence;
    int result = chan_recv_view_timeout(s->rx, &view, PATIENCE_NS);
    expect_result(s, "recv_view", result);
    if (result)
        return false;
    if (!book_read(book, view.data, view.size, &sender, &sequence)) {
        book_fault(book, "a viewed message of %zu bytes is torn", view.size);
    } else {
        unsigned before = book_mark(book, sender, sequence, MARK_VIEWED);
        if (before & (MARK_RELEASED | MARK_COPIED))
            book_fault(book, "message %lu of sender %u came again after it was received", sequence, sender);
        if (before & MARK_VIEWED && view.deliveries < 2)
            book_fault(book, "redelivery of message %lu of sender %u is not flagged", sequence, sender);
        atomic_fetch_add(&book->redelivered, view.deliveries > 1);
        if (worker_random(&s->random) % 16 == 0)
            usleep((useconds_t)(worker_random(&s->random) % HOLD_US_MAX));
        if (!book_read(book, view.data, view.size, &sender, &sequence))
            book_fault(book, "message %lu of sender %u changed under its viewer", sequence, sender);
        book_mark(book, sender, sequence, MARK_RELEASING);
    }
    expect_result(s, "release", chan_release(s->rx, &view));
    book_mark(book, sender, sequence, MARK_RELEASED);
    atomic_fetch_add(&book->received, 1);
    return true;
}

static void attach_both(struct state *s, bool sends, bool receives)
{
    int result = sends ? chan_attach_sender(s->w->ch, 0, &s->tx) : 0;
    if (!result && receives)
        result = chan_attach_receiver(s->w->ch, 0, &s->rx);
    if (result) {
        book_fault(s->w->book, "attach: %s", chan_error_name(result));
        _exit(1);
    }
}

static bool is_stopping(const struct state *s)
{
    return atomic_load(&s->w->book->stop);
}

static void visit(struct state *s)
{
    while (!is_stopping(s)) {
        bool sends = worker_random(&s->random) % 2;
        attach_both(s, sends, !sends);
        for (uint64_t i = worker_random(&s->random) % 4; i && !is_stopping(s); i--) {
            if (sends)
                send_something(s);
            else
                (void)(worker_random(&s->random) % 2 ? view_something(s) : copy_something(s));
        }
        chan_close_sender(s->tx);
        chan_close_receiver(s->rx);
        s->tx = NULL;
        s->rx = NULL;
    }
}

void worker_run(const struct worker *worker)
{
    struct state *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->w = worker;
    s->random = worker->seed | 1;
    if (worker->kind == WORKER_VISITOR) {
        visit(s);
        _exit(0);
    }
    attach_both(s, worker->kind == WORKER_SENDER, worker->kind != WORKER_SENDER);
    if (worker->kind == WORKER_SENDER) {
        while (!is_stopping(s))
            send_something(s);
    } else {
        bool more = true;
        while (more || !is_stopping(s))
            more = worker->kind == WORKER_COPIER ? copy_something(s) : view_something(s);
    }
    _exit(0);
}
