/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people and terminals: escaping, and figures with units. */
#ifndef CHANCTL_TEXT_H
#define CHANCTL_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define UTF8_LONGEST 4u

/* The length of the UTF-8 sequence at `text`, 1 .. 4; 0 if there is no valid one within `size` bytes. */
size_t utf8_sequence(const char *text, size_t size);

/* 1 if all of it is valid UTF-8, else 0. */
int is_utf8(const char *text, size_t size);

/* Print bytes so that no terminal is fooled: control characters and invalid UTF-8 as C escapes. */
void print_escaped(FILE *out, const char *text, size_t size);

/* Print bytes as hexadecimal digits. */
void print_hex(FILE *out, const void *data, size_t size);

#define FIGURE_MAX 32

/* "4.0 KiB", "1.3 s", "2026-01-31 12:00:00" into `out`, which is returned. */
const char *format_bytes(uint64_t bytes, char out[FIGURE_MAX]);
const char *format_duration(int64_t ns, char out[FIGURE_MAX]);
const char *format_date(int64_t realtime_ns, char out[FIGURE_MAX]);

/* The user's or group's name, or its number if it has none, into `out`, which is returned. */
const char *format_user(uint32_t uid, char out[FIGURE_MAX]);
const char *format_group(uint32_t gid, char out[FIGURE_MAX]);

#endif
