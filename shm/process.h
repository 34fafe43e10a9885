/* SPDX-License-Identifier: Apache-2.0 */
/* Who a process is, for people and tools to see. Nothing is decided by it. */
#ifndef SHM_PROCESS_H
#define SHM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* A pid alone names nobody: it is reused, and every container has its own. */
struct process_identity {
    uint32_t pid;
    uint32_t uid;
    uint64_t start_time;    /* clock ticks since boot, field 22 of /proc/PID/stat; 0 if /proc is not there */
    uint64_t pid_namespace; /* inode of /proc/thread-self/ns/pid; 0 if /proc is not there */
};

void chan__process_self(struct process_identity *out);

/* True if `who` lives in our pid namespace, so that its pid means something here. */
bool chan__process_is_near(const struct process_identity *who);

#endif
