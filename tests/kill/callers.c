/* SPDX-License-Identifier: Apache-2.0 */
/* A soak of calls. The law: an answer is whole, and to the caller's own request; a request is given to one server, or,
 * where it may be delivered again, to another only as a further delivery; no request is answered twice; and a caller
 * that was told that no answer will come has not been answered. */
#include "toil.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_NS INT64_C(50000000)
#define HOLD_US_MAX 200u
#define DELIVERIES 3u

/* Of requests, instead of what the marks mean elsewhere. */
#define MARK_ANSWERED MARK_SENT     /* the caller has the answer */
#define MARK_REFUSED MARK_WITHDRAWN /* the caller was told that there will be none */
#define MARK_GIVEN MARK_VIEWED      /* a server has it */
#define MARK_REPLIED MARK_COPIED    /* chan_reply() returned 0 */

/* What tells an answer from its request. */
static const char answer_mark[8] = "answers";

static void shape(struct chan_options *options, uint64_t number)
{
    static const uint64_t messages[] = {1, 4, 64};
    options->kind = CHAN_CALL;
    options->messages = messages[number % 3];
    options->bytes = UINT64_C(10) * TOIL_MESSAGE_MAX;
    options->holds = 3;
}

static void shape_repeated(struct chan_options *options, uint64_t number)
{
    shape(options, number);
    options->max_deliveries = DELIVERIES;
}

/* ---- callers ---- */

static void check_answer(struct toiler *t, const unsigned char *answer, size_t size, uint64_t sequence)
{
    uint32_t sender = 0;
    uint64_t found = 0;
    bool whole = size > sizeof answer_mark && !memcmp(answer, answer_mark, sizeof answer_mark) &&
                 book_read(t->book, answer + sizeof answer_mark, size - sizeof answer_mark, &sender, &found);
    if (!whole) {
        atomic_fetch_add(&t->book->torn, 1);
        book_fault(t->book, "an answer of %zu bytes is torn", size);
    } else if (sender != t->worker->desk || found != sequence) {
        book_fault(t->book, "request %lu of caller %u got the answer to %lu of %u", sequence, t->worker->desk,
                   found, sender);
    }
}

static void call_once(struct toiler *t, struct chan_sender *tx)
{
    uint64_t sequence;
    size_t size = toil_compose(t, t->buffer, &sequence), answer_size = 0;
    atomic_store(&t->desk->sending, 1);
    int result =
        chan_call_timeout(tx, t->buffer, size, t->buffer, sizeof t->buffer, &answer_size, PATIENCE_NS);
    toil_expect(t, "call", result, -EPIPE);
    if (!result) {
        check_answer(t, t->buffer, answer_size, sequence);
        atomic_fetch_add(&t->book->received, 1);
    }
    if (!result || result == -EPIPE)
        book_mark(t->book, t->worker->desk, sequence, result ? MARK_REFUSED : MARK_ANSWERED);
    atomic_store(&t->desk->sending, 0);
}

/* Several at once, finished in another order than they began in, or given up. */
static void call_several(struct toiler *t, struct chan_sender *tx)
{
    struct chan_ticket tickets[2] = {{0}};
    uint64_t sequences[2];
    int started[2];
    atomic_store(&t->desk->sending, 2);
    for (int i = 0; i < 2; i++) {
        size_t size = toil_compose(t, t->buffer, &sequences[i]);
        started[i] = chan_call_start_timeout(tx, t->buffer, size, &tickets[i], PATIENCE_NS);
        toil_expect(t, "start", started[i], -EPIPE);
    }
    for (int i = 1; i >= 0; i--) {
        size_t size;
        if (started[i])
            continue;
        int result =
            chan_call_finish_timeout(tx, &tickets[i], t->buffer, sizeof t->buffer, &size, PATIENCE_NS);
        toil_expect(t, "finish", result, -EPIPE);
        if (!result)
            check_answer(t, t->buffer, size, sequences[i]);
        if (!result || result == -EPIPE)
            book_mark(t->book, t->worker->desk, sequences[i], result ? MARK_REFUSED : MARK_ANSWERED);
        else
            toil_expect(t, "cancel", chan_call_cancel(tx, &tickets[i]), 0);
    }
    atomic_store(&t->desk->sending, 0);
}

static void call_on(struct toiler *t)
{
    struct chan_sender *tx;
    if (!toil_attach_sender(t, &tx))
        return;
    while (!toil_stops(t))
        toil_draw(t, 4) ? call_once(t, tx) : call_several(t, tx);
    chan_close_sender(tx);
}

/* ---- servers ---- */

static bool is_given_rightly(struct toiler *t, const struct chan_view *request, uint32_t *caller,
                             uint64_t *sequence)
{
    if (!book_read(t->book, request->data, request->size, caller, sequence)) {
        atomic_fetch_add(&t->book->torn, 1);
        book_fault(t->book, "a request of %zu bytes is torn", request->size);
        return false;
    }
    unsigned before = book_mark(t->book, *caller, *sequence, MARK_GIVEN);
    if (before & MARK_REPLIED)
        book_fault(t->book, "request %lu of caller %u came again after its answer", *sequence, *caller);
    if (before & MARK_GIVEN && request->deliveries < 2)
        book_fault(t->book, "request %lu of caller %u was given to two servers", *sequence, *caller);
    atomic_fetch_add(&t->book->redelivered, request->deliveries > 1);
    return true;
}

static void answer(struct toiler *t, struct chan_receiver *rx, struct chan_view *request)
{
    uint32_t caller;
    uint64_t sequence;
    if (!is_given_rightly(t, request, &caller, &sequence))
        return;
    memcpy(t->buffer, answer_mark, sizeof answer_mark);
    memcpy(t->buffer + sizeof answer_mark, request->data, request->size);
    if (!toil_draw(t, 16))
        usleep((useconds_t)toil_draw(t, HOLD_US_MAX));
    atomic_store(&t->desk->copying, 1);
    int result = -EAGAIN;
    if (toil_draw(t, 16))
        result = chan_reply_timeout(rx, request, t->buffer, request->size + sizeof answer_mark, PATIENCE_NS);
    toil_expect(t, "reply", result, -EPIPE);
    if (!result && book_mark(t->book, caller, sequence, MARK_REPLIED) & MARK_REPLIED) {
        atomic_fetch_add(&t->book->doubled, 1);
        book_fault(t->book, "request %lu of caller %u was answered twice", sequence, caller);
    }
    atomic_store(&t->desk->copying, 0);
    if (result && result != -EPIPE) /* it is still in view: end it unanswered */
        toil_expect(t, "release", chan_release(rx, request), 0);
}

static void serve_on(struct toiler *t)
{
    struct chan_receiver *rx;
    if (!toil_attach_receiver(t, &rx))
        return;
    while (!toil_stops(t)) {
        struct chan_view request;
        int result = chan_recv_view_timeout(rx, &request, PATIENCE_NS);
        toil_expect(t, "receive", result, 0);
        if (!result)
            answer(t, rx, &request);
    }
    chan_close_receiver(rx);
}

static void work(struct toiler *t, unsigned role)
{
    if (role == 0)
        call_on(t);
    else
        serve_on(t);
}

/* Requests that nobody was there to take may be left: give them up, as their callers have. */
static void audit(struct crew *crew, const struct chan_stat *stat, const struct balance *unused)
{
    struct book *book = crew->book;
    uint64_t replied = 0;
    (void)unused;
    for (uint32_t caller = 0; caller < BOOK_DESKS; caller++)
        for (uint64_t sequence = 0; sequence < atomic_load(&book->next[caller]); sequence++) {
            unsigned marks = book_mark(book, caller, sequence, 0);
            replied += (marks & MARK_REPLIED) != 0;
            if (marks & MARK_ANSWERED && !(marks & MARK_GIVEN))
                book_fault(book, "request %lu of caller %u was answered by nobody", sequence, caller);
            if (marks & MARK_REFUSED && marks & MARK_REPLIED)
                book_fault(book, "caller %u was told that %lu has no answer, and it had", caller, sequence);
        }
    if (stat->answered < replied || stat->answered > replied + crew->toll.may_be_lost)
        book_fault(book, "the channel counts %lu answers, the books %lu, and %lu at most of dead servers",
                   stat->answered, replied, crew->toll.may_be_lost);
    if (stat->calls_open || stat->answers_unread || stat->orphaned)
        book_fault(book, "left over: %lu calls, %lu answers, %lu orphaned", stat->calls_open,
                   stat->answers_unread, stat->orphaned);
}

const struct toil_kind toil_call = {"call", shape, 2, work, NULL, audit, 0};
const struct toil_kind toil_repeated_call = {"repeated-call", shape_repeated, 2, work, NULL, audit, 0};
