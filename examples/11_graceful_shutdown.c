/* SPDX-License-Identifier: Apache-2.0 */
/* Ending a fan-in on a signal without losing a message: every send that succeeded is received.
 *
 *     ./11_graceful_shutdown        sends itself SIGTERM after a moment; or interrupt it
 *
 * One sequence, whoever asks for the end: refuse what comes (chan_shutdown), let producers find out (their next
 * send, or chan_wait_closed), take what is left until -EPIPE or a deadline, exit. Nobody needs a time-out to be
 * sure: -EPIPE says that nothing is left, killed producers or not. */
#include <shmchan.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PRODUCERS = 3, BEFORE_SIGNAL = 10000 };
static const int64_t DRAIN_NS = 5 * INT64_C(1000000000);

static volatile sig_atomic_t asked;

static void ask(int signal)
{
    (void)signal;
    asked = 1;
}

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "11_graceful_shutdown: %s: %s\n", what, chan_strerror(result));
        exit(1);
    }
}

/* Sends until it is refused, then reports how many were sent. One that seldom sends has chan_try_wait_closed(),
 * or a thread in chan_wait_closed(). */
static void produce(struct chan_sender *tx, int report)
{
    uint64_t sent = 0;
    int result;
    check(chan_adopt_sender(tx), "adopt");
    while ((result = chan_send(tx, &sent, sizeof sent)) == 0)
        sent++;
    if (result != -EPIPE)
        check(result, "send");
    chan_close_sender(tx);
    if (write(report, &sent, sizeof sent) != sizeof sent)
        _exit(1);
}

int main(void)
{
    struct chan *ch;
    struct chan_receiver *rx;
    struct sigaction action = {.sa_handler = ask};
    uint64_t message, received = 0, sent, total = 0;
    int report[2], result, status, failed = 0;
    check(chan_create_anonymous(NULL, &ch), "create");
    check(chan_attach_receiver(ch, CHAN_INTERRUPTIBLE, &rx), "attach");
    if (pipe(report))
        return 1;
    for (int i = 0; i < PRODUCERS; i++) {
        struct chan_sender *tx;
        check(chan_prepare_sender(ch, 0, &tx), "prepare");
        pid_t pid = fork();
        if (pid == 0) {
            produce(tx, report[1]);
            _exit(0);
        }
        check(pid < 0 ? -errno : 0, "fork");
        chan_close_sender(tx);
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    while (!asked) { /* a signal between this look and sleeping is seen a tenth of a second later at most */
        result = chan_recv_timeout(rx, &message, sizeof message, NULL, 100000000);
        if (result != -ETIMEDOUT && result != -EINTR)
            check(result, "receive");
        if (!result && ++received == BEFORE_SIGNAL)
            kill(getpid(), SIGTERM);
    }
    check(chan_shutdown(ch), "shut down");
    int64_t deadline = chan_deadline(DRAIN_NS);
    while (!(result = chan_recv_until(rx, &message, sizeof message, NULL, deadline)) || result == -EINTR)
        received += !result;
    chan_close_receiver(rx);

    while (wait(&status) > 0)
        failed |= status;
    for (int i = 0; i < PRODUCERS && !failed; i++, total += sent)
        failed |= read(report[0], &sent, sizeof sent) != sizeof sent;
    chan_close(ch);
    printf("%llu sent, %llu received; the end was %s\n", (unsigned long long)total,
           (unsigned long long)received, chan_error_name(result));
    return failed || result != -EPIPE || total != received;
}
