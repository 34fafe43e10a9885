/* SPDX-License-Identifier: Apache-2.0 */
/* Message contents that can be verified. */
#include "pattern.h"

#include <string.h>

/* The first eight bytes: 12 bits sender, 36 bits sequence, 16 bits check over both and the size. The rest
 * is a stream seeded by them, so that a byte of another message, or of an older one in the same block, is
 * noticed. */

static uint64_t mix(uint64_t x) /* splitmix64 */
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t head_word(size_t size, uint32_t sender, uint64_t sequence)
{
    uint64_t identity = ((uint64_t)(sender & 0xfff) << 36) | (sequence & 0xfffffffffu);
    return identity << 16 | (mix(identity ^ (uint64_t)size << 48) & 0xffff);
}

static uint64_t stream_start(uint64_t head, size_t size)
{
    return mix(head ^ (uint64_t)size);
}

void pattern_write(void *data, size_t size, uint32_t sender, uint64_t sequence)
{
    unsigned char *bytes = data;
    uint64_t head = size < PATTERN_IDENTIFIED ? 0 : head_word(size, sender, sequence);
    uint64_t word = stream_start(head, size);
    size_t at = 0;
    if (size >= PATTERN_IDENTIFIED) {
        memcpy(bytes, &head, sizeof head);
        at = sizeof head;
    }
    for (; at + sizeof word <= size;
         at += sizeof word, word = word * 6364136223846793005u + 1442695040888963407u)
        memcpy(bytes + at, &word, sizeof word);
    if (at < size)
        memcpy(bytes + at, &word, size - at);
}

int pattern_read(const void *data, size_t size, uint32_t *sender, uint64_t *sequence)
{
    const unsigned char *bytes = data;
    uint64_t head = 0;
    *sender = 0;
    *sequence = 0;
    size_t at = 0;
    if (size >= PATTERN_IDENTIFIED) {
        memcpy(&head, bytes, sizeof head);
        uint32_t from = (uint32_t)(head >> 52);
        uint64_t number = head >> 16 & 0xfffffffffu;
        if (head != head_word(size, from, number))
            return 0;
        *sender = from;
        *sequence = number;
        at = sizeof head;
    }
    uint64_t word = stream_start(head, size);
    for (; at + sizeof word <= size;
         at += sizeof word, word = word * 6364136223846793005u + 1442695040888963407u)
        if (memcmp(bytes + at, &word, sizeof word) != 0)
            return 0;
    return at == size || memcmp(bytes + at, &word, size - at) == 0;
}
