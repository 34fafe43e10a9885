/* SPDX-License-Identifier: Apache-2.0 */
/* Sending over what is there, and reading without taking. */
#include "shm/overwrite.h"

#include "shm/copy.h"

/* How often others may send as many messages as are kept while somebody looks for what is there. */
#define RANGE_TRIES 16

bool chan__overwrite(struct party *party, uint64_t word, const struct held *spare)
{
    if (!chan__exchange(party, party->cursor.index, word, spare, INTENT_SEND))
        return false;
    chan__ring_pass_tail(party);
    return true;
}

bool chan__overwrite_retire(struct party *party, struct cursor oldest, const struct held *spare)
{
    const struct segment *s = party->segment;
    uint64_t word;
    if (chan__retained_find(s, oldest, &word) ||
        !chan__exchange(party, oldest.index, word, spare, INTENT_DISCARD))
        return false;
    chan__ring_pass_head(party, oldest);
    return true;
}

int chan__retained_find(const struct segment *s, struct cursor at, uint64_t *word)
{
    const struct geometry *g = &s->g;
    *word = load_acquire(seg_ring_cell(s, at.index)); /* PUBLISH */
    int64_t ahead = cell_ahead(g, *word, 2 * at.lap + 1);
    if (ahead > 0)
        return -EOVERFLOW;
    if (ahead == 0)
        return 0;
    if (ahead < -2)
        return -EBADMSG;
    return *word & g->seal ? -EPIPE : -EAGAIN;
}

#ifndef __has_feature /* clang's; gcc defines a macro */
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
/* The race is meant, and memcpy() would be watched even when called from here. */
__attribute__((no_sanitize("thread"))) void chan__retained_copy(void *to, const unsigned char *from,
                                                                size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((volatile unsigned char *)to)[i] = from[i];
}
#else
void chan__retained_copy(void *to, const unsigned char *from, size_t size)
{
    copy_bytes(to, from, size);
}
#endif

bool chan__retained_is(const struct segment *s, struct cursor at, uint64_t word)
{
    fence_acquire(); /* OVERWRITE */
    uint64_t now = load_relaxed(seg_ring_cell(s, at.index));
    return !((now ^ word) & ~s->g.seal);
}

/* From the oldest message that may be retained, past those that were given up early, or were overwritten since the tail
 * was found. */
static uint64_t skip_retired(const struct segment *s, uint64_t tail)
{
    const struct geometry *g = &s->g;
    uint64_t number = tail > g->messages ? tail - g->messages : 0;
    uint64_t hinted = chan__ring_number(g, chan__ring_start(s, &seg_hot(s)->head_hint));
    if (hinted - number <= tail - number)
        number = hinted;
    while (number != tail) {
        struct cursor at = chan__ring_position(g, number);
        uint64_t word = load_acquire(seg_ring_cell(s, at.index));
        if (cell_ahead(g, word, 2 * at.lap + 1) <= 0)
            break;
        number++;
    }
    return number;
}

/* What nobody retired can only be gone because of what was sent since the tail was found: look again then. Nothing is
 * retained if the tail is still there afterwards. */
int chan__retained_range(const struct segment *s, uint64_t *oldest, uint64_t *tail)
{
    for (int tries = 0; tries < RANGE_TRIES; tries++) {
        struct cursor at;
        uint64_t word;
        int result = chan__ring_tail(s, &at);
        if (result)
            return result;
        *tail = chan__ring_number(&s->g, at);
        *oldest = skip_retired(s, *tail);
        if (*oldest != *tail)
            break;
        result = chan__retained_find(s, at, &word);
        if (result == -EAGAIN || result == -EPIPE)
            break;
    }
    return 0;
}
