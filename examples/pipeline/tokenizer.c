/* SPDX-License-Identifier: Apache-2.0 */
/* The tokenizer: counts the words of one chunk where it lies, and sends the counts as one message. */
#include "wordcount.h"

#include "table.h"
#include "word.h"

#include <errno.h>
#include <string.h>

static int count_words(struct table *table, const char *text, size_t length)
{
    const char *end = text + length;

    table_clear(table);
    for (;;) {
        while (text < end && !in_word((unsigned char)*text))
            text++;
        if (text == end)
            return 0;
        const char *start = text;
        while (text < end && in_word((unsigned char)*text))
            text++;
        struct word *word = table_find(table, start, (uint32_t)(text - start));
        if (!word)
            return -ENOMEM;
        word->count++;
    }
}

static size_t result_size(const struct table *table)
{
    size_t size = sizeof(struct chunk);

    for (size_t i = 0; i < table->count; i++)
        size += 2 * sizeof(uint32_t) + table->words[i].length;
    return size;
}

static void write_result(const struct table *table, char *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct word *word = &table->words[i];
        uint32_t record[2] = {(uint32_t)word->count, word->length};
        memcpy(out, record, sizeof record);
        memcpy(out + sizeof record, word->text, word->length);
        out += sizeof record + word->length;
    }
}

static int do_chunk(struct chan_sender *counts, struct table *table, const struct chan_view *view)
{
    const struct chunk *chunk = view->data;
    struct chan_loan loan;

    if (chunk->part != PART_TEXT) /* of a long word: only the aggregator sees all of it */
        return chan_send(counts, view->data, view->size);

    int error = count_words(table, (const char *)(chunk + 1), view->size - sizeof *chunk);
    if (error)
        return error;
    size_t size = result_size(table);
    error = chan_reserve(counts, size, &loan);
    if (error)
        return error;
    memcpy(loan.data, chunk, sizeof *chunk);
    write_result(table, (char *)loan.data + sizeof *chunk);
    return chan_commit(counts, &loan, size);
}

int tokenizer(const struct job *job)
{
    struct chan *chunks = open_channel(job, ".chunks", 0);
    struct chan *counts = open_channel(job, ".counts", 0);
    struct chan_receiver *rx;
    struct chan_sender *tx;
    struct chan_view view;
    struct table table;

    int error = table_init(&table);
    if (!error)
        error = chan_attach_sender(counts, 0, &tx);
    if (!error)
        error = chan_attach_receiver(chunks, 0, &rx);
    if (error)
        return failed("attach", error);

    while ((error = chan_recv_view(rx, &view)) == 0) {
        error = do_chunk(tx, &table, &view);
        if (error)
            return failed("send counts", error);
        error = chan_release(rx, &view); /* only now may the chunk be forgotten */
        if (error)
            return failed("release", error);
    }
    if (error != -EPIPE)
        return failed("receive chunk", error);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(chunks);
    chan_close(counts);
    table_free(&table);
    return 0;
}
