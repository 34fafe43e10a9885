/* SPDX-License-Identifier: Apache-2.0 */
/* Attaching, cloning, preparing, adopting and closing endpoints. */
#include "src/kind.h"

#include "shm/arena.h"
#include "shm/event.h"
#include "shm/orphans.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define ATTACH_FLAGS (CHAN_INTERRUPTIBLE | CHAN_NO_SPIN)

/* Spinning is for those who run at the same time. With one processor nobody does; a process that is bound
 * to one may share it with its peer, or have a peer on another: it spins, but soon offers the processor. */
static enum spinning spinning_for(uint32_t flags)
{
    cpu_set_t allowed;
    if (flags & CHAN_NO_SPIN || sysconf(_SC_NPROCESSORS_ONLN) == 1)
        return SPIN_NEVER;
    if (!sched_getaffinity(0, sizeof allowed, &allowed) && CPU_COUNT(&allowed) == 1)
        return SPIN_YIELDING;
    return SPIN_PAUSING;
}

static uint32_t role_of(enum joining how)
{
    if (how == JOINS_AS_RECEIVER)
        return CHAN_ROLE_RECEIVER;
    return how == JOINS_WEAKLY ? CHAN_ROLE_WEAK : CHAN_ROLE_SENDER;
}

int chan__attach(struct chan *ch, enum joining how, uint32_t state, uint32_t flags, struct handle *h,
                 struct chan_receiver *rx)
{
    uint32_t role = role_of(how);
    if (flags & ~ATTACH_FLAGS)
        return -EINVAL;
    if (ch->segment.read_only)
        return -EACCES;
    if (chan__heal(ch)) /* records and seats of the dead */
        chan__wake_all(ch);
    int result = chan__forks_hold();
    if (result)
        return result;
    result = chan__endpoint_claim(&ch->segment, role, &h->endpoint);
    chan__forks_release();
    if (result)
        return result;
    h->chan = chan__acquire(ch);
    h->flags = flags;
    h->spinning = spinning_for(flags);
    h->fork_count = chan__fork_count();
    h->state = state;
    h->hold = hold_first(&ch->segment.g, role);
    atomic_flag_clear(&h->in_use);
    const struct kind *kind = chan__kind(ch);
    result = rx && kind->attaching ? kind->attaching(rx) : 0;
    if (!result)
        result = chan__endpoint_show(&h->endpoint, state);
    if (!result)
        result = chan__life_join(ch, how);
    if (!result && rx && kind->attached)
        result = kind->attached(rx);
    if (result) {
        chan__endpoint_leave(&h->endpoint);
        chan__life_update(ch); /* somebody may have counted us and thought himself not the last */
        chan_close(h->chan);
        return result;
    }
    if (state == CHAN_STATE_LIVE)
        chan__keeper_watch(ch);
    return 0;
}

static int new_sender(struct chan *ch, uint32_t state, uint32_t flags, struct chan_sender **out)
{
    if (!ch || !out)
        return -EINVAL;
    struct chan_sender *tx = calloc(1, sizeof *tx);
    if (!tx)
        return -ENOMEM;
    int result = chan__attach(ch, JOINS_AS_SENDER, state, flags, &tx->handle, NULL);
    if (result)
        free(tx);
    else
        *out = tx;
    return result;
}

static void free_receiver(struct chan_receiver *rx)
{
    free(rx->views);
    free(rx);
}

static int new_receiver(struct chan *ch, uint32_t state, uint32_t flags, struct chan_receiver **out)
{
    if (!ch || !out)
        return -EINVAL;
    struct chan_receiver *rx = calloc(1, sizeof *rx);
    if (!rx)
        return -ENOMEM;
    int result = chan__attach(ch, JOINS_AS_RECEIVER, state, flags, &rx->handle, rx);
    if (result)
        free_receiver(rx);
    else
        *out = rx;
    return result;
}

int chan_attach_sender(struct chan *ch, uint32_t flags, struct chan_sender **out)
{
    return new_sender(ch, CHAN_STATE_LIVE, flags, out);
}

int chan_attach_receiver(struct chan *ch, uint32_t flags, struct chan_receiver **out)
{
    return new_receiver(ch, CHAN_STATE_LIVE, flags, out);
}

int chan_prepare_sender(struct chan *ch, uint32_t flags, struct chan_sender **out)
{
    return new_sender(ch, CHAN_STATE_PREPARED, flags, out);
}

int chan_prepare_receiver(struct chan *ch, uint32_t flags, struct chan_receiver **out)
{
    return new_receiver(ch, CHAN_STATE_PREPARED, flags, out);
}

bool chan__is_usable(const struct handle *h)
{
    return h->state == CHAN_STATE_LIVE && h->fork_count == chan__fork_count();
}

int chan_clone_sender(const struct chan_sender *tx, struct chan_sender **out)
{
    if (!tx || !out)
        return -EINVAL;
    return chan__is_usable(&tx->handle) ? chan_attach_sender(tx->handle.chan, tx->handle.flags, out)
                                        : -ECHILD;
}

int chan_clone_receiver(const struct chan_receiver *rx, struct chan_receiver **out)
{
    if (!rx || !out)
        return -EINVAL;
    if (!chan__is_usable(&rx->handle))
        return -ECHILD;
    struct chan_receiver *clone;
    int result = chan_attach_receiver(rx->handle.chan, rx->handle.flags, &clone);
    if (result)
        return result;
    store_relaxed(&clone->seen, load_relaxed(&rx->seen));
    *out = clone;
    return 0;
}

static int adopt(struct handle *h)
{
    if (h->state != CHAN_STATE_PREPARED)
        return -EINVAL;
    int result = chan__forks_hold(); /* a child inherits the handle and its mapping, or neither */
    if (result)
        return result;
    result = chan__endpoint_show(&h->endpoint, CHAN_STATE_LIVE);
    chan__forks_release();
    if (result)
        return result;
    h->fork_count = chan__fork_count();
    h->state = CHAN_STATE_LIVE;
    chan__keeper_watch(h->chan);
    return 0;
}

int chan_adopt_sender(struct chan_sender *tx)
{
    return tx ? adopt(&tx->handle) : -EINVAL;
}

int chan_adopt_receiver(struct chan_receiver *rx)
{
    return rx ? adopt(&rx->handle) : -EINVAL;
}

/* Loans are dropped with their payload; views go to other receivers. */
static void drop_holds(struct handle *h)
{
    const struct segment *s = &h->chan->segment;
    if (s->g.kind == CHAN_BROADCAST && h->endpoint.role == CHAN_ROLE_RECEIVER)
        return; /* its views have no hold cells */
    if (h->endpoint.role == CHAN_ROLE_RECEIVER) {
        if (s->g.kind != CHAN_WATCH) /* there, views end with the record */
            chan__orphans_give_back(&h->endpoint.party, h->open);
        return;
    }
    for (uint32_t hold = 0; h->open && hold < s->g.role_cells; hold++) {
        struct held held;
        if (h->open & hold_bit(h, hold) && !chan__hold_read(&h->endpoint.party, hold, &held))
            (void)chan__arena_free(s, held.number);
    }
}

static void leave(struct handle *h)
{
    struct chan *ch = h->chan;
    drop_holds(h);
    h->open = 0;
    /* Decided while this record is still there: what the last receiver leaves is discarded by itself, with
     * its holds. */
    chan__life_leave(ch, h->endpoint.role);
    if (chan__life_state(ch) & STATE_RECEIVERS_GONE)
        chan__discard_all(h);
    else if (ch->segment.g.steps)
        chan__growable_shrink(h);
    chan__endpoint_leave(&h->endpoint);
    chan__life_update(ch);
    /* Freed payload, messages given back, a receiver less to wait for: rare enough to wake everybody. */
    chan__wake_all(ch);
}

static void detach(struct handle *h)
{
    if (h->endpoint.role == CHAN_ROLE_WEAK)
        chan__endpoint_leave(&h->endpoint); /* it held nothing, and nobody waits for it */
    else
        leave(h);
    chan__keeper_unwatch(h->chan);
}

void chan__close_handle(struct handle *h)
{
    chan__pollables_close(h);
    if (chan__is_usable(h))
        detach(h);
    else if (h->state == CHAN_STATE_PREPARED)
        chan__endpoint_forget(&h->endpoint); /* the child's copy of the mapping carries it on */
    chan_close(h->chan);
}

void chan_close_sender(struct chan_sender *tx)
{
    if (!tx)
        return;
    if (chan__is_usable(&tx->handle))
        chan__call_end_all(tx);
    chan__close_handle(&tx->handle);
    free(tx);
}

void chan_close_receiver(struct chan_receiver *rx)
{
    if (!rx)
        return;
    if (chan__is_usable(&rx->handle) && rx->handle.chan->segment.g.kind == CHAN_CALL)
        chan__call_refuse_all(rx);
    chan__close_handle(&rx->handle);
    free_receiver(rx);
}

struct chan *chan_of_sender(const struct chan_sender *tx)
{
    return tx->handle.chan;
}

struct chan *chan_of_receiver(const struct chan_receiver *rx)
{
    return rx->handle.chan;
}

uint32_t chan_sender_number(const struct chan_sender *tx)
{
    return tx->handle.endpoint.party.number;
}

uint32_t chan_receiver_number(const struct chan_receiver *rx)
{
    return rx->handle.endpoint.party.number;
}
