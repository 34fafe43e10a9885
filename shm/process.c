/* SPDX-License-Identifier: Apache-2.0 */
/* Process identity from /proc, and the kernel's word on whether a process is gone, from a pidfd. */
#include "shm/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Start time of a process, 0 if there is none of that pid (or no /proc). */
static uint64_t start_time_of(uint32_t pid)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    char *at = strrchr(text, ')'); /* the command name may hold anything, ')' too; field 3 follows it */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

static uint64_t own_pid_namespace(void)
{
    struct stat st;
    return stat("/proc/self/ns/pid", &st) ? 0 : (uint64_t)st.st_ino;
}

void chan__process_self(struct process_identity *out)
{
    out->pid = (uint32_t)getpid();
    out->uid = (uint32_t)geteuid();
    out->start_time = start_time_of(out->pid);
    out->pid_namespace = own_pid_namespace();
}

bool chan__process_is_near(const struct process_identity *who)
{
    return who->pid_namespace && who->pid_namespace == own_pid_namespace();
}

bool chan__process_is_alive(const struct process_identity *who, int patience_ms)
{
    int pidfd = (int)syscall(SYS_pidfd_open, who->pid, 0);
    if (pidfd < 0)
        return errno != ESRCH && errno != EINVAL; /* EINVAL: the pid now belongs to a mere thread */
    /* The start time is read after the pidfd is ours: the number cannot be given away in between. */
    uint64_t start = start_time_of(who->pid);
    bool alive = start == who->start_time;
    if (alive) {
        /* Readable when the last thread of the group is gone, reaped or not. */
        struct pollfd poller = {.fd = pidfd, .events = POLLIN};
        alive = poll(&poller, 1, patience_ms) <= 0;
    }
    close(pidfd);
    return alive;
}
