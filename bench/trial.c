/* SPDX-License-Identifier: Apache-2.0 */
/* One run: start the processes, direct them, check that nothing was lost, and work the figures out. */
#include "trial.h"

#include "actors.h"
#include "calls.h"
#include "canary.h"
#include "pin.h"
#include "stage.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const mode_names[] = {"throughput", "roundtrip", "wakeup"};
const double percentiles[PERCENTILES] = {50, 90, 99, 99.9};

/* A process that hangs ends the benchmark. */
static const unsigned patience_s = 60;

/* One of those who act. Numbers 0 .. senders-1 send, the others receive; of a round trip, 0 asks and 1
 * answers. */
struct part {
    const struct setup *setup;
    struct stage *stage;
    unsigned number;
    void *links[2];
    pthread_t thread;
};

static void *act(void *arg)
{
    const struct part *part = arg;
    const struct setup *setup = part->setup;
    struct stage *stage = part->stage;
    unsigned number = part->number;
    int sends = number < setup->shape.senders;

    if (setup->pinned)
        pin_to(sends ? number : number - setup->shape.senders + 1);
    stage->logs[number].by_thread = setup->transport->in_process;
    stage->logs[number].counter = setup->count_calls ? calls_open() : NOT_COUNTED;
    if (setup->mode == ROUND_TRIP && sends)
        act_client(setup, stage, number, part->links[0], part->links[1]);
    else if (setup->mode == ROUND_TRIP)
        act_server(setup, stage, number, part->links[0], part->links[1]);
    else if (setup->mode == WAKE_UP && sends)
        act_waker(setup, stage, number, part->links[0]);
    else if (setup->mode == WAKE_UP)
        act_sleeper(setup, stage, number, part->links[0]);
    else if (sends)
        act_sender(setup, stage, number, part->links[0]);
    else
        act_receiver(setup, stage, number, part->links[0]);
    return NULL;
}

static void act_together(struct part *parts, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        if (pthread_create(&parts[i].thread, NULL, act, &parts[i]) != 0)
            die("pthread_create", "failed");
    }
    act(&parts[0]);
    for (unsigned i = 1; i < count; i++)
        pthread_join(parts[i].thread, NULL);
}

/* A process for these parts. */
static pid_t cast(struct part *parts, unsigned count)
{
    pid_t pid = fork();

    if (pid < 0)
        die("fork", strerror(errno));
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(patience_s);
    act_together(parts, count);
    exit(0); /* some libraries have something to say at the end */
}

static void perform(const struct setup *setup, struct stage *stage, unsigned processes)
{
    unsigned together = setup->transport->in_process ? processes : 1;
    struct part parts[MAX_PROCESSES];
    pid_t pids[MAX_PROCESSES];
    void *links[2] = {setup->transport->create(&setup->shape), NULL};

    if (setup->mode == ROUND_TRIP)
        links[1] = setup->transport->create(&setup->shape);
    fflush(NULL);
    for (unsigned i = 0; i < processes; i++)
        parts[i] = (struct part){setup, stage, i, {links[0], links[1]}, 0};
    for (unsigned i = 0; i < processes; i += together)
        pids[i] = cast(&parts[i], together);
    for (unsigned i = 0; i < 2 && links[i]; i++)
        setup->transport->destroy(links[i]);
    stage_direct(stage, processes, setup->window_ms);

    int failed = 0;
    for (unsigned i = 0; i < processes; i += together) {
        int status;
        waitpid(pids[i], &status, 0);
        failed |= status != 0;
    }
    if (failed) {
        fprintf(stderr, "chanbench: %s, %zu bytes: a process failed\n", setup->transport->name,
                setup->shape.size);
        exit(1);
    }
}

static void account(const struct setup *setup, const struct stage *stage, unsigned processes)
{
    unsigned senders = setup->shape.senders;
    uint64_t messages[2] = {0, 0};
    uint64_t sums[2] = {0, 0};

    for (unsigned i = 0; i < processes; i++) {
        enum side side = i < senders ? SENDER : RECEIVER;
        messages[side] += stage->logs[i].messages;
        sums[side] += stage->logs[i].sum;
    }
    if (messages[SENDER] != messages[RECEIVER] || sums[SENDER] != sums[RECEIVER]) {
        fprintf(stderr, "chanbench: %s, %zu bytes: %" PRIu64 " messages sent, %" PRIu64 " received\n",
                setup->transport->name, setup->shape.size, messages[SENDER], messages[RECEIVER]);
        exit(1);
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void evaluate(const struct setup *setup, struct stage *stage, unsigned processes, struct outcome *out)
{
    /* Every message is counted where it arrives; of a round trip, both ends receive. */
    unsigned first = setup->mode == ROUND_TRIP ? 0 : setup->shape.senders;
    double messages = 0;

    for (unsigned i = first; i < processes; i++) {
        const struct reading *at = stage->logs[i].at;
        if (at[MEASURE].time_ns == 0)
            continue; /* nothing reached it in the window */
        double count = (double)(at[STOP].messages - at[MEASURE].messages);
        double ns = (double)(at[STOP].time_ns - at[MEASURE].time_ns);
        messages += count;
        out->per_second += count * 1e9 / ns;
    }
    for (unsigned i = 0; i < processes && messages > 0; i++) {
        const struct reading *at = stage->logs[i].at;
        if (at[MEASURE].time_ns == 0)
            continue;
        out->cpu_ns += (double)(at[STOP].cpu_ns - at[MEASURE].cpu_ns) / messages;
        out->switches += (double)(at[STOP].switches - at[MEASURE].switches) / messages;
        out->calls += (double)(at[STOP].calls - at[MEASURE].calls) / messages;
    }
    uint64_t trips = stage->logs[setup->mode == WAKE_UP ? 1 : 0].trips;
    if (trips > 0) {
        qsort(stage->trips_ns, trips, sizeof stage->trips_ns[0], by_value);
        for (unsigned i = 0; i < PERCENTILES; i++)
            out->trip_ns[i] = stage->trips_ns[(uint64_t)((double)(trips - 1) * percentiles[i] / 100)];
    }
}

void trial(const struct setup *setup, struct outcome *out)
{
    unsigned processes = setup->shape.senders + setup->shape.receivers;
    struct stage *stage = stage_new();

    *out = (struct outcome){.canary_ns[0] = canary_ns()};
    perform(setup, stage, processes);
    out->canary_ns[1] = canary_ns();
    account(setup, stage, processes);
    evaluate(setup, stage, processes, out);
    stage_free(stage);
}
