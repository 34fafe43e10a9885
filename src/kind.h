/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of channel does in its own way, behind the calls that all kinds share: sending (send.c) and
 * receiving (recv.c) check their arguments, enter the handle, wait and count; the kind moves the message. */
#ifndef SRC_KIND_H
#define SRC_KIND_H

#include "src/handle.h"

#include <limits.h>

/* Messages of a batch that receivers have not been told of yet, and one time for all of them. */
struct batch {
    uint32_t unannounced;
    uint64_t sent_ns;
};

/* A message on its way into the channel: first its memory, then its place. */
struct sending {
    struct chan_sender *tx;
    const void *data; /* NULL: a loan, filled by the user */
    size_t size;
    struct held spare;
    bool has_memory;
    bool waits;          /* rendezvous: it may be offered; fair: it may stand in line */
    uint32_t ticket;     /* rendezvous: when the call began */
    struct batch *batch; /* NULL: wake a receiver at once */
    bool claims;         /* fair: has a claim that waits for its place */
};

/* A message on its way out: taken into a hold cell, then copied and released, or viewed. */
struct receiving {
    struct chan_receiver *rx;
    uint64_t limit;         /* largest message to be taken */
    struct message message; /* the size also of one that was over the limit */
    uint32_t hold;          /* where the message is */
    uint32_t *unannounced;  /* NULL: wake a sender at once; else count the places it is not told of yet */
    bool waits;             /* rendezvous: it may be demanded */
    uint32_t ticket;        /* rendezvous: when the call began */
};

/* Of a look at a channel: words that change whenever what is ready does. */
struct stamp {
    uint64_t words[3];
};

struct kind {
    /* Put the message into the channel, and tell receivers. On failure op->spare has the message still. */
    int (*put)(struct sending *op, int64_t deadline_ns);

    /* Payload memory is used up: free some that the kind can do without. -EAGAIN: there is none. NULL: never. */
    int (*make_room)(struct sending *sending);

    /* The public calls of these names, on a handle that has been entered. `unannounced`: as in struct
     * receiving. */
    int (*recv)(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size, int64_t deadline_ns,
                uint32_t *unannounced);
    int (*recv_view)(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns);
    int (*release)(struct chan_receiver *rx, struct chan_view *view);
    int (*give_back)(struct chan_receiver *rx, struct chan_view *view); /* NULL: the kind has no such thing */

    /* Whether a send of one small message, or a receive, would not block: 0, or -EAGAIN. Two that say -EAGAIN with
     * equal stamps mean that it would have blocked at every moment between them. */
    int (*send_ready)(struct chan_sender *tx, struct stamp *stamp);
    int (*recv_ready)(struct chan_receiver *rx, struct stamp *stamp);

    /* A receiver is about to be shown LIVE, and has been; NULL: nothing to do. */
    int (*attaching)(struct chan_receiver *rx);
    int (*attached)(struct chan_receiver *rx);

    /* It is about to take the place of the PREPARED receiver in record `from`. NULL: nothing to do. */
    void (*inherit)(struct chan_receiver *rx, uint32_t from);

    /* A spare block that a message may be written into. NULL: any spare. */
    int (*spare)(struct chan_sender *tx, struct held *out);
};

/* Of all kinds (send.c), on a handle that has been entered: send a copy or a loan, by the kind's put. */
int chan__send_copy(struct chan_sender *tx, const void *data, size_t size, int64_t deadline_ns);
int chan__commit_loan(struct chan_sender *tx, struct chan_loan *loan, size_t size, int64_t deadline_ns);

/* The hold of an open view (recv.c); false if it is none. */
bool chan__find_view(const struct chan_receiver *rx, const struct chan_view *view, struct held *out);

/* Of a channel's kind, CHAN_QUEUE ...: the geometry has been checked, so there is one. */
const struct kind *chan__kind(const struct chan *ch);

/* steps of sending (send.c) */
int chan__sending_check_open(struct chan_sender *tx);
int chan__sending_fill(
    struct sending *op); /* memory and contents, unless it has them; -EAGAIN: no memory now */
int chan__sending_place(struct sending *op); /* into the ring of a queue, where it has a place of its own */
void chan__sending_drop(struct sending *op); /* it is not sent: the memory back, if it has any */
int chan__sending_loan(struct chan_sender *tx, const struct chan_loan *loan, size_t size,
                       struct sending *out);
void chan__sending_end_loan(struct chan_sender *tx, const struct sending *op, struct chan_loan *loan);

/* fair queues (fair.c) */
int chan__fair_put(struct sending *op, int64_t deadline_ns);
int chan__fair_send_ready(struct chan_sender *tx, struct stamp *stamp);

/* queues (send.c, recv.c) */
int chan__queue_put(struct sending *op, int64_t deadline_ns);
int chan__queue_attempt_put(void *sending);
int chan__queue_attempt(void *receiving); /* to take a message, copied or viewed afterwards */
int chan__queue_attempt_view(void *receiving);
int chan__queue_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                     int64_t deadline_ns, uint32_t *unannounced);
int chan__queue_recv_view(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns);
int chan__queue_release(struct chan_receiver *rx, struct chan_view *view);
int chan__queue_give_back(struct chan_receiver *rx, struct chan_view *view);
int chan__queue_send_ready(struct chan_sender *tx, struct stamp *stamp);
int chan__queue_recv_ready(struct chan_receiver *rx, struct stamp *stamp);

/* growable queues (growable.c) */
int chan__growable_put(struct sending *op, int64_t deadline_ns);
int chan__growable_claim(struct sending *op); /* payload memory: as chan__steps_claim() */
int chan__growable_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                        int64_t deadline_ns, uint32_t *unannounced);
int chan__growable_recv_view(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns);
int chan__growable_release(struct chan_receiver *rx, struct chan_view *view);

/* rendezvous (rendezvous.c); views are released and given back as a queue's */
int chan__rendezvous_put(struct sending *op, int64_t deadline_ns);
int chan__rendezvous_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                          int64_t deadline_ns, uint32_t *unannounced);
int chan__rendezvous_recv_view(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns);
int chan__rendezvous_send_ready(struct chan_sender *tx, struct stamp *stamp);
int chan__rendezvous_send_ready_of(struct chan_sender *tx, uint64_t size,
                                   struct stamp *stamp); /* such a message */
int chan__rendezvous_recv_ready(struct chan_receiver *rx, struct stamp *stamp);

/* A select shows what one of its operations is about: false, nothing can be shown now. Then it stops showing that: 0,
 * somebody was faster, and has the message, or it is in *view; -EAGAIN: it is withdrawn, and nothing has happened.
 * -EBADMSG. While it shows something the handle is in no other call. */
bool chan__rendezvous_offer(struct sending *op);
int chan__rendezvous_stop_offer(struct sending *op);
bool chan__rendezvous_demand(struct receiving *op);
int chan__rendezvous_stop_demand(struct receiving *op, struct chan_view *view);

/* It has been met, or never will be: time to stop. */
bool chan__rendezvous_is_over(const struct handle *h);

/* A select begins, and ceases, to wait with this endpoint; whether another one waits on the other side. */
void chan__rendezvous_select(struct handle *h, uint64_t selection);
void chan__rendezvous_unselect(struct handle *h);
bool chan__rendezvous_is_selected(const struct handle *h);

/* What kinds share (recv.c). One attempt: what was given back, then what `take` finds, else the end or -EAGAIN. */
int chan__attempt(struct receiving *op, int (*take)(struct receiving *op));

/* True if another endpoint has a message in its hands, whose death would bring it back. To be asked twice: between two
 * records a message may pass from one already looked at to one not yet looked at. */
bool chan__others_hold_messages(struct receiving *op);

/* Whether a message is there, given back or where `into` looks: 0, or what a receive would say. */
int chan__look(struct receiving *op, int (*into)(struct receiving *op));

/* Hand over what was taken, if `result` is 0. */
int chan__hand_copy(struct receiving *op, int result, void *buffer, size_t *size);
int chan__hand_view(struct receiving *op, int result, struct chan_view *view);

/* Batches (send.c, recv.c): receivers, and senders, hear of several messages at once, but of all before the caller
 * waits for them. */
int chan__send_one_of_many(struct chan_sender *tx, const struct iovec *message, int64_t deadline_ns,
                           struct batch *batch);
void chan__send_announce(struct chan_sender *tx, struct batch *batch);

/* The same at the end of a call, which says `result` of the message that it could not send. */
void chan__send_many_ends(struct chan_sender *tx, struct batch *batch, int result);
void chan__recv_announce(const struct chan_receiver *rx, uint32_t *unannounced);

/* How many senders to wake for so many free places. With payload units, the one sender woken might wait for
 * units while another waits for just this cell; and where there is an order, it might be another's turn. */
static inline int chan__senders_to_wake(const struct segment *s, uint32_t places)
{
    return s->g.wakes_all ? INT_MAX : (int)places;
}

/* The last thing that a call does which has acknowledged messages: those of calls that never come to this are
 * received, but not returned. */
void chan__recv_returns(struct chan_receiver *rx, uint64_t messages);

/* What a receiving call says: the end is noted. */
void chan__note_end(struct chan_receiver *rx, int result);
/* broadcasts (broadcast_send.c, broadcast_recv.c) */
int chan__broadcast_put(struct sending *op, int64_t deadline_ns);
int chan__broadcast_make_room(struct sending *sending);
int chan__broadcast_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                         int64_t deadline_ns, uint32_t *unannounced);
int chan__broadcast_recv_view(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns);
int chan__broadcast_release(struct chan_receiver *rx, struct chan_view *view);
int chan__broadcast_send_ready(struct chan_sender *tx, struct stamp *stamp);
int chan__broadcast_recv_ready(struct chan_receiver *rx, struct stamp *stamp);
int chan__broadcast_attaching(struct chan_receiver *rx);
int chan__broadcast_attached(struct chan_receiver *rx);
void chan__broadcast_inherit(struct chan_receiver *rx, uint32_t from);
uint64_t chan__broadcast_unseen(const struct segment *s); /* messages retained that not all are done with */

/* Steps that kinds have in common (send.c): -EPIPE where nothing can be sent any more; the message's memory and what
 * goes with it, while its block is still private; what a message sent is counted by, and who is told of it. */
int chan__sending_compose(struct sending *op);
bool chan__sending_heads_a_batch(const struct sending *op);

/* calls (call.c, answer.c): requests queue up like messages */
int chan__call_put(struct sending *op, int64_t deadline_ns);
int chan__call_release(struct chan_receiver *rx, struct chan_view *view);
void chan__call_end_all(struct chan_sender *tx); /* the caller leaves */
void chan__call_refuse_all(
    struct chan_receiver *rx); /* the server leaves: what is not to be delivered again */

/* operations that a kind does not have (kind.c): -EOPNOTSUPP */
int chan__no_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size, int64_t deadline_ns,
                  uint32_t *unannounced);

/* watches (watch_send.c, watch_recv.c) */
int chan__watch_put(struct sending *op, int64_t deadline_ns);
int chan__watch_make_room(struct sending *sending);
int chan__watch_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size,
                     int64_t deadline_ns, uint32_t *unannounced);
int chan__watch_recv_view(struct chan_receiver *rx, struct chan_view *view, int64_t deadline_ns);
int chan__watch_release(struct chan_receiver *rx, struct chan_view *view);
int chan__watch_give_back(struct chan_receiver *rx, struct chan_view *view);
int chan__watch_send_ready(struct chan_sender *tx, struct stamp *stamp);
int chan__watch_recv_ready(struct chan_receiver *rx, struct stamp *stamp);
int chan__watch_spare_of(struct chan_sender *tx, struct held *out);
int chan__watch_subscribe(struct chan_receiver *rx); /* it has seen what is there */

/* The value that a watch has when it is created (options.c). */
int chan__watch_begin(const struct segment *s, const struct chan_options *options);

/* Steps of sending (send.c): memory for the message in op->spare, -EAGAIN if there is none now; the message and
 * what goes with it. */
int chan__sending_memory(struct sending *op);
int chan__sending_describe(struct sending *op);

/* Queues without an order are what is fast: their functions are called directly, not through the table. */
static inline bool chan__is_queue(const struct chan *ch)
{
    return ch->segment.g.plain;
}

#endif
