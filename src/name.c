/* SPDX-License-Identifier: Apache-2.0 */
/* Names of channels, the directory they live in, and listing it. */
#include "src/handle.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DIRECTORY "/dev/shm"
#define PREFIX "shmchan."

const char *chan_dir(void)
{
    const char *directory = secure_getenv("SHMCHAN_DIR");
    return directory && *directory ? directory : DEFAULT_DIRECTORY;
}

int chan__name_check(const char *name)
{
    if (!name || !*name || *name == '.')
        return -EINVAL;
    size_t length = 0;
    for (; name[length]; length++) {
        unsigned char c = (unsigned char)name[length];
        if (c < ' ' || c == 0x7f || c == '/')
            return -EINVAL;
    }
    return length > CHAN_NAME_MAX ? -ENAMETOOLONG : 0;
}

int chan__name_path(const char *name, char **path)
{
    int result = chan__name_check(name);
    if (result)
        return result;
    return asprintf(path, "%s/" PREFIX "%s", chan_dir(), name) < 0 ? -ENOMEM : 0;
}

int chan_list(int (*visit)(const char *name, void *arg), void *arg)
{
    if (!visit)
        return -EINVAL;
    DIR *directory = opendir(chan_dir());
    if (!directory)
        return -errno;
    int result = 0;
    for (struct dirent *entry; !result && (entry = readdir(directory));) {
        const char *name = entry->d_name + strlen(PREFIX);
        if (!strncmp(entry->d_name, PREFIX, strlen(PREFIX)) && !chan__name_check(name))
            result = visit(name, arg);
    }
    closedir(directory);
    return result;
}
