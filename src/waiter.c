/* SPDX-License-Identifier: Apache-2.0 */
/* Waiters: wait.c's sleep taken apart, for those who sleep somewhere else.
 *
 * What is a function there, prepare, look again, sleep, is a state here: `announced` from the moment when the
 * event was prepared until the next try or withdrawal. The event counts nobody (shm/event.h), so a process
 * killed in that state leaves nothing to be repaired. A wake-up that the kernel gave to its sleep, which may
 * outlive the process's mappings by a little, is made up for by whoever notices the death and wakes
 * everybody. */
#include "src/kind.h"
#include "src/patience.h"

#include "shm/event.h"

#include <stdlib.h>

struct chan_waiter {
    struct handle *handle;
    struct chan_receiver *rx; /* or NULL, and the other is set */
    struct chan_sender *tx;
    uint32_t waits_for; /* CHAN_WAITS_FOR_* */
    struct patience patience;
    bool was_rung; /* since a try last found nothing: perhaps in place of somebody else */

    /* of the sleep that is announced */
    bool announced;
    uint32_t key;
    int64_t begin_ns, end_ns;
};

static int create(struct handle *h, struct chan_receiver *rx, struct chan_sender *tx,
                  struct chan_waiter **out)
{
    if (!chan__is_usable(h))
        return -ECHILD;
    struct chan_waiter *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    w->handle = h;
    w->rx = rx;
    w->tx = tx;
    w->waits_for = rx ? CHAN_WAITS_FOR_MESSAGE : CHAN_WAITS_FOR_SPACE;
    w->patience.now_ns = PATIENCE_FIRST_NS;
    *out = w;
    return 0;
}

int chan_waiter_of_receiver(struct chan_receiver *rx, struct chan_waiter **out)
{
    return rx && out ? create(&rx->handle, rx, NULL, out) : -EINVAL;
}

int chan_waiter_of_sender(struct chan_sender *tx, struct chan_waiter **out)
{
    return tx && out ? create(&tx->handle, NULL, tx, out) : -EINVAL;
}

static atomic_u32 *event_of(const struct chan_waiter *w)
{
    return chan__event_of(w->handle, w->waits_for);
}

static int look(const struct chan_waiter *w)
{
    const struct kind *kind = chan__kind(w->handle->chan);
    struct stamp unused;
    int result = chan__handle_enter(w->handle);
    if (result)
        return result;
    result = w->rx ? kind->recv_ready(w->rx, &unused) : kind->send_ready(w->tx, &unused);
    chan__handle_leave(w->handle);
    return result;
}

/* A look finds room for a small message: whether a large one's payload memory is there, only an attempt
 * tells. */
static bool look_is_all(const struct chan_waiter *w)
{
    return w->rx || !w->handle->chan->segment.g.units;
}

static int try_once(struct chan_waiter *w, int (*attempt)(void *), void *argument)
{
    int result = attempt ? attempt(argument) : look(w);
    if (result != -EAGAIN && (attempt || look_is_all(w)))
        w->patience.now_ns = PATIENCE_FIRST_NS;
    return result;
}

static void announce(struct chan_waiter *w)
{
    struct seg_record *record = w->handle->endpoint.party.record;
    w->begin_ns = chan_now();
    w->end_ns = patience_end(&w->patience, w->begin_ns, chan__heal_due(w->handle->chan), CHAN_FOREVER);
    store_relaxed(&record->waiting_since_ns, (uint64_t)w->begin_ns);
    store_release(&record->waits_for, w->waits_for);
    w->key = chan__event_prepare(event_of(w)); /* SLEEP */
    w->announced = true;
}

static void stop_waiting(struct chan_waiter *w)
{
    struct seg_record *record = w->handle->endpoint.party.record;
    w->announced = false;
    store_release(&record->waits_for, CHAN_WAITS_FOR_NOTHING);
}

static void end_sleep(struct chan_waiter *w)
{
    int64_t now = chan_now();
    bool is_rung = load_seq_cst(event_of(w)) != w->key;
    bool to_its_end = now >= w->end_ns && !is_rung;
    w->was_rung |= is_rung;
    chan__count_sleep(w->handle->endpoint.party.record, w->waits_for, (uint64_t)(now - w->begin_ns));
    stop_waiting(w);
    patience_learn(&w->patience, to_its_end);
    chan__heal_if_due(w->handle->chan);
}

/* This may have been the one sleeper woken for a message that it cannot take: somebody else may. */
static int pass_on(struct chan_waiter *w, int result)
{
    if (w->was_rung && (result == -EMSGSIZE || result == -ENOBUFS)) {
        chan__event_notify(event_of(w), 1);
        w->was_rung = false;
    }
    return result;
}

int chan_waiter_try(struct chan_waiter *w, int (*attempt)(void *), void *argument, struct chan_sleep *out)
{
    if (!w || !out)
        return -EINVAL;
    if (!chan__is_usable(w->handle))
        return -ECHILD;
    if (w->announced)
        end_sleep(w);
    int result = try_once(w, attempt, argument);
    if (result != -EAGAIN)
        return pass_on(w, result);
    announce(w);
    result = try_once(w, attempt, argument); /* whatever comes after this changes the event's word */
    if (result != -EAGAIN) {
        stop_waiting(w);
        return pass_on(w, result);
    }
    w->was_rung = false; /* whatever it was for, others have taken it, or it is still to come */
    *out = (struct chan_sleep){(const uint32_t *)(const void *)event_of(w), w->key, w->end_ns};
    return -EAGAIN;
}

void chan_waiter_withdraw(struct chan_waiter *w)
{
    if (!w || !chan__is_usable(w->handle))
        return;
    if (w->announced)
        end_sleep(w);
    if (w->was_rung || look(w) != -EAGAIN)
        chan__event_notify(event_of(w), 1);
    w->was_rung = false;
}

void chan_waiter_close(struct chan_waiter *w)
{
    if (!w)
        return;
    if (w->announced && chan__is_usable(w->handle)) {
        stop_waiting(w);
        chan__event_notify_all(event_of(w));
    } else {
        chan_waiter_withdraw(w);
    }
    free(w);
}
