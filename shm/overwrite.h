/* SPDX-License-Identifier: Apache-2.0 */
/* A ring that overwrites: every message goes to whoever reads it, and stays until a later one takes its place.
 *
 * The cells, the exchange and its repair are those of the queue (ring.h); only nobody takes. A sender at the tail
 * of lap L exchanges whatever is there, an empty cell {2L, x} or the last lap's message {2L-1, x}, for its own
 * {2L+1, s}: x is its next spare. So positions fill strictly in order, one message overwrites exactly one, and after a
 * death the same three facts decide. The messages of the last lap's length are retained, unless a sender that
 * found no payload memory has given up the oldest early: {2L+1, x} -> {2L+2, s}, as taking does.
 *
 * A reader copies, and then looks whether the cell still has the word that it had before; a sender writes into a
 * block only after the cell has another (OVERWRITE in atomic.h). docs/design.md, section 9. */
#ifndef SHM_OVERWRITE_H
#define SHM_OVERWRITE_H

#include "shm/ring.h"

/* Send the message in the spare block at the cursor, the tail, whose cell holds `word`; the hold has the block that
 * was there afterwards. False: somebody was faster. */
bool chan__overwrite(struct party *party, uint64_t word, const struct held *spare);

/* Give up the message at the position, the oldest one retained; the hold has its block afterwards. False: it is not
 * retained any more. */
bool chan__overwrite_retire(struct party *party, struct cursor oldest, const struct held *spare);

/* Before a block that was in the ring is written into. */
static inline void chan__overwrite_fence(void)
{
    fence_release(); /* OVERWRITE */
}

/* Find the message at a position that is not beyond the tail: 0, and the word of its cell. -EAGAIN: it is the tail,
 * nothing was sent there yet. -EPIPE: nor will be, it is sealed. -EOVERFLOW: no longer retained. -EBADMSG. */
int chan__retained_find(const struct segment *s, struct cursor at, uint64_t *word);

/* Copy bytes that may be overwritten meanwhile: what comes of it counts only if the message is still there. */
void chan__retained_copy(void *to, const unsigned char *from, size_t size);

/* True if the message is still there, and with it everything that was read of it since its cell had that word. */
bool chan__retained_is(const struct segment *s, struct cursor at, uint64_t word);

/* The numbers of the oldest message retained and of the one that will be sent next: the same if there is none. */
int chan__retained_range(const struct segment *s, uint64_t *oldest, uint64_t *tail);

#endif
