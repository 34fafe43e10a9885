/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells about a process: open descriptors, in what state it is, how often it has slept. */
#ifndef HARNESS_PROCESS_H
#define HARNESS_PROCESS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether a descriptor of the calling process is of those that the library keeps from the first attach to the
 * end of the process, the keeper's: of tests' own, none is an inotify instance or a UNIX datagram socket. */
bool process_keeps(int fd);

/* Open descriptors of the calling process, without those. */
int process_descriptors(void);

/* Threads of a process. */
int process_threads(pid_t pid);

/* Voluntary context switches of all its threads so far. */
int64_t process_wakeups(pid_t pid);

/* The state of its first thread, as in /proc/PID/stat. Whoever reads that has hold of the process's memory: should it be
 * killed meanwhile, its endpoints live a moment longer. */
char process_state(pid_t pid);

/* poll(2) for one descriptor, whatever signals come. It waits in short turns, and counts a turn as no more than it was to
 * be: time in which the machine let nobody run is nobody's delay. */
int process_poll(struct pollfd *entry, int milliseconds);

/* CLOCK_MONOTONIC sleep. */
void process_sleep_ms(int milliseconds);

#endif
