/* SPDX-License-Identifier: Apache-2.0 */
/* A soak of endpoints that are lent: processes send one another the addresses of endpoints they have prepared on that
 * same channel, each with a lease, and attach by them; messages are discarded with those that die, or overwritten. The
 * law: one at most gets what was lent, and nobody after its lease; the only one who tries, in time, gets it, unless its
 * lender has died or taken it back; a lease that has ended frees the record, though its lender lives; who is
 * attached stays so; and in the end every record can be had again. */
#include "toil.h"

#include <shmchan/address.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE_NS INT64_C(5000000)
#define LEASE_NS_MAX INT64_C(20000000)
#define GRANTS 4u
#define ENDPOINTS (CREW_MAX * (GRANTS + 4)) /* beside its grants one has two, and changes one, now and then */

/* Of what a message lends, instead of what the marks mean elsewhere. */
#define MARK_MISSED MARK_VIEWED   /* the first who tried did so in time, and did not get it */
#define MARK_CROWDED 128u         /* another has tried */
#define MARK_ENDED MARK_RELEASING /* its lender has done something about it since */
#define MARK_TRIED MARK_RELEASED
#define MARK_TAKEN MARK_COPIED

struct letter {
    struct chan_address address;
    int64_t until_ns; /* the end of the lease */
    uint32_t role;    /* of the endpoint */
    unsigned char proof[60];
};

/* An endpoint that has been lent. */
struct grant {
    struct chan_sender *tx; /* one of them */
    struct chan_receiver *rx;
    uint64_t sequence; /* of its letter */
    int64_t until_ns;
};

/* A process; each has one of the endpoints at first. */
struct lender {
    struct toiler *toiler;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct grant grants[GRANTS];
    unsigned count;
};

static void shape(struct chan_options *options, uint64_t number)
{
    options->message_size = sizeof(struct letter);
    options->endpoints = ENDPOINTS;
    options->messages = number % 3 ? 16 : 2;
    options->kind = number % 2 ? CHAN_BROADCAST : CHAN_QUEUE;
    options->max_deliveries = number % 2 ? 0 : 1;
}

/* ---- what has been lent ---- */

static int lease(const struct grant *grant, int64_t until_ns)
{
    return grant->tx ? chan_lease_sender(grant->tx, until_ns) : chan_lease_receiver(grant->rx, until_ns);
}

static void close_grant(const struct grant *grant)
{
    chan_close_sender(grant->tx);
    chan_close_receiver(grant->rx);
}

static void prepare(struct toiler *t, struct grant *grant, struct letter *letter)
{
    bool sends = toil_draw(t, 2);
    int result = sends ? chan_prepare_sender(t->worker->ch, 0, &grant->tx)
                       : chan_prepare_receiver(t->worker->ch, 0, &grant->rx);
    if (!result)
        result = sends ? chan_address_of_sender(grant->tx, &letter->address)
                       : chan_address_of_receiver(grant->rx, &letter->address);
    letter->role = sends ? CHAN_ROLE_SENDER : CHAN_ROLE_RECEIVER;
    letter->until_ns = grant->until_ns = chan_deadline((int64_t)toil_draw(t, LEASE_NS_MAX));
    if (!result)
        result = lease(grant, grant->until_ns);
    if (result)
        book_fault(t->book, "prepare and lend: %s", chan_error_name(result));
}

static void lend(struct lender *self)
{
    struct toiler *t = self->toiler;
    uint32_t desk = t->worker->desk;
    struct grant grant = {.sequence = atomic_fetch_add(&t->book->next[desk], 1)};
    struct letter letter = {0};
    if (grant.sequence >= BOOK_MESSAGES)
        abort();
    prepare(t, &grant, &letter);
    book_mark(t->book, desk, grant.sequence, MARK_ABOUT);
    book_write(letter.proof, sizeof letter.proof, desk, grant.sequence);
    atomic_store(&t->desk->sending, 1);
    int result = chan_send_timeout(self->tx, &letter, sizeof letter, PATIENCE_NS);
    toil_expect(t, "send", result, -EPIPE); /* a broadcast without receivers is closed until one comes */
    book_mark(t->book, desk, grant.sequence, result ? MARK_WITHDRAWN : MARK_SENT);
    atomic_store(&t->desk->sending, 0);
    if (result)
        close_grant(&grant);
    else
        self->grants[self->count++] = grant;
}

/* Before anything is done about it; this lender has lived and not touched it until now. */
static void mark_ended(struct toiler *t, const struct grant *grant)
{
    unsigned before = book_mark(t->book, t->worker->desk, grant->sequence, MARK_ENDED);
    if ((before & (MARK_MISSED | MARK_CROWDED)) == MARK_MISSED)
        book_fault(t->book, "what letter %lu of lender %u lent was not there in time", grant->sequence,
                   t->worker->desk);
}

static void mark_taken(struct toiler *t, uint32_t lender, uint64_t sequence)
{
    if (!(book_mark(t->book, lender, sequence, MARK_TAKEN) & MARK_TAKEN))
        return;
    atomic_fetch_add(&t->book->doubled, 1);
    book_fault(t->book, "two have what letter %lu of lender %u lent", sequence, lender);
}

/* Nobody takes it from one who lives. */
static void expect_own(struct toiler *t, uint32_t number)
{
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    int result = chan_endpoint_stat(t->worker->ch, number, &stat);
    if (result || stat.state != CHAN_STATE_LIVE || stat.pid != (uint32_t)getpid())
        book_fault(t->book, "endpoint %u of a living process is gone: %s, state %u, of %u", number,
                   chan_error_name(result), stat.state, stat.pid);
}

static uint32_t number_of(const struct grant *grant)
{
    return grant->tx ? chan_sender_number(grant->tx) : chan_receiver_number(grant->rx);
}

/* In place of what it had. */
static void use(struct lender *self, struct chan_sender *tx, struct chan_receiver *rx)
{
    if (tx) {
        chan_close_sender(self->tx);
        self->tx = tx;
    }
    if (rx) {
        chan_close_receiver(self->rx);
        self->rx = rx;
    }
}

static void adopt(struct lender *self, struct grant *grant)
{
    struct toiler *t = self->toiler;
    int result = grant->tx ? chan_adopt_sender(grant->tx) : chan_adopt_receiver(grant->rx);
    toil_expect(t, "adopt", result, -ENOENT);
    if (result)
        return;
    mark_taken(t, t->worker->desk, grant->sequence);
    use(self, grant->tx, grant->rx);
    grant->tx = NULL;
    grant->rx = NULL;
}

/* Whoever took it, or its lease: the record is free, though nobody can have it before the handle is closed. */
static void outlast(struct toiler *t, const struct grant *grant)
{
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    struct chan_repair_report report;
    while (chan_now() < grant->until_ns)
        usleep(500);
    toil_expect(t, "repair", chan_repair(t->worker->ch, 0, &report), 0);
    int result = chan_endpoint_stat(t->worker->ch, number_of(grant), &stat);
    if (result != -ENOENT)
        book_fault(t->book, "endpoint %u is there after its lease: %s, state %u, of %u", number_of(grant),
                   chan_error_name(result), stat.state, stat.pid);
}

static void end_one(struct lender *self)
{
    struct toiler *t = self->toiler;
    unsigned which = (unsigned)toil_draw(t, self->count);
    struct grant *grant = &self->grants[which];
    uint64_t how = toil_draw(t, 4);
    if (how == 0)
        outlast(t, grant);
    mark_ended(t, grant);
    if (how == 1) {
        adopt(self, grant);
    } else if (how == 2) { /* put it off, or bring it forward */
        int64_t until_ns = chan_deadline((int64_t)toil_draw(t, LEASE_NS_MAX));
        int result = lease(grant, until_ns);
        toil_expect(t, "lease", result, -ENOENT);
        grant->until_ns = result ? 0 : until_ns;
        outlast(t, grant);
    }
    close_grant(grant);
    *grant = self->grants[--self->count];
}

/* ---- what comes ---- */

static int attach(struct lender *self, const struct letter *letter)
{
    uint32_t flags = toil_draw(self->toiler, 4) ? CHAN_NO_KEEPER : 0;
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;
    int result = letter->role == CHAN_ROLE_SENDER ? chan_attach_sender_at(&letter->address, flags, 0, &tx)
                                                  : chan_attach_receiver_at(&letter->address, flags, 0, &rx);
    toil_expect(self->toiler, "attach by address", result, -ENOENT);
    use(self, tx, rx);
    return result;
}

static void open_letter(struct lender *self, const struct letter *letter)
{
    struct toiler *t = self->toiler;
    uint32_t from;
    uint64_t sequence;
    if (!book_read(t->book, letter->proof, sizeof letter->proof, &from, &sequence)) {
        atomic_fetch_add(&t->book->torn, 1);
        book_fault(t->book, "a letter is torn");
        return;
    }
    atomic_fetch_add(&t->book->received, 1);
    if (!toil_draw(t, 4))
        return; /* nobody will ever say what became of it */
    bool first = !(book_mark(t->book, from, sequence, MARK_TRIED) & MARK_TRIED);
    if (!first)
        book_mark(t->book, from, sequence, MARK_CROWDED);
    int64_t began = chan_now();
    int result = attach(self, letter);
    int64_t ended = chan_now();
    if (!result) {
        mark_taken(t, from, sequence);
        if (began > letter->until_ns && !(book_mark(t->book, from, sequence, 0) & MARK_ENDED))
            book_fault(t->book, "letter %lu of lender %u was good for longer than its lease", sequence, from);
    } else if (first && ended < letter->until_ns) {
        book_mark(t->book, from, sequence, MARK_MISSED);
    }
}

static void copy(struct lender *self)
{
    struct letter letter;
    size_t size;
    int result = chan_recv_timeout(self->rx, &letter, sizeof letter, &size, PATIENCE_NS);
    toil_expect(self->toiler, "receive", result, -EOVERFLOW);
    if (!result)
        open_letter(self, &letter);
}

/* Whoever dies now takes the message along. */
static void view(struct lender *self)
{
    struct chan_receiver *rx = self->rx;
    struct chan_view view;
    int result = chan_recv_view_timeout(rx, &view, PATIENCE_NS);
    toil_expect(self->toiler, "receive", result, -EOVERFLOW);
    if (result)
        return;
    struct letter letter = *(const struct letter *)view.data;
    if (chan_view_is_intact(rx, &view) == 1)
        open_letter(self, &letter);
    if (self->rx == rx) /* else it was discarded with its receiver */
        toil_expect(self->toiler, "release", chan_release(rx, &view), 0);
}

static void work(struct toiler *t, unsigned role)
{
    struct lender self = {.toiler = t};
    if (role ? !toil_attach_receiver(t, &self.rx) : !toil_attach_sender(t, &self.tx))
        return;
    while (!toil_stops(t)) {
        if (self.tx)
            expect_own(t, chan_sender_number(self.tx));
        if (self.rx)
            expect_own(t, chan_receiver_number(self.rx));
        if (self.count == GRANTS || (self.count && !toil_draw(t, 4)))
            end_one(&self);
        else if (self.tx)
            lend(&self);
        if (self.rx)
            toil_draw(t, 2) ? copy(&self) : view(&self);
    }
    while (self.count)
        end_one(&self);
    chan_close_sender(self.tx);
    chan_close_receiver(self.rx);
}

static void attach_all(struct crew *crew)
{
    struct chan_sender *senders[ENDPOINTS];
    unsigned count = 0;
    int result = 0;
    while (count < ENDPOINTS && !(result = chan_attach_sender(crew->polled, CHAN_NO_SPIN, &senders[count])))
        count++;
    if (result)
        book_fault(crew->book, "%u of %u records can be had in the end: %s", count, ENDPOINTS,
                   chan_error_name(result));
    while (count)
        chan_close_sender(senders[--count]);
}

static void audit(struct crew *crew, const struct chan_stat *stat, const struct balance *b)
{
    struct book *book = crew->book;
    uint64_t tried = 0, taken = 0;
    for (uint32_t desk = 0; desk < BOOK_DESKS; desk++)
        for (uint64_t sequence = 0; sequence < atomic_load(&book->next[desk]); sequence++) {
            unsigned marks = book_mark(book, desk, sequence, 0);
            tried += (marks & MARK_TRIED) != 0;
            taken += (marks & MARK_TRIED) && (marks & MARK_TAKEN);
        }
    toil_check_sent(crew, stat, b);
    attach_all(crew);
    printf("soak: of the endpoints lent %lu were tried, and %lu taken; %lu messages were discarded\n", tried,
           taken, stat->discarded);
}

const struct toil_kind toil_lease = {"lease", shape, 2, work, NULL, audit, LEASE_NS_MAX};
