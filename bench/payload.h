/* SPDX-License-Identifier: Apache-2.0 */
/* What the messages contain, and how a receiver knows that it got them all, whole and in order.
 *
 * A message is a fixed pattern with its stamp, { sender, sequence number }, in the first eight bytes, and the
 * stamp's complement in the last eight. While the clock runs, a receiver checks both stamps, one word of the
 * pattern at a place that moves with the sequence number, and the order; before and after, every byte. */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STAMP sizeof(uint64_t)

enum { LEAST_SIZE = 8, MAX_PROCESSES = 64, SENDER_SHIFT = 48 };

/* A buffer of `count` messages, each `size` bytes and aligned to a cache line, filled with the pattern;
 * exits when memory is out. */
unsigned char *payload_new(size_t size, size_t count);

/* From one message of payload_new() to the next. */
static inline size_t payload_stride(size_t size)
{
    return (size + 63) / 64 * 64;
}

static inline void payload_stamp(void *message, size_t size, uint64_t stamp)
{
    uint64_t complement = ~stamp;

    memcpy(message, &stamp, STAMP);
    if (size >= 2 * STAMP)
        memcpy((char *)message + size - STAMP, &complement, STAMP);
}

/* The sending process's side. */
struct source {
    size_t size;
    uint64_t next;          /* stamp */
    unsigned char *buffers; /* as many messages as the transport sends at once */
};

static inline unsigned char *source_message(const struct source *source, unsigned i)
{
    return source->buffers + i * payload_stride(source->size);
}

/* Stamps the first buffer as the next message. */
static inline unsigned char *source_next(struct source *source)
{
    payload_stamp(source->buffers, source->size, source->next++);
    return source->buffers;
}

/* The receiving process's side. */
struct sink {
    size_t size;
    int whole;              /* check every byte */
    int stamps_only;        /* what lies between the stamps was not written */
    int alone;              /* the only receiver: no sequence number may be missing */
    unsigned char *pattern; /* one message */
    unsigned char *buffers;
    uint64_t count;
    uint64_t sum;                 /* of the stamps */
    uint64_t next[MAX_PROCESSES]; /* by sender: least sequence number that may come */
};

/* Account for a message; exits with a message if it is not what was sent. */
void sink_reject(const void *message, size_t size, const struct sink *sink);
void sink_check_whole(const void *message, const struct sink *sink);

static inline void sink_take(struct sink *sink, const void *message, size_t size)
{
    uint64_t stamp;

    memcpy(&stamp, message, STAMP);
    uint64_t sender = stamp >> SENDER_SHIFT;
    uint64_t sequence = stamp & (((uint64_t)1 << SENDER_SHIFT) - 1);
    if (size != sink->size || sender >= MAX_PROCESSES || sequence < sink->next[sender] ||
        (sink->alone && sequence != sink->next[sender]))
        sink_reject(message, size, sink);
    if (size >= 2 * STAMP) {
        uint64_t complement;
        memcpy(&complement, (const char *)message + size - STAMP, STAMP);
        if (complement != ~stamp)
            sink_reject(message, size, sink);
    }
    if (size >= 4 * STAMP && !sink->stamps_only) {
        size_t at = STAMP + sequence * 64 % (size - 3 * STAMP);
        if (memcmp((const char *)message + at, sink->pattern + at, STAMP) != 0)
            sink_reject(message, size, sink);
    }
    if (sink->whole && !sink->stamps_only)
        sink_check_whole(message, sink);
    sink->next[sender] = sequence + 1;
    sink->count++;
    sink->sum += stamp;
}

/* Account for a message in the first buffer, and return 1; of size 0 it is the end, and returns 0. */
static inline unsigned sink_next(struct sink *sink, size_t size)
{
    if (size == 0)
        return 0;
    sink_take(sink, sink->buffers, size);
    return 1;
}

#endif
