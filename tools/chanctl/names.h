/* SPDX-License-Identifier: Apache-2.0 */
/* The names of all channels, sorted. */
#ifndef CHANCTL_NAMES_H
#define CHANCTL_NAMES_H

#include <stddef.h>

struct names {
    char **list;
    size_t count;
};

/* List them before any is touched: the directory is not read while it changes. Returns 0 or a negative errno
 * value; free_names() in either case. */
int list_names(struct names *out);

void free_names(struct names *names);

#endif
