/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers of all soaks of one kind of channel do alike. */
#include "toil.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define SMALL_MAX 200u

uint64_t toil_draw(struct toiler *t, uint64_t below)
{
    return worker_random(&t->random) % below;
}

bool toil_stops(struct toiler *t)
{
    unsigned pause;
    while ((pause = atomic_load(&t->book->pause)) != 0) {
        atomic_store(&t->desk->parked, pause);
        usleep(300);
    }
    return atomic_load(&t->book->stop);
}

void toil_expect(struct toiler *t, const char *what, int64_t result, int64_t also)
{
    if (result < 0 && result != -EAGAIN && result != -ETIMEDOUT && result != also)
        book_fault(t->book, "%s: %s", what, chan_error_name((int)result));
}

size_t toil_compose(struct toiler *t, void *at, uint64_t *sequence)
{
    uint64_t most = toil_draw(t, 8) ? SMALL_MAX : TOIL_MESSAGE_MAX;
    size_t size = MESSAGE_MIN + toil_draw(t, most - MESSAGE_MIN + 1);
    uint32_t desk = t->worker->desk;
    *sequence = atomic_fetch_add(&t->book->next[desk], 1);
    if (*sequence >= BOOK_MESSAGES)
        abort();
    book_mark(t->book, desk, *sequence, MARK_ABOUT);
    book_write(at, size, desk, *sequence);
    return size;
}

void toil_check_sent(struct crew *crew, const struct chan_stat *stat, const struct balance *b)
{
    uint64_t most = b->sent + crew->toll.may_be_sent;
    if (stat->sent < b->sent || stat->sent > most)
        book_fault(crew->book,
                   "the channel counts %lu sent, the books %lu, and %lu at most in dead senders' calls",
                   stat->sent, b->sent, crew->toll.may_be_sent);
    if (b->ghosts)
        book_fault(crew->book, "%lu messages came whose send had failed", b->ghosts);
}

bool toil_attach_sender(struct toiler *t, struct chan_sender **tx)
{
    int result = toil_stops(t) ? -EPIPE : chan_attach_sender(t->worker->ch, 0, tx);
    toil_expect(t, "attach", result, -EPIPE);
    return !result;
}

bool toil_attach_receiver(struct toiler *t, struct chan_receiver **rx)
{
    int result = toil_stops(t) ? -EPIPE : chan_attach_receiver(t->worker->ch, 0, rx);
    toil_expect(t, "attach", result, -EPIPE);
    return !result;
}
