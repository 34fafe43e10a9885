/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of a run do. Each takes its links and its number, and returns when all is done. */
#ifndef ACTORS_H
#define ACTORS_H

#include "stage.h"
#include "trial.h"

/* Sends until the end. */
void act_sender(const struct setup *setup, struct stage *stage, unsigned number, void *link);

/* Receives until nothing comes any more. */
void act_receiver(const struct setup *setup, struct stage *stage, unsigned number, void *link);

/* Sends one, then sleeps long enough that the receiver sleeps too. */
void act_waker(const struct setup *setup, struct stage *stage, unsigned number, void *link);

/* Receives, and notes how long each was under way. */
void act_sleeper(const struct setup *setup, struct stage *stage, unsigned number, void *link);

/* Sends one and waits for one, until the end. */
void act_client(const struct setup *setup, struct stage *stage, unsigned number, void *there, void *back);

/* Answers each with one, until nothing comes any more. */
void act_server(const struct setup *setup, struct stage *stage, unsigned number, void *there, void *back);

#endif
