/* SPDX-License-Identifier: Apache-2.0 */
/* The reader: reads files straight into loans and cuts the stream into chunks between words. */
#include "wordcount.h"

#include "walk.h"
#include "word.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct stream {
    struct chan_sender *chunks;
    size_t size; /* of a chunk's text, at most */
    struct chan_loan loan;
    size_t used;      /* of the loan, in text */
    uint64_t number;  /* of the chunk in the loan */
    int in_long_word; /* the chunk before ended within a word longer than a chunk */
    int error;        /* that ended the walk */
};

static char *text_of(const struct stream *stream)
{
    return (char *)stream->loan.data + sizeof(struct chunk);
}

static int begin_chunk(struct stream *stream)
{
    stream->used = 0;
    return chan_reserve(stream->chunks, sizeof(struct chunk) + stream->size, &stream->loan);
}

/* Send the first `length` bytes; what is behind them opens the next chunk. */
static int send_chunk(struct stream *stream, size_t length, uint32_t part)
{
    struct chan_loan full = stream->loan;
    char *text = text_of(stream);
    size_t rest = stream->used - length;
    struct chunk header = {.number = stream->number++, .part = part};

    int error = begin_chunk(stream);
    if (error)
        return error;
    memcpy(text_of(stream), text + length, rest);
    stream->used = rest;
    memcpy(full.data, &header, sizeof header);
    return chan_commit(stream->chunks, &full, sizeof header + length);
}

/* The chunk is full, or the end is near: send what can be sent. */
static int cut(struct stream *stream)
{
    const char *text = text_of(stream);

    if (stream->in_long_word) {
        size_t end = 0;
        while (end < stream->used && in_word((unsigned char)text[end]))
            end++;
        if (end == stream->used)
            return send_chunk(stream, end, PART_FRAGMENT);
        stream->in_long_word = 0;
        return send_chunk(stream, end, PART_LAST_FRAGMENT);
    }
    size_t end = stream->used;
    while (end > 0 && in_word((unsigned char)text[end - 1]))
        end--;
    if (end > 0)
        return send_chunk(stream, end, PART_TEXT);
    stream->in_long_word = 1;
    return send_chunk(stream, stream->used, PART_FRAGMENT);
}

/* After this there is room for another byte. */
static int cut_if_full(struct stream *stream)
{
    while (stream->used == stream->size && stream->error == 0)
        stream->error = cut(stream);
    return stream->error;
}

/* Ends with a newline of our own, so that no word goes over into the next file. */
static int add_file(int fd, void *arg)
{
    struct stream *stream = arg;

    for (;;) {
        ssize_t n = read(fd, text_of(stream) + stream->used, stream->size - stream->used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            failed_call("read"); /* goes on with the next file, as cat does */
        if (n <= 0)
            break;
        stream->used += (size_t)n;
        if (cut_if_full(stream) != 0)
            return 1;
    }
    text_of(stream)[stream->used++] = '\n';
    return cut_if_full(stream) != 0;
}

static int send_rest(struct stream *stream)
{
    while (stream->used > 0) {
        int error = cut(stream);
        if (error)
            return error;
    }
    return 0;
}

int reader(const struct job *job)
{
    struct chan *chunks = open_channel(job, ".chunks", 0);
    struct chan *counts = open_channel(job, ".counts", 0);
    struct chan_sender *results;
    struct stream stream = {.size = job->chunk_size};

    int error = chan_attach_sender(counts, 0, &results);
    if (!error)
        error = chan_attach_sender(chunks, 0, &stream.chunks);
    if (!error)
        error = begin_chunk(&stream);
    if (error)
        return failed("attach", error);

    error = walk(job->path, add_file, &stream);
    if (error < 0)
        return failed_call(job->path);
    error = stream.error;
    if (!error)
        error = send_rest(&stream);
    if (!error) {
        struct chunk total = {.number = stream.number, .part = PART_TOTAL};
        error = chan_send(results, &total, sizeof total);
    }
    if (error)
        return failed("send", error);
    chan_close_sender(stream.chunks);
    chan_close_sender(results);
    chan_close(chunks);
    chan_close(counts);
    return 0;
}
