/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of the library's own: the keeper, the poller, lookouts. */
#ifndef SRC_THREAD_H
#define SRC_THREAD_H

#include <pthread.h>

/* Start one, with a small stack, and without signals: the program's handlers are not for it. The name is what
 * top(1) shows, of 15 bytes at most. -ENOMEM: there can be no more threads. */
int chan__thread_start(pthread_t *out, const char *name, void *(*run)(void *), void *argument);

#endif
