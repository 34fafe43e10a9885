/* SPDX-License-Identifier: Apache-2.0 */
/* What a sender does when the receiver is slower: wait, shed, or give up after a while.
 *
 *     ./06_backpressure       a slow process gets the same 100 samples three times, and says how many it saw
 *
 * The choice is made by each call, not by the channel. A sample that a call has not sent is still the caller's: it may
 * be counted, sent elsewhere, or sent again. */
#include <shmchan.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLES = 100, ROOM = 4 };

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "06_backpressure: %s: %s\n", what, chan_strerror(result));
        exit(1);
    }
}

static int wait_for_room(struct chan_sender *tx, const int *sample)
{
    return chan_send(tx, sample, sizeof *sample);
}

static int shed_if_full(struct chan_sender *tx, const int *sample)
{
    return chan_try_send(tx, sample, sizeof *sample);
}

static int give_up_soon(struct chan_sender *tx, const int *sample)
{
    return chan_send_timeout(tx, sample, sizeof *sample, 300 * 1000); /* 0.3 ms */
}

/* A millisecond for each sample; its exit status is how many there were. */
static int receive_slowly(struct chan_receiver *rx)
{
    const struct timespec pause = {.tv_nsec = 1000 * 1000};
    int sample, seen = 0, result;
    check(chan_adopt_receiver(rx), "adopt receiver");
    while ((result = chan_recv(rx, &sample, sizeof sample, NULL)) == 0) {
        nanosleep(&pause, NULL);
        seen++;
    }
    if (result != -EPIPE)
        check(result, "receive");
    chan_close_receiver(rx);
    return seen;
}

/* Returns how many samples were not sent, or -1 if the receiver saw others than those that were. */
static int offer_samples(int (*offer)(struct chan_sender *tx, const int *sample))
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    int sent = 0, status;
    options.messages = ROOM;
    options.message_size = sizeof(int);
    check(chan_create_anonymous(&options, &ch), "create");
    check(chan_attach_sender(ch, 0, &tx), "attach sender");
    check(chan_prepare_receiver(ch, 0, &rx), "prepare receiver");
    if (fork() == 0)
        _exit(receive_slowly(rx));
    chan_close_receiver(rx);
    for (int sample = 0; sample < SAMPLES; sample++) {
        int result = offer(tx, &sample);
        if (result == 0)
            sent++;
        else if (result != -EAGAIN && result != -ETIMEDOUT)
            check(result, "send");
    }
    chan_close_sender(tx);
    wait(&status);
    chan_close(ch);
    return WIFEXITED(status) && WEXITSTATUS(status) == sent ? SAMPLES - sent : -1;
}

int main(void)
{
    int waiting = offer_samples(wait_for_room);
    int shedding = offer_samples(shed_if_full);
    int patient = offer_samples(give_up_soon);
    printf("not sent, of %d: %d waiting, %d shedding, %d giving up after 0.3 ms\n", SAMPLES, waiting,
           shedding, patient);
    return waiting == 0 && shedding > 0 && patient >= 0 ? 0 : 1;
}
