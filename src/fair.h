/* SPDX-License-Identifier: Apache-2.0 */
/* Places in fair queues: for the sends that need one, and for permits. */
#ifndef SRC_FAIR_H
#define SRC_FAIR_H

#include "src/kind.h"

/* An attempt to get places of one's own. *claims: whether the claim for them is there, and waits. Who does not wait
 * makes no claim that would have to wait: giving it up wakes all who do. -EAGAIN: not yet. -EPIPE: closed. */
int chan__fair_secure(struct chan_sender *tx, uint64_t places, bool waits, bool *claims);

/* Give up places, or the claim; tell those who wait. */
void chan__fair_release(struct chan_sender *tx, uint64_t places);
void chan__fair_withdraw(struct chan_sender *tx);

/* Send what has been filled in on a place of one's own. -EPIPE: there are no receivers any more. */
int chan__fair_place(struct sending *op);

#endif
