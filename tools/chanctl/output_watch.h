/* SPDX-License-Identifier: Apache-2.0 */
/* Noticing that nobody reads the output any more, also while nothing is written. */
#ifndef CHANCTL_OUTPUT_WATCH_H
#define CHANCTL_OUTPUT_WATCH_H

/* 1 if nobody can read what would be written to `fd`. */
int is_broken(int fd);

/* From now on, send SIGPIPE to this process once is_broken(fd). Returns 0 or a negative errno value. */
int watch_output(int fd);

#endif
