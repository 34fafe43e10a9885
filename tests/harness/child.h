/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes of a test: spawn, get the result, kill, stop, wait. None outlives the test. */
#ifndef HARNESS_CHILD_H
#define HARNESS_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    int result; /* the child writes one int64_t here */
};

/* Runs body(argument) in a forked child, which is killed should this thread end first. What the body
 * returns is the child's result; it then ends without running exit handlers. */
void child_spawn(struct child *child, int64_t (*body)(void *argument), void *argument);

/* Fork with the same guarantee, nothing else: 0 in the child. */
pid_t child_fork(void);

/* The result of the body; fails the test if the child ended without one. */
int64_t child_result(struct child *child);

/* Whether the result is there within that time, as process_poll() counts it. */
bool child_finishes_within(struct child *child, int milliseconds);

/* The result, and the child reaped. */
int64_t child_finish(struct child *child);

/* SIGKILL; the child stays a zombie until child_reap(). child_kill() returns when it is one. */
void child_kill(struct child *child);
void child_reap(struct child *child);

/* SIGSTOP, and wait until it has stopped. */
void child_stop(pid_t pid);
void child_continue(pid_t pid);

/* Waits until the process has ended but for being reaped. */
void child_wait_zombie(pid_t pid);

#endif
