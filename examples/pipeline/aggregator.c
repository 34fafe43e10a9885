/* SPDX-License-Identifier: Apache-2.0 */
/* The aggregator: adds up the counts of all chunks, each chunk once, and prints them as `uniq -c` does. */
#include "wordcount.h"

#include "fragments.h"
#include "table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which chunks have been counted. */
struct seen {
    uint8_t *bits;
    uint64_t room;  /* in bits */
    uint64_t count; /* different numbers seen */
};

struct totals {
    struct table table;
    struct fragments fragments;
    struct seen seen;
    uint64_t expected; /* chunks; UINT64_MAX until the reader has told */
    uint64_t repeated; /* results for a chunk that had been counted */
};

/* 1: the first time; 0: seen before. */
static int first_time(struct seen *seen, uint64_t number)
{
    if (number >= seen->room) {
        uint64_t room = (number + 1) * 2;
        uint8_t *bits = realloc(seen->bits, room / 8 + 1);
        if (!bits)
            return -ENOMEM;
        uint64_t old = seen->room ? seen->room / 8 + 1 : 0;
        memset(bits + old, 0, room / 8 + 1 - old);
        seen->bits = bits;
        seen->room = room;
    }
    uint8_t bit = (uint8_t)(1u << (number % 8));
    if (seen->bits[number / 8] & bit)
        return 0;
    seen->bits[number / 8] |= bit;
    seen->count++;
    return 1;
}

static int add_word(struct table *table, const char *text, uint32_t length, uint32_t times)
{
    struct word *word = table_find(table, text, length);
    if (!word)
        return -ENOMEM;
    if (word->count == 0) { /* new: its text lies in a message that will be gone */
        char *copy = malloc(length);
        if (!copy)
            return -ENOMEM;
        word->text = memcpy(copy, text, length);
    }
    word->count += times;
    return 0;
}

static int add_counts(struct table *table, const char *at, const char *end)
{
    while (at < end) {
        uint32_t record[2];
        memcpy(record, at, sizeof record);
        int error = add_word(table, at + sizeof record, record[1], record[0]);
        if (error)
            return error;
        at += sizeof record + record[1];
    }
    return 0;
}

static int add_result(struct totals *totals, const struct chan_view *view)
{
    const struct chunk *result = view->data;
    const char *body = (const char *)(result + 1);
    size_t length = view->size - sizeof *result;

    if (result->part == PART_TOTAL) {
        totals->expected = result->number;
        return 0;
    }
    int first = first_time(&totals->seen, result->number);
    if (first < 0)
        return first;
    if (!first) {
        totals->repeated++;
        return 0;
    }
    if (result->part == PART_TEXT)
        return add_counts(&totals->table, body, body + length);
    return fragments_add(&totals->fragments, result->number, result->part == PART_LAST_FRAGMENT, body,
                         (uint32_t)length);
}

static int print_counts(const struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        printf("%7" PRIu64 " ", table->words[i].count);
        fwrite(table->words[i].text, 1, table->words[i].length, stdout);
        putchar('\n');
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
}

static void totals_free(struct totals *totals)
{
    for (size_t i = 0; i < totals->table.count; i++)
        free((char *)totals->table.words[i].text);
    table_free(&totals->table);
    free(totals->seen.bits);
}

/* Add up all results; 1, an exit status, if that was not possible. */
static int collect(const struct job *job, struct totals *totals)
{
    struct chan *counts = open_channel(job, ".counts", 0);
    struct chan_receiver *rx;
    struct chan_view view;

    int error = table_init(&totals->table);
    if (!error)
        error = chan_attach_receiver(counts, 0, &rx);
    if (error)
        return failed("attach", error);

    while ((error = chan_recv_view(rx, &view)) == 0) {
        error = add_result(totals, &view);
        if (error)
            return failed("count", error);
        error = chan_release(rx, &view);
        if (error)
            return failed("release", error);
    }
    chan_close_receiver(rx);
    chan_close(counts);
    if (error != -EPIPE)
        return failed("receive counts", error);
    if (totals->seen.count != totals->expected)
        return failed("the count is not complete", 0);
    if (fragments_count(&totals->fragments, &totals->table) != 0)
        return failed("words too long to join in memory", 0);
    return 0;
}

int aggregator(const struct job *job)
{
    struct totals totals = {.expected = UINT64_MAX};

    int status = collect(job, &totals);
    if (status == 0) {
        table_sort(&totals.table);
        if (print_counts(&totals.table) != 0)
            status = failed_call("print");
    }
    if (totals.repeated > 0)
        fprintf(stderr, "wordcount: %" PRIu64 " results came twice and were counted once\n", totals.repeated);
    totals_free(&totals);
    return status;
}
