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
#include <sys/sysmacros.h>
#include <unistd.h>

/* The fields of /proc/PID/stat that matter here. */
struct process_stat {
    char state;
    uint64_t start_time;
};

/* False if there is no process of that pid (or no /proc). */
static bool read_stat(uint32_t pid, struct process_stat *out)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *at = strrchr(text, ')'); /* the command name may hold anything, ')' too; field 3 follows it */
    if (!at || !at[1])
        return false;
    out->state = at[2];
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    out->start_time = at ? strtoull(at, NULL, 10) : 0;
    return true;
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
    struct process_stat stat = {0};
    (void)read_stat(out->pid, &stat);
    out->start_time = stat.start_time;
    out->pid_namespace = own_pid_namespace();
}

bool chan__process_is_near(const struct process_identity *who)
{
    return who->pid_namespace && who->pid_namespace == own_pid_namespace();
}

static bool is_same_and_running(const struct process_identity *who)
{
    struct process_stat stat;
    return read_stat(who->pid, &stat) && stat.start_time == who->start_time && stat.state != 'Z' && stat.state != 'X';
}

/* Without pidfds (a kernel before 5.3, a seccomp filter): the state of the thread group's leader has to do. Only asked of
 * processes whose descriptors are closed, so a leader that ended before its threads is no matter. */
static bool is_alive_by_proc(const struct process_identity *who, int patience_ms)
{
    for (int waited = 0; is_same_and_running(who); waited++) {
        if (waited >= patience_ms)
            return true;
        usleep(1000);
    }
    return false;
}

bool chan__process_maps(const struct process_identity *who, dev_t device, ino_t inode)
{
    char path[32], *line = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "/proc/%u/maps", who->pid);
    FILE *maps = fopen(path, "re");
    if (!maps)
        return true; /* not ours to look at: then it may have it mapped */
    bool found = false;
    while (!found && getline(&line, &size, maps) > 0) {
        unsigned device_major, device_minor;
        unsigned long long number;
        found = sscanf(line, "%*s %*s %*s %x:%x %llu", &device_major, &device_minor, &number) == 3 &&
                number == inode && device_major == major(device) && device_minor == minor(device);
    }
    free(line);
    fclose(maps);
    return found;
}

bool chan__process_is_alive(const struct process_identity *who, int patience_ms)
{
    int pidfd = (int)syscall(SYS_pidfd_open, who->pid, 0);
    /* EINVAL, and ENOENT since Linux 6.15: the pid now belongs to a mere thread. */
    if (pidfd < 0 && (errno == ESRCH || errno == EINVAL || errno == ENOENT))
        return false;
    if (pidfd < 0)
        return is_alive_by_proc(who, patience_ms);
    /* The start time is read after the pidfd is ours: the number cannot be given away in between. */
    struct process_stat stat;
    bool alive = read_stat(who->pid, &stat) && stat.start_time == who->start_time;
    if (alive) {
        /* Readable when the last thread of the group is gone, reaped or not. */
        struct pollfd poller = {.fd = pidfd, .events = POLLIN};
        alive = poll(&poller, 1, patience_ms) <= 0;
    }
    close(pidfd);
    return alive;
}
