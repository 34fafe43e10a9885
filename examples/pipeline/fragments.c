/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments, collected and joined: those of one word have consecutive numbers, up to one marked last. */
#include "fragments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fragments_add(struct fragments *fragments, uint64_t number, int last, const char *text, uint32_t length)
{
    if (fragments->count == fragments->room) {
        size_t room = fragments->room ? fragments->room * 2 : 16;
        struct fragment *list = realloc(fragments->list, room * sizeof *list);
        if (!list)
            return -ENOMEM;
        fragments->list = list;
        fragments->room = room;
    }
    char *copy = malloc(length + 1u);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, text, length);
    fragments->list[fragments->count++] =
        (struct fragment){.number = number, .last = last, .text = copy, .length = length};
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct fragment *x = a;
    const struct fragment *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

int fragments_count(struct fragments *fragments, struct table *table)
{
    char *word = NULL;
    size_t length = 0;

    if (fragments->count == 0)
        return 0;
    qsort(fragments->list, fragments->count, sizeof *fragments->list, by_number);
    for (size_t i = 0; i < fragments->count; i++) {
        struct fragment *fragment = &fragments->list[i];
        char *longer = realloc(word, length + fragment->length + 1);
        if (!longer)
            return -ENOMEM;
        word = longer;
        memcpy(word + length, fragment->text, fragment->length);
        length += fragment->length;
        free(fragment->text);
        if (fragment->last) {
            if (length > UINT32_MAX)
                return -ENOMEM;
            struct word *found = table_find(table, word, (uint32_t)length);
            if (!found)
                return -ENOMEM;
            if (found->count++ > 0)
                free(word);
            word = NULL;
            length = 0;
        }
    }
    free(fragments->list);
    free(word); /* NULL, unless the last fragment of a word is missing */
    return 0;
}
