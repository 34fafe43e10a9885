/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for the dead: what an observer finds, and the state of a process. */
#ifndef LIVENESS_LOOK_H
#define LIVENESS_LOOK_H

#include <sys/types.h>

#include "party.h"

/* How many endpoints of its channel this process takes for dead; nothing is repaired. */
step count_dead;

/* Looks and repairs, over and over for `a` milliseconds; returns how many it has repaired. */
step repair_for;

/* Returns when a process is in a state of /proc/PID/stat: 'T' stopped, 'Z' its main thread has ended. */
void look_wait_state(pid_t pid, char state);

#endif
