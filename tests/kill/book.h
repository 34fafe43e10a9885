/* SPDX-License-Identifier: Apache-2.0 */
/* The books of a soak, kept outside the channel in memory that all its processes share: what became of every
 * message, and what each thread has in hand. */
#ifndef KILL_BOOK_H
#define KILL_BOOK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOK_DESKS 96u                    /* threads; each that sends is a sender of its own */
#define BOOK_MESSAGES (UINT64_C(1) << 23) /* of each sender; the pages come as they are written */

/* Marks of a message. */
#define MARK_ABOUT 1u      /* is being sent */
#define MARK_SENT 2u       /* the send returned 0 */
#define MARK_VIEWED 4u     /* a receiver has looked at it */
#define MARK_RELEASING 8u  /* and is acknowledging it */
#define MARK_RELEASED 16u  /* chan_release() has returned */
#define MARK_COPIED 32u    /* a copying receive has returned it */
#define MARK_WITHDRAWN 64u /* the send failed, or its loan was aborted */

/* What a thread is doing, for whoever finds it dead. Nobody else writes it while the thread lives. */
struct desk {
    atomic_uint parked;  /* the pause that it keeps */
    atomic_uint sending; /* messages that a running call may send */
    atomic_uint
        copying; /* messages that a running call may take, and those it took that are not booked yet */
};

enum book_phase { BOOK_RUNNING, BOOK_WINDING_UP };

struct book {
    atomic_uint stop;       /* senders: no more */
    atomic_uint pause;      /* everybody: rest between two calls; its number, 0 to go on */
    atomic_uint phase;      /* enum book_phase */
    atomic_ullong steps;    /* of whoever directs the soak, while it winds up */
    atomic_ullong blows;    /* that have been dealt */
    atomic_uint reaping;    /* whoever directs is in the kernel, clearing away a dead process */
    atomic_llong gap_ns;    /* the longest time in which nothing was received, as the watchdog saw it */
    atomic_uint faults;     /* broken promises */
    atomic_uint torn;       /* of which: content wrong, or changed under its viewer */
    atomic_uint doubled;    /* of which: came again after it was received */
    atomic_ullong received; /* messages, to see that things go on */
    atomic_ullong redelivered;
    struct desk desks[BOOK_DESKS];
    atomic_ullong next[BOOK_DESKS];
    _Atomic uint8_t marks[BOOK_DESKS][BOOK_MESSAGES];
};

struct book *book_open(void);
void book_close(struct book *book);

/* Compose message `sequence` of a sender, and read one: false if it is torn or foreign. */
#define MESSAGE_MIN 24u
void book_write(void *data, size_t size, uint32_t sender, uint64_t sequence);
bool book_read(const struct book *book, const void *data, size_t size, uint32_t *sender, uint64_t *sequence);

/* Set marks, and the marks that there were before. */
unsigned book_mark(struct book *book, uint32_t sender, uint64_t sequence, unsigned mark);

/* Book a message that a copying receive returned. */
void book_copy(struct book *book, const void *data, size_t size);

__attribute__((format(printf, 2, 3))) void book_fault(struct book *book, const char *format, ...);

/* What the marks say in the end. */
struct balance {
    uint64_t sent;    /* surely */
    uint64_t arrived; /* acknowledged or copied */
    uint64_t lost;    /* surely sent, and never seen */
    uint64_t unsure;  /* killed while sending, and never seen */
    uint64_t pending; /* looked at, never acknowledged, and never seen again */
    uint64_t ghosts;  /* seen, though its send had failed */
};
struct balance book_balance(struct book *book);

#endif
