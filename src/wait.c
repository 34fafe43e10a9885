/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting: spin as long as that has paid lately, then sleep on the channel's event. */
#include "src/patience.h"
#include "src/spin.h"

#include "shm/event.h"

#include <errno.h>
#include <sched.h>

uint32_t chan__spin_pause(enum spinning how, uint32_t spent, uint32_t between)
{
    bool yields = how == SPIN_YIELDING ? spent >= SPINS_YIELD_SOON
                                       : spent % SPINS_YIELD_EVERY + between >= SPINS_YIELD_EVERY;
    if (yields) {
        sched_yield();
        return SPINS_OF_YIELD;
    }
    for (uint32_t i = 0; i < between; i++)
        spin_pause();
    return between;
}

/* Messages that this endpoint has moved since it last waited. */
static uint64_t moved_since_last(struct handle *h)
{
    const struct seg_record *record = h->endpoint.party.record;
    uint64_t last = h->moved;
    h->moved = load_relaxed(h->endpoint.role == CHAN_ROLE_SENDER ? &record->sent : &record->taken);
    return h->moved - last;
}

static void learn_pause(struct handle *h, bool at_once, uint64_t moved)
{
    if (at_once && moved * SPINS_PER_MESSAGE >= h->pause)
        h->pause = h->pause * 2 > SPINS_BETWEEN_MAX ? SPINS_BETWEEN_MAX : h->pause * 2;
    else
        h->pause = h->pause / 2 < 1 ? 1 : h->pause / 2;
}

int chan__give_way(int (*attempt)(void *), void *operation)
{
    int result = -EAGAIN;
    for (int i = 0; i < YIELDS_BEFORE_SLEEP && result == -EAGAIN; i++) {
        sched_yield();
        result = attempt(operation);
    }
    return result;
}

static int spin(struct handle *h, int (*attempt)(void *), void *operation)
{
    if (!h->spins) {
        h->spins = SPINS_FIRST;
        h->pause = 1;
    }
    uint64_t moved = moved_since_last(h);
    uint32_t between = h->pause;
    for (uint32_t spent = 0; spent < h->spins;) {
        bool first = !spent;
        spent += chan__spin_pause(h->spinning, spent, between);
        int result = attempt(operation);
        if (result != -EAGAIN) {
            h->spins = chan__spins_learnt(h->spins, true);
            learn_pause(h, first, moved);
            return result;
        }
        if (between < SPINS_BETWEEN_MAX)
            between *= 2;
    }
    h->spins = chan__spins_learnt(h->spins, false);
    return chan__give_way(attempt, operation);
}

/* Waiting for the end is not time that a side loses. */
void chan__count_sleep(struct seg_record *record, uint32_t waits_for, uint64_t slept_ns)
{
    bool sends = waits_for == CHAN_WAITS_FOR_SPACE;
    atomic_u64 *waits = sends ? &record->send_waits : &record->recv_waits;
    atomic_u64 *waited_ns = sends ? &record->send_waited_ns : &record->recv_waited_ns;
    if (waits_for == CHAN_WAITS_FOR_CLOSE)
        return;
    store_relaxed(waits, load_relaxed(waits) + 1);
    store_relaxed(waited_ns, load_relaxed(waited_ns) + slept_ns);
}

atomic_u32 *chan__event_of(const struct handle *h, uint32_t waits_for)
{
    struct seg_hot *hot = seg_hot(&h->chan->segment);
    switch (waits_for) {
    case CHAN_WAITS_FOR_ANSWER:
        return &h->endpoint.party.record->own.call.reply_event;
    case CHAN_WAITS_FOR_CLOSE:
        return &hot->life_event;
    case CHAN_WAITS_FOR_SPACE:
        return &hot->space_event;
    default:
        return &hot->data_event;
    }
}

atomic_u32 *chan__sleeps_on(const struct handle *h, uint32_t waits_for)
{
    return h->endpoint.party.shown ? &h->endpoint.party.record->own.match.bell : chan__event_of(h, waits_for);
}

/* One sleep. -EAGAIN: woken, look again. */
static int sleep_once(struct handle *h, uint32_t waits_for, uint32_t key, int64_t deadline_ns,
                      struct patience *patience)
{
    int64_t now = chan_now();
    if (now >= deadline_ns) {
        chan__heal_if_due(h->chan);
        return -ETIMEDOUT;
    }
    int64_t end = patience_end(patience, now, chan__heal_due(h->chan), deadline_ns);
    int result = chan__event_wait(chan__sleeps_on(h, waits_for), key, end);
    chan__count_sleep(h->endpoint.party.record, waits_for, (uint64_t)(chan_now() - now));
    patience_learn(patience, result == -ETIMEDOUT && end != deadline_ns);
    chan__heal_if_due(h->chan);
    if (result == -EINTR && h->flags & CHAN_INTERRUPTIBLE)
        return -EINTR;
    return -EAGAIN;
}

/* Looked at between preparing to sleep and sleeping, like the attempt: chan__cancel() raises the event
 * afterwards. */
static bool is_cancelled(struct handle *h)
{
    return load_seq_cst(&h->cancelled) && atomic_exchange(&h->cancelled, false);
}

static int sleep_until(struct handle *h, uint32_t waits_for, int (*attempt)(void *), void *operation,
                       int64_t deadline_ns)
{
    struct seg_record *record = h->endpoint.party.record;
    store_relaxed(&record->waiting_since_ns, (uint64_t)chan_now());
    store_release(&record->waits_for, waits_for);
    int result;
    bool interrupted = false;
    struct patience patience = {PATIENCE_FIRST_NS};
    for (;;) {
        atomic_u32 *event = chan__sleeps_on(h, waits_for);
        uint32_t key = chan__event_prepare(event);
        result = attempt(operation);
        if (result == -EAGAIN && is_cancelled(h))
            result = -ECANCELED;
        if (result == -EAGAIN && interrupted)
            result = -EINTR;
        if (result != -EAGAIN)
            break;
        if (event != chan__sleeps_on(h, waits_for))
            continue; /* the attempt has shown something, or withdrawn it */
        result = sleep_once(h, waits_for, key, deadline_ns, &patience);
        interrupted = result == -EINTR;
        if (result == -ETIMEDOUT)
            break;
    }
    store_release(&record->waits_for, CHAN_WAITS_FOR_NOTHING);
    /* This may have been the one sleeper woken for a message that it cannot take: somebody else may. */
    if (result == -EMSGSIZE || result == -ENOBUFS)
        chan__event_notify(chan__sleeps_on(h, waits_for), 1);
    return result;
}

int chan__wait_patiently(struct handle *h, uint32_t waits_for, int (*attempt)(void *), void *operation,
                         int64_t deadline_ns)
{
    int result = -EAGAIN;
    if (deadline_ns == DEADLINE_TRY)
        return chan__pollable_attempt(h, waits_for, attempt, operation);
    chan__pollables_rest(h, waits_for);
    if (h->spinning != SPIN_NEVER)
        result = spin(h, attempt, operation);
    if (result == -EAGAIN)
        result = sleep_until(h, waits_for, attempt, operation, deadline_ns);
    return result;
}

/* An event of its own: who waits for the end is not to be woken for a place that a sender waits for. No spinning:
 * the end is nothing that is about to come. */
int chan__wait_for_end(struct handle *h, int (*attempt)(void *), void *operation, int64_t deadline_ns)
{
    int result = attempt(operation);
    if (result == -EAGAIN && deadline_ns == DEADLINE_TRY)
        return chan__pollable_attempt(h, CHAN_WAITS_FOR_CLOSE, attempt, operation);
    if (result != -EAGAIN)
        return result;
    chan__pollables_rest(h, CHAN_WAITS_FOR_CLOSE);
    return sleep_until(h, CHAN_WAITS_FOR_CLOSE, attempt, operation, deadline_ns);
}
