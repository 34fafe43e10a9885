/* SPDX-License-Identifier: Apache-2.0 */
/* Stops the owner of a prepared endpoint right before every access (access.h) while it puts off the end of its lease,
 * until that has passed, and then a repairer right before every one while it finds that out; the owner goes on, and
 * after it the repairer. The law: if the owner was told that the endpoint is lent for longer, then it is; if it was told
 * that it is gone, then it is.
 *
 *   leases [--part I/N]      see plan.h */
#include "access.h"
#include "plan.h"
#include "tally.h"
#include "victim.h"

#include <shmchan.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define LEASE_NS INT64_C(20000000) /* the owner is stepped to its place in a fraction of that */
#define FAILURES_MAX 6u

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

/* False: the owner had done all. */
static bool lend(struct stage *s, struct victim *owner, uint64_t owner_at)
{
    int64_t end_ns = chan_deadline(LEASE_NS);
    must("chan_lease_sender", chan_lease_sender(s->prepared, end_ns));
    bool is_there = access_step_to(owner, owner_at);
    wait_until(end_ns);
    return is_there;
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

enum { OWNER_DONE = 1, REPAIRER_DONE = 2 };

/* Returns who had done all before. */
static int run(struct stage *s, uint64_t owner_at, uint64_t repairer_at)
{
    struct victim owner, repairer;
    begin(s, &owner, &repairer);
    int done = lend(s, &owner, owner_at) ? 0 : OWNER_DONE;
    done |= access_step_to(&repairer, repairer_at) ? 0 : REPAIRER_DONE;
    s->tally.stops += 2;
    if ((owner.state != VICTIM_DONE && !victim_continue(&owner, CONTINUE_MS)) ||
        (repairer.state != VICTIM_DONE && !victim_continue(&repairer, CONTINUE_MS)))
        must("continuing the stopped", -ETIMEDOUT);
    judge(s, owner_at, repairer_at);
    finish(s, &owner, &repairer);
    return done;
}

int main(int argc, char **argv)
{
    struct plan plan;
    struct stage stage = {0};
    victim_set_up(argv);
    plan_parse(&plan, argc, argv);
    struct sight *sights =
        mmap(NULL, 2 * sizeof *sights, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sights == MAP_FAILED)
        return 2;
    stage.owner = &sights[0];
    stage.repairer = &sights[1];
    stage.tally.cases = 1;
    unsigned limit = plan.fail_fast ? 1 : FAILURES_MAX;
    for (uint64_t i = 0, done = 0; !(done & OWNER_DONE) && stage.tally.failures < limit; i++)
        for (uint64_t j = done = 0; !(done & REPAIRER_DONE) && stage.tally.failures < limit; j++)
            if (plan_takes(&plan, &stage.tally, "lease"))
                done = (uint64_t)run(&stage, i, j);
    return tally_report(&stage.tally);
}
