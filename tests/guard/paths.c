/* SPDX-License-Identifier: Apache-2.0 */
/* Each hot path by itself, many times over, in one process with nobody to wait for. What it costs is counted
 * from outside, by guard: the instructions within measured(), and the system calls between a path's line and
 * the "done" after it, on standard output. The first line tells what the figures belong to. */
#include <shmchan.h>

#include <errno.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#define MESSAGES 64
#define ROUNDS (4 * MESSAGES) /* whole turns of the ring, so that what comes once a turn is in each figure */
#define BATCH 32
#define LARGEST 65536

/* Aligned, so that copying takes the same instructions in every build. */
static _Alignas(4096) unsigned char out[LARGEST], in[LARGEST];
static struct chan_sender *tx;
static struct chan_receiver *rx;

static void fail(const char *what)
{
    fprintf(stderr, "paths: %s\n", what);
    exit(1);
}

static void demand(int holds, const char *what)
{
    if (!holds)
        fail(what);
}

static void check(int result)
{
    if (result)
        fail(chan_strerror(result));
}

static void copied(size_t size)
{
    size_t got;
    check(chan_send(tx, out, size));
    check(chan_recv(rx, in, LARGEST, &got));
}

static void batch(size_t size)
{
    struct iovec sent[BATCH], received[BATCH];
    for (unsigned i = 0; i < BATCH; i++) {
        sent[i] = (struct iovec){out + i * size, size};
        received[i] = (struct iovec){in + i * size, size};
    }
    demand(chan_send_many(tx, sent, BATCH) == BATCH, "short batch sent");
    demand(chan_recv_many(rx, received, BATCH) == BATCH, "short batch received");
}

static void in_place(size_t size)
{
    struct chan_loan loan;
    struct chan_view view;
    check(chan_reserve(tx, size, &loan));
    check(chan_commit(tx, &loan, size));
    check(chan_recv_view(rx, &view));
    check(chan_release(rx, &view));
}

static void try_recv_empty(size_t size)
{
    size_t got;
    demand(chan_try_recv(rx, in, size, &got) == -EAGAIN, "the channel is not empty");
}

static void fill(size_t size)
{
    for (unsigned i = 0; i < MESSAGES; i++)
        check(chan_send(tx, out, size));
}

static void try_send_full(size_t size)
{
    demand(chan_try_send(tx, out, size) == -EAGAIN, "the channel is not full");
}

struct path {
    const char *name;
    void (*prepare)(size_t size);
    void (*perform)(size_t size);
    size_t size;
};

static const struct path paths[] = {
    {"copied-8", NULL, copied, 8},
    {"copied-64", NULL, copied, 64},
    {"copied-4200", NULL, copied, 4200},
    {"copied-12k", NULL, copied, 12288},
    {"batch-64", NULL, batch, 64},
    {"in-place-64", NULL, in_place, 64},
    {"in-place-64k", NULL, in_place, 65536},
    {"try-recv-empty", NULL, try_recv_empty, 64},
    {"try-send-full", fill, try_send_full, 64},
};

/* Has to stay a function: its name is the mark for callgrind. */
__attribute__((noinline)) static void measured(const struct path *path)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        path->perform(path->size);
}

static void run(const struct path *path, uint32_t multiplicity)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.messages = MESSAGES;
    if (path->size > options.message_size)
        options.message_size = LARGEST;
    options.senders = options.receivers = multiplicity;
    check(chan_create_anonymous(&options, &ch));
    check(chan_attach_sender(ch, 0, &tx));
    check(chan_attach_receiver(ch, 0, &rx));
    if (path->prepare)
        path->prepare(path->size);
    for (unsigned i = 0; i < MESSAGES; i++)
        path->perform(path->size);
    printf("%s-%s %u\n", multiplicity == CHAN_ONE ? "one" : "many", path->name, ROUNDS);
    measured(path);
    printf("done\n");
    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
}

int main(void)
{
    struct utsname system;
    demand(uname(&system) == 0, "no uname");
    /* A line is one system call. */
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    printf("gcc %d %s glibc %s\n", __GNUC__, system.machine, gnu_get_libc_version());
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        run(&paths[i], CHAN_ONE);
        run(&paths[i], CHAN_MANY);
    }
    return 0;
}
