/* SPDX-License-Identifier: Apache-2.0 */
/* Spinning before sleeping, of calls (wait.c) and of selects.
 *
 * Spinning pays while it is shorter than going to sleep and being woken, some 10 to 70 us. Counted in
 * pauses (33 ns measured on a virtual x86; a sched_yield() is 760 ns). Between attempts the pauses grow,
 * since each attempt takes the cell's cache line away from the one who is about to change it; now and
 * then, or soon, the processor is offered to others, who may be just that one.
 *
 * The first pause is learnt. Two sides that are equally fast would meet in the same cache line at every
 * message, each taking it away from the other, and go at half their speed; one that pauses while the other
 * moves on a few lines finds them free. So the first pause doubles while there is something at its end, and
 * it was followed by some messages without waiting: a side that gets answers, one for each wait, stays at
 * short pauses.
 *
 * Before it sleeps a side gives way a few times, however little spinning has paid: with more processes than
 * processors the other side may only be waiting for one. Asleep, each would be woken for one place, fill it and
 * go to sleep again, which is ten times as much work as moving a message. */
#ifndef SRC_SPIN_H
#define SRC_SPIN_H

#include "src/handle.h"

#define SPINS_MIN 32u
#define SPINS_FIRST 256u
#define SPINS_MAX 1024u
#define SPINS_BETWEEN_MAX 128u
#define SPINS_PER_MESSAGE 8u /* of the first pause: a stream that is slower than this is waited for shortly */
#define SPINS_YIELD_EVERY 256u
#define SPINS_YIELD_SOON 31u
#define SPINS_OF_YIELD 24u
#define YIELDS_BEFORE_SLEEP 4

/* How many pauses it is worth next time. */
static inline uint32_t chan__spins_learnt(uint32_t spins, bool paid)
{
    if (paid)
        return spins * 2 > SPINS_MAX ? SPINS_MAX : spins * 2;
    return spins / 2 < SPINS_MIN ? SPINS_MIN : spins / 2;
}

/* Let some time pass: `between` pauses, or a yield, after `spent` pauses so far. Returns how many it was worth. */
uint32_t chan__spin_pause(enum spinning how, uint32_t spent, uint32_t between);

/* The last attempts before sleeping. */
int chan__give_way(int (*attempt)(void *), void *operation);

#endif
