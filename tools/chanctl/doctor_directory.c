/* SPDX-License-Identifier: Apache-2.0 */
/* Examines the directory of channels. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <shmchan.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "doctor.h"
#include "text.h"

#define LITTLE_SPACE (128u << 20) /* a container's /dev/shm has 64 MiB unless it is told otherwise */
#define FEW_INODES 16u

/* MemAvailable of /proc/meminfo, in bytes; UINT64_MAX if unknown. */
static uint64_t available_memory(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    const char key[] = "MemAvailable:";
    uint64_t kib = 0;
    char line[128];

    if (!file)
        return UINT64_MAX;
    while (kib == 0 && fgets(line, sizeof(line), file))
        if (strncmp(line, key, sizeof(key) - 1) == 0)
            kib = strtoull(line + sizeof(key) - 1, NULL, 10);
    fclose(file);
    return kib > 0 ? kib << 10 : UINT64_MAX;
}

static void examine_space(struct findings *findings, const char *directory)
{
    static const char advice[] =
        "enlarge it: mount -o remount,size=1G, in containers --shm-size=1g, or an emptyDir "
        "with medium Memory";
    char free_bytes[FIGURE_MAX], size[FIGURE_MAX];
    struct statvfs space;
    uint64_t available;

    if (statvfs(directory, &space) != 0)
        return;
    available = (uint64_t)space.f_bavail * space.f_frsize;
    if (space.f_blocks > 0 && available < LITTLE_SPACE)
        warn_of(findings, "space", directory, advice,
                "%s are free of %s, and channels take their memory at creation",
                format_bytes(available, free_bytes),
                format_bytes((uint64_t)space.f_blocks * space.f_frsize, size));
    if (available > available_memory())
        note_of(findings, "memory", directory, "make it smaller: mount -o remount,size=50%",
                "%s may be taken there, which is more than the memory available now: what takes them would "
                "bring the out-of-memory killer",
                format_bytes(available, free_bytes));
    if (space.f_files > 0 && space.f_favail < FEW_INODES)
        warn_of(findings, "inodes", directory, "remove files, or mount it with a larger nr_inodes",
                "%llu more files are possible, and each channel takes one",
                (unsigned long long)space.f_favail);
}

static void examine_file_system(struct findings *findings, const char *directory)
{
    struct statfs system;
    int fd;

    if (statfs(directory, &system) == 0 && system.f_type != TMPFS_MAGIC)
        warn_of(findings, "file-system", directory, "unset SHMCHAN_DIR, or set it to a directory on a tmpfs",
                "it is not on a tmpfs, so what is sent is also written to a disk");
    fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    else
        warn_of(findings, "create", directory,
                "give this user the right to write there, or set SHMCHAN_DIR to a directory on a tmpfs",
                "no channel can be created there: %s", strerror(errno));
}

static void examine_permissions(struct findings *findings, const char *directory, const struct stat *status)
{
    if ((status->st_mode & S_IWOTH) && !(status->st_mode & S_ISVTX))
        warn_of(findings, "directory-mode", directory, "set the sticky bit: chmod +t",
                "everybody may remove and replace everybody's channels");
    if (status->st_uid != 0 && status->st_uid != geteuid())
        warn_of(findings, "directory-owner", directory, "use a directory of your own, or root's",
                "user %u owns it and may remove and replace the channels in it", status->st_uid);
}

void examine_directory(struct findings *findings)
{
    const char *directory = chan_dir(), *set = secure_getenv("SHMCHAN_DIR");
    struct stat status;

    if (set && set[0] != '\0')
        note_of(findings, "directory", directory, "set it alike for all processes that are to meet",
                "SHMCHAN_DIR is set: processes without it see other channels");
    if (stat(directory, &status) != 0 || !S_ISDIR(status.st_mode)) {
        warn_of(findings, "directory", directory, "mount a tmpfs there, or set SHMCHAN_DIR",
                "there is no such directory, and no channel without it");
        return;
    }
    examine_space(findings, directory);
    examine_file_system(findings, directory);
    examine_permissions(findings, directory, &status);
}
