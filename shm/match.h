/* SPDX-License-Identifier: Apache-2.0 */
/* Rendezvous: offers and demands, and the match of one with the other.
 *
 * A sender that waits has a filled block in an OPEN hold cell of its own: an offer. A receiver that waits has a
 * spare block in one: a demand. A match is one exchange, by the one that comes later, on the cell of the one that
 * waits, with intent, owner words and repair as in the ring:
 *
 *   a receiver takes an offer    {t, OPEN, y} -> {t + 1, SPARE, s}     its own cell {.., SPARE, s} -> {.., HELD, y}
 *   a sender meets a demand      {t, OPEN, s} -> {t + 2, HELD, y}      its own cell {.., SPARE, y} -> {.., SPARE, s}
 *   withdrawn                    {t, OPEN, b} -> {t + 1, SPARE, b}     by its owner, a repairer, or who shuts down
 *
 * So whoever waits is met once or not at all, whatever else ends its wait: both are a CAS on the same word. Who has
 * been met passively writes the owner word of what it got before the cell moves on, and its repairer does so for it;
 * that keeps the exchange of the other one decidable. An intent stands in the record as long as the cell is OPEN, so
 * that the message is counted on this side, too, should its owner die before it looks.
 *
 * The summary, {version:32, groups:32}, of each side makes looking for a peer one load, as that of the orphans
 * (orphans.h), but here the cell is opened first and announced then: who is stopped between the two does not wait
 * yet. Nobody had announced anything during a look that found nothing and after which the summary was the same: so
 * there was a moment at which nobody waited.
 *
 * Selects. One that waits leaves its number in the records of its endpoints here: there is somebody who would take an
 * offer, or meet a demand, and who can be rung for. That is for nobody to match; what a select does show, on one of its
 * channels at a time, is shown as by any call (src/showing.c). Two that wait at once do not miss each other: each
 * leaves its number, looks for that of the other, and rings (SELECTS). What stands in the record of one who is dead,
 * or gone, counts for nothing. */
#ifndef SHM_MATCH_H
#define SHM_MATCH_H

#include "shm/ring.h"

enum match_side { MATCH_OFFERS, MATCH_DEMANDS };

static inline atomic_u64 *match_summary(const struct segment *s, enum match_side side)
{
    return side == MATCH_OFFERS ? &seg_hot(s)->offers : &seg_hot(s)->demands;
}

/* Shown first is served first: a call takes its ticket before it shows anything, and the one with the oldest ticket
 * is met. Tickets of calls that began at the same time may be equal. */
static inline uint32_t match_ticket(const struct segment *s, enum match_side side)
{
    return (uint32_t)(load_seq_cst(match_summary(s, side)) >> 32);
}

/* Show the block in the spare cell: open it, and announce that. `limit`: the largest message a demand is for. */
void chan__match_show(struct party *party, const struct held *spare, uint32_t ticket, uint64_t limit);

/* True if what is shown is no longer open. */
bool chan__match_is_over(const struct party *party);

/* Stop showing. True: it was met before it could be withdrawn; the cell then has what the peer put there. */
bool chan__match_settle(struct party *party);

/* A cell that somebody shows, while it has this word. */
struct match {
    uint32_t number, cell; /* of the record, of its cell */
    uint64_t word;
    uint64_t status; /* of the record, read after the word */
    uint32_t ticket;
    uint64_t size; /* of the message offered: to be checked before use */
};

/* The oldest offer; the oldest demand for messages of `size` or more. Not what is shown by the select `except`, if that
 * is not 0: nobody meets himself. False: at one moment there was none. */
bool chan__match_find(const struct segment *s, enum match_side side, uint64_t size, uint64_t except,
                      struct match *out);

/* A select waits with this endpoint; it does not any more. */
void chan__match_select(struct party *party, uint64_t selection);
void chan__match_unselect(struct party *party);

/* A record has a new owner. */
void chan__match_forget(struct seg_record *record);

/* True if another select than `except` waits with an endpoint of this role that is alive. */
bool chan__match_is_selected(const struct segment *s, uint32_t role, uint64_t except);

/* Ring for everybody who shows something on that side and sleeps. */
void chan__match_ring(const struct segment *s, enum match_side side);

/* Ring for everybody who sleeps on a bell. */
void chan__match_ring_all(const struct segment *s);

/* Withdraw all that is shown: after the state word said that the channel is shut down. Whoever matches reads the
 * state word after the cell's word: a match either comes before this, or fails. */
void chan__match_seal(const struct segment *s);

/* OPEN cells of a record, on one side. */
uint32_t chan__match_count(const struct segment *s, uint32_t number, enum match_side side);

#endif
