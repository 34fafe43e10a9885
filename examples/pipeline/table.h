/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table from words to counts. Words are not copied: they must live until it is cleared or freed. */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>
#include <stdint.h>

struct word {
    const char *text;
    uint32_t length;
    uint32_t hash;
    uint64_t count;
};

struct table {
    struct word *words; /* in order of first appearance */
    size_t count;
    uint32_t *slots; /* index into words, plus 1; 0: empty */
    size_t slot_count;
};

int table_init(struct table *table); /* 0, or -ENOMEM */
void table_clear(struct table *table);
void table_free(struct table *table);

/* The entry of a word, new ones with count 0; NULL when memory is out. Valid until the next call. */
struct word *table_find(struct table *table, const char *text, uint32_t length);

/* By byte values, as sort does in the C locale. */
void table_sort(struct table *table); /* only table_free() may follow */

#endif
