/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of words longer than a chunk, which come in any order. */
#ifndef FRAGMENTS_H
#define FRAGMENTS_H

#include "table.h"

struct fragment {
    uint64_t number; /* of its chunk */
    uint32_t length;
    int last;
    char *text;
};

struct fragments {
    struct fragment *list;
    size_t count;
    size_t room;
};

int fragments_add(struct fragments *fragments, uint64_t number, int last, const char *text, uint32_t length);

/* Join them to words and count these; -ENOMEM. Call it once, when all are there. */
int fragments_count(struct fragments *fragments, struct table *table);

#endif
