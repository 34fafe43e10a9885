/* SPDX-License-Identifier: Apache-2.0 */
/* Reads in large pieces and cuts them into messages without copying. */
#include "frame_reader.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_CAPACITY ((size_t)256 << 10)

int frame_reader_init(struct frame_reader *reader, int fd, enum framing framing, uint64_t limit)
{
    memset(reader, 0, sizeof(*reader));
    reader->framing = framing;
    reader->fd = fd;
    reader->limit = limit;
    reader->buffer = malloc(FIRST_CAPACITY);
    if (!reader->buffer)
        return -ENOMEM;
    reader->capacity = FIRST_CAPACITY;
    return 0;
}

void frame_reader_free(struct frame_reader *reader)
{
    free(reader->buffer);
}

/* Each cutter looks for one frame at `start`: 1 and *frame and the bytes that it takes in all; 0 if it is not
 * complete; or an error. */
static int cut_delimited(struct frame_reader *reader, char delimiter, struct iovec *frame, size_t *taken)
{
    char *from = reader->buffer + reader->start;
    char *found = memchr(reader->buffer + reader->scanned, delimiter, reader->end - reader->scanned);
    size_t size = (size_t)((found ? found : reader->buffer + reader->end) - from);

    reader->scanned = reader->start + size;
    if (size > reader->limit)
        return -EMSGSIZE;
    if (!found && !(reader->at_eof && size > 0))
        return 0;
    *frame = (struct iovec){.iov_base = from, .iov_len = size};
    *taken = size + (found != NULL);
    return 1;
}

static int cut_prefixed(struct frame_reader *reader, struct iovec *frame, size_t *taken)
{
    unsigned char *from = (unsigned char *)reader->buffer + reader->start;
    size_t available = reader->end - reader->start;
    uint32_t size;

    if (available == 0)
        return 0;
    if (available < LENGTH_PREFIX)
        return reader->at_eof ? -EPROTO : 0;
    size = (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
    if (size > reader->limit)
        return -EMSGSIZE;
    if (available - LENGTH_PREFIX < size)
        return reader->at_eof ? -EPROTO : 0;
    *frame = (struct iovec){.iov_base = from + LENGTH_PREFIX, .iov_len = size};
    *taken = LENGTH_PREFIX + (size_t)size;
    return 1;
}

static int cut_whole(struct frame_reader *reader, struct iovec *frame, size_t *taken)
{
    size_t size = reader->end - reader->start;

    if (size > reader->limit)
        return -EMSGSIZE;
    if (!reader->at_eof)
        return 0;
    *frame = (struct iovec){.iov_base = reader->buffer + reader->start, .iov_len = size};
    *taken = size;
    reader->finished = 1;
    return 1;
}

static int cut_one(struct frame_reader *reader, struct iovec *frame, size_t *taken)
{
    switch (reader->framing) {
    case FRAME_LINES:
        return cut_delimited(reader, '\n', frame, taken);
    case FRAME_NUL:
        return cut_delimited(reader, '\0', frame, taken);
    case FRAME_LENGTH:
        return cut_prefixed(reader, frame, taken);
    case FRAME_WHOLE:
        return cut_whole(reader, frame, taken);
    }
    return -EINVAL;
}

ssize_t frame_reader_cut(struct frame_reader *reader, struct iovec *frames, size_t count)
{
    size_t cut = 0;

    while (cut < count && !reader->finished) {
        size_t taken = 0;
        int result = cut_one(reader, &frames[cut], &taken);

        if (result < 0 && cut == 0)
            return result;
        if (result <= 0)
            break;
        reader->start += taken;
        reader->scanned = reader->start;
        cut++;
    }
    if (reader->framing != FRAME_WHOLE && reader->at_eof && reader->start == reader->end)
        reader->finished = 1;
    return (ssize_t)cut;
}

/* Room behind what has been read: move it to the front, or enlarge the buffer. */
static int make_room(struct frame_reader *reader)
{
    size_t size = reader->end - reader->start;
    char *larger;

    if (reader->end < reader->capacity && reader->start < reader->capacity / 2)
        return 0;
    memmove(reader->buffer, reader->buffer + reader->start, size);
    reader->scanned -= reader->start;
    reader->start = 0;
    reader->end = size;
    if (size < reader->capacity)
        return 0;
    larger = realloc(reader->buffer, reader->capacity * 2);
    if (!larger)
        return -ENOMEM;
    reader->buffer = larger;
    reader->capacity *= 2;
    return 0;
}

int frame_reader_fill(struct frame_reader *reader)
{
    struct pollfd input = {.fd = reader->fd, .events = POLLIN};
    ssize_t got;
    int error = make_room(reader);

    if (error != 0)
        return error;
    got = read(reader->fd, reader->buffer + reader->end, reader->capacity - reader->end);
    if (got < 0 && errno == EAGAIN) /* somebody made it non-blocking */
        return poll(&input, 1, -1) < 0 ? -errno : 0;
    if (got < 0)
        return -errno;
    reader->at_eof = got == 0;
    reader->end += (size_t)got;
    return 0;
}
