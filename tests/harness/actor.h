/* SPDX-License-Identifier: Apache-2.0 */
/* A process that plays one party of a case and does what it is told, a step at a time. */
#ifndef HARNESS_ACTOR_H
#define HARNESS_ACTOR_H

#include <stdint.h>
#include <sys/types.h>

#include "party.h"

struct actor {
    pid_t pid;
    int socket;
};

/* The roles a new actor is attached in. */
#define ACTOR_IDLE 0u
#define ACTOR_SENDER 1u
#define ACTOR_RECEIVER 2u

/* Starts a process that opens the channel in its own right, by name or by descriptor, and attaches. */
struct actor *actor_start(const struct flavour *flavour, struct chan *ch, unsigned roles);

/* Does a step there and returns its result; begin and finish are the two halves. */
int64_t actor_do(struct actor *actor, step *what, int64_t a, int64_t b);
void actor_begin(struct actor *actor, step *what, int64_t a, int64_t b);
int64_t actor_finish(struct actor *actor);
#define tell(actor, what, a) actor_do(actor, what, a, 0)
#define ask(actor, what) actor_do(actor, what, 0, 0)

/* The result within that time, or -EINPROGRESS. */
int64_t actor_finish_within(struct actor *actor, int milliseconds);

/* Begins a step that is to block, and returns when its process sleeps in it. */
void actor_begin_blocking(struct actor *actor, step *what, int64_t a, int64_t b);

/* Closes its handles and its channel, and reaps the process. */
void actor_end(struct actor *actor);

/* SIGKILL; it stays a zombie until actor_bury(). Burying a process that lives kills it first. */
void actor_kill(struct actor *actor);
void actor_bury(struct actor *actor);

#endif
