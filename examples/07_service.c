/* SPDX-License-Identifier: Apache-2.0 */
/* The skeleton of a service: processes in stages with a channel between each two; one that dies is replaced,
 * and SIGTERM ends it without losing an order.
 *
 *     ./07_service            a client, two workers (one is killed), a ledger; ends by itself after 0.5 s
 *
 * The end goes with the flow: orders are shut down, so the client can give no more, and workers do what is queued;
 * when the last worker has gone, the ledger gets the last bill and then the end. Nobody counts down or polls. */
#include <shmchan.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 1 << 24, DEADLY = 10 };
static struct chan *orders, *bills;
static struct chan_receiver *in; /* of this stage */
static struct chan_sender *out;

static void check(int result, const char *what)
{
    if (result == 0)
        return;
    fprintf(stderr, "07_service: %s: %s\n", what, chan_strerror(result));
    _exit(1);
}

static int place_orders(void)
{
    int result = 0;
    for (int order = 0; order < MOST && !result; order++)
        result = chan_send(out, &order, sizeof order);
    return result && result != -EPIPE; /* which says that the service is ending, and the order not accepted */
}

static int fill_orders(void)
{
    struct chan_view order;
    while (chan_recv_view(in, &order) == 0) {
        if (*(const int *)order.data == DEADLY && order.deliveries == 1)
            kill(getpid(), SIGKILL);
        check(chan_send(out, order.data, sizeof(int)), "send bill");
        check(chan_release(in, &order), "release"); /* whoever dies before this has it done by another */
    }
    return 0;
}

static int keep_ledger(void)
{
    static char seen[MOST]; /* an order that was done again may be billed again */
    struct chan_stat stat = {.size = sizeof stat};
    int order, billed = 0;
    while (chan_recv(in, &order, sizeof order, NULL) == 0)
        billed += !seen[order]++;
    check(chan_stat(orders, &stat), "stat");
    dprintf(STDOUT_FILENO, "%d orders accepted, %d billed\n", (int)stat.sent, billed);
    return billed != (int)stat.sent;
}

/* The endpoints count before the child runs: no stage takes another for gone that has yet to begin. */
static void start(int (*stage)(void), struct chan *from, struct chan *to)
{
    in = NULL, out = NULL;
    check(from ? chan_prepare_receiver(from, 0, &in) : 0, "prepare receiver");
    check(to ? chan_prepare_sender(to, 0, &out) : 0, "prepare sender");
    if (fork() == 0) {
        check(in ? chan_adopt_receiver(in) : 0, "adopt receiver");
        check(out ? chan_adopt_sender(out) : 0, "adopt sender");
        _exit(stage()); /* which closes both */
    }
    chan_close_receiver(in);
    chan_close_sender(out);
}

int main(void)
{
    int status, failed = 0, replaced = 0;
    sigset_t signals; /* blocked in all stages: a SIGTERM to the whole group ends it in order, too */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    check(chan_create_anonymous(NULL, &orders), "create orders");
    check(chan_create_anonymous(NULL, &bills), "create bills");
    start(keep_ledger, bills, NULL);
    start(fill_orders, orders, bills);
    start(fill_orders, orders, bills);
    start(place_orders, NULL, orders);
    while (sigtimedwait(&signals, NULL, &(struct timespec){.tv_nsec = 500000000}) == SIGCHLD)
        for (; waitpid(-1, &status, WNOHANG) > 0; replaced++)
            start(fill_orders, orders, bills); /* only workers end before the service does */
    check(chan_shutdown(orders), "shut down");
    while (wait(&status) > 0)
        failed |= status;
    printf("%d worker replaced\n", replaced);
    return !failed && replaced == 1 ? 0 : 1;
}
