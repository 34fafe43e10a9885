/* SPDX-License-Identifier: Apache-2.0 */
/* A soak of watches. Each value says how many changes there have been, and who made the last one. The law: every change
 * counts once, so that the last value's number is that of the changes; values come whole, and never an older one after a
 * newer. */
#include "toil.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_NS INT64_C(50000000)
#define HOLD_US_MAX 200u

/* A value: a count, a message of the books, the count again. */
#define COUNT_BYTES sizeof(uint64_t)

static void shape(struct chan_options *options, uint64_t number)
{
    (void)number;
    options->kind = CHAN_WATCH;
    options->messages = 1;
    options->bytes = UINT64_C(10) * TOIL_MESSAGE_MAX;
}

/* The count of a whole value; the one that it is created with is empty. False: it is torn. */
static bool read_value(struct book *book, const void *data, size_t size, uint64_t *count)
{
    const unsigned char *bytes = data;
    uint64_t last, sequence;
    uint32_t sender;
    *count = 0;
    if (!size)
        return true;
    if (size < 2 * COUNT_BYTES)
        return false;
    memcpy(count, bytes, COUNT_BYTES);
    memcpy(&last, bytes + size - COUNT_BYTES, COUNT_BYTES);
    if (*count != last || !book_read(book, bytes + COUNT_BYTES, size - 2 * COUNT_BYTES, &sender, &sequence))
        return false;
    book_mark(book, sender, sequence, MARK_VIEWED);
    return true;
}

static void tear(struct toiler *t, size_t size)
{
    atomic_fetch_add(&t->book->torn, 1);
    book_fault(t->book, "a value of %zu bytes is torn", size);
}

/* ---- senders ---- */

struct change {
    struct toiler *toiler;
    size_t size; /* of the message in its buffer */
};

/* May be called again, for another value, if somebody was faster. */
static int change(void *value, size_t *size, size_t capacity, void *argument)
{
    const struct change *c = argument;
    unsigned char *bytes = value;
    uint64_t count;
    if (!read_value(c->toiler->book, value, *size, &count))
        tear(c->toiler, *size);
    count++;
    *size = c->size + 2 * COUNT_BYTES;
    if (*size > capacity)
        return -ENOBUFS;
    memcpy(bytes, &count, COUNT_BYTES);
    memcpy(bytes + COUNT_BYTES, c->toiler->buffer, c->size);
    memcpy(bytes + COUNT_BYTES + c->size, &count, COUNT_BYTES);
    return 1;
}

static void change_on(struct toiler *t)
{
    struct chan_sender *tx;
    if (!toil_attach_sender(t, &tx))
        return;
    while (!toil_stops(t)) {
        uint64_t sequence;
        struct change c = {t, toil_compose(t, t->buffer, &sequence)};
        atomic_store(&t->desk->sending, 1);
        int result = chan_watch_send_modify(tx, change, &c);
        toil_expect(t, "modify", result, 0);
        book_mark(t->book, t->worker->desk, sequence, result < 0 ? MARK_WITHDRAWN : MARK_SENT);
        atomic_store(&t->desk->sending, 0);
    }
    chan_close_sender(tx);
}

/* ---- receivers ---- */

static void see(struct toiler *t, const void *data, size_t size, uint64_t *newest)
{
    uint64_t count;
    if (!read_value(t->book, data, size, &count)) {
        tear(t, size);
        return;
    }
    if (count < *newest)
        book_fault(t->book, "value %lu came after %lu", count, *newest);
    *newest = count;
    atomic_fetch_add(&t->book->received, 1);
}

static int copy(struct toiler *t, struct chan_receiver *rx, uint64_t *newest)
{
    size_t size;
    int result = toil_draw(t, 2) ? chan_recv_timeout(rx, t->buffer, sizeof t->buffer, &size, PATIENCE_NS)
                                 : chan_watch_borrow(rx, t->buffer, sizeof t->buffer, &size);
    if (!result)
        see(t, t->buffer, size, newest);
    return result;
}

/* Whole when it comes, and when it goes. */
static int view(struct toiler *t, struct chan_receiver *rx, uint64_t *newest)
{
    struct chan_view view;
    uint64_t count;
    int result = chan_recv_view_timeout(rx, &view, PATIENCE_NS);
    if (result)
        return result;
    see(t, view.data, view.size, newest);
    if (!toil_draw(t, 4))
        usleep((useconds_t)toil_draw(t, HOLD_US_MAX));
    if (!read_value(t->book, view.data, view.size, &count) || count != *newest)
        tear(t, view.size);
    return chan_release(rx, &view);
}

static void follow(struct toiler *t, bool views)
{
    struct chan_receiver *rx;
    uint64_t newest = 0;
    if (!toil_attach_receiver(t, &rx))
        return;
    while (!toil_stops(t))
        toil_expect(t, "receive", views ? view(t, rx, &newest) : copy(t, rx, &newest), 0);
    chan_close_receiver(rx);
}

static void work(struct toiler *t, unsigned role)
{
    if (role == 0)
        change_on(t);
    else
        follow(t, role == 1);
}

static void audit(struct crew *crew, const struct chan_stat *stat, const struct balance *b)
{
    static unsigned char buffer[TOIL_MESSAGE_MAX + 64];
    struct chan_peek_info info;
    uint64_t position = 0, count = 0;
    toil_check_sent(crew, stat, b);
    int result = chan_peek(crew->polled, &position, buffer, sizeof buffer, &info);
    if (result)
        book_fault(crew->book, "the last value: %s", chan_error_name(result));
    else if (!read_value(crew->book, buffer, info.size, &count))
        book_fault(crew->book, "the last value is torn");
    else if (count != stat->sent)
        book_fault(crew->book, "%lu changes add up to %lu", stat->sent, count);
}

const struct toil_kind toil_watch = {"watch", shape, 3, work, NULL, audit, 0};
