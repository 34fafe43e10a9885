/* SPDX-License-Identifier: Apache-2.0 */
/* Collects the names of all channels. */
#include "names.h"

#include <errno.h>
#include <shmchan.h>
#include <stdlib.h>
#include <string.h>

static int collect(const char *name, void *arg)
{
    struct names *names = arg;
    char **list, *copy;

    list = realloc(names->list, (names->count + 1) * sizeof(*list));
    if (!list)
        return -ENOMEM;
    names->list = list;
    copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    list[names->count++] = copy;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int list_names(struct names *out)
{
    int error;

    out->list = NULL;
    out->count = 0;
    error = chan_list(collect, out);
    if (out->count > 0)
        qsort(out->list, out->count, sizeof(*out->list), by_name);
    return error;
}

void free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
}
