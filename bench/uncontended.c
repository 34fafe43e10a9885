/* SPDX-License-Identifier: Apache-2.0 */
/* The uncontended path by itself: one process sends and receives in turns, with nobody to wait for and all in
 * its caches. Prints the nanoseconds of a message, sent and received: the least that 1 in 50 measurements
 * reached, and the median. See cost. */
#include <shmchan.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 64
#define BURST 32
#define BURSTS 16
#define MEASUREMENTS 20000

static void check(int result)
{
    if (!result)
        return;
    fprintf(stderr, "uncontended: %s\n", chan_strerror(result));
    exit(1);
}

static int64_t measure(struct chan_sender *tx, struct chan_receiver *rx)
{
    unsigned char out[SIZE] = {0}, in[SIZE];
    size_t size;
    int64_t begin = chan_now();
    for (unsigned burst = 0; burst < BURSTS; burst++) {
        for (unsigned i = 0; i < BURST; i++) {
            out[0] = (unsigned char)i;
            check(chan_send(tx, out, SIZE));
        }
        for (unsigned i = 0; i < BURST; i++) {
            check(chan_recv(rx, in, SIZE, &size));
            if (in[0] != i || size != SIZE)
                abort();
        }
    }
    return chan_now() - begin;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    static int64_t times[MEASUREMENTS];
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    options.messages = 2 * BURST;
    options.message_size = SIZE;
    check(chan_create_anonymous(&options, &ch));
    check(chan_attach_sender(ch, 0, &tx));
    check(chan_attach_receiver(ch, 0, &rx));
    for (unsigned i = 0; i < MEASUREMENTS; i++)
        times[i] = measure(tx, rx);
    qsort(times, MEASUREMENTS, sizeof times[0], compare);
    printf("%.2f %.2f\n", (double)times[MEASUREMENTS / 50] / (BURST * BURSTS),
           (double)times[MEASUREMENTS / 2] / (BURST * BURSTS));
    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
    return 0;
}
