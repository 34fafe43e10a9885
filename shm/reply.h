/* SPDX-License-Identifier: Apache-2.0 */
/* Reply cells: where the answers to an endpoint's calls arrive.
 *
 * An endpoint of a CHAN_CALL channel has `holds` of them behind its hold cells, each a word like theirs, always with
 * one block. The two low bits of the turn are the state:
 *
 *   IDLE      no call                                 4k
 *   AWAITED   a call is out                           4k + 1   the caller, in place, before it sends the request
 *   ANSWERED  the block has the answer                4k + 2   a server, by exchange for a spare of its own
 *   REFUSED   no answer will come                     4k + 3   who has the request and gives it up, or who repairs a
 *                                                              dead one that had it: in place
 *
 * From each of the last three the caller goes on to the next IDLE, 4k + 4: having read the answer where it is, having
 * seen that there will be none, or giving up; whoever repairs a dead caller does the same. The request carries the
 * cell's number and its exact AWAITED word. Every answer and refusal is a CAS from that word, and words never come back:
 * so of answer, refusal and giving up exactly one happens, and an address that is stale, by whatever reuse of ticket or
 * record, reaches nobody.
 *
 * Whoever leads a cell from ANSWERED to IDLE first writes the block's owner word. A server that died in its exchange is
 * thus decided like any other (chan__decide()): the cell has moved on and the block it gave is somebody else's. If it
 * moved on by refusal or giving up, the block still is the dead one's. */
#ifndef SHM_REPLY_H
#define SHM_REPLY_H

#include "shm/ring.h"

enum reply_state { REPLY_IDLE = 0, REPLY_AWAITED = 1, REPLY_ANSWERED = 2, REPLY_REFUSED = 3 };

static inline enum reply_state reply_state(const struct geometry *g, uint64_t word)
{
    return (enum reply_state)(cell_turn(g, word) & 3);
}

/* Where a call's answer is to go. */
struct reply_to {
    uint64_t word; /* AWAITED */
    uint32_t cell;
};

/* True if it could be one: its cell is a reply cell and its word says AWAITED. */
bool chan__reply_is_sound(const struct segment *s, struct reply_to to);

/* What a request carries. -EBADMSG. */
void chan__reply_write(const struct segment *s, struct seg_block *request, struct reply_to to);
int chan__reply_read(const struct segment *s, struct seg_block *request, struct reply_to *out);

/* The caller's: take an idle cell for a call. -ENOBUFS: all are in use. */
int chan__reply_await(struct party *party, struct reply_to *out);

/* How a call of this party stands; -EINVAL: it is none that is open. `block` of ANSWERED is the answer. */
int chan__reply_look(struct party *party, struct reply_to call, enum reply_state *state, uint32_t *block);

/* The caller gives up. False: it has been answered or refused. */
bool chan__reply_withdraw(struct party *party, struct reply_to call);

/* Lead a cell of record `number`, whose owner does it or is dead, from whatever state to IDLE; the block's payload is
 * the caller's to free. `cell` counts the record's reply cells. False: the record is in other hands: its status, unless
 * that is 0, is no longer `status`. */
bool chan__reply_clear(const struct segment *s, uint32_t number, uint32_t cell, uint64_t status);

/* The server's: exchange the answer in the spare block. False: nobody waits for it any more. */
bool chan__reply_answer(struct party *party, struct reply_to to, const struct held *spare);

/* No answer will come. False: nobody waits for one any more. */
bool chan__reply_refuse(const struct segment *s, struct reply_to to);

/* True if the call waits for its answer. */
static inline bool chan__reply_is_awaited(const struct segment *s, struct reply_to to)
{
    return load_acquire(seg_cell(s, to.cell)) == to.word;
}

/* True if a request that its server gives up is not to be delivered again: nobody waits for its answer, or it was
 * handed out as often as may be, by default once. */
bool chan__reply_is_last(const struct segment *s, struct seg_block *request, struct reply_to to);

/* On which the caller of that cell sleeps. */
atomic_u32 *chan__reply_event(const struct segment *s, uint32_t cell);

/* Cells of a record in a state, and of all; and those that are not IDLE. */
uint32_t chan__reply_count(const struct segment *s, uint32_t number, enum reply_state state);
uint64_t chan__reply_total(const struct segment *s, enum reply_state state);
uint32_t chan__reply_open(const struct segment *s, uint32_t number);

#endif
