/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/copy.h"

#include <time.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

typedef unsigned char vector __attribute__((vector_size(16), aligned(1), may_alias));

void chan__copy_by_vectors(void *to, const void *from, size_t size)
{
    vector *out = to;
    const vector *in = from;
    for (; size >= 4 * sizeof(vector); size -= 4 * sizeof(vector), in += 4, out += 4) {
        vector a = in[0], b = in[1], c = in[2], d = in[3];
        out[0] = a, out[1] = b, out[2] = c, out[3] = d;
    }
    memcpy(out, in, size);
}

/* Messages of a trial of each way, of which the last ones are measured, when the first have brought the memory into the
 * state that this way leaves it in; and between two trials. */
#define TRIAL 32u
#define MEASURED 16u
#define PERIOD 512u

/* Where no line has far to go, memory that has just been stored to past the caches makes the other way look up to 2.5 times
 * as slow as it is in the long run; where lines have, it is 4 to 8 times as slow (16 KiB to 1 MiB, Zen 3). */
#define WORTH_IT 3u

#if defined(__x86_64__)
#define HAS_WAY_PAST 1

static void copy_past_caches(void *to, const void *from, size_t size)
{
    size_t head = -(uintptr_t)to % sizeof(__m128i);
    memcpy(to, from, head);
    __m128i *out = (void *)((unsigned char *)to + head);
    const __m128i *in = (const void *)((const unsigned char *)from + head);
    for (size -= head; size >= 4 * sizeof *out; size -= 4 * sizeof *out, in += 4, out += 4) {
        __m128i a = _mm_loadu_si128(in), b = _mm_loadu_si128(in + 1);
        __m128i c = _mm_loadu_si128(in + 2), d = _mm_loadu_si128(in + 3);
        _mm_stream_si128(out, a), _mm_stream_si128(out + 1, b);
        _mm_stream_si128(out + 2, c), _mm_stream_si128(out + 3, d);
    }
    memcpy(out, in, size);
    _mm_sfence(); /* these stores are in no order with later ones; locked instructions before them they do not overtake */
}
#else
#define HAS_WAY_PAST 0

static void copy_past_caches(void *to, const void *from, size_t size)
{
    copy_bytes(to, from, size);
}
#endif

static void copy_one_way(bool past, void *to, const void *from, size_t size)
{
    if (past)
        copy_past_caches(to, from, size);
    else
        copy_bytes(to, from, size);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void copy_measured(struct copier *c, bool past, void *to, const void *from, size_t size)
{
    uint64_t begin_ns = now_ns();
    copy_one_way(past, to, from, size);
    uint64_t ps = (now_ns() - begin_ns) * 1000 / size;
    if (ps < c->least_ps[past])
        c->least_ps[past] = ps;
}

void chan__copy_learning(struct copier *c, void *to, const void *from, size_t size)
{
    uint32_t at = c->count;
    c->count = (at + 1) % PERIOD;
    if (!HAS_WAY_PAST || at >= 2 * TRIAL) {
        copy_one_way(c->goes_past, to, from, size);
        return;
    }
    if (!at)
        c->least_ps[false] = c->least_ps[true] = UINT64_MAX;
    bool past = at >= TRIAL;
    if (at % TRIAL < TRIAL - MEASURED)
        copy_one_way(past, to, from, size);
    else
        copy_measured(c, past, to, from, size);
    if (at == 2 * TRIAL - 1)
        c->goes_past = c->least_ps[false] / WORTH_IT > c->least_ps[true];
}
