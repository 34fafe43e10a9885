/* SPDX-License-Identifier: Apache-2.0 */
/* Stops the owner of a prepared endpoint wherever it puts off the end of its lease, until that has passed, and then
 * a repairer wherever it finds that out; the owner goes on, and after it the repairer. The law: if the owner was told that
 * the endpoint is lent for longer, then it is; if it was told that it is gone, then it is.
 *
 *   leases [--all]      at every instruction of both, not only at some */
#include "tally.h"
#include "victim.h"

#include <shmchan.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define LEASE_NS INT64_C(2000000) /* the owner gets to its place in a tenth of that */
#define FAILURES_MAX 6u

/* Unless all are tried: every so many instructions of each, of the repairer from so many before the endpoint counts as
 * dead; those from its look at the clock on are fewer. */
#define STRIDE_OF_OWNER 3u
#define STRIDE_OF_REPAIRER 7u
#define VERDICT_TAKES 120u

struct sight {
    int phase;
    int result;
};

struct stage {
    struct chan *ch;
    struct chan_sender *prepared; /* the owner's is its own copy */
    struct sight *owner, *repairer;
    struct tally tally;
};

static void put_off(void *stage)
{
    struct stage *s = stage;
    victim_enter(&s->owner->phase);
    s->owner->result = chan_lease_sender(s->prepared, CHAN_FOREVER);
    victim_leave(&s->owner->phase);
}

static void repair(void *stage)
{
    struct stage *s = stage;
    struct chan_repair_report report;
    victim_enter(&s->repairer->phase);
    s->repairer->result = chan_repair(s->ch, 0, &report);
    victim_leave(&s->repairer->phase);
}

static void must(const char *what, int result)
{
    if (!result)
        return;
    fprintf(stderr, "harness: %s: %s\n", what, chan_error_name(result));
    abort();
}

static void wait_until(int64_t then_ns)
{
    struct timespec then = {.tv_sec = then_ns / 1000000000, .tv_nsec = then_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL))
        continue;
}

static void step_to(struct victim *victim, uint64_t place)
{
    while (victim->steps < place && victim_step(victim))
        continue;
}

static void judge(struct stage *s, uint64_t owner_at, uint64_t repairer_at)
{
    struct chan_repair_report report;
    int told = s->owner->result;
    must("the repairer", s->repairer->result);
    must("chan_repair", chan_repair(s->ch, 0, &report));
    unsigned there = chan_senders(s->ch), expected = !told;
    if ((!told || told == -ENOENT) && there == expected)
        return;
    s->tally.failures++;
    fprintf(stderr, "FAULT: owner at %lu, repairer at %lu: told %s, endpoints %u\n", owner_at, repairer_at,
            chan_error_name(told), there);
}

static void begin(struct stage *s, struct victim *owner, struct victim *repairer)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.endpoints = 2;
    *s->owner = *s->repairer = (struct sight){0};
    must("chan_create_anonymous", chan_create_anonymous(&options, &s->ch));
    must("chan_prepare_sender", chan_prepare_sender(s->ch, 0, &s->prepared));
    victim_start(owner, put_off, s, &s->owner->phase);
    victim_start(repairer, repair, s, &s->repairer->phase);
}

static void lend(struct stage *s, struct victim *owner, uint64_t owner_at)
{
    int64_t end_ns = chan_deadline(LEASE_NS);
    must("chan_lease_sender", chan_lease_sender(s->prepared, end_ns));
    step_to(owner, owner_at);
    wait_until(end_ns);
}

static void finish(struct stage *s, struct victim *owner, struct victim *repairer)
{
    victim_kill(owner);
    victim_kill(repairer);
    victim_reap(owner);
    victim_reap(repairer);
    chan_close_sender(s->prepared);
    chan_close(s->ch);
}

/* How many instructions the owner takes. */
static uint64_t observe_owner(struct stage *s)
{
    struct victim owner, repairer;
    begin(s, &owner, &repairer);
    lend(s, &owner, UINT64_MAX);
    finish(s, &owner, &repairer);
    return owner.steps;
}

/* How many the repairer takes until nobody counts the endpoint any more. */
static uint64_t observe_repairer(struct stage *s)
{
    struct victim owner, repairer;
    begin(s, &owner, &repairer);
    lend(s, &owner, 0);
    while (chan_senders(s->ch) && victim_step(&repairer))
        continue;
    finish(s, &owner, &repairer);
    return repairer.steps;
}

static void run(struct stage *s, uint64_t owner_at, uint64_t repairer_at)
{
    struct victim owner, repairer;
    begin(s, &owner, &repairer);
    lend(s, &owner, owner_at);
    step_to(&repairer, repairer_at);
    s->tally.stops += 2;
    if ((owner.state != VICTIM_DONE && !victim_continue(&owner, CONTINUE_MS)) ||
        (repairer.state != VICTIM_DONE && !victim_continue(&repairer, CONTINUE_MS)))
        must("continuing the stopped", -ETIMEDOUT);
    judge(s, owner_at, repairer_at);
    s->tally.cases++;
    finish(s, &owner, &repairer);
}

int main(int argc, char **argv)
{
    victim_set_up(argv);
    bool all = argc > 1 && !strcmp(argv[1], "--all");
    struct stage stage = {0};
    struct sight *sights =
        mmap(NULL, 2 * sizeof *sights, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sights == MAP_FAILED)
        return 2;
    stage.owner = &sights[0];
    stage.repairer = &sights[1];
    uint64_t owner_steps = observe_owner(&stage), repairer_steps = observe_repairer(&stage);
    uint64_t first = all || repairer_steps < VERDICT_TAKES ? 0 : repairer_steps - VERDICT_TAKES;
    for (uint64_t i = 0; i <= owner_steps; i += all ? 1 : STRIDE_OF_OWNER)
        for (uint64_t j = first; j <= repairer_steps && stage.tally.failures < FAILURES_MAX;
             j += all ? 1 : STRIDE_OF_REPAIRER)
            run(&stage, i, j);
    stage.tally.instructions = owner_steps + repairer_steps;
    return tally_report(&stage.tally);
}
