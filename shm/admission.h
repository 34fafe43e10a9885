/* SPDX-License-Identifier: Apache-2.0 */
/* Admission to a fair queue: who may send next, and places kept for those who will.
 *
 * Everything a sender has or wants stands in its record, so nothing has to be repaired: what counts is what the
 * records of LIVE senders say. With `sent` from the ring's exchange (counted exactly, whoever dies),
 *
 *   secured - sent    places in the queue that are its own: permits, and that of a send about to take effect
 *   wanted - secured  places that it waits for, if `claim` is WAITING
 *   claim             {ticket, state}: older tickets come first
 *
 *   claim k places:   wanted := secured + k;  claim := {last ticket, CHOOSING};
 *                     t := next of `tickets`;  CAS claim: {last, CHOOSING} -> {t, WAITING}
 *   attempt:          before := places that others have, and that older claims wait for, from all records;
 *                     tail := tail of the ring, after that
 *                     the cell `before + own + k - 1` after the tail is empty:   secured := wanted; claim GRANTED
 *   withdraw:         claim := WITHDRAWN          release: secured := secured - k
 *
 * Order. A claim with an older ticket was CHOOSING before that ticket was drawn, hence before mine was: I see it.
 * Whoever is met CHOOSING gets a ticket from whoever meets it (the same CAS), which is younger than mine; so
 * nobody waits for one that is stopped there. The words of a claim never come back, because tickets do not.
 *
 * Room. Let V be the tail and all places that come before mine. A send by somebody else moves the tail and uses up
 * one of its places; an older claim that is granted stays counted; one that is given up lowers V. Only a younger claim
 * that is granted raises it, and that had room with mine counted. So a claim that has room keeps it. Reading the
 * records first and the tail then counts too much at most, never too little.
 *
 * Full is said only if nobody sent and nobody drew a ticket while the records were read; a younger claim that is
 * found granted proves that there is room for mine, too. So full was true at one moment.
 *
 * model/fair.pml checks all this. */
#ifndef SHM_ADMISSION_H
#define SHM_ADMISSION_H

#include "shm/ring.h"

/* States of a claim. */
#define CLAIM_WITHDRAWN 0u
#define CLAIM_CHOOSING 1u
#define CLAIM_WAITING 2u
#define CLAIM_GRANTED 3u

/* The record begins to be a sender's: no places, and a claim that none of its predecessors had. */
void chan__admission_enter(const struct segment *s, uint32_t number);

/* Take a place in the order of those who wait, for so many places. */
void chan__admission_claim(struct party *party, uint64_t places);

/* Get them if it is this claim's turn and they are free. -EAGAIN: not yet. -EPIPE: sealed. -EBADMSG. */
int chan__admission_attempt(struct party *party);

/* Whether a claim made now, for so many places, would be granted at once: 0, or what the attempt would say. */
int chan__admission_look(struct party *party, uint64_t places);

/* Give up the claim that waits, or places that one has. Others may have room now. */
void chan__admission_withdraw(struct party *party);
void chan__admission_release(struct party *party, uint64_t places);

/* Places that are a live sender's own: of a record, and of all. */
uint64_t chan__admission_held(const struct segment *s, uint32_t number);
uint64_t chan__admission_total(const struct segment *s);

#endif
