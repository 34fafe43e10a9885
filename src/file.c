/* SPDX-License-Identifier: Apache-2.0 */
/* Standard I/O over the byte-stream face. */
#include "src/kind.h"

#include <errno.h>
#include <stdlib.h>

#define BUFFER_MIN ((size_t)4096)
#define BUFFER_MAX ((size_t)65536)

/* What stands behind a FILE: its handle, and its buffer, in which a message of the largest size has room. */
struct file {
    struct chan_receiver *rx;
    struct chan_sender *tx;
    char buffer[];
};

static ssize_t read_file(void *cookie, char *buffer, size_t size)
{
    const struct file *file = cookie;
    ssize_t result = chan_read(file->rx, buffer, size);
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/* What is not written has to have its error in errno, also after a part that could be written. */
static ssize_t write_file(void *cookie, const char *data, size_t size)
{
    const struct file *file = cookie;
    size_t done = 0;
    while (done < size) {
        ssize_t result = chan_write(file->tx, data + done, size - done);
        if (result < 0) {
            errno = (int)-result;
            break;
        }
        done += (size_t)result;
    }
    return (ssize_t)done;
}

static int seek_file(void *cookie, off_t *offset, int whence)
{
    (void)cookie, (void)offset, (void)whence;
    errno = ESPIPE;
    return -1;
}

/* Of the last flush, not of what closing does, is the errno that fclose() leaves. */
static int close_file(void *cookie)
{
    struct file *file = cookie;
    int error = errno;
    chan_close_receiver(file->rx);
    chan_close_sender(file->tx);
    free(file);
    errno = error;
    return 0;
}

static size_t buffer_size(const struct handle *h)
{
    uint64_t largest = h->chan->segment.g.message_size;
    return largest < BUFFER_MIN ? BUFFER_MIN : largest > BUFFER_MAX ? BUFFER_MAX : (size_t)largest;
}

static int open_file(struct handle *h, const char *mode, const struct file *ends, FILE **out)
{
    static const cookie_io_functions_t functions = {read_file, write_file, seek_file, close_file};
    int result = chan__handle_enter(h);
    if (result)
        return result;
    chan__handle_leave(h);
    if (!chan__has_queue(h->chan))
        return -EOPNOTSUPP;
    size_t size = buffer_size(h);
    struct file *file = malloc(sizeof *file + size);
    if (!file)
        return -ENOMEM;
    *file = *ends;
    FILE *opened = fopencookie(file, mode, functions);
    if (!opened) {
        free(file);
        return -ENOMEM;
    }
    (void)setvbuf(opened, file->buffer, _IOFBF, size);
    *out = opened;
    return 0;
}

int chan_fopen_reader(struct chan_receiver *rx, FILE **out)
{
    if (!rx || !out)
        return -EINVAL;
    return open_file(&rx->handle, "r", &(struct file){.rx = rx}, out);
}

int chan_fopen_writer(struct chan_sender *tx, FILE **out)
{
    if (!tx || !out)
        return -EINVAL;
    return open_file(&tx->handle, "w", &(struct file){.tx = tx}, out);
}
