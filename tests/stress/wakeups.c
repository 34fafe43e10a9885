/* SPDX-License-Identifier: Apache-2.0 */
/* No wake-up is lost: however sends and receives fall together, no message lies while a receiver sleeps,
 * and no sender sleeps while there is room. What one would otherwise only see as a pause now and then. */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "suite.h"

#include <shmchan/inspect.h>

#define ROUNDS 1500
#define MOST 4
#define BURST 5
#define LATEST_NS (900 * INT64_C(1000000)) /* sleepers look for themselves after more than that */
#define TURN_NS                                                                                              \
    INT64_C(10000000) /* what one turn of looking counts at most: else the machine let nobody run */

struct stage {
    struct chan *ch;
    _Atomic int64_t round, received;
    int senders;
};

struct actor_part {
    struct stage *stage;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    unsigned seed;
};

/* In each round some messages, with pauses of any length between nothing and falling asleep. */
static int64_t send_bursts(void *argument)
{
    struct actor_part *me = argument;
    expect_result(chan_adopt_sender(me->tx), 0);
    for (int64_t round = 1; round <= ROUNDS; round++) {
        while (atomic_load(&me->stage->round) < round)
            sched_yield();
        for (int i = 0; i < BURST; i++) {
            if (rand_r(&me->seed) % 8 == 0)
                usleep((useconds_t)rand_r(&me->seed) % 60);
            expect_result(chan_send(me->tx, &round, sizeof round), 0);
        }
    }
    chan_close_sender(me->tx);
    return 0;
}

static int64_t recv_all(void *argument)
{
    struct actor_part *me = argument;
    int64_t got;
    expect_result(chan_adopt_receiver(me->rx), 0);
    for (;;) {
        int result = chan_recv(me->rx, &got, sizeof got, NULL);
        if (result == -EPIPE)
            break;
        expect_result(result, 0);
        atomic_fetch_add(&me->stage->received, 1);
    }
    chan_close_receiver(me->rx);
    return 0;
}

/* Who waits for what, and whether it sleeps in truth or only waits for a processor. */
static void describe(const struct chan *ch)
{
    for (uint32_t number = 0; number < 2 * MOST; number++) {
        struct chan_endpoint_stat e = {.size = sizeof e};
        char path[40], line[200] = "";
        if (chan_endpoint_stat(ch, number, &e))
            continue;
        snprintf(path, sizeof path, "/proc/%u/stat", e.pid);
        FILE *file = fopen(path, "r");
        if (file && fgets(line, sizeof line, file))
            line[strcspn(line, "\n")] = '\0';
        if (file)
            fclose(file);
        const char *state = strrchr(line, ')');
        dprintf(STDERR_FILENO, "    endpoint %u: role %u, waits for %u since %lld ms, process state%.2s\n",
                number, e.role, e.waits_for, (long long)e.waiting_ns / 1000000, state ? state + 1 : " ?");
    }
}

/* Plays one round after the other; each must be over in time. */
static int64_t drive(struct stage *stage)
{
    int64_t slowest = 0;
    for (int64_t round = 1; round <= ROUNDS; round++) {
        int64_t last = chan_now(), took = 0, goal = round * stage->senders * BURST;
        atomic_store(&stage->round, round);
        while (atomic_load(&stage->received) < goal) {
            int64_t now = chan_now();
            took += now - last < TURN_NS ? now - last : TURN_NS;
            last = now;
            if (took > LATEST_NS)
                describe(stage->ch);
            if (took > LATEST_NS)
                expect_never("round %lld hangs after %lld ms: %lld of %lld received, %llu queued",
                             (long long)round, (long long)took / 1000000,
                             (long long)atomic_load(&stage->received), (long long)goal,
                             (unsigned long long)chan_len(stage->ch));
            sched_yield();
        }
        slowest = took > slowest ? took : slowest;
    }
    return slowest;
}

static void play(int senders, int receivers, uint64_t capacity, uint32_t flags)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct child children[2 * MOST];
    struct stage *stage =
        mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(stage != MAP_FAILED);
    options.messages = capacity;
    options.message_size = 8;
    stage->senders = senders;
    expect_result(chan_create("wakeups", &options, &stage->ch), 0);
    for (int i = 0; i < senders + receivers; i++) {
        struct actor_part part = {.stage = stage, .seed = (unsigned)i};
        if (i < senders)
            expect_result(chan_prepare_sender(stage->ch, flags, &part.tx), 0);
        else
            expect_result(chan_prepare_receiver(stage->ch, flags, &part.rx), 0);
        child_spawn(&children[i], i < senders ? send_bursts : recv_all, &part);
        chan_close_sender(part.tx);
        chan_close_receiver(part.rx);
    }
    int64_t slowest = drive(stage);
    for (int i = 0; i < senders + receivers; i++)
        expect_number(child_finish(&children[i]), 0);
    dprintf(STDOUT_FILENO, "    slowest round: %lld us\n", (long long)slowest / 1000);
    chan_close(stage->ch);
    munmap(stage, sizeof *stage);
}

static void test_one_sender_to_one_receiver(void)
{
    play(1, 1, 1, 0);
    play(1, 1, 1, CHAN_NO_SPIN);
    play(1, 1, 4, CHAN_NO_SPIN);
}

static void test_one_sender_to_many_receivers(void)
{
    play(1, MOST, 2, 0);
    play(1, MOST, 64, CHAN_NO_SPIN);
}

static void test_many_senders_to_one_receiver(void)
{
    play(MOST, 1, 1, 0);
    play(MOST, 1, 3, CHAN_NO_SPIN);
}

static void test_many_senders_to_many_receivers(void)
{
    play(MOST, MOST, 1, 0);
    play(MOST, MOST, 1, CHAN_NO_SPIN);
    play(MOST, MOST, 7, CHAN_NO_SPIN);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_one_sender_to_one_receiver, 120),
        PLAIN(test_one_sender_to_many_receivers, 120),
        PLAIN(test_many_senders_to_one_receiver, 120),
        PLAIN(test_many_senders_to_many_receivers, 120),
    };
    return suite_run_plain("stress_wakeups", cases, sizeof cases / sizeof *cases, argc, argv);
}
