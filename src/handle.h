/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind the opaque types: channels and endpoint handles of this process. */
#ifndef SRC_HANDLE_H
#define SRC_HANDLE_H

#include "shm/copy.h"
#include "shm/endpoint.h"
#include "shm/reply.h"

#include <errno.h>
#include <shmchan.h>

struct chan {
    struct segment segment;
    atomic_uint references; /* one for the user, one for each endpoint handle */
    uint32_t flags;         /* CHAN_PREFAULT ... as opened */
    atomic_int watch;       /* inotify watch descriptor while the keeper looks after this channel, else -1 */
    unsigned watchers;      /* endpoint handles that want it looked after */
    unsigned fork_count;    /* chan__fork_count() when `watch` was set: a child has no keeper */
    atomic_bool keeps_memory; /* growable: this process cannot give any back */
    _Atomic(int64_t)
        healed_ns;     /* when somebody of this process last looked for the dead because it was time */
    struct chan *next; /* keeper's list */
    char *path;        /* NULL for an anonymous channel */
    char name[CHAN_NAME_MAX + 1];
};

/* How a call spends the time before it sleeps. */
enum spinning { SPIN_PAUSING, SPIN_YIELDING, SPIN_NEVER };

/* What a receiver has looked at and found nothing in: as long as it is the same, there is nothing. */
struct surroundings {
    uint64_t offers, orphans, state;
};

struct pollable;

/* The common part of struct chan_sender and struct chan_receiver. */
struct handle {
    struct endpoint endpoint;
    struct chan *chan;
    uint32_t flags;      /* CHAN_INTERRUPTIBLE | CHAN_NO_SPIN */
    unsigned fork_count; /* chan__fork_count() of the process it belongs to */
    uint32_t state;      /* CHAN_STATE_LIVE, or CHAN_STATE_PREPARED until adopted */
    uint32_t hold;       /* the hold cell that copying calls used last */
    uint64_t open;       /* bit i: hold cell first + i has an open loan or view */
    uint32_t spins;      /* learnt: how long spinning is worth it */
    uint32_t pause;      /* learnt: how long to pause first */
    uint64_t moved;      /* messages of the record's when this endpoint last waited */
    enum spinning spinning;
    struct surroundings seen; /* rendezvous: what was there before something was shown */
    atomic_bool
        cancelled;      /* a call that would wait is to return -ECANCELED instead. Writer: any thread; taken
                            * back by the call */
    atomic_flag in_use; /* checked builds: a call is running */
    struct pollable *pollables; /* its descriptors for event loops, a list */
};

struct chan_sender {
    struct handle handle;
    uint32_t arena_hint;
    uint64_t sent_to;         /* broadcast: the number of the message sent last, + 1 */
    uint64_t slowest;         /* broadcast that blocks: no subscriber is behind this message */
    struct reply_to reply_to; /* CHAN_CALL: of the request that is being sent, else zero */
    struct copier copier;
};

/* A message that a broadcast's receiver looks at in place. */
struct place {
    struct cursor at;
    uint64_t word; /* of its cell */
    const void *data;
};

struct chan_receiver {
    struct handle handle;
    atomic_u64 seen;                  /* of a watch: the version that it has seen; its clones read it */
    uint64_t borrowed;                /* and the one that it looked at last */
    struct chan_sender *dead_letters; /* the user's, or NULL */
    uint32_t deliveries;              /* of what was received last */
    struct chan_view rest;            /* of the message that chan_read() is within; hold == 0: none */
    size_t read_bytes;                /* of it, so far */
    bool lag_untold;                  /* the batch that ended there returned what it had */
    uint64_t lagged;                  /* broadcast: messages missed, as told last */
    uint64_t cursor;                  /* broadcast: as shown in the record */
    struct place *views;              /* broadcast: of each hold, open or not */
    bool ended;                       /* it has been told that nothing will come any more */
    uint32_t arena_hint;              /* for answers */
};

/* A record of its own, so that it is counted, and its death noticed. */
struct chan_weak_sender {
    struct handle handle;
};

/* A queue of bytes or messages, with all that queues have. */
static inline bool chan__has_queue(const struct chan *ch)
{
    return ch->segment.g.kind == CHAN_QUEUE || ch->segment.g.kind == CHAN_GROWABLE;
}

/* How an endpoint comes to a channel. */
enum joining { JOINS_AS_SENDER, JOINS_AS_RECEIVER, JOINS_WEAKLY, JOINS_BY_UPGRADE };

/* Deadline of the try_ forms: report -EAGAIN instead of -ETIMEDOUT. Users' deadlines are not negative by
 * then. */
#define DEADLINE_TRY INT64_MIN

static inline int64_t chan__user_deadline(int64_t deadline_ns)
{
    return deadline_ns < 0 ? 0 : deadline_ns;
}

/* A batch tells the other side of its messages, or of the places it made, after this many. */
#define BATCH_UNANNOUNCED 32u

/* Forks that led from the first process that attached to this one: a handle belongs to one process. */
extern unsigned chan__forks;
static inline unsigned chan__fork_count(void)
{
    return chan__forks;
}

/* Keep other threads of this process from forking for a moment; have forks counted from the first time on. */
int chan__forks_hold(void);
void chan__forks_release(void);

/* Enter and leave a call on a handle. -ECHILD: not this process's; -EINVAL: a checked build found another
 * call running. */
static inline int chan__handle_enter(struct handle *h)
{
    if (h->state != CHAN_STATE_LIVE || h->fork_count != chan__fork_count())
        return -ECHILD;
#ifdef CHAN_CHECKED
    if (atomic_flag_test_and_set_explicit(&h->in_use, memory_order_acquire))
        return -EINVAL;
#endif
    return 0;
}

static inline void chan__handle_leave(struct handle *h)
{
#ifdef CHAN_CHECKED
    atomic_flag_clear_explicit(&h->in_use, memory_order_release);
#else
    (void)h;
#endif
}

static inline uint64_t hold_bit(const struct handle *h, uint32_t hold)
{
    return UINT64_C(1) << (hold - hold_first(&h->chan->segment.g, h->endpoint.role));
}

/* Whether `holds` loans or views are open. Counts no further than there are any: most have one at a time,
 * and a count of bits is a call where the compiler may not use the instruction. */
static inline bool chan__all_holds_open(const struct handle *h)
{
    uint32_t left = h->chan->segment.g.holds;
    for (uint64_t open = h->open; open && left; open &= open - 1)
        left--;
    return !left;
}

/* A SPARE hold cell with no open loan or view. -ENOBUFS -EBADMSG. */
static ALWAYS_INLINE int chan__handle_spare(struct handle *h, struct held *out)
{
    const struct geometry *g = &h->chan->segment.g;
    for (uint32_t tries = 0; tries < g->role_cells; tries++) {
        int result = chan__hold_read(&h->endpoint.party, h->hold, out);
        if (result || (hold_is_spare(g, out->word) && !(h->open && h->open & hold_bit(h, h->hold))))
            return result;
        uint32_t first = hold_first(g, h->endpoint.role);
        h->hold = h->hold + 1 == first + g->role_cells ? first : h->hold + 1;
    }
    return -ENOBUFS;
}

/* channels (chan.c) */
struct chan *chan__acquire(struct chan *ch);

/* endpoints (attach.c): attach a zeroed handle in `state`, that of `rx` unless NULL; whether this process may use it;
 * detach or forget it. */
int chan__attach(struct chan *ch, enum joining how, uint32_t state, uint32_t flags, struct handle *h,
                 struct chan_receiver *rx);
bool chan__is_usable(const struct handle *h);
void chan__close_handle(struct handle *h);

/* lifetimes (life.c) */
void chan__life_begin(struct chan *ch); /* of a channel that is not shared yet */
int chan__life_join(struct chan *ch, enum joining how);
void chan__life_leave(struct chan *ch, uint32_t role);
void chan__life_update(struct chan *ch);
static inline uint64_t chan__life_state(const struct chan *ch)
{
    return load_acquire(&seg_hot(&ch->segment)->state);
}
bool chan__heal(struct chan *ch); /* true if there were dead endpoints */

/* At the end of a sleep, however short: look for the dead, and tell the others, unless somebody of this process has done so
 * lately (patience.h). And when it is time for that again. */
void chan__heal_if_due(struct chan *ch);
int64_t chan__heal_due(const struct chan *ch);
bool chan__life_is_stale(struct chan *ch); /* everybody has left */
void chan__wake_all(struct chan *ch);
int chan__seal(struct chan *ch);            /* nothing is sent after this */
void chan__others_may_end(struct chan *ch); /* a message is gone that other receivers may have waited for */

/* keeper (keeper.c) */
void chan__keeper_watch(struct chan *ch);
void chan__keeper_unwatch(struct chan *ch);
bool chan__keeper_watches(const struct chan *ch);
void chan__keeper_before_fork(void);
void chan__keeper_after_fork(bool child);

/* the keeper's inotify instance (instance.c) */
int chan__instance_open(void); /* its descriptor, or -1 */

/* Whether the descriptor still leads to one: a program that closes all descriptors makes ours somebody
 * else's numbers, which are not ours to read or close. */
bool chan__instance_is(int fd);
void chan__instance_close(int fd);

/* waiting (wait.c): repeat `attempt` until it says something else than -EAGAIN, or the deadline passes. A try waits for
 * nothing, but has the handle's descriptor wait. */
atomic_u32 *chan__event_of(const struct handle *h, uint32_t waits_for); /* CHAN_WAITS_FOR_* */

/* Whoever shows an offer or a demand sleeps on a bell of its own instead: it is for nobody else. */
atomic_u32 *chan__sleeps_on(const struct handle *h, uint32_t waits_for);
void chan__count_sleep(struct seg_record *record, uint32_t waits_for, uint64_t slept_ns);
int chan__wait_patiently(struct handle *h, uint32_t waits_for, int (*attempt)(void *), void *operation,
                         int64_t deadline_ns);

/* Descriptors for event loops (pollable.c). A try_ form has found nothing: try once more, and if that is in vain, make
 * the descriptor for it unreadable until there may be something. */
int chan__pollable_attempt(struct handle *h, uint32_t waits_for, int (*attempt)(void *), void *operation);

/* The handle's thread has tried, in vain, and is going to sleep for that by itself: nobody need sleep for it. Close them
 * all. */
void chan__pollables_rest(struct handle *h, uint32_t waits_for);
void chan__pollables_close(struct handle *h);

/* the thread that sleeps for them (poller.c) */
void chan__poller_before_fork(void);
void chan__poller_after_fork(bool child);

/* Whether nobody will receive any more (closed.c): 0, or -EAGAIN. */
int chan__attempt_closed(void *tx);

/* The same for the end of the channel. */
int chan__wait_for_end(struct handle *h, int (*attempt)(void *), void *operation, int64_t deadline_ns);

/* Asleep it waits for that: CHAN_WAITS_FOR_*. */
static inline int chan__wait_for(struct handle *h, uint32_t waits_for, int (*attempt)(void *),
                                 void *operation, int64_t deadline_ns)
{
    int result = attempt(operation);
    if (result != -EAGAIN || (deadline_ns == DEADLINE_TRY && !h->pollables))
        return result;
    return chan__wait_patiently(h, waits_for, attempt, operation, deadline_ns);
}

/* For what the handle's role is there for. */
static inline int chan__wait(struct handle *h, int (*attempt)(void *), void *operation, int64_t deadline_ns)
{
    uint32_t waits_for = h->endpoint.role == CHAN_ROLE_SENDER ? CHAN_WAITS_FOR_SPACE : CHAN_WAITS_FOR_MESSAGE;
    return chan__wait_for(h, waits_for, attempt, operation, deadline_ns);
}

/* growable queues (growable.c): give back the memory that nobody uses, if nothing is queued. */
void chan__growable_shrink(struct handle *h);

/* receiving (recv.c): throw away everything queued, with a sender's or receiver's hold cells. */
void chan__discard_all(struct handle *h);

/* messages given back (redelivery.c): take one that is no larger than `limit`, and put those away that were
 * delivered too often. -EAGAIN: there is none to be had now. -EMSGSIZE: out->size tells. */
int chan__take_given_back(struct chan_receiver *rx, uint64_t limit, uint32_t *hold, struct message *out);
bool chan__is_given_back(const struct chan_receiver *rx);
void chan__discard_given_back(struct handle *h);

/* names and options (name.c, options.c) */
int chan__name_check(const char *name);
int chan__name_path(const char *name, char **path);
int chan__options_geometry(const struct chan_options *options, struct geometry *g);

#endif
