/* SPDX-License-Identifier: Apache-2.0 */
/* What each side of a message costs by itself, between two processes on a processor each.
 *
 *     sides [SIZE [BURST]]
 *
 * In turns: one sends a burst while the other waits, then that one receives it. Every line of memory comes from the
 * other processor, but nobody else wants it meanwhile. Together: each burst is received while the next one is sent, so
 * both work, a burst apart. As a stream: both as fast as they can. Prints nanoseconds of a message: the least that 1 in
 * 10 bursts reached, and the median. */
#include <shmchan.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pin.h"
#include "transport.h"

#define BURSTS 4000
#define SIZE_MAX_HERE 4096

enum pace { IN_TURNS, TOGETHER, AS_A_STREAM };

/* Between the two processes. */
struct table {
    _Alignas(128) atomic_int sent;    /* bursts. Writer: the sender */
    _Alignas(128) atomic_int arrived; /* Writer: the receiver */
    int64_t sending[BURSTS], receiving[BURSTS];
};

static size_t size = 64;
static int burst = 256;

void die(const char *what, const char *why)
{
    fprintf(stderr, "sides: %s: %s\n", what, why);
    exit(1);
}

static void check(int result)
{
    if (result)
        die("channel", chan_strerror(result));
}

static void wait_for(const atomic_int *count, int least)
{
    while (atomic_load_explicit(count, memory_order_acquire) < least)
        ;
}

static void send_all(struct chan *ch, struct table *table, enum pace pace)
{
    unsigned char message[SIZE_MAX_HERE] = {0};
    struct chan_sender *tx;
    check(chan_attach_sender(ch, 0, &tx));
    for (int i = 0; i < BURSTS; i++) {
        if (pace != AS_A_STREAM)
            wait_for(&table->arrived, pace == IN_TURNS ? i : i - 1);
        int64_t begin = chan_now();
        for (int k = 0; k < burst; k++)
            check(chan_send(tx, message, size));
        table->sending[i] = chan_now() - begin;
        atomic_store_explicit(&table->sent, i + 1, memory_order_release);
    }
    chan_close_sender(tx);
}

static void receive_all(struct chan_receiver *rx, struct table *table, enum pace pace)
{
    unsigned char message[SIZE_MAX_HERE];
    size_t got;
    for (int i = 0; i < BURSTS; i++) {
        if (pace != AS_A_STREAM)
            wait_for(&table->sent, i + 1);
        int64_t begin = chan_now();
        for (int k = 0; k < burst; k++)
            check(chan_recv(rx, message, sizeof message, &got));
        table->receiving[i] = chan_now() - begin;
        atomic_store_explicit(&table->arrived, i + 1, memory_order_release);
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void print(const char *side, int64_t *times)
{
    qsort(times, BURSTS, sizeof *times, compare);
    printf("  %s %6.1f %6.1f", side, (double)times[BURSTS / 10] / burst, (double)times[BURSTS / 2] / burst);
}

static void measure(const char *name, enum pace pace, struct table *table)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct chan_receiver *rx;
    int status;
    options.messages = 1024;
    options.message_size = size;
    memset(table, 0, sizeof *table);
    check(chan_create_anonymous(&options, &ch));
    check(chan_attach_receiver(ch, 0, &rx));
    pid_t pid = fork();
    if (pid < 0)
        die("fork", strerror(errno));
    if (pid == 0) {
        pin_to(0);
        send_all(ch, table, pace);
        _exit(0);
    }
    pin_to(1);
    receive_all(rx, table, pace);
    pin_undo();
    if (waitpid(pid, &status, 0) != pid || status)
        exit(1);
    printf("%-12s", name);
    print("send", table->sending);
    print("receive", table->receiving);
    printf("\n");
    chan_close_receiver(rx);
    chan_close(ch);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        size = strtoul(argv[1], NULL, 10);
    if (argc > 2)
        burst = atoi(argv[2]);
    if (argc > 3 || size > SIZE_MAX_HERE || burst < 1 || burst > 512) {
        fprintf(stderr, "usage: sides [SIZE [BURST]]   SIZE up to %d, BURST up to 512\n", SIZE_MAX_HERE);
        return 2;
    }
    struct table *table =
        mmap(NULL, sizeof *table, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (table == MAP_FAILED)
        die("mmap", strerror(errno));
    if (pin_count() < 2)
        die("processors", "there is only one");
    measure("in turns", IN_TURNS, table);
    measure("together", TOGETHER, table);
    measure("as a stream", AS_A_STREAM, table);
    return 0;
}
