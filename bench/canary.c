/* SPDX-License-Identifier: Apache-2.0 */
/* The canary: two processes, each pinned, hand a number back and forth through one word. */
#include "canary.h"

#include "pin.h"
#include "transport.h"

#include <shmchan.h>

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 64, MOST_BATCHES = 4096, SPINS_PER_LOOK = 1024 };

static const int64_t duration_ns = 3000000;

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* Wait until *ball is `value`; 0 if the deadline came first. */
static int await(_Atomic uint64_t *ball, uint64_t value, int64_t deadline)
{
    for (;;) {
        for (unsigned i = 0; i < SPINS_PER_LOOK; i++) {
            if (atomic_load_explicit(ball, memory_order_acquire) == value)
                return 1;
            relax();
        }
        if (chan_now() > deadline)
            return 0;
    }
}

static void play_back(_Atomic uint64_t *ball, int64_t deadline)
{
    pin_to(1);
    for (uint64_t i = 1; await(ball, i, deadline); i += 2)
        atomic_store_explicit(ball, i + 1, memory_order_release);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double play(_Atomic uint64_t *ball, int64_t deadline)
{
    static double batches[MOST_BATCHES];
    size_t count = 0;

    pin_to(0);
    int64_t start = chan_now();
    for (uint64_t i = 1; count < MOST_BATCHES && start < deadline; count++) {
        for (unsigned round = 0; round < BATCH; round++, i += 2) {
            atomic_store_explicit(ball, i, memory_order_release);
            if (!await(ball, i + 1, deadline))
                goto out;
        }
        int64_t now = chan_now();
        batches[count] = (double)(now - start) / BATCH;
        start = now;
    }
out:
    pin_undo();
    qsort(batches, count, sizeof batches[0], by_value);
    return count > 0 ? batches[count / 2] : NAN;
}

double canary_ns(void)
{
    if (pin_count() < 2)
        return 0;
    _Atomic uint64_t *ball = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (ball == MAP_FAILED)
        die("mmap", strerror(errno));
    int64_t deadline = chan_deadline(duration_ns);
    pid_t pid = fork();
    if (pid < 0)
        die("fork", strerror(errno));
    if (pid == 0) {
        play_back(ball, deadline);
        _exit(0);
    }
    double ns = play(ball, deadline);
    waitpid(pid, NULL, 0);
    munmap(ball, 4096);
    return ns;
}
