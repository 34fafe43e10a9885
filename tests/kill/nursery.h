/* SPDX-License-Identifier: Apache-2.0 */
/* Pid namespaces to start processes in. */
#ifndef KILL_NURSERY_H
#define KILL_NURSERY_H

#include <sys/types.h>

/* Two namespaces, each with a first process that does nothing. Negative errno where that is not permitted. */
#define NURSERIES 2u
int nursery_open(void);
void nursery_close(void);

/* fork() into one of them; the pid is the caller's number for the child. */
pid_t nursery_fork(unsigned which);

#endif
