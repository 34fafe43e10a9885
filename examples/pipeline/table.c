/* SPDX-License-Identifier: Apache-2.0 */
/* The hash table of words: open addressing over an array of indices, half full at most. */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 1 << 12 };

int table_init(struct table *table)
{
    table->count = 0;
    table->slot_count = FIRST_SLOTS;
    table->slots = calloc(FIRST_SLOTS, sizeof *table->slots);
    table->words = malloc(FIRST_SLOTS / 2 * sizeof *table->words);
    return table->slots && table->words ? 0 : -ENOMEM;
}

void table_clear(struct table *table)
{
    table->count = 0;
    memset(table->slots, 0, table->slot_count * sizeof *table->slots);
}

void table_free(struct table *table)
{
    free(table->words);
    free(table->slots);
}

static uint32_t hash_of(const char *text, uint32_t length)
{
    uint64_t hash = length;
    for (uint32_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash >> 32);
}

/* Where the word is, or would go. */
static size_t slot_of(const struct table *table, const char *text, uint32_t length, uint32_t hash)
{
    size_t mask = table->slot_count - 1;
    size_t slot = hash & mask;

    while (table->slots[slot] != 0) {
        const struct word *word = &table->words[table->slots[slot] - 1];
        if (word->hash == hash && word->length == length && memcmp(word->text, text, length) == 0)
            break;
        slot = (slot + 1) & mask;
    }
    return slot;
}

static int grow(struct table *table)
{
    size_t slot_count = table->slot_count * 2;
    struct word *words = realloc(table->words, slot_count / 2 * sizeof *words);
    if (!words)
        return -ENOMEM;
    table->words = words;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    for (size_t i = 0; i < table->count; i++) {
        size_t slot = words[i].hash & (slot_count - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (slot_count - 1);
        slots[slot] = (uint32_t)(i + 1);
    }
    return 0;
}

struct word *table_find(struct table *table, const char *text, uint32_t length)
{
    uint32_t hash = hash_of(text, length);
    size_t slot = slot_of(table, text, length, hash);

    if (table->slots[slot] == 0) {
        if (table->count == table->slot_count / 2) {
            if (grow(table) != 0)
                return NULL;
            slot = slot_of(table, text, length, hash);
        }
        table->words[table->count] = (struct word){.text = text, .length = length, .hash = hash};
        table->slots[slot] = (uint32_t)++table->count;
    }
    return &table->words[table->slots[slot] - 1];
}

static int by_bytes(const void *a, const void *b)
{
    const struct word *x = a;
    const struct word *y = b;
    uint32_t common = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->text, y->text, common);

    return order ? order : (x->length > y->length) - (x->length < y->length);
}

void table_sort(struct table *table)
{
    qsort(table->words, table->count, sizeof *table->words, by_bytes);
}
