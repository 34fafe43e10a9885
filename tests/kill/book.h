/* SPDX-License-Identifier: Apache-2.0 */
/* The books of a soak, kept outside the channel in memory that all its processes share: what became of every
 * message. */
#ifndef KILL_BOOK_H
#define KILL_BOOK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOK_SENDERS 32u
#define BOOK_MESSAGES (UINT64_C(1) << 26) /* of each sender; the pages come as they are written */

/* Marks of a message. */
#define MARK_ABOUT 1u     /* is being sent */
#define MARK_SENT 2u      /* the send returned 0 */
#define MARK_VIEWED 4u    /* a receiver has looked at it */
#define MARK_RELEASING 8u /* and is acknowledging it */
#define MARK_RELEASED 16u /* chan_release() has returned */
#define MARK_COPIED 32u   /* a copying receive has returned it */

struct book {
    atomic_uint stop;       /* senders: no more */
    atomic_uint faults;     /* broken promises */
    atomic_ullong received; /* messages, to see that things go on */
    atomic_ullong redelivered;
    atomic_ullong next[BOOK_SENDERS];
    _Atomic uint8_t marks[BOOK_SENDERS][BOOK_MESSAGES];
};

struct book *book_new(void);

/* Compose message `sequence` of a sender, and read one: false if it is torn or foreign. */
#define MESSAGE_MIN 24u
void book_write(void *data, size_t size, uint32_t sender, uint64_t sequence);
bool book_read(const struct book *book, const void *data, size_t size, uint32_t *sender, uint64_t *sequence);

/* Set marks, and the marks that there were before. */
unsigned book_mark(struct book *book, uint32_t sender, uint64_t sequence, unsigned mark);

__attribute__((format(printf, 2, 3))) void book_fault(struct book *book, const char *format, ...);

/* What the marks say in the end. */
struct balance {
    uint64_t sent;    /* surely */
    uint64_t unsure;  /* killed while sending, and never seen by a receiver */
    uint64_t arrived; /* acknowledged or copied */
    uint64_t lost;    /* surely sent, and never seen */
    uint64_t pending; /* looked at, never acknowledged, and never seen again */
};
struct balance book_balance(struct book *book);

#endif
