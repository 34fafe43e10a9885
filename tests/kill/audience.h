/* SPDX-License-Identifier: Apache-2.0 */
/* The survivors of a trial in a broadcast. */
#ifndef KILL_AUDIENCE_H
#define KILL_AUDIENCE_H

#include "survivors.h"

/* A message that is sent only to overwrite something. */
#define FILLER "over!!!"
#define FILLER_BYTES 8u

/* All there is for the survivor; whether it may have missed something. */
void audience_drain(struct trial *trial, bool may_lag);

/* Send up to `count`, and have the survivor receive each; receivers may hold that up, or not. */
void audience_work(struct trial *trial, uint32_t count, bool may_be_held_up);

/* A newcomer on each side sends, and receives nothing from before. */
void audience_newcomers(struct trial *trial);

/* The victims are dead: repair, account for every message, and audit the channel. */
void audience_settle(struct trial *trial);

#endif
