/* SPDX-License-Identifier: Apache-2.0 */
/* The ring: positions, the exchange, sending into it and taking from it. docs/design.md, sections 2 and 3,
 * has the protocol and why it survives the death of anybody at any instruction. */
#ifndef SHM_RING_H
#define SHM_RING_H

#include "shm/cell.h"

#include <errno.h>
#include <sys/uio.h>

/* A walk passes at most the ring, and starts over only when somebody else made progress. More steps than
 * this mean that somebody writes nonsense into the cells. */
#define RING_STEPS_MAX(g) (4 * (g)->messages + (UINT64_C(1) << 22))

/* A place in the endless sequence of messages. */
struct cursor {
    uint64_t lap; /* from 1 */
    uint32_t index;
};

/* A hold cell of one's own, its word, and the block in it. */
struct held {
    uint32_t hold;
    uint32_t number; /* of the block */
    uint64_t word;
    struct seg_block *block;
};

/* A message taken out of the ring, or found there. */
struct message {
    struct seg_block *block;
    uint32_t number;
    uint64_t size; /* as its block says: to be checked before use */
};

/* What an attached endpoint needs to take part. Private to its process; one thread at a time. */
struct party {
    const struct segment *segment;
    struct seg_record *record;
    uint32_t number;      /* of the record */
    struct cursor cursor; /* sender: all before it is filled; receiver: all before it is taken */
    uint64_t shown;       /* rendezvous: the word of the OPEN cell, 0: none (match.h) */
    uint32_t shown_hold;
    uint64_t selection; /* rendezvous: of the select that waits with this endpoint, as in the record */
};

/* The queue's number of a position: 0, 1, 2, ... in the order of sending. */
uint64_t chan__ring_number(const struct geometry *g, struct cursor at);
struct cursor chan__ring_position(const struct geometry *g, uint64_t number);

/* A position that tail or head (as the hint is one of seg_hot()'s) have passed, to begin a walk with. */
struct cursor chan__ring_start(const struct segment *s, const atomic_u64 *hint);

/* Where tail and head are now. -EBADMSG. */
int chan__ring_tail(const struct segment *s, struct cursor *out);
int chan__ring_head(const struct segment *s, struct cursor *out);

/* Messages in the ring, and the position of the oldest. */
int chan__ring_length(const struct segment *s, struct cursor *head, uint64_t *length);

/* Exchange the block in a cell that holds `old` for the spare block, as `kind` says; not for the party's own hold
 * cells. What is in an ORPHAN or OPEN cell is taken so, and what is in a ring that overwrites. False: the cell has
 * changed, nothing happened. */
bool chan__exchange(struct party *party, uint32_t cell, uint64_t old, const struct held *spare,
                    enum intent_kind kind);

/* The record's counter that exchanges of a kind raise. */
static inline atomic_u64 *chan__counter_of(struct seg_record *record, enum intent_kind kind)
{
    switch (kind) {
    case INTENT_SEND:
    case INTENT_OFFER:
        return &record->sent;
    case INTENT_TAKE:
    case INTENT_DEMAND:
        return &record->taken;
    case INTENT_REDELIVER:
        return &record->redelivered;
    case INTENT_DISCARD_ORPHAN:
        return &record->orphans_discarded;
    case INTENT_MOVE:
        return &record->moves;
    case INTENT_DEAD_LETTER:
        return &record->dead_lettered;
    case INTENT_SWAP:
        return &record->swaps;
    case INTENT_ANSWER:
        return &record->own.call.answered;
    case INTENT_DISCARD:
        break;
    }
    return &record->discarded;
}

/* What goes with every message, written while the block is still private. */
static inline void chan__block_describe(struct seg_block *block, uint64_t size, uint64_t sent_ns,
                                        uint32_t sender)
{
    store_relaxed(&block->size, size);
    store_relaxed(&block->sent_ns, sent_ns);
    store_relaxed(&block->sender, sender);
    store_relaxed(&block->deliveries, 0);
}

/* Bring a sender's cursor to the tail; *word is that of its cell. -EPIPE: sealed. -EBADMSG. */
int chan__ring_find_tail(struct party *party, uint64_t *word);

/* The position of a sender's cursor has been filled; one has been emptied. */
void chan__ring_pass_tail(struct party *party);
void chan__ring_pass_head(const struct party *party, struct cursor at);

/* Whether a put could succeed now: 0, or what chan__ring_put() would say. */
int chan__ring_has_room(struct party *party);

/* Whether `count` puts in a row could succeed now; 0, or what the last of them would say. */
int chan__ring_has_places(struct party *party, uint64_t count);

/* Send the message in the spare block; the hold has another, spare block afterwards.
 * -EAGAIN: full. -EPIPE: sealed. -EBADMSG. */
int chan__ring_put(struct party *party, const struct held *spare);

/* Small messages, the short way. Only where geometry.small. Each of these looks at the next cell, or exchanges its block,
 * and does nothing else; where that is not enough, the message has not been touched, and the caller goes the long way,
 * which says why.
 *
 * Whether the next cell has room. *word: what it holds. */
bool chan__ring_room_next(struct party *party, uint64_t *word);

/* Send a message, no larger than geometry.message_size, from the spare block into that cell. */
bool chan__ring_put_small(struct party *party, uint64_t word, const struct held *spare, const void *data,
                          size_t size, uint64_t sent_ns);

/* Send messages as long as that succeeds. They may be of any size, and NULL. Returns how many were sent. */
size_t chan__ring_put_run(struct party *party, const struct held *spare, const struct iovec *messages,
                          size_t count, uint64_t sent_ns);

/* Whether the next cell has a message. */
bool chan__ring_message_next(struct party *party, uint64_t *word);

/* Take it for the spare block in *hand, which has it afterwards, if it is no larger than `limit`; then copy it, and
 * release it. */
bool chan__ring_take_small(struct party *party, uint64_t word, struct held *hand, uint64_t limit,
                           size_t *size);
void chan__ring_hand_small(struct party *party, struct held *hand, void *buffer, size_t size);

/* Take, copy and release messages as long as that succeeds. Returns how many; the length of each is set. */
size_t chan__ring_take_run(struct party *party, const struct held *spare, struct iovec *messages,
                           size_t count);

/* Whether a take could succeed now: 0, or what chan__ring_take() would say. */
int chan__ring_has_message(struct party *party);

/* Take the oldest message in exchange for the spare block, if it is no larger than `limit`. *out is set also
 * with -EMSGSIZE. -EAGAIN: empty. -EPIPE: empty and sealed. -EMSGSIZE: stays. -EBADMSG. */
int chan__ring_take(struct party *party, const struct held *spare, uint64_t limit, struct message *out);

/* The same for a message that was sent before `end`, a position that the tail has reached. -EAGAIN: there is none. */
int chan__ring_take_before(struct party *party, const struct held *spare, uint64_t limit, struct cursor end,
                           struct message *out);

/* Take the oldest message to throw it away; the hold has its block then. Errors as above. */
int chan__ring_discard(struct party *party, const struct held *spare, struct message *out);

/* End the sequence at its tail. Idempotent. */
int chan__ring_seal(const struct segment *s);

/* Whether it has been ended. */
bool chan__ring_is_sealed(const struct segment *s);

/* The receiver is done with the message in `hold`: one store, after which the block is spare. */
void chan__hold_release(struct party *party, uint32_t hold);

/* The receiver gives the message in `hold` back, as a step of chan__orphans_give_back(). */
void chan__hold_orphan(struct party *party, uint32_t hold);

/* What is in a hold cell; nobody but its owner changes one that is SPARE or HELD. -EBADMSG. */
static ALWAYS_INLINE int chan__hold_read(const struct party *party, uint32_t hold, struct held *out)
{
    const struct segment *s = party->segment;
    uint64_t word = load_acquire(&party->record->holds[hold]); /* REDELIVER */
    uint64_t number = cell_block(&s->g, word);
    if (number >= s->g.blocks)
        return -EBADMSG;
    *out = (struct held){hold, (uint32_t)number, word, seg_block(s, number)};
    return 0;
}

#endif
