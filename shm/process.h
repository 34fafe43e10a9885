/* SPDX-License-Identifier: Apache-2.0 */
/* Who a process is, and whether any thread of it is left. */
#ifndef SHM_PROCESS_H
#define SHM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A pid alone names nobody: it is reused, and every container has its own. */
struct process_identity {
    uint32_t pid;
    uint32_t uid;
    uint64_t start_time;    /* clock ticks since boot, field 22 of /proc/PID/stat; 0 if /proc is not there */
    uint64_t pid_namespace; /* inode of /proc/self/ns/pid; 0 if /proc is not there */
};

void chan__process_self(struct process_identity *out);

/* True if `who` lives in our pid namespace, so that its pid means something here. */
bool chan__process_is_near(const struct process_identity *who);

/* True if a near process has that file mapped, or does not let us see. A process that was replaced by exec has not. */
bool chan__process_maps(const struct process_identity *who, dev_t device, ino_t inode);

/* True if some thread of that near process is left. Waits up to `patience_ms` for one that is on its way out. */
bool chan__process_is_alive(const struct process_identity *who, int patience_ms);

#endif
