/* SPDX-License-Identifier: Apache-2.0 */
/* The pattern, and the checks that are off the hot path. */
#include "payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

unsigned char *payload_new(size_t size, size_t count)
{
    size_t stride = payload_stride(size);
    unsigned char *buffers = aligned_alloc(64, stride * count);

    if (!buffers) {
        fprintf(stderr, "chanbench: out of memory\n");
        exit(1);
    }
    for (size_t i = 0; i < stride; i++)
        buffers[i] = (unsigned char)(i * 167 + (i >> 8) * 59 + 13);
    for (size_t i = 1; i < count; i++)
        memcpy(buffers + i * stride, buffers, stride);
    return buffers;
}

void sink_reject(const void *message, size_t size, const struct sink *sink)
{
    uint64_t stamp;

    memcpy(&stamp, message, STAMP);
    fprintf(stderr,
            "chanbench: bad message: %zu bytes of %zu, stamp %016" PRIx64 ", after %" PRIu64 " others\n",
            size, sink->size, stamp, sink->count);
    exit(1);
}

void sink_check_whole(const void *message, const struct sink *sink)
{
    if (sink->size > 2 * STAMP &&
        memcmp((const char *)message + STAMP, sink->pattern + STAMP, sink->size - 2 * STAMP) != 0)
        sink_reject(message, sink->size, sink);
}
