/* SPDX-License-Identifier: Apache-2.0 */
/* A watch: one ring cell, whose block is the value. Sending exchanges that block for another; receiving reads it
 * where it lies, while it is pinned.
 *
 * The cell goes from turn T to T + 1 with each exchange, which is that of a queue (docs/design.md, section 3): who
 * was killed in it has replaced the value or has not. What its sender gets is the value that was replaced, and
 * somebody may be reading it. So a receiver says in its record which value it reads, and a sender writes into a
 * spare block that nobody names:
 *
 *   pin:     w = cell;  pin := w;  the cell is still w: pinned        else again, with what is there now
 *   unpin:   pin := 0
 *   send:    s = a spare that no live record names;  fill s;  CAS cell: {T, x} -> {T + 1, s}
 *            x is a spare now; answer all who ask:  CAS request: {T', no block} -> {T, x}, if T' <= T
 *
 * A block that has left the cell cannot be pinned any more: whoever names it afterwards finds the cell changed
 * (PIN in atomic.h). So what was free once after it left stays free.
 *
 * A stream of sends could keep a receiver from ever finding the cell unchanged. After some attempts it asks: request
 * := {T', no block}, T' being the turn that it saw last. Every sender answers after its exchange with the value that
 * it has just replaced: that was current when the request was there, it is the sender's own, and nobody writes into
 * it once the request names it. An attempt that fails after the request means one exchange by a sender that has yet
 * to answer; each sender answers before its next one. So a receiver needs at most one attempt more than there are
 * senders, and one more for each that is killed meanwhile.
 *
 * Whoever finds all its spares pinned exchanges one with the hold cell of a receiver's half, where those of all
 * records have blocks that nobody else uses: each record has as many there as words that can name a block, so there
 * is always a free one, and no sender waits for a receiver. model/watch.pml checks all this. */
#ifndef SHM_WATCH_H
#define SHM_WATCH_H

#include "shm/ring.h"

/* A value that is pinned. */
struct pinned {
    uint64_t word; /* of the cell when it was current */
    uint64_t version;
    struct message message;
};

#define WATCH_CELL 0u
#define WATCH_SENDER_BITS 16u
#define WATCH_VERSION_MASK (UINT64_MAX >> WATCH_SENDER_BITS)

/* Of the block of a pinned value, or of one's own. */
static inline uint64_t watch_version(const struct seg_block *block)
{
    return load_acquire(&block->version) >> WATCH_SENDER_BITS;
}

static inline uint32_t watch_sender(const struct seg_block *block)
{
    return (uint32_t)(load_acquire(&block->version) & ((1u << WATCH_SENDER_BITS) - 1));
}

static inline void watch_set_version(struct seg_block *block, uint64_t version, uint32_t sender)
{
    store_relaxed(&block->version, version << WATCH_SENDER_BITS | sender);
}

/* The cell's word now. */
static inline uint64_t chan__watch_word(const struct segment *s)
{
    return load_acquire(seg_ring_cell(s, WATCH_CELL)); /* PUBLISH */
}

/* Pin the current value with the party's word `slot`, 0 .. WATCH_PINS - 1. -EBADMSG. */
int chan__watch_pin(struct party *party, uint32_t slot, struct pinned *out);
void chan__watch_unpin(struct party *party, uint32_t slot);

/* What a predecessor of the record has left in its words. */
void chan__watch_forget(struct seg_record *record);

/* True if a live endpoint reads the block, which is not the current value. */
bool chan__watch_is_pinned(const struct segment *s, uint64_t block);

/* A spare block that nobody reads, of the party's hold cells whose bits are not in `open`; `first` is where to look
 * first. -EBADMSG. */
int chan__watch_spare(struct party *party, uint64_t open, uint32_t first, struct held *out);

/* Make the value in the spare block the current one, if the cell still has the word `old`. */
bool chan__watch_replace(struct party *party, uint64_t old, const struct held *spare);

/* After replacing a value with the spare of `hold`: free its payload; if somebody still reads it, leave it where
 * others can free it. True if any is free now. */
bool chan__watch_tidy(struct party *party, uint32_t hold);

/* Free the payload of values that nobody reads any more and whose block no sender has. True if there was any. */
bool chan__watch_reclaim(const struct segment *s);

#endif
