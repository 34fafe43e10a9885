/* SPDX-License-Identifier: Apache-2.0 */
/* Copying messages.
 *
 * AMD's Zen 3 copies by `rep movsb` up to 25 times slower where the destination begins less than a cache line after the
 * source, modulo a page: each load looks as if it were of what has just been stored. glibc 2.36 copies so from 2112
 * bytes to half a megabyte. It is no rare case: malloc()'s large buffers begin 16 bytes into a page, and large messages
 * at the beginning of one. docs/performance.md has figures. */
#ifndef SHM_COPY_H
#define SHM_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COPY_LIBRARY_BYTES 2048u /* up to here, or farther apart, the C library's way is good */

/* The same by vectors. */
void chan__copy_by_vectors(void *to, const void *from, size_t size);

/* As memcpy(). */
static inline void copy_bytes(void *to, const void *from, size_t size)
{
    if (size > COPY_LIBRARY_BYTES && ((uintptr_t)to - (uintptr_t)from - 1) % 4096 < 63)
        chan__copy_by_vectors(to, from, size);
    else
        memcpy(to, from, size);
}

#endif
