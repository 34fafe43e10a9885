/* SPDX-License-Identifier: Apache-2.0 */
/* Pollable descriptors, from the side of their handles: getting them, arming them, closing them. */
#include "src/pollable.h"

#include "shm/event.h"
#include "src/kind.h"

#include <stdlib.h>

static struct pollable *find(const struct handle *h, uint32_t waits_for)
{
    struct pollable *p = h->pollables;
    while (p && p->waits_for != waits_for)
        p = p->next;
    return p;
}

static int create(struct handle *h, uint32_t waits_for, struct pollable **out)
{
    struct pollable *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->handle = h;
    p->waits_for = waits_for;
    p->word = chan__event_of(h, waits_for);
    p->pass_on_ns = INT64_MAX;
    int result = chan__level_open(&p->level);
    if (!result) {
        result = chan__poller_add(p);
        if (result)
            chan__level_close(&p->level);
    }
    if (result) {
        free(p);
        return result;
    }
    p->next = h->pollables;
    *out = h->pollables = p;
    return 0;
}

/* Nothing was found. Try once more as one who is about to sleep; if that is in vain, the poller sleeps. */
int chan__pollable_attempt(struct handle *h, uint32_t waits_for, int (*attempt)(void *), void *operation)
{
    struct pollable *p = find(h, waits_for);
    if (!p || (load_acquire(&p->armed) && load_seq_cst(p->word) == p->key))
        return -EAGAIN; /* the poller sleeps since a try like this one */
    uint32_t key = chan__event_prepare(p->word);
    int result = attempt(operation);
    if (result == -EAGAIN)
        chan__poller_arm(p, key);
    return result;
}

void chan__pollables_rest(struct handle *h, uint32_t waits_for)
{
    for (struct pollable *p = h->pollables; p; p = p->next)
        chan__poller_rest(p, p->waits_for == waits_for);
}

void chan__pollables_close(struct handle *h)
{
    while (h->pollables) {
        struct pollable *p = h->pollables;
        h->pollables = p->next;
        if (chan__is_usable(h)) /* else the poller stayed with a parent */
            chan__poller_remove(p);
        chan__level_close(&p->level);
        free(p);
    }
}

static int look_at_receiver(void *rx)
{
    struct stamp stamp;
    return chan__kind(((struct chan_receiver *)rx)->handle.chan)->recv_ready(rx, &stamp);
}

static int look_at_sender(void *tx)
{
    struct stamp stamp;
    return chan__kind(((struct chan_sender *)tx)->handle.chan)->send_ready(tx, &stamp);
}

/* An answer, or the news that there will be none. */
static int look_at_caller(void *operation)
{
    const struct chan_sender *tx = operation;
    const struct segment *s = &tx->handle.chan->segment;
    uint32_t number = tx->handle.endpoint.party.number;
    bool nobody_serves = chan__life_state(tx->handle.chan) & STATE_RECEIVERS_GONE; /* before the cells */
    bool over = chan__reply_count(s, number, REPLY_ANSWERED) || chan__reply_count(s, number, REPLY_REFUSED) ||
                (nobody_serves && chan__reply_count(s, number, REPLY_AWAITED));
    return over ? 0 : -EAGAIN;
}

/* What a handle waits for, and how to look whether it is there. */
struct subject {
    struct handle *handle;
    uint32_t waits_for;
    int (*look)(void *endpoint);
    void *endpoint;
};

/* Ready is readable, though a try of something else may have armed since: of one call of several, which forgot a ring
 * for another, or of a message for which there is no memory. */
static int look(struct subject s)
{
    int result = s.look(s.endpoint);
    if (result == -EAGAIN)
        result = chan__pollable_attempt(s.handle, s.waits_for, s.look, s.endpoint);
    struct pollable *p = result == -EAGAIN ? NULL : find(s.handle, s.waits_for);
    if (p && load_acquire(&p->armed))
        chan__poller_rest(p, false);
    return result;
}

static int is_ready(struct subject s)
{
    int result = chan__handle_enter(s.handle);
    if (result)
        return result;
    result = look(s);
    chan__handle_leave(s.handle);
    return result;
}

static int descriptor_of(struct subject s)
{
    int result = chan__handle_enter(s.handle);
    if (result)
        return result;
    struct pollable *p = find(s.handle, s.waits_for);
    if (!p) {
        result = create(s.handle, s.waits_for, &p);
        if (!result)
            (void)look(s);
    }
    chan__handle_leave(s.handle);
    return result ? result : p->level.fd;
}

static struct subject receiver(struct chan_receiver *rx)
{
    return (struct subject){&rx->handle, CHAN_WAITS_FOR_MESSAGE, look_at_receiver, rx};
}

static struct subject sender(struct chan_sender *tx)
{
    return (struct subject){&tx->handle, CHAN_WAITS_FOR_SPACE, look_at_sender, tx};
}

static struct subject closing(struct chan_sender *tx)
{
    return (struct subject){&tx->handle, CHAN_WAITS_FOR_CLOSE, chan__attempt_closed, tx};
}

static struct subject caller(struct chan_sender *tx)
{
    return (struct subject){&tx->handle, CHAN_WAITS_FOR_ANSWER, look_at_caller, tx};
}

static bool calls(const struct chan_sender *tx)
{
    return tx->handle.chan->segment.g.kind == CHAN_CALL;
}

int chan_receiver_fd(struct chan_receiver *rx)
{
    return rx ? descriptor_of(receiver(rx)) : -EINVAL;
}

int chan_sender_fd(struct chan_sender *tx)
{
    return tx ? descriptor_of(sender(tx)) : -EINVAL;
}

int chan_sender_closed_fd(struct chan_sender *tx)
{
    return tx ? descriptor_of(closing(tx)) : -EINVAL;
}

int chan_caller_fd(struct chan_sender *tx)
{
    if (!tx)
        return -EINVAL;
    return calls(tx) ? descriptor_of(caller(tx)) : -EOPNOTSUPP;
}

int chan_receiver_ready(struct chan_receiver *rx)
{
    return rx ? is_ready(receiver(rx)) : -EINVAL;
}

int chan_sender_ready(struct chan_sender *tx)
{
    return tx ? is_ready(sender(tx)) : -EINVAL;
}

int chan_caller_ready(struct chan_sender *tx)
{
    if (!tx)
        return -EINVAL;
    return calls(tx) ? is_ready(caller(tx)) : -EOPNOTSUPP;
}
