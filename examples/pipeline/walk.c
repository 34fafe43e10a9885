/* SPDX-License-Identifier: Apache-2.0 */
/* The walk: one open directory a level, names relative to it, so that a path may be of any length. */
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void skipped(const char *name)
{
    fprintf(stderr, "wordcount: %s: %s\n", name, strerror(errno));
}

static int walk_at(int parent, const char *name, int flags, int (*visit)(int, void *), void *arg);

static int walk_directory(int fd, const char *name, int (*visit)(int, void *), void *arg)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    int result = 0;

    if (!dir) {
        skipped(name);
        close(fd);
        return 0;
    }
    while (result == 0 && (entry = readdir(dir))) {
        if (entry->d_type != DT_REG && entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
            continue; /* opening a device could do something */
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        result = walk_at(dirfd(dir), entry->d_name, O_NOFOLLOW, visit, arg);
        if (result < 0) {
            skipped(entry->d_name);
            result = 0;
        }
    }
    closedir(dir);
    return result;
}

static int walk_at(int parent, const char *name, int flags, int (*visit)(int, void *), void *arg)
{
    struct stat st;
    int fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);

    if (fd < 0)
        return errno == ELOOP && flags ? 0 : -1; /* a link, on a file system that knows no d_type */
    if (fstat(fd, &st) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    if (S_ISDIR(st.st_mode))
        return walk_directory(fd, name, visit, arg);
    int result = S_ISREG(st.st_mode) ? visit(fd, arg) : 0;
    close(fd);
    return result;
}

int walk(const char *path, int (*visit)(int fd, void *arg), void *arg)
{
    return walk_at(AT_FDCWD, path, 0, visit, arg);
}
