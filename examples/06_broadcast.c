/* SPDX-License-Identifier: Apache-2.0 */
/* One source, many listeners: each gets every price, and a slow one learns how many it missed.
 *
 *     ./06_broadcast          a ticker and three listeners, one of which is slow
 *
 * The ticker never waits (CHAN_LAG, the default); with CHAN_BLOCK it would wait for the slow listener. */
#include <shmchan.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LISTENERS = 3, PRICES = 5000, KEPT = 64, SLOW_US = 200 };

struct price {
    unsigned number, cents;
};

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "06_broadcast: %s: %s\n", what, chan_strerror(result));
        exit(1);
    }
}

static void listen_to(struct chan_receiver *rx, int listener)
{
    unsigned got = 0, missed = 0;
    struct price price;
    int result;

    check(chan_adopt_receiver(rx), "adopt receiver");
    while ((result = chan_recv(rx, &price, sizeof price, NULL)) != -EPIPE) {
        if (result == -EOVERFLOW) { /* the next receive goes on with the oldest price kept */
            missed += (unsigned)chan_receiver_lagged(rx);
            continue;
        }
        check(result, "receive");
        got++;
        if (listener == 0)
            usleep(SLOW_US);
    }
    printf("listener %d: %u prices, %u missed, the last was number %u\n", listener, got, missed,
           price.number);
    fflush(stdout);
    chan_close_receiver(rx);
    _exit(got + missed == PRICES && price.number == PRICES - 1 ? 0 : 1);
}

int main(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan_receiver *rx[LISTENERS];
    struct chan_sender *tx;
    struct chan *ch;
    int status, failures = 0;

    options.kind = CHAN_BROADCAST;
    options.messages = KEPT;
    options.message_size = sizeof(struct price);
    check(chan_create_anonymous(&options, &ch), "create");
    for (int i = 0; i < LISTENERS;
         i++) /* before the first price is sent: what is sent earlier they do not get */
        check(chan_prepare_receiver(ch, 0, &rx[i]), "prepare receiver");
    for (int i = 0; i < LISTENERS; i++) {
        pid_t pid = fork();
        check(pid, "fork");
        if (pid)
            continue;
        for (int k = 0; k < LISTENERS; k++)
            if (k != i)
                chan_close_receiver(rx[k]);
        listen_to(rx[i], i);
    }
    for (int i = 0; i < LISTENERS; i++)
        chan_close_receiver(rx[i]); /* they are the children's */

    check(chan_attach_sender(ch, 0, &tx), "attach sender");
    for (unsigned i = 0; i < PRICES; i++) {
        struct price price = {.number = i, .cents = 10000 + i % 100};
        check(chan_send(tx, &price, sizeof price), "send");
    }
    chan_close_sender(tx); /* the last sender: listeners get what is kept for them, then the end */
    while (wait(&status) > 0)
        failures += status != 0;
    chan_close(ch);
    return failures != 0;
}
