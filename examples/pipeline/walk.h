/* SPDX-License-Identifier: Apache-2.0 */
/* Walking a directory tree as `find -H PATH -type f` does. */
#ifndef WALK_H
#define WALK_H

/* Calls visit(fd, arg) for every regular file at or below `path`, open for reading, until it returns a
 * positive number; returns that, or 0. Links are not followed, but for `path` itself. What cannot be opened
 * is reported on stderr and skipped; a `path` that cannot be is -1 and errno. */
int walk(const char *path, int (*visit)(int fd, void *arg), void *arg);

#endif
