/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of a program that waits in one ring for all it does, and the channel of most tests. */
#ifndef URING_LOOP_H
#define URING_LOOP_H

#include <liburing.h>
#include <stdbool.h>

#include <shmchan/uring.h>

#include "child.h"
#include "expect.h"
#include "suite.h"

#define MS INT64_C(1000000)

/* Less than the 1.25 s after which a sleeper looks around by itself. */
#define SOON (1000 * MS)

/* A ring of 64 entries. Skips the test where there is none to be had, or it cannot wait on futexes. */
void loop_open(struct io_uring *ring);

/* Submit what is prepared, and wait for a completion for so long. False: none came. */
bool loop_next(struct io_uring *ring, int64_t within_ns, struct io_uring_cqe *out);

/* The next completion of `u`: what chan_uring_complete() says of the first that is no -EAGAIN; -ETIMEDOUT if
 * there is none before so long. It waits in short turns, and counts a turn as no more than it was to be: time in which
 * the machine let nobody run is nobody's delay. No other requests are on the ring. */
int loop_wait(struct io_uring *ring, struct chan_uring *u, int64_t within_ns);

/* Wait for completions, and do nothing about them, until this process is killed. */
__attribute__((noreturn)) void loop_ignore(struct io_uring *ring);

/* Create a named channel with small messages; open it in another process. */
struct chan *loop_create(const char *name, uint64_t messages);
struct chan_sender *loop_sender(const char *name, struct chan **ch);
struct chan_receiver *loop_receiver(const char *name, struct chan **ch);

/* How many endpoints wait for that now: CHAN_WAITS_FOR_*; and until so many do. */
uint32_t loop_count_waiting(struct chan *ch, uint32_t for_what);
void loop_until_waiting(struct chan *ch, uint32_t for_what, uint32_t count);

#endif
