/* SPDX-License-Identifier: Apache-2.0 */
/* Messages given back: taking them again, and what becomes of those that have been delivered too often. */
#include "src/kind.h"

#include "shm/arena.h"
#include "shm/copy.h"
#include "shm/event.h"
#include "shm/orphans.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* What a block says of the orphan in a cell: true only while the cell has the word. */
struct orphan {
    uint32_t cell;
    uint64_t word;
    struct message message;
    uint32_t deliveries;
};

static bool is_own(const struct handle *h, uint32_t cell)
{
    return hold_cell_is_of(&h->chan->segment.g, cell, h->endpoint.party.number);
}

static uint64_t hold_word(const struct handle *h, uint32_t hold)
{
    return load_acquire(&h->endpoint.party.record->holds[hold]);
}

/* Take an orphan as `kind` says; its block, and unless it is discarded its message, is in *hold then. One in the
 * own record needs no exchange, nor a spare block: the block is this record's already. -EAGAIN: somebody else was
 * faster. */
static int take(struct handle *h, const struct orphan *o, enum intent_kind kind, uint32_t *hold)
{
    struct party *party = &h->endpoint.party;
    if (is_own(h, o->cell)) {
        enum hold_state state = kind == INTENT_DISCARD_ORPHAN ? HOLD_SPARE : HOLD_HELD;
        *hold = o->cell - hold_cell_number(&h->chan->segment.g, party->number, 0);
        return chan__orphans_change_own(party, *hold, o->word, state, kind) ? 0 : -EAGAIN;
    }
    struct held spare;
    int result = chan__handle_spare(h, &spare);
    if (result)
        return result;
    *hold = spare.hold;
    return chan__exchange(party, o->cell, o->word, &spare, kind) ? 0 : -EAGAIN;
}

/* The message is gone for good. */
static void drop_payload(struct handle *h, const struct message *message)
{
    struct segment *s = &h->chan->segment;
    if (chan__arena_free(s, message->number))
        chan__event_notify_after_store(&seg_hot(s)->space_event, INT_MAX);
    chan__others_may_end(h->chan);
}

static int discard(struct handle *h, const struct orphan *o)
{
    uint32_t hold;
    int result = take(h, o, INTENT_DISCARD_ORPHAN, &hold);
    if (!result)
        drop_payload(h, &o->message);
    return result;
}

static int look_for_room(struct chan_sender *tx)
{
    int result = chan__handle_enter(&tx->handle);
    if (result)
        return result;
    struct stamp unused;
    result = chan__kind(tx->handle.chan)->send_ready(tx, &unused);
    chan__handle_leave(&tx->handle);
    return result;
}

/* Room for a message in the dead-letter channel. -EAGAIN: not now; another error: never. Whether it is closed is
 * for the loan to say. Whether it is full is looked at before, since payload memory that is taken and given back
 * would wake its senders each time. */
static int find_room(struct chan_sender *tx, uint64_t size, struct chan_loan *loan)
{
    bool ended = chan__life_state(tx->handle.chan) & (STATE_SHUT_DOWN | STATE_RECEIVERS_GONE);
    int result = ended ? 0 : look_for_room(tx);
    if (!result)
        result = chan_try_reserve(tx, size, loan);
    bool never = result == -EPIPE || result == -EMSGSIZE || result == -EBADMSG;
    return result && !never ? -EAGAIN : result;
}

/* Send what is held to the dead-letter channel, then acknowledge it. Killed between, it is sent again by another
 * receiver; stopped anywhere, it holds this message and nothing else. */
static int send_on(struct chan_receiver *rx, uint32_t hold, const struct message *m, struct chan_loan *loan)
{
    struct handle *h = &rx->handle;
    const struct segment *s = &h->chan->segment;
    const unsigned char *payload = m->size <= s->g.message_size ? chan__payload(s, m->block, m->size) : NULL;
    if (!payload) {
        chan__hold_release(&h->endpoint.party, hold);
        return -EBADMSG;
    }
    if (m->size)
        copy_bytes(loan->data, payload, m->size);
    if (chan_try_commit(rx->dead_letters, loan, m->size)) {
        /* Filled up or closed since it was looked at: the next look decides again. */
        chan__orphans_give_back(&h->endpoint.party, hold_bit(h, hold));
        return -EAGAIN;
    }
    (void)chan__orphans_change_own(&h->endpoint.party, hold, hold_word(h, hold), HOLD_SPARE,
                                   INTENT_DEAD_LETTER);
    drop_payload(h, m);
    return 0;
}

/* Delivered too often: away with it. -EAGAIN: it stays an orphan, to be tried again. */
static int put_away(struct chan_receiver *rx, const struct orphan *o)
{
    struct chan_loan loan = {0};
    uint32_t hold;
    if (!rx->dead_letters)
        return discard(&rx->handle, o);
    int result = find_room(rx->dead_letters, o->message.size, &loan);
    if (result)
        return result == -EAGAIN ? result : discard(&rx->handle, o);
    result = take(&rx->handle, o, INTENT_MOVE, &hold);
    if (!result)
        result = send_on(rx, hold, &o->message, &loan);
    if (loan.data)
        (void)chan_abort(rx->dead_letters, &loan);
    return result;
}

/* -EAGAIN: it is none any more. */
static int look_at(const struct segment *s, const struct orphan_scan *found, struct orphan *out)
{
    uint64_t number = cell_block(&s->g, found->word);
    if (number >= s->g.blocks)
        return -EBADMSG;
    struct seg_block *block = seg_block(s, number);
    *out = (struct orphan){
        .cell = found->cell,
        .word = found->word,
        .message = {block, (uint32_t)number, load_acquire(&block->size)},
        .deliveries = load_acquire(&block->deliveries),
    };
    return load_acquire(seg_cell(s, found->cell)) == found->word ? 0 : -EAGAIN;
}

static bool is_exhausted(const struct segment *s, const struct orphan *o)
{
    return s->g.max_deliveries && o->deliveries >= s->g.max_deliveries;
}

static int try_one(struct chan_receiver *rx, const struct orphan_scan *found, uint64_t limit, uint32_t *hold,
                   struct message *out)
{
    const struct segment *s = &rx->handle.chan->segment;
    struct orphan o;
    int result = look_at(s, found, &o);
    if (result)
        return result;
    if (is_exhausted(s, &o)) {
        result = put_away(rx, &o);
        return result ? result : -EAGAIN;
    }
    *out = o.message;
    return o.message.size > limit ? -EMSGSIZE : take(&rx->handle, &o, INTENT_REDELIVER, hold);
}

/* -EAGAIN is said of one orphan, and -ENOBUFS by a receiver that keeps orphans in all its hold cells: the next one
 * may do. */
static bool goes_on(int result)
{
    return result == -EAGAIN || result == -ENOBUFS;
}

int chan__take_given_back(struct chan_receiver *rx, uint64_t limit, uint32_t *hold, struct message *out)
{
    const struct segment *s = &rx->handle.chan->segment;
    uint32_t own = rx->handle.endpoint.party.number;
    int result = -EAGAIN;
    /* One's own first: they take no spare block, and may be sitting in all of one's hold cells. */
    struct orphan_scan scan = chan__orphans_scan_in(s, own);
    while (goes_on(result) && chan__orphans_next_in(s, &scan))
        result = try_one(rx, &scan, limit, hold, out);
    scan = chan__orphans_scan(s);
    while (goes_on(result) && chan__orphans_next(s, &scan))
        if (!is_own(&rx->handle, scan.cell))
            result = try_one(rx, &scan, limit, hold, out);
    return goes_on(result) ? -EAGAIN : result;
}

bool chan__is_given_back(const struct chan_receiver *rx)
{
    const struct segment *s = &rx->handle.chan->segment;
    struct orphan_scan scan = chan__orphans_scan(s);
    struct orphan o;
    while (chan__orphans_next(s, &scan))
        if (!look_at(s, &scan, &o) && !is_exhausted(s, &o))
            return true;
    return false;
}

void chan__discard_given_back(struct handle *h)
{
    const struct segment *s = &h->chan->segment;
    struct orphan_scan scan = chan__orphans_scan(s);
    struct orphan o;
    while (chan__orphans_next(s, &scan))
        if (!look_at(s, &scan, &o))
            (void)discard(h, &o);
}

/* A rendezvous has no room in which messages could wait, a watch keeps the last one, and a call waits for an answer. */
static bool keeps_what_is_sent(const struct chan *ch)
{
    uint32_t kind = ch->segment.g.kind;
    return kind != CHAN_RENDEZVOUS && kind != CHAN_WATCH && kind != CHAN_CALL;
}

int chan_receiver_set_dead_letters(struct chan_receiver *rx, struct chan_sender *dead_letters)
{
    uint8_t own[16], other[16];
    if (!rx)
        return -EINVAL;
    if (rx->handle.chan->segment.g.kind == CHAN_CALL)
        return -EOPNOTSUPP; /* a request delivered too often ends its call */
    int result = chan__handle_enter(&rx->handle);
    if (result)
        return result;
    if (dead_letters) {
        chan_id(rx->handle.chan, own);
        chan_id(dead_letters->handle.chan, other);
        if (!rx->handle.chan->segment.g.max_deliveries || !memcmp(own, other, sizeof own))
            result = -EINVAL;
        else if (!keeps_what_is_sent(dead_letters->handle.chan))
            result = -EOPNOTSUPP;
    }
    if (!result)
        rx->dead_letters = dead_letters;
    chan__handle_leave(&rx->handle);
    return result;
}
