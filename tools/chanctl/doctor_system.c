/* SPDX-License-Identifier: Apache-2.0 */
/* Examines the kernel, logind and the limits of this process and user. */
#include <errno.h>
#include <shmchan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor.h"
#include "logind.h"
#include "text.h"

#define OLDEST_KERNEL_MAJOR 5u /* the first with all that the library relies on: 5.4 */
#define OLDEST_KERNEL_MINOR 4u
#define FEW_DESCRIPTORS 256u /* an endpoint takes one, a mapped channel another */
#define LITTLE_LOCKED (8u << 20)
#define FEW_INSTANCES 128u /* the kernel's default, which one desktop session can use up */
#define FEW_WATCHES 4096u

static void examine_kernel(struct findings *findings)
{
    unsigned long major, minor;
    struct utsname names;
    char *end;

    if (uname(&names) != 0)
        return;
    major = strtoul(names.release, &end, 10);
    minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    if (major < OLDEST_KERNEL_MAJOR || (major == OLDEST_KERNEL_MAJOR && minor < OLDEST_KERNEL_MINOR))
        warn_of(findings, "kernel", names.release, "use 5.4 or newer",
                "the kernel is older than the library needs");
}

static void examine_proc(struct findings *findings)
{
    if (access("/proc/self/stat", R_OK) != 0)
        warn_of(findings, "proc", "/proc", "mount it: mount -t proc proc /proc",
                "it cannot be read, so the death of a process may be noticed late or not at all");
    else if (access("/proc/1/stat", R_OK) != 0)
        note_of(findings, "proc", "/proc", "run as root, or mount it without hidepid",
                "processes of other users are hidden, so what they do is not shown");
}

static void examine_logind(struct findings *findings)
{
    if (strcmp(chan_dir(), "/dev/shm") == 0 && logind_removes_ipc())
        warn_of(
            findings, "remove-ipc", "systemd-logind",
            "set RemoveIPC=no in /etc/systemd/logind.conf, run services as system users, or use 'loginctl "
            "enable-linger USER'",
            "channels of an ordinary user are removed when that user's last session ends");
}

/* The soft limit if it is below `enough`, else 0. */
static uint64_t low_limit(int resource, uint64_t enough)
{
    struct rlimit limit;

    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0 || limit.rlim_cur >= enough)
        return 0;
    return limit.rlim_cur > 0 ? limit.rlim_cur : 1;
}

static void examine_limits(struct findings *findings)
{
    char figure[FIGURE_MAX];
    uint64_t limit;

    limit = low_limit(RLIMIT_FSIZE, RLIM_INFINITY);
    if (limit > 0)
        warn_of(findings, "limit-fsize", "ulimit -f", "raise it: ulimit -f unlimited",
                "larger channels than %s cannot be created", format_bytes(limit, figure));
    limit = low_limit(RLIMIT_NOFILE, FEW_DESCRIPTORS);
    if (limit > 0)
        warn_of(findings, "limit-nofile", "ulimit -n", "raise it: ulimit -n 1024",
                "%llu descriptors are few: each open channel and each endpoint holds one",
                (unsigned long long)limit);
    limit = low_limit(RLIMIT_MEMLOCK, LITTLE_LOCKED);
    if (limit > 0)
        note_of(findings, "limit-memlock", "ulimit -l",
                "raise it if channels are to be locked: ulimit -l unlimited",
                "--mlock works for channels of up to %s only", format_bytes(limit, figure));
}

static uint64_t read_number(const char *path)
{
    FILE *file = fopen(path, "re");
    uint64_t value = UINT64_MAX;
    char line[32];

    if (!file)
        return UINT64_MAX;
    if (fgets(line, sizeof(line), file))
        value = strtoull(line, NULL, 10);
    fclose(file);
    return value;
}

static void examine_inotify(struct findings *findings)
{
    uint64_t instances = read_number("/proc/sys/fs/inotify/max_user_instances");
    uint64_t watches = read_number("/proc/sys/fs/inotify/max_user_watches");
    int fd = inotify_init1(IN_CLOEXEC);

    if (fd < 0)
        warn_of(findings, "inotify", "fs.inotify.max_user_instances",
                "raise it: sysctl fs.inotify.max_user_instances=1024",
                "this user has no inotify instance left (%s), so deaths are noticed by polling every 20 ms",
                strerror(errno));
    else
        close(fd);
    if (instances < FEW_INSTANCES)
        warn_of(findings, "inotify-instances", "fs.inotify.max_user_instances",
                "raise it: sysctl fs.inotify.max_user_instances=1024",
                "%llu are few: each process that waits in the library takes one, and polls without",
                (unsigned long long)instances);
    if (watches < FEW_WATCHES)
        warn_of(findings, "inotify-watches", "fs.inotify.max_user_watches",
                "raise it: sysctl fs.inotify.max_user_watches=65536",
                "%llu are few: each channel that a process waits on takes one or more",
                (unsigned long long)watches);
}

void examine_system(struct findings *findings)
{
    examine_kernel(findings);
    examine_proc(findings);
    examine_logind(findings);
    examine_limits(findings);
    examine_inotify(findings);
}
