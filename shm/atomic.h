/* SPDX-License-Identifier: Apache-2.0 */
/* Atomic operations whose names carry their order. Words of the segment are touched through these only.
 *
 * The release/acquire pairs of the library, each named at both ends:
 *
 *   PUBLISH    exchange() CASes a ring cell            -> the taker's load of it: the message's bytes
 *   INTENT     chan__intent_set() stores intent_old    -> chan__intent_get(), chan__decide(): the rest of it
 *   OWNER      chan__intent_clear() clears it          -> chan__decide() loads it: the owner word before it
 *   ACK        hold_change(), hand_small() store the hold cell -> a repairer's load: the reader is done with it
 *   STATUS     chan__endpoint_show() CASes LIVE       -> peers' loads: the identity in the record
 *   REPAIRED   chan__repair_all() CASes FREE           -> chan__endpoint_claim(): all that was repaired
 *   ORPHAN     chan__orphans_announce() CASes the      -> the receiver's load: the ORPHAN cells behind it, or
 *              summary                                    that they are about to be given back
 *   GIVEN      chan__orphans_give_back() clears        -> chan__orphans_next_in() loads it: the ORPHAN cells
 *              gives_back
 *   REDELIVER  exchange() CASes an ORPHAN cell         -> its owner finds a spare there: the owner word
 *   REPLY      chan__reply_answer() CASes a reply cell -> the caller's load of it: the answer's bytes; and a CAS that
 *              refuses, or AWAITs
 *   CLEARED    change() CASes a reply cell to IDLE      -> chan__decide()'s load of it: the owner word before it
 *   SHOWN      chan__match_show() CASes the summary    -> chan__match_find(): the OPEN cells behind it; both
 *              sequentially consistent: of two that show and then look, one sees the other
 *   SELECTS    chan__match_select() stores the select's number, then rings, and looks for others' numbers, or for
 *              what they show; all sequentially consistent: of two selects that begin to wait, one sees the other
 *   UNIT       chan__arena_reclaim() frees a unit      -> the claimer's CAS: the last reader is done with it, and
 *              the bits of its step are those that the last owner left (steps.h)
 *   TICKET     chan__admission_claim() shows a claim, -> whoever draws a later one sees the claim
 *              then a ticket is drawn for it
 *   ENDING     grant() secures places, then looks whether the channel is shut down; a receiver sees that it is,
 *              then looks for secured places: both sequentially consistent, so one sees the other
 *   OVERWRITE  chan__overwrite_fence(): a cell has    -> chan__retained_is(): whoever read bytes that were written
 *              changed, then its block is filled anew     over finds that the cell has changed
 *   SUBSCRIBE  chan__subscription_begin(): LIVE, then the tail; chan__subscription_slowest(): the tail, then who is
 *              LIVE: with a sequentially consistent fence each, one sees the other
 *   PASSED     chan__subscription_move() stores the    -> chan__subscription_slowest() loads it: the reader is done
 *              cursor                                     with the messages before it
 *   PIN        try_pin() stores a pin, then looks at the watch's cell; chan__watch_replace() changes the cell, then
 *              looks at the pins before it reuses the block: all sequentially consistent, so a pin is seen, or the
 *              change is
 *   ASK        pin_with_help() stores its request, then looks at the cell; chan__watch_replace() changes the cell,
 *              then looks at the requests: likewise
 *   ANSWER     answer_all() CASes a request            -> pin_with_help() loads it: the value's bytes
 *   UNPIN      chan__watch_unpin() clears a pin        -> is_named_by() loads it: the reader is done with it
 *   SLEEP      chan__event_prepare() sets the sleeper bit, then looks at the ring; exchange() changes the
 *              ring, then looks at the sleeper bit: both sequentially consistent, so one sees the other
 */
#ifndef SHM_ATOMIC_H
#define SHM_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic(uint64_t) atomic_u64;
typedef _Atomic(uint32_t) atomic_u32;
typedef _Atomic(uint16_t) atomic_u16;

_Static_assert(sizeof(atomic_u64) == 8 && _Alignof(atomic_u64) == 8,
               "64-bit words are lock-free and aligned");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "locks in shared memory would not survive their holder");

#define load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define load_seq_cst(p) atomic_load_explicit((p), memory_order_seq_cst)
#define store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define store_seq_cst(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)
#define fetch_or_seq_cst(p, v) atomic_fetch_or_explicit((p), (v), memory_order_seq_cst)
#define fetch_and_seq_cst(p, v) atomic_fetch_and_explicit((p), (v), memory_order_seq_cst)

/* For what no single operation can order: bytes read while they may be overwritten, and a look at many words. */
#define fence_acquire() atomic_thread_fence(memory_order_acquire)
#define fence_release() atomic_thread_fence(memory_order_release)
#define fence_seq_cst() atomic_thread_fence(memory_order_seq_cst)

static inline bool cas_seq_cst_u64(atomic_u64 *word, uint64_t old, uint64_t new)
{
    return atomic_compare_exchange_strong_explicit(word, &old, new, memory_order_seq_cst,
                                                   memory_order_acquire);
}

static inline bool cas_acq_rel_u64(atomic_u64 *word, uint64_t old, uint64_t new)
{
    return atomic_compare_exchange_strong_explicit(word, &old, new, memory_order_acq_rel,
                                                   memory_order_acquire);
}

static inline bool cas_seq_cst_u32(atomic_u32 *word, uint32_t old, uint32_t new)
{
    return atomic_compare_exchange_strong_explicit(word, &old, new, memory_order_seq_cst,
                                                   memory_order_acquire);
}

/* Fetch a cache line that is about to be written. GCC's builtin only reads ahead on x86 unless told to assume
 * prefetchw, which every x86-64 processor accepts. */
static inline void prefetch_for_write(const void *address)
{
#if defined(__x86_64__)
    __asm__ __volatile__("prefetchw %0" : : "m"(*(const char *)address));
#else
    __builtin_prefetch(address, 1);
#endif
}

/* For what the hot paths always need, however many others use it. */
#define ALWAYS_INLINE __attribute__((always_inline)) inline

/* For what the hot paths seldom need: kept out of their registers. */
#define OUT_OF_LINE __attribute__((noinline, cold))

/* Tell the processor that this is a spin. */
static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
