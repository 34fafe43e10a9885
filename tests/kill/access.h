/* SPDX-License-Identifier: Apache-2.0 */
/* Which instructions of a victim have to do with anybody else. */
#ifndef KILL_ACCESS_H
#define KILL_ACCESS_H

#include "victim.h"

/* True if the victim's next instruction is an access: reads or writes memory that it shares with anybody, reads the
 * clock, or is a system call. Between two of these it neither learns nor does anything: whether it is stopped right
 * before the second or anywhere between, nobody can tell, itself included. */
bool access_is_next(const struct victim *victim);

/* Step on to right before the access that comes after so many others. False: it is not VICTIM_RUNNING any more. */
bool access_step_to(struct victim *victim, uint64_t others);

#endif
