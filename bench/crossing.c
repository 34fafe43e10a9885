/* SPDX-License-Identifier: Apache-2.0 */
/* For `crossing`: sends messages, then receives them, and says by stores to its own memory which it is about to do.
 *
 *     crossing_paths SIZE BATCH */
#include <shmchan.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES 512
#define SIZE_MAX_HERE 65536
#define BATCH_MAX 32

/* Stored to right before each of these. */
static volatile char to_send, to_receive, to_end;

static unsigned char out[BATCH_MAX * SIZE_MAX_HERE], in[BATCH_MAX * SIZE_MAX_HERE];

static void demand(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "crossing: %s\n", what);
    exit(1);
}

/* Where the segment is mapped. */
static void print_segment(void)
{
    char line[512];
    unsigned long begin, end;
    FILE *maps = fopen("/proc/self/maps", "r");
    demand(maps != NULL, "no /proc");
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "memfd:") && sscanf(line, "%lx-%lx", &begin, &end) == 2)
            fprintf(stderr, "segment %lx %lx\n", begin, end);
    fclose(maps);
}

static void turn_of_the_ring(struct chan_sender *tx, struct chan_receiver *rx, size_t size, size_t batch)
{
    struct iovec sent[BATCH_MAX], received[BATCH_MAX];
    to_send = 1;
    for (size_t i = 0; i < MESSAGES; i += batch) {
        for (size_t j = 0; j < batch; j++)
            sent[j] = (struct iovec){out + j * size, size};
        if (batch == 1)
            demand(!chan_send(tx, out, size), "not sent");
        else
            demand(chan_send_many(tx, sent, batch) == (ssize_t)batch, "not sent");
    }
    to_receive = 1;
    for (size_t i = 0; i < MESSAGES; i += batch) {
        for (size_t j = 0; j < batch; j++)
            received[j] = (struct iovec){in + j * size, size};
        size_t got;
        if (batch == 1)
            demand(!chan_recv(rx, in, size, &got), "not received");
        else
            demand(chan_recv_many(rx, received, batch) == (ssize_t)batch, "not received");
    }
    to_end = 1;
}

int main(int argc, char **argv)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;
    demand(argc == 3, "usage: crossing_paths SIZE BATCH");
    size_t size = strtoul(argv[1], NULL, 10), batch = strtoul(argv[2], NULL, 10);
    demand(size > 0 && size <= SIZE_MAX_HERE && batch > 0 && batch <= BATCH_MAX, "out of range");
    options.messages = MESSAGES;
    options.message_size = size;
    demand(!chan_create_anonymous(&options, &ch) && !chan_attach_sender(ch, 0, &tx) &&
               !chan_attach_receiver(ch, 0, &rx),
           "no channel");
    turn_of_the_ring(tx, rx, size, batch); /* so that what comes first is over */
    print_segment();
    fprintf(stderr, "marks %lx %lx %lx %d\n", (unsigned long)&to_send, (unsigned long)&to_receive,
            (unsigned long)&to_end, MESSAGES);
    turn_of_the_ring(tx, rx, size, batch);
    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
    return 0;
}
