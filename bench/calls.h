/* SPDX-License-Identifier: Apache-2.0 */
/* How many system calls a process makes, as the kernel's tracepoint counts them. */
#ifndef CALLS_H
#define CALLS_H

#include <stdint.h>

/* Count those of the calling thread, and of all threads and processes that it starts from now on. Returns
 * what calls_read() takes, or exits: it needs root, or kernel.perf_event_paranoid of -1, and tracefs. Every
 * system call of the machine becomes slower by it: what is timed meanwhile is not comparable. */
int calls_open(void);

uint64_t calls_read(int counter);

#endif
