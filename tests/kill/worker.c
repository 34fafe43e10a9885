/* SPDX-License-Identifier: Apache-2.0 */
/* What soak workers do until they are killed. */
#include "worker.h"

#include <shmchan/inspect.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_BYTES (UINT64_C(1) << 17)
#define BATCH 4u
#define VIEWS 3u

/* Holding a view for a while, so that many are killed or stopped with one in hand. */
#define HOLD_US_MAX 200u

/* Each repair, and each attempt to attach, wakes everybody: now and then is enough. */
#define REPAIR_US_MAX 40000u
#define SEAT_US 50000u

/* One thread. */
struct state {
    const struct worker *w;
    struct book *book;
    struct desk *desk;
    uint32_t number; /* of the desk */
    uint64_t random;
    bool over; /* the channel has ended */
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_loan loan; /* kept from call to call, if loan.data */
    uint64_t loan_sequence;
    struct chan_view views[VIEWS];
    uint32_t viewed;
    unsigned char buffers[BATCH][BUFFER_BYTES];
};

uint64_t worker_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t draw(struct state *s, uint64_t below)
{
    return worker_random(&s->random) % below;
}

static void expect_result(struct state *s, const char *what, int64_t result)
{
    if (result == -EPIPE)
        s->over = true;
    else if (result < 0 && result != -EAGAIN && result != -ETIMEDOUT)
        book_fault(s->book, "%s: %s", what, chan_error_name((int)result));
}

/* Between two calls: rest while the books say so. */
static bool is_stopping(struct state *s)
{
    unsigned pause;
    while ((pause = atomic_load(&s->book->pause)) != 0) {
        atomic_store(&s->desk->parked, pause);
        usleep(300);
    }
    return s->over || atomic_load(&s->book->stop);
}

/* With calls that wait for ever nothing may be kept that others could be waiting for. */
static bool may_keep(const struct state *s)
{
    return s->w->patience_ns != CHAN_FOREVER;
}

static size_t draw_size(struct state *s)
{
    uint64_t most = draw(s, s->w->large_one_in) ? 200 : s->w->message_max;
    return MESSAGE_MIN + draw(s, most - MESSAGE_MIN + 1);
}

/* The next message of this sender: a number is never used twice, also not by its successor. */
static size_t compose(struct state *s, void *data, size_t size, uint64_t *sequence)
{
    *sequence = atomic_fetch_add(&s->book->next[s->number], 1);
    if (*sequence >= BOOK_MESSAGES)
        abort();
    book_mark(s->book, s->number, *sequence, MARK_ABOUT);
    book_write(data, size, s->number, *sequence);
    return size;
}

static void send_copies(struct state *s, size_t count)
{
    struct iovec messages[BATCH];
    uint64_t sequences[BATCH];
    for (size_t i = 0; i < count; i++)
        messages[i] = (struct iovec){s->buffers[i], compose(s, s->buffers[i], draw_size(s), &sequences[i])};
    atomic_store(&s->desk->sending, (unsigned)count);
    ssize_t sent =
        count == 1 ? chan_send_timeout(s->tx, messages[0].iov_base, messages[0].iov_len, s->w->patience_ns)
                   : chan_send_many_timeout(s->tx, messages, count, s->w->patience_ns);
    expect_result(s, "send", sent);
    if (count == 1 && !sent)
        sent = 1;
    for (ssize_t i = 0; i < (ssize_t)count; i++)
        book_mark(s->book, s->number, sequences[i], i < sent ? MARK_SENT : MARK_WITHDRAWN);
    atomic_store(&s->desk->sending, 0);
}

static void borrow(struct state *s)
{
    int result = chan_reserve_timeout(s->tx, draw_size(s), &s->loan, s->w->patience_ns);
    expect_result(s, "reserve", result);
    if (result)
        s->loan.data = NULL;
    else
        compose(s, s->loan.data, s->loan.size, &s->loan_sequence);
}

static void end_loan(struct state *s, bool commits)
{
    int result = -EAGAIN;
    if (commits) {
        atomic_store(&s->desk->sending, 1);
        result = chan_commit_timeout(s->tx, &s->loan, s->loan.size, s->w->patience_ns);
        expect_result(s, "commit", result);
    }
    if (result)
        expect_result(s, "abort", chan_abort(s->tx, &s->loan));
    s->loan.data = NULL;
    book_mark(s->book, s->number, s->loan_sequence, result ? MARK_WITHDRAWN : MARK_SENT);
    atomic_store(&s->desk->sending, 0);
}

static void send_something(struct state *s)
{
    switch (draw(s, 4)) {
    case 0:
        if (!s->loan.data)
            borrow(s);
        if (s->loan.data && (!may_keep(s) || draw(s, 2)))
            end_loan(s, draw(s, 8));
        break;
    case 1:
        send_copies(s, 1 + draw(s, BATCH));
        break;
    default:
        send_copies(s, 1);
    }
}

static bool copy_something(struct state *s)
{
    struct iovec messages[BATCH];
    size_t count = draw(s, 4) ? 1 : 1 + draw(s, BATCH);
    for (size_t i = 0; i < count; i++)
        messages[i] = (struct iovec){s->buffers[i], BUFFER_BYTES};
    atomic_store(&s->desk->copying, (unsigned)count);
    ssize_t got = chan_recv_many_timeout(s->rx, messages, count, s->w->patience_ns);
    expect_result(s, "recv", got);
    for (ssize_t i = 0; i < got; i++)
        book_copy(s->book, s->buffers[i], messages[i].iov_len);
    atomic_store(&s->desk->copying, 0);
    return got > 0;
}

/* Whether the message is whole; its number. */
static bool is_whole(struct state *s, const struct chan_view *view, const char *when, uint32_t *sender,
                     uint64_t *sequence)
{
    if (book_read(s->book, view->data, view->size, sender, sequence))
        return true;
    atomic_fetch_add(&s->book->torn, 1);
    book_fault(s->book, "a viewed message of %zu bytes is torn %s", view->size, when);
    return false;
}

static void look_at(struct state *s, const struct chan_view *view)
{
    uint32_t sender;
    uint64_t sequence;
    if (!is_whole(s, view, "when it comes", &sender, &sequence))
        return;
    unsigned before = book_mark(s->book, sender, sequence, MARK_VIEWED);
    if (before & (MARK_RELEASED | MARK_COPIED)) {
        atomic_fetch_add(&s->book->doubled, 1);
        book_fault(s->book, "message %lu of sender %u came again after it was received", sequence, sender);
    }
    if (before & MARK_VIEWED && view->deliveries < 2)
        book_fault(s->book, "redelivery of message %lu of sender %u is not flagged", sequence, sender);
    atomic_fetch_add(&s->book->redelivered, view->deliveries > 1);
}

static void release_one(struct state *s)
{
    uint32_t sender;
    uint64_t sequence;
    uint32_t which = (uint32_t)draw(s, s->viewed);
    struct chan_view *view = &s->views[which];
    bool whole = is_whole(s, view, "when it goes", &sender, &sequence);
    if (whole)
        book_mark(s->book, sender, sequence, MARK_RELEASING);
    expect_result(s, "release", chan_release(s->rx, view));
    if (whole)
        book_mark(s->book, sender, sequence, MARK_RELEASED);
    atomic_fetch_add(&s->book->received, 1);
    *view = s->views[--s->viewed];
}

static bool view_something(struct state *s)
{
    if (s->viewed < VIEWS) {
        struct chan_view *view = &s->views[s->viewed];
        int result = chan_recv_view_timeout(s->rx, view, s->w->patience_ns);
        expect_result(s, "recv_view", result);
        if (!result) {
            s->viewed++;
            look_at(s, view);
        }
    }
    if (!s->viewed)
        return false;
    if (!draw(s, 16))
        usleep((useconds_t)draw(s, HOLD_US_MAX));
    if (!may_keep(s) || draw(s, 4))
        release_one(s);
    return true;
}

/* Begin to send, or to receive: the first thread with the handle that was prepared; the others with clones of
 * the first's, if `first` is given; or with a new one. */
static int attach(struct state *s, bool sends, const struct state *first)
{
    const struct worker *w = s->w;
    uint32_t flags = draw(s, 2) ? CHAN_NO_SPIN : 0;
    if (s->number == w->desk && (w->tx || w->rx)) {
        s->tx = w->tx;
        s->rx = w->rx;
        return sends ? chan_adopt_sender(s->tx) : chan_adopt_receiver(s->rx);
    }
    if (first)
        return sends ? chan_clone_sender(first->tx, &s->tx) : chan_clone_receiver(first->rx, &s->rx);
    return sends ? chan_attach_sender(w->ch, flags, &s->tx) : chan_attach_receiver(w->ch, flags, &s->rx);
}

/* False: it is over. A seat that somebody else has is waited for. */
static bool attach_in_time(struct state *s, bool sends, const struct state *first)
{
    int result;
    while ((result = attach(s, sends, first)) == -EBUSY) {
        if (is_stopping(s))
            return false;
        usleep(SEAT_US);
    }
    expect_result(s, "attach", result);
    return !result;
}

static void end_all(struct state *s)
{
    if (s->loan.data)
        end_loan(s, false);
    while (s->viewed)
        release_one(s);
}

static void visit(struct state *s)
{
    while (!is_stopping(s)) {
        bool sends = draw(s, 2);
        if (!attach_in_time(s, sends, NULL))
            continue;
        for (uint64_t i = draw(s, 4); i && !is_stopping(s); i--) {
            if (sends)
                send_something(s);
            else
                (void)(draw(s, 2) ? view_something(s) : copy_something(s));
        }
        end_all(s);
        chan_close_sender(s->tx);
        chan_close_receiver(s->rx);
        s->tx = NULL;
        s->rx = NULL;
    }
}

/* Repairs and looks around in the middle of everything; what it sees means nothing then, but is no error. */
static void repair(struct state *s)
{
    struct chan *ch = s->w->ch;
    struct chan_repair_report report;
    struct chan_endpoint_stat endpoint = {.size = sizeof endpoint};
    struct chan_stat stat = {.size = sizeof stat};
    struct chan_peek_info info;
    char text[200];
    while (!is_stopping(s)) {
        uint64_t position = 0;
        expect_result(s, "repair", chan_repair(ch, draw(s, 4) == 0, &report));
        if (!draw(s, 8)) {
            int result = chan_endpoint_stat(ch, (uint32_t)draw(s, 2 * BOOK_DESKS), &endpoint);
            expect_result(s, "endpoint_stat", result == -ENOENT ? 0 : result);
            expect_result(s, "stat", chan_stat(ch, &stat));
            expect_result(s, "peek", chan_peek(ch, &position, s->buffers[0], BUFFER_BYTES, &info));
            expect_result(s, "check", chan_check(ch, text, sizeof text));
        }
        usleep((useconds_t)draw(s, REPAIR_US_MAX));
    }
}

static void send_on(struct state *s)
{
    while (!is_stopping(s))
        send_something(s);
}

static void receive_on(struct state *s)
{
    bool more = true;
    while (!s->over && (more || !is_stopping(s))) {
        (void)is_stopping(s); /* rest, if it is time to */
        more = s->w->kind == WORKER_COPIER ? copy_something(s) : view_something(s);
    }
}

static void work(struct state *s, const struct state *first)
{
    if (s->w->kind == WORKER_VISITOR) {
        visit(s);
    } else if (s->w->kind == WORKER_REPAIRER) {
        repair(s);
    } else if (s->tx || s->rx || attach_in_time(s, s->w->kind == WORKER_SENDER, first)) {
        if (s->w->kind == WORKER_SENDER)
            send_on(s);
        else
            receive_on(s);
    }
    end_all(s);
    atomic_store(&s->desk->parked, UINT32_MAX); /* it makes no more calls */
}

struct thread {
    pthread_t id;
    struct state *state;
    const struct state *first;
};

static void *work_in_thread(void *argument)
{
    struct thread *thread = argument;
    work(thread->state, thread->first);
    return NULL;
}

static struct state *state_new(const struct worker *w, uint32_t thread)
{
    struct state *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->w = w;
    s->book = w->book;
    s->number = w->desk + thread;
    s->desk = &w->book->desks[s->number];
    s->random = (w->seed + thread * UINT64_C(0x9e3779b97f4a7c15)) | 1;
    return s;
}

void worker_run(const struct worker *worker)
{
    struct thread threads[WORKER_THREADS_MAX];
    struct state *first = state_new(worker, 0);
    /* The first thread attaches before the others start, so that there is something to clone. */
    bool stays = worker->kind != WORKER_VISITOR && worker->kind != WORKER_REPAIRER;
    bool clones = stays && attach_in_time(first, worker->kind == WORKER_SENDER, NULL) && draw(first, 2);
    for (uint32_t i = 1; i < worker->threads; i++) {
        threads[i] = (struct thread){.state = state_new(worker, i), .first = clones ? first : NULL};
        if (pthread_create(&threads[i].id, NULL, work_in_thread, &threads[i]))
            abort();
    }
    work(first, NULL);
    for (uint32_t i = 1; i < worker->threads; i++)
        pthread_join(threads[i].id, NULL);
    _exit(0);
}
