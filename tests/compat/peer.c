/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a channel for programs of another word size: peer send|recv NAME COUNT. Checks size and content. */
#include <errno.h>
#include <shmchan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 90000u

static unsigned char buffer[LARGEST];

/* Mostly small messages, and one of a hundred in payload units. */
static size_t size_of(long number)
{
    return number % 100 ? (size_t)(number % 2000) : LARGEST;
}

static int send_all(struct chan *ch, long count)
{
    struct chan_sender *tx;
    int result = chan_attach_sender(ch, 0, &tx);
    if (result)
        return result;
    for (long number = 0; !result && number < count; number++) {
        memset(buffer, (int)(number % 251), size_of(number));
        result = chan_send(tx, buffer, size_of(number));
    }
    chan_close_sender(tx);
    return result;
}

static int receive_all(struct chan *ch, long count)
{
    struct chan_receiver *rx;
    int result = chan_attach_receiver(ch, 0, &rx);
    if (result)
        return result;
    long number = 0;
    for (size_t size; !(result = chan_recv(rx, buffer, sizeof buffer, &size)); number++) {
        if (size != size_of(number))
            result = -EBADMSG;
        for (size_t i = 0; !result && i < size; i++)
            if (buffer[i] != number % 251)
                result = -EBADMSG;
        if (result)
            break;
    }
    chan_close_receiver(rx);
    if (result == -EPIPE)
        result = number == count ? 0 : -EBADMSG;
    return result;
}

int main(int argc, char **argv)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.messages = 16;
    options.message_size = LARGEST;
    if (argc != 4)
        return 2;
    long count = atol(argv[3]);
    int result = chan_open_or_create(argv[2], &options, &ch);
    if (!result) {
        result = strcmp(argv[1], "send") ? receive_all(ch, count) : send_all(ch, count);
        chan_close(ch);
    }
    printf("%s, %d bit: %s\n", argv[1], (int)sizeof(void *) * 8, chan_error_name(result));
    return result != 0;
}
