/* SPDX-License-Identifier: Apache-2.0 */
/* Lifetimes: when a side is disconnected, when a channel is finished, and healing after deaths.
 *
 * All of it is one word, {version, flags}, changed by CAS. Who leaves counts the endpoints that are left
 * and, if there are none, sets the flag with the version it read before counting; who joins shows its
 * record LIVE first and raises the version then. So either the leaver's CAS fails, and it counts again, or
 * the joiner sees the flag and goes. */
#include "src/handle.h"
#include "src/patience.h"

#include "shm/event.h"
#include "shm/match.h"
#include "shm/repair.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* Of a record by who opens a channel: it is changed a few times by those who attach, leave or repair. */
#define LOOKS_MAX 16

/* Those who wait for answers, each on an event of its own. */
static void wake_callers(struct chan *ch)
{
    const struct segment *s = &ch->segment;
    for (uint32_t number = 0; s->g.kind == CHAN_CALL && number < s->g.endpoints; number++) {
        atomic_u32 *event = &seg_record(s, number)->own.call.reply_event;
        if (chan__event_has_sleepers(event))
            chan__event_notify_all(event);
    }
}

static bool is_rendezvous(const struct chan *ch)
{
    return ch->segment.g.kind == CHAN_RENDEZVOUS;
}

void chan__wake_all(struct chan *ch)
{
    chan__event_notify_all(&seg_hot(&ch->segment)->data_event);
    chan__event_notify_all(&seg_hot(&ch->segment)->space_event);
    chan__event_notify_all(&seg_hot(&ch->segment)->life_event);
    wake_callers(ch);
    if (is_rendezvous(ch))
        chan__match_ring_all(&ch->segment);
}

int chan__seal(struct chan *ch)
{
    if (!is_rendezvous(ch))
        return chan__ring_seal(&ch->segment);
    chan__match_seal(&ch->segment);
    return 0;
}

/* Before a change that concerns all: see event.h. */
static void warn_all(struct chan *ch)
{
    struct seg_hot *hot = seg_hot(&ch->segment);
    (void)chan__event_warn(&hot->data_event, INT_MAX);
    (void)chan__event_warn(&hot->space_event, INT_MAX);
    (void)chan__event_warn(&hot->life_event, INT_MAX);
    wake_callers(ch);
    if (is_rendezvous(ch))
        chan__match_ring_all(&ch->segment);
}

/* Of kinds where a receiver gets only what is sent while it is there, the side of receivers is open whenever there is
 * one. Such a channel is closed at first, and each new receiver opens it. */
static bool reopens(const struct segment *s)
{
    return s->g.kind == CHAN_BROADCAST;
}

void chan__life_begin(struct chan *ch)
{
    if (reopens(&ch->segment))
        store_relaxed(&seg_hot(&ch->segment)->state, STATE_RECEIVERS_GONE);
}

void chan__others_may_end(struct chan *ch)
{
    if (chan__life_state(ch) & (STATE_SHUT_DOWN | STATE_SENDERS_GONE))
        chan__event_notify_after_store(&seg_hot(&ch->segment)->data_event, INT_MAX);
}

/* What joining means for the life word. */
static const struct {
    uint64_t refused_by, sets, clears;
} joinings[] = {
    [JOINS_AS_SENDER] = {STATE_SHUT_DOWN | STATE_SENDERS_GONE | STATE_RECEIVERS_GONE | STATE_FINISHED,
                         STATE_SENDERS_SEEN, STATE_NO_SENDERS},
    /* What was sent can still be received. */
    [JOINS_AS_RECEIVER] = {STATE_RECEIVERS_GONE | STATE_FINISHED, STATE_RECEIVERS_SEEN, 0},
    /* One more of those that are there; whether it can send is another matter. */
    [JOINS_BY_UPGRADE] = {STATE_SENDERS_GONE | STATE_NO_SENDERS | STATE_FINISHED, 0, 0},
};

int chan__life_join(struct chan *ch, enum joining how)
{
    atomic_u64 *state = &seg_hot(&ch->segment)->state;
    if (how == JOINS_WEAKLY)
        return 0; /* nothing depends on it */
    uint64_t refused_by = joinings[how].refused_by, clears = joinings[how].clears;
    if (reopens(&ch->segment)) {
        refused_by &= ~STATE_RECEIVERS_GONE;
        clears |= how == JOINS_AS_RECEIVER ? STATE_RECEIVERS_GONE : 0;
    }
    for (;;) {
        uint64_t now = load_acquire(state);
        if (now & refused_by)
            return -EPIPE;
        uint64_t joined = (now | joinings[how].sets) & ~clears;
        if (cas_seq_cst_u64(state, now, joined + STATE_VERSION))
            return 0;
    }
}

/* The flags that follow from how many endpoints there are, one of `leaving` (0: none) not counted. */
static uint64_t gone_flags(const struct segment *s, uint64_t state, uint32_t leaving)
{
    uint64_t gone = 0;
    uint32_t senders = chan__endpoint_count(s, CHAN_ROLE_SENDER) - (leaving == CHAN_ROLE_SENDER);
    uint32_t receivers = chan__endpoint_count(s, CHAN_ROLE_RECEIVER) - (leaving == CHAN_ROLE_RECEIVER);
    bool ends = s->g.lifetime == CHAN_EPHEMERAL;
    if (state & STATE_SENDERS_SEEN && !senders)
        gone |= ends ? STATE_SENDERS_GONE : STATE_NO_SENDERS;
    if (state & STATE_RECEIVERS_SEEN && !receivers && (ends || reopens(s)))
        gone |= STATE_RECEIVERS_GONE;
    if (ends && gone && !senders && !receivers)
        gone |= STATE_FINISHED;
    if (s->g.kind == CHAN_WATCH)
        gone &= ~STATE_RECEIVERS_GONE; /* another one may come and read the value */
    return gone;
}

static uint64_t update_flags(struct chan *ch, uint32_t leaving)
{
    const struct segment *s = &ch->segment;
    atomic_u64 *word = &seg_hot(s)->state;
    for (;;) {
        uint64_t state = load_acquire(word);
        uint64_t changed = state | gone_flags(s, state, leaving);
        if (changed == state || cas_seq_cst_u64(word, state, changed + STATE_VERSION))
            return changed;
    }
}

/* On a fair queue those who have places may use them after it was shut down: nobody gets new ones, and the ring is
 * sealed only when there is nobody to receive. */
static bool seals(const struct chan *ch, uint64_t state)
{
    bool ends_at_once = state & STATE_SHUT_DOWN && ch->segment.g.order != CHAN_FAIR;
    return ends_at_once || (state & STATE_RECEIVERS_GONE && !reopens(&ch->segment));
}

/* Whatever the flags call for is done by everybody who comes by: whoever set one may have been killed
 * right after. */
static void follow_flags(struct chan *ch, uint64_t state)
{
    const struct segment *s = &ch->segment;
    if (seals(ch, state))
        (void)chan__seal(ch); /* a corrupt ring shows itself to those who use it */
    if (state & STATE_FINISHED && ch->path)
        (void)chan__segment_unlink(s->fd, ch->path); /* whoever is at it already does the same */
    if (state & (STATE_SHUT_DOWN | STATE_SENDERS_GONE | STATE_RECEIVERS_GONE))
        chan__wake_all(ch);
}

void chan__life_leave(struct chan *ch, uint32_t role)
{
    warn_all(ch);
    follow_flags(ch, update_flags(ch, role));
}

void chan__life_update(struct chan *ch)
{
    follow_flags(ch, update_flags(ch, 0));
}

bool chan__heal(struct chan *ch)
{
    struct chan_repair_report report = {0};
    chan__repair_all(&ch->segment, false, &report);
    chan__life_update(ch);
    return report.dead;
}

int64_t chan__heal_due(const struct chan *ch)
{
    return atomic_load(&ch->healed_ns) + (chan__keeper_watches(ch) ? PATIENCE_NS : PATIENCE_ALONE_NS);
}

void chan__heal_if_due(struct chan *ch)
{
    int64_t now = chan_now();
    if (now < chan__heal_due(ch))
        return;
    atomic_store(&ch->healed_ns, now);
    if (chan__heal(ch))
        chan__wake_all(ch);
}

/* True if there is nobody in this record. What is changed while it is looked at, as by somebody who repairs it, is looked at
 * again; but not for ever, whatever others do. */
static bool is_left(const struct segment *s, uint32_t number)
{
    for (int tries = 0; tries < LOOKS_MAX; tries++) {
        uint64_t status = load_acquire(&seg_record(s, number)->status); /* STATUS */
        uint32_t state = status_state(status);
        if (state == RECORD_FREE || state == CHAN_STATE_DEAD || status_role(status) == CHAN_ROLE_WEAK ||
            chan__endpoint_is_dead(s, number, status))
            return true;
        if (load_relaxed(&seg_record(s, number)->status) == status)
            return false;
    }
    return false;
}

/* True if nobody is seen, looking at one record after the other. */
static bool seems_left(const struct segment *s)
{
    uint32_t number = 0;
    while (number < s->g.endpoints && is_left(s, number))
        number++;
    return number == s->g.endpoints;
}

bool chan__life_is_stale(struct chan *ch)
{
    const struct segment *s = &ch->segment;
    uint64_t state = chan__life_state(ch);
    if (s->g.lifetime != CHAN_EPHEMERAL)
        return false;
    if (state & STATE_FINISHED)
        return true;
    if (!(state & (STATE_SENDERS_SEEN | STATE_RECEIVERS_SEEN)) || !seems_left(s))
        return false;
    /* Somebody may have moved from a record not yet seen to one already passed, or adopted what seemed dead: the life
     * word tells. */
    (void)chan__heal(ch);
    return chan__life_state(ch) & STATE_FINISHED;
}

int chan_shutdown(struct chan *ch)
{
    if (!ch)
        return -EINVAL;
    if (ch->segment.read_only)
        return -EACCES;
    /* Lets the others notice if we are killed in the middle, before waking them: it is closed then. */
    int notice = chan__segment_reopen(&ch->segment);
    warn_all(ch);
    atomic_u64 *state = &seg_hot(&ch->segment)->state;
    for (;;) {
        uint64_t now = load_acquire(state);
        if (now & STATE_SHUT_DOWN || cas_seq_cst_u64(state, now, (now | STATE_SHUT_DOWN) + STATE_VERSION))
            break;
    }
    int result = seals(ch, STATE_SHUT_DOWN) ? chan__seal(ch) : 0;
    chan__life_update(ch);
    if (notice >= 0)
        close(notice);
    return result;
}
