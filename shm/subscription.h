/* SPDX-License-Identifier: Apache-2.0 */
/* Who has subscribed to a ring that overwrites, and how far each has read.
 *
 * A cursor is a word of its owner's record that only the owner writes, upwards, and that counts as long as the record
 * is LIVE or PREPARED: whoever dies stops counting with the verdict. There is no list of subscribers, and no count of
 * them.
 *
 * A sender that must not overrun anybody reads the tail, then who is LIVE and their cursors. A newcomer shows
 * itself LIVE first, with a cursor that the tail has passed, and takes its place from the tail afterwards. If a sender
 * that found the tail at t does not see the newcomer, the newcomer finds it at t or later, and what is sent at t
 * overwrites t - n: nothing that concerns it. So too the minimum that a sender remembers stays true without
 * looking again: those who have come since begin behind it.
 *
 * Who takes the place of a PREPARED subscriber goes back to its cursor first, and only then ends it. Until then a sender
 * sees the cursor of the one, afterwards that of the other, if it looks at the PREPARED first: so the minimum does not
 * rise meanwhile, and what a sender remembers stays true. */
#ifndef SHM_SUBSCRIPTION_H
#define SHM_SUBSCRIPTION_H

#include "shm/endpoint.h"

/* Before the record is shown LIVE: a cursor that holds senders up rather than letting them overrun us. */
void chan__subscription_prepare(struct party *party);

/* Afterwards, and to subscribe anew: the party's cursor is at the tail. -EBADMSG. */
int chan__subscription_begin(struct party *party);

/* For one that is LIVE: go back to where the PREPARED subscriber in record `from` is. It counts only if that one is still
 * there afterwards. Returns the number of the message at the party's cursor. */
uint64_t chan__subscription_inherit(struct party *party, uint32_t from);

/* All messages before `number` are done with. Sequentially consistent, so that a look at who sleeps may follow. */
void chan__subscription_move(struct party *party, uint64_t number);

/* The first message that some subscriber is not done with; `tail`, which was read before, if there is none. */
uint64_t chan__subscription_slowest(const struct segment *s, uint64_t tail);

/* Subscribers that message `number` was for. */
uint32_t chan__subscription_count(const struct segment *s, uint64_t number);

#endif
