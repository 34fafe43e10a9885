/* SPDX-License-Identifier: Apache-2.0 */
/* Rendezvous: a send ends when a receiver takes the message. The match itself is in shm/match.h; here is who looks,
 * who shows, and who sleeps.
 *
 * Both sides look for a peer that waits, and only then show an offer or a demand. A receiver that has shown one looks
 * once more, withdraws, and takes what it found; a sender only rings for the receivers that wait. So of two that have
 * missed each other one acts, and they cannot go on withdrawing for ever. Whoever shows something sleeps on a bell
 * of its own: a match wakes just the peer. A sender that has nothing to show, for want of payload memory, and a
 * receiver that may have nothing more, sleep on the channel's events. */
#include "src/kind.h"

#include "shm/event.h"
#include "shm/match.h"
#include "shm/orphans.h"

#include <errno.h>
#include <limits.h>

/* Attempts that others come before: more, and somebody writes nonsense. */
#define ROUNDS_MAX 1000000

/* Peers found dead, one after the other; each heals all there are. */
#define HEALS_MAX 256

static bool has_ended(struct chan *ch, uint64_t flags)
{
    return (chan__life_state(ch) & flags) != 0;
}

/* The oldest peer that waits and is alive: it was when the kernel was asked, and a match that succeeds afterwards
 * finds it waiting since before. */
static int find_peer(struct handle *h, enum match_side side, uint64_t size, struct match *out)
{
    const struct segment *s = &h->chan->segment;
    for (int heals = 0; heals < HEALS_MAX; heals++) {
        if (!chan__match_find(s, side, size, h->endpoint.party.selection, out))
            return -EAGAIN;
        if (!chan__endpoint_is_dead(s, out->number, out->status))
            return 0;
        if (chan__heal(h->chan))
            chan__wake_all(h->chan);
    }
    return -EBADMSG;
}

/* Exchange with the peer and wake it; with a warning before, as in event.h. */
static bool match(struct handle *h, const struct match *peer, const struct held *spare, enum intent_kind kind)
{
    atomic_u32 *bell = &seg_record(&h->chan->segment, peer->number)->own.match.bell;
    uint32_t warned = chan__event_warn(bell, 1);
    bool done = chan__exchange(&h->endpoint.party, peer->cell, peer->word, spare, kind);
    if (done)
        chan__event_notify_warned(bell, warned, 1);
    return done;
}

static bool shows(const struct handle *h)
{
    return h->endpoint.party.shown != 0;
}

/* A call that was to be cancelled, and succeeds after all, leaves that to the next one that would wait. */
static void keep_cancellation(struct handle *h, int result)
{
    if (result == -ECANCELED)
        atomic_store(&h->cancelled, true);
}

/* True: a peer was faster. */
static bool settle(struct handle *h)
{
    return chan__match_settle(&h->endpoint.party);
}

/* Closed: what receivers gave back, the last of which is gone, is for nobody. A copy's memory goes first: its block
 * may be exchanged for one of those. */
static int refuse(struct sending *op)
{
    struct handle *h = &op->tx->handle;
    bool is_loan = h->open & hold_bit(h, op->spare.hold);
    if (op->has_memory && !is_loan)
        chan__sending_drop(op);
    if (has_ended(h->chan, STATE_RECEIVERS_GONE))
        chan__discard_all(h);
    return -EPIPE;
}

static int meet_demand(struct sending *op)
{
    struct handle *h = &op->tx->handle;
    struct match peer;
    for (int rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        int result = find_peer(h, MATCH_DEMANDS, op->size, &peer);
        if (!result && has_ended(h->chan, STATE_SHUT_DOWN))
            result = -EPIPE; /* looked at after the demand: see chan__match_seal() */
        if (!result && !op->has_memory)
            result = chan__sending_fill(op);
        if (result)
            return result;
        if (match(h, &peer, &op->spare, INTENT_SEND))
            return 0;
    }
    return -EBADMSG;
}

/* The message is the sender's again, in the same cell. */
static int withdraw(struct sending *op)
{
    struct handle *h = &op->tx->handle;
    uint32_t hold = h->endpoint.party.shown_hold;
    return settle(h) ? 0 : chan__hold_read(&h->endpoint.party, hold, &op->spare) ? -EBADMSG : -EAGAIN;
}

static void offer(struct sending *op)
{
    struct handle *h = &op->tx->handle;
    const struct segment *s = &h->chan->segment;
    atomic_u32 *event = &seg_hot(s)->data_event;
    (void)chan__event_warn(event, INT_MAX);
    chan__match_show(&h->endpoint.party, &op->spare, op->ticket, 0);
    chan__match_ring(s, MATCH_DEMANDS); /* those that were not there yet, or want smaller ones */
    chan__event_notify(event, INT_MAX); /* those that cannot demand anything, and those that select */
}

static int attempt_put(void *operation)
{
    struct sending *op = operation;
    struct handle *h = &op->tx->handle;
    uint64_t closed = STATE_SHUT_DOWN | STATE_RECEIVERS_GONE;
    if (shows(h)) {
        if (!chan__match_is_over(&h->endpoint.party) && !has_ended(h->chan, closed))
            return -EAGAIN;
        int result = withdraw(op);
        if (result != -EAGAIN)
            return result;
    }
    if (has_ended(h->chan, closed))
        return refuse(op);
    int result = meet_demand(op);
    if (result == -EPIPE)
        return refuse(op);
    if (result == -EAGAIN && op->waits) {
        if (!op->has_memory && chan__sending_fill(op))
            return -EAGAIN;
        offer(op);
    }
    return result;
}

static void count_bytes(const struct sending *op)
{
    atomic_u64 *bytes = &op->tx->handle.endpoint.party.record->sent_bytes;
    store_relaxed(bytes, load_relaxed(bytes) + op->size);
}

int chan__rendezvous_put(struct sending *op, int64_t deadline_ns)
{
    struct handle *h = &op->tx->handle;
    op->waits = deadline_ns != DEADLINE_TRY;
    op->ticket = match_ticket(&h->chan->segment, MATCH_OFFERS);
    int result = chan__wait(h, attempt_put, op, deadline_ns);
    if (shows(h) && !withdraw(op)) { /* timed out, or interrupted, and taken in the last moment */
        keep_cancellation(h, result);
        result = 0;
    }
    if (!result)
        count_bytes(op);
    return result;
}

bool chan__rendezvous_offer(struct sending *op)
{
    if (chan__handle_spare(&op->tx->handle, &op->spare))
        return false;
    bool filled = !chan__sending_fill(op);
    if (filled)
        offer(op);
    else
        chan__sending_drop(op);
    return filled;
}

int chan__rendezvous_stop_offer(struct sending *op)
{
    int result = withdraw(op);
    if (result)
        chan__sending_drop(op);
    else
        count_bytes(op);
    return result;
}

static int take_offer(struct receiving *op)
{
    struct handle *h = &op->rx->handle;
    const struct segment *s = &h->chan->segment;
    struct match peer;
    struct held spare;
    for (int rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        int result = find_peer(h, MATCH_OFFERS, 0, &peer);
        if (has_ended(h->chan, STATE_SHUT_DOWN)) /* looked at after the offer: see chan__match_seal() */
            return -EPIPE;
        if (result)
            return result;
        if (peer.size > op->limit) {
            op->message.size = peer.size;
            if (load_acquire(seg_cell(s, peer.cell)) == peer.word)
                return -EMSGSIZE;
            continue;
        }
        result = chan__handle_spare(h, &spare);
        if (result)
            return result;
        if (match(h, &peer, &spare, INTENT_TAKE)) {
            uint64_t block = cell_block(&s->g, peer.word);
            op->hold = spare.hold;
            op->message = (struct message){seg_block(s, block), (uint32_t)block, peer.size};
            return 0;
        }
    }
    return -EBADMSG;
}

/* A sender was faster: its message is in the cell that was shown. */
static int accept(struct receiving *op)
{
    struct party *party = &op->rx->handle.endpoint.party;
    struct held held;
    int result = chan__hold_read(party, party->shown_hold, &held);
    if (result)
        return result;
    op->hold = party->shown_hold;
    op->message = (struct message){held.block, held.number, load_relaxed(&held.block->size)};
    return 0;
}

static struct surroundings look_around(struct chan *ch)
{
    struct seg_hot *hot = seg_hot(&ch->segment);
    return (struct surroundings){load_seq_cst(&hot->offers), load_seq_cst(&hot->orphans),
                                 chan__life_state(ch)};
}

static bool sees_the_same(const struct surroundings *a, const struct surroundings *b)
{
    return a->offers == b->offers && a->orphans == b->orphans && a->state == b->state;
}

static void demand(struct handle *h, const struct held *spare, const struct receiving *op)
{
    atomic_u32 *event = &seg_hot(&h->chan->segment)->space_event;
    (void)chan__event_warn(event, INT_MAX);
    chan__match_show(&h->endpoint.party, spare, op->ticket, op->limit);
    chan__event_notify(event, INT_MAX); /* senders that select */
}

static bool may_come(uint64_t state)
{
    return !(state & (STATE_SHUT_DOWN | STATE_SENDERS_GONE));
}

bool chan__rendezvous_demand(struct receiving *op)
{
    struct handle *h = &op->rx->handle;
    struct held spare;
    if (!may_come(chan__life_state(h->chan)) || chan__all_holds_open(h) || chan__handle_spare(h, &spare))
        return false;
    demand(h, &spare, op);
    return true;
}

int chan__rendezvous_stop_demand(struct receiving *op, struct chan_view *view)
{
    return settle(&op->rx->handle) ? chan__hand_view(op, accept(op), view) : -EAGAIN;
}

bool chan__rendezvous_is_over(const struct handle *h)
{
    bool sends = h->endpoint.role == CHAN_ROLE_SENDER;
    uint64_t ended = STATE_SHUT_DOWN | (sends ? STATE_RECEIVERS_GONE : STATE_SENDERS_GONE);
    return chan__match_is_over(&h->endpoint.party) || has_ended(h->chan, ended);
}

/* Those of the other side that wait with a select sleep on the channel's event. */
void chan__rendezvous_select(struct handle *h, uint64_t selection)
{
    struct seg_hot *hot = seg_hot(&h->chan->segment);
    bool sends = h->endpoint.role == CHAN_ROLE_SENDER;
    chan__match_select(&h->endpoint.party, selection);
    chan__event_notify_after_store(sends ? &hot->data_event : &hot->space_event, INT_MAX);
}

void chan__rendezvous_unselect(struct handle *h)
{
    chan__match_unselect(&h->endpoint.party);
}

bool chan__rendezvous_is_selected(const struct handle *h)
{
    uint32_t other = h->endpoint.role == CHAN_ROLE_SENDER ? CHAN_ROLE_RECEIVER : CHAN_ROLE_SENDER;
    return chan__match_is_selected(&h->chan->segment, other, h->endpoint.party.selection);
}

static int attempt_take(void *operation)
{
    struct receiving *op = operation;
    struct handle *h = &op->rx->handle;
    struct held spare;
    for (int rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        struct surroundings sight = look_around(h->chan);
        if (shows(h)) {
            if (!chan__match_is_over(&h->endpoint.party) && sees_the_same(&sight, &h->seen))
                return -EAGAIN;
            if (settle(h))
                return accept(op);
        }
        h->seen = sight;
        int result = chan__attempt(op, take_offer);
        if (result != -EAGAIN || !op->waits || !may_come(sight.state) || chan__handle_spare(h, &spare))
            return result;
        demand(h, &spare, op);
    }
    return -EBADMSG;
}

static int look_for_offer(struct receiving *op)
{
    struct handle *h = &op->rx->handle;
    struct match offer;
    int result = find_peer(h, MATCH_OFFERS, 0, &offer);
    return has_ended(h->chan, STATE_SHUT_DOWN) ? -EPIPE : result;
}

/* With all holds out, a message there is -ENOBUFS, and none is waited for. */
static int attempt_view(void *operation)
{
    struct receiving *op = operation;
    if (!chan__all_holds_open(&op->rx->handle))
        return attempt_take(op);
    int result = chan__look(op, look_for_offer);
    return result ? result : -ENOBUFS;
}

int chan__rendezvous_recv_ready(struct chan_receiver *rx, struct stamp *stamp)
{
    struct receiving op = {.rx = rx};
    struct surroundings sight = look_around(rx->handle.chan);
    int result = chan__look(&op, look_for_offer);
    *stamp = (struct stamp){{sight.offers, sight.orphans, sight.state}};
    return result == -EAGAIN ? result : 0;
}

int chan__rendezvous_send_ready_of(struct chan_sender *tx, uint64_t size, struct stamp *stamp)
{
    struct handle *h = &tx->handle;
    struct match demand;
    uint64_t demands = load_seq_cst(match_summary(&h->chan->segment, MATCH_DEMANDS));
    uint64_t state = chan__life_state(h->chan);
    int result = has_ended(h->chan, STATE_SHUT_DOWN | STATE_RECEIVERS_GONE)
                     ? 0
                     : find_peer(h, MATCH_DEMANDS, size, &demand);
    *stamp = (struct stamp){{demands, state}};
    return result == -EAGAIN ? result : 0;
}

int chan__rendezvous_send_ready(struct chan_sender *tx, struct stamp *stamp)
{
    return chan__rendezvous_send_ready_of(tx, tx->handle.chan->segment.g.message_size, stamp);
}

static int receive(struct receiving *op, int (*attempt)(void *), int64_t deadline_ns)
{
    struct handle *h = &op->rx->handle;
    op->waits = deadline_ns != DEADLINE_TRY;
    op->ticket = match_ticket(&h->chan->segment, MATCH_DEMANDS);
    int result = chan__wait(h, attempt, op, deadline_ns);
    if (shows(h) && settle(h)) { /* timed out, or interrupted, and met in the last moment */
        keep_cancellation(h, result);
        result = accept(op);
    }
    return result;
}

int chan__rendezvous_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                          int64_t deadline_ns, uint32_t *unannounced)
{
    struct receiving op = {.rx = rx, .limit = capacity};
    (void)unannounced; /* each sender hears of its match at once */
    return chan__hand_copy(&op, receive(&op, attempt_take, deadline_ns), buffer, size);
}

int chan__rendezvous_recv_view(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns)
{
    struct receiving op = {.rx = rx, .limit = UINT64_MAX};
    return chan__hand_view(&op, receive(&op, attempt_view, deadline_ns), view);
}
