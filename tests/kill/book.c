/* SPDX-License-Identifier: Apache-2.0 */
/* Writing, reading and balancing the books of a soak. */
#include "book.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct header {
    uint32_t sender;
    uint32_t size;
    uint64_t sequence;
    uint64_t sum;
};

_Static_assert(sizeof(struct header) == MESSAGE_MIN, "header");

struct book *book_open(void)
{
    struct book *book =
        mmap(NULL, sizeof *book, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (book == MAP_FAILED)
        abort();
    return book;
}

void book_close(struct book *book)
{
    munmap(book, sizeof *book);
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t seed_of(const struct header *h)
{
    return mix((uint64_t)h->sender << 48 ^ h->sequence ^ (uint64_t)h->size << 20);
}

void book_write(void *data, size_t size, uint32_t sender, uint64_t sequence)
{
    struct header h = {.sender = sender, .size = (uint32_t)size, .sequence = sequence};
    unsigned char *bytes = data;
    h.sum = seed_of(&h);
    memcpy(bytes, &h, sizeof h);
    for (size_t at = sizeof h; at < size; at++)
        bytes[at] = (unsigned char)(h.sum >> (at % 8 * 8)) ^ (unsigned char)(at >> 3);
}

bool book_read(const struct book *book, const void *data, size_t size, uint32_t *sender, uint64_t *sequence)
{
    struct header h;
    const unsigned char *bytes = data;
    if (size < sizeof h)
        return false;
    memcpy(&h, bytes, sizeof h);
    if (h.size != size || h.sender >= BOOK_DESKS || h.sequence >= atomic_load(&book->next[h.sender]) ||
        h.sum != seed_of(&h))
        return false;
    for (size_t at = sizeof h; at < size; at++)
        if (bytes[at] != ((unsigned char)(h.sum >> (at % 8 * 8)) ^ (unsigned char)(at >> 3)))
            return false;
    *sender = h.sender;
    *sequence = h.sequence;
    return true;
}

unsigned book_mark(struct book *book, uint32_t sender, uint64_t sequence, unsigned mark)
{
    return atomic_fetch_or(&book->marks[sender][sequence], (uint8_t)mark);
}

void book_copy(struct book *book, const void *data, size_t size)
{
    uint32_t sender;
    uint64_t sequence;
    if (!book_read(book, data, size, &sender, &sequence)) {
        atomic_fetch_add(&book->torn, 1);
        book_fault(book, "a copied message of %zu bytes is torn", size);
        return;
    }
    if (book_mark(book, sender, sequence, MARK_COPIED) & (MARK_RELEASED | MARK_COPIED)) {
        atomic_fetch_add(&book->doubled, 1);
        book_fault(book, "message %lu of sender %u was received twice", sequence, sender);
    }
    atomic_fetch_add(&book->received, 1);
}

void book_fault(struct book *book, const char *format, ...)
{
    char line[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (atomic_fetch_add(&book->faults, 1) < 20)
        fprintf(stderr, "FAIL soak: %s\n", line);
}

struct balance book_balance(struct book *book)
{
    struct balance b = {0};
    for (uint32_t sender = 0; sender < BOOK_DESKS; sender++) {
        uint64_t count = atomic_load(&book->next[sender]);
        for (uint64_t sequence = 0; sequence < count; sequence++) {
            unsigned marks = book_mark(book, sender, sequence, 0);
            bool arrived = marks & (MARK_RELEASING | MARK_RELEASED | MARK_COPIED);
            bool seen = arrived || marks & MARK_VIEWED;
            b.arrived += arrived;
            b.sent += (marks & MARK_SENT) != 0;
            b.lost += (marks & MARK_SENT) && !seen;
            b.unsure += !(marks & (MARK_SENT | MARK_WITHDRAWN)) && !seen;
            b.pending += seen && !arrived;
            b.ghosts += seen && marks & MARK_WITHDRAWN;
        }
    }
    return b;
}
