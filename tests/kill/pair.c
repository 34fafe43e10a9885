/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing two victims to their places, and to their ends. */
#include "pair.h"

#include <stdio.h>

/* Of one pair: more would say nothing new. */
#define FAILURES_MAX 6u

const char *const ending_names[ENDINGS] = {"both-killed",     "killed-together", "second-continued",
                                           "first-continued", "both-continued",  "first-killed-last"};

static bool first_is_killed_early(enum ending ending)
{
    return ending == BOTH_KILLED || ending == SECOND_CONTINUED;
}

/* Bring the first to its place, and start the second. */
static void open_trial(struct trial *t, struct victim victims[2], const struct pair *pair,
                       const struct course *first, uint64_t step)
{
    pair->company->begin(t, pair);
    trial_where(t, ", %s, first at %lu (%s)", ending_names[pair->ending], step, course_event(first, step));
    pair->company->start(t, pair, victims, 0);
    course_run_to(first, t, &victims[0], step);
    t->tally.stops += !first_is_killed_early(pair->ending);
    if (first_is_killed_early(pair->ending))
        trial_kill(t, &victims[0]);
    pair->company->look(t, 0);
    pair->company->start(t, pair, victims, 1);
}

static void close_trial(struct trial *t, struct victim victims[2], const struct pair *pair)
{
    victim_reap(&victims[0]);
    victim_reap(&victims[1]);
    pair->company->end(t);
}

static void go_on(struct trial *t, struct victim *victim, unsigned number, const struct company *company)
{
    company->go_on(t, number, victim);
    company->look(t, number);
    trial_kill(t, victim);
}

static void replace_second(struct trial *t, const struct company *company)
{
    struct chan_repair_report report;
    t->tally.stops++;
    trial_must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    company->newcomer(t);
}

/* The second is at its place. */
static void finish(struct trial *t, struct victim victims[2], const struct pair *pair)
{
    const struct company *company = pair->company;
    enum ending ending = pair->ending;
    if (ending == KILLED_TOGETHER)
        trial_kill(t, &victims[0]);
    if (ending != SECOND_CONTINUED && ending != BOTH_CONTINUED)
        trial_kill(t, &victims[1]);
    company->look(t, 1);
    if (ending == FIRST_KILLED_LAST) {
        replace_second(t, company);
        trial_kill(t, &victims[0]);
    } else if (ending == BOTH_KILLED || ending == KILLED_TOGETHER) {
        company->work(t);
    } else {
        unsigned dead = 0;
        t->tally.stops++;
        if (ending == SECOND_CONTINUED)
            dead = company->records(t, 0);
        if (ending == FIRST_CONTINUED)
            dead = company->records(t, 1);
        company->work_around(t, dead);
    }
    if (ending == FIRST_CONTINUED || ending == BOTH_CONTINUED)
        go_on(t, &victims[0], 0, company);
    if (ending == SECOND_CONTINUED || ending == BOTH_CONTINUED)
        go_on(t, &victims[1], 1, company);
    company->settle(t);
}

static enum places places_of(bool goes_on, bool milestones)
{
    return milestones ? PLACES_AT_MILESTONES : goes_on ? PLACES_AROUND_EVENTS : PLACES_OF_KILLS;
}

/* All places of the second for one place of the first. */
static void run_second(struct trial *t, const struct pair *pair, const struct course *first, uint64_t step,
                       struct course *second, bool milestones)
{
    struct victim victims[2];
    bool goes_on = pair->ending == SECOND_CONTINUED || pair->ending == BOTH_CONTINUED;
    enum places places = places_of(goes_on, milestones);
    open_trial(t, victims, pair, first, step);
    course_observe(second, t, &victims[1]);
    t->tally.instructions += second->steps;
    trial_kill(t, &victims[0]);
    trial_kill(t, &victims[1]);
    pair->company->look(t, 1);
    pair->company->settle(t);
    close_trial(t, victims, pair);
    for (uint64_t at = 0; at < second->steps; at = course_next(second, at, places)) {
        open_trial(t, victims, pair, first, step);
        trial_where(t, ", second at %lu (%s)", at, course_event(second, at));
        course_run_to(second, t, &victims[1], at);
        finish(t, victims, pair);
        close_trial(t, victims, pair);
    }
}

void pair_observe_first(struct trial *t, const struct pair *pair, struct course *course)
{
    struct victim victims[2];
    pair->company->begin(t, pair);
    pair->company->start(t, pair, victims, 0);
    course_observe(course, t, &victims[0]);
    trial_kill(t, &victims[0]);
    pair->company->look(t, 0);
    pair->company->start(t, pair, victims, 1);
    trial_kill(t, &victims[1]);
    pair->company->look(t, 1);
    pair->company->settle(t);
    close_trial(t, victims, pair);
}

void pair_run(struct trial *t, const struct pair *pair, const struct course *first, struct course *second,
              struct plan *plan)
{
    unsigned limit = t->tally.failures + FAILURES_MAX;
    bool goes_on = pair->ending == FIRST_CONTINUED || pair->ending == BOTH_CONTINUED;
    enum places places = places_of(goes_on, plan->milestones);
    t->tally.cases++;
    for (uint64_t step = 0; step < first->steps && t->tally.failures < limit;
         step = course_next(first, step, places))
        if (plan_takes(plan, &t->tally, t->where))
            run_second(t, pair, first, step, second, plan->milestones);
    fflush(stdout);
}
