/* SPDX-License-Identifier: Apache-2.0 */
/* Message contents that can be verified: sequence, sender and size, and every byte follows from them. */
#ifndef HARNESS_PATTERN_H
#define HARNESS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* From this size on, a message says who sent it and which it was. */
#define PATTERN_IDENTIFIED 8u

/* sender < 2^12, sequence < 2^36. */
void pattern_write(void *data, size_t size, uint32_t sender, uint64_t sequence);

/* 1 if every byte is as pattern_write() left it, and says whose it was (size >= PATTERN_IDENTIFIED; outputs
 * are 0 below that), else 0. */
int pattern_read(const void *data, size_t size, uint32_t *sender, uint64_t *sequence);

#endif
