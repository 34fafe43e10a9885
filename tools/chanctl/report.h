/* SPDX-License-Identifier: Apache-2.0 */
/* Errors for people: one sentence on standard error, "chanctl: NAME: what happened; what to do". */
#ifndef CHANCTL_REPORT_H
#define CHANCTL_REPORT_H

#include "exit_codes.h"

/* Report what the table says about `error`. Returns its exit code. */
int fail(const char *name, int error);

/* Report a sentence of one's own about the channel `name` (NULL: about no channel). Returns `code`. */
int fail_saying(const char *name, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As fail_saying(), for what is worth knowing but no failure. */
void note(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
