/* SPDX-License-Identifier: Apache-2.0 */
/* Copying messages.
 *
 * AMD's Zen 3 copies by `rep movsb` up to 25 times slower where the destination begins less than a cache line after the
 * source, modulo a page: each load looks as if it were of what has just been stored. glibc 2.36 copies so from 2112
 * bytes to half a megabyte. It is no rare case: malloc()'s large buffers begin 16 bytes into a page, and large messages
 * at the beginning of one. docs/performance.md has figures. */
#ifndef SHM_COPY_H
#define SHM_COPY_H

#include <stdbool.h>
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

/* Large messages, from one sender. What is stored past the caches is not fetched from another processor's cache before, nor
 * afterwards by the receiver: between processors that share no cache a message takes a third of the time, between others up
 * to half as much again. Which it is changes, on a virtual machine within seconds. So a copier tries both ways now and then
 * for some messages, and goes on with the better one. Private to its sender. */
#define COPY_LEARNING_BYTES 16384u /* from here on it is worth it */

struct copier {
    uint32_t count;       /* of messages, modulo the period */
    uint64_t least_ps[2]; /* a byte, in the trial: through the caches, and past them */
    bool goes_past;
};

/* As memcpy() of 16 bytes and more. */
void chan__copy_learning(struct copier *c, void *to, const void *from, size_t size);

#endif
