/* SPDX-License-Identifier: Apache-2.0 */
/* Three victims: the first is killed in the middle of an operation; the second is stopped in the middle of
 * repairing it; others finish the repair, and the third is given the first one's record and stopped in the
 * middle of an operation of its own. Then the stale repairer goes on: nothing happens to the third, which
 * goes on after it.
 *
 *   reuse [ARGUMENT...]       see plan.h; a place is one of the first with one of the second
 *
 * --operation is the first one's, --third the third one's. Without --all only some scenes are tried; with --milestones,
 * only the places of pairs.c of that name. */
#include "course.h"
#include "plan.h"
#include "survivors.h"

#include <stdio.h>
#include <string.h>

/* Of one case: more would say nothing new. */
#define FAILURES_MAX 6u

#define DEAD 0
#define REPAIRER 1
#define NEWCOMER 2

static const char *const dead_ones[] = {"send",         "reserve+commit",       "recv", "recv_view",
                                        "view+release", "close receiver, view", NULL};
static const char *const newcomers[] = {"send",         "reserve+commit",  "recv", "recv_view",
                                        "view+release", "attach receiver", NULL};

static const struct scene scenes[] = {
    {.messages = 2, .queued = 1, .wraps = true},
    {.messages = 2, .queued = 1, .large = true},
    {.messages = 2, .queued = 1},
    {.messages = 2, .queued = 1, .large = true, .wraps = true},
    {.messages = 1, .queued = 1},
    {.messages = 1},
};

#define SCENES_BY_DEFAULT 2u

/* One combination of operations, and where the three are left. */
struct reuse {
    const struct scene *scene;
    const struct operation *operations[PARTS_MAX];
    struct course *courses[PARTS_MAX];
    uint64_t places[PARTS_MAX];
    bool milestones; /* only there */
    struct victim victims[PARTS_MAX];
};

static uint64_t next_place(const struct reuse *r, unsigned number)
{
    enum places places = number == DEAD ? PLACES_OF_KILLS : PLACES_AROUND_EVENTS;
    return course_next(r->courses[number], r->places[number], r->milestones ? PLACES_AT_MILESTONES : places);
}

static void leave_at_place(struct trial *t, struct reuse *r, unsigned number)
{
    course_run_to(r->courses[number], t, &r->victims[number], r->places[number]);
    trial_where(t, ", %s at %lu (%s)", r->operations[number]->name, r->places[number],
                course_event(r->courses[number], r->places[number]));
}

static void open_trial(struct trial *t, struct reuse *r)
{
    trial_begin(t, r->scene, r->operations, r->operations[NEWCOMER] ? PARTS_MAX : NEWCOMER);
    trial_start(t, DEAD, &r->victims[DEAD]);
}

/* The first is at its place: kill it, and start the second. */
static void open_repair(struct trial *t, struct reuse *r)
{
    open_trial(t, r);
    leave_at_place(t, r, DEAD);
    trial_kill(t, &r->victims[DEAD]);
    trial_start(t, REPAIRER, &r->victims[REPAIRER]);
}

/* The second is at its place: others do the rest, and make room or bring messages for the third, which gets
 * the record. */
static void open_reuse(struct trial *t, struct reuse *r)
{
    struct chan_repair_report report;
    open_repair(t, r);
    leave_at_place(t, r, REPAIRER);
    t->tally.stops++;
    trial_must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    survivors_drain(t);
    for (uint32_t i = 0; i < r->operations[NEWCOMER]->needs; i++)
        trial_must(t, "feeding the newcomer", survivors_send(t, t->tx));
    trial_start(t, NEWCOMER, &r->victims[NEWCOMER]);
}

static void close_trial(struct trial *t, struct reuse *r)
{
    trial_kill(t, &r->victims[REPAIRER]);
    trial_kill(t, &r->victims[NEWCOMER]);
    trial_settle(t);
    for (unsigned i = 0; i < PARTS_MAX; i++)
        victim_reap(&r->victims[i]);
    trial_end(t);
}

/* All places of the third. */
static void run_newcomer(struct trial *t, struct reuse *r)
{
    const struct course *course = r->courses[NEWCOMER];
    open_reuse(t, r);
    course_observe(r->courses[NEWCOMER], t, &r->victims[NEWCOMER]);
    trial_continue(t, REPAIRER, &r->victims[REPAIRER]);
    close_trial(t, r);
    for (r->places[NEWCOMER] = 0; r->places[NEWCOMER] < course->steps;
         r->places[NEWCOMER] = next_place(r, NEWCOMER)) {
        open_reuse(t, r);
        leave_at_place(t, r, NEWCOMER);
        t->tally.stops++;
        trial_continue(t, REPAIRER, &r->victims[REPAIRER]);
        /* Whatever the repairer took away from the newcomer goes to others now. */
        survivors_drain(t);
        for (uint32_t i = 0; i < r->operations[NEWCOMER]->needs; i++)
            trial_must(t, "feeding the newcomer", survivors_send(t, t->tx));
        trial_continue(t, NEWCOMER, &r->victims[NEWCOMER]);
        close_trial(t, r);
    }
}

static void run_newcomers(struct trial *t, struct reuse *r, struct plan *plan)
{
    for (const char *const *name = newcomers; *name; name++) {
        r->operations[NEWCOMER] = operation_find(*name);
        if (plan_wants(plan->third, *name) && plan_takes(plan, &t->tally, t->where))
            run_newcomer(t, r);
    }
    r->operations[NEWCOMER] = NULL;
}

/* All places of the second, that is, of the repair. */
static void run_repairer(struct trial *t, struct reuse *r, struct plan *plan)
{
    const struct course *course = r->courses[REPAIRER];
    unsigned limit = t->tally.failures + FAILURES_MAX;
    open_repair(t, r);
    course_observe(r->courses[REPAIRER], t, &r->victims[REPAIRER]);
    trial_kill(t, &r->victims[REPAIRER]);
    trial_settle(t);
    victim_reap(&r->victims[DEAD]);
    victim_reap(&r->victims[REPAIRER]);
    trial_end(t);
    for (r->places[REPAIRER] = 0; r->places[REPAIRER] < course->steps && t->tally.failures < limit;
         r->places[REPAIRER] = next_place(r, REPAIRER))
        run_newcomers(t, r, plan);
}

static void run_case(struct trial *t, struct reuse *r, struct plan *plan)
{
    const struct course *course = r->courses[DEAD];
    unsigned limit = t->tally.failures + FAILURES_MAX;
    open_trial(t, r);
    course_observe(r->courses[DEAD], t, &r->victims[DEAD]);
    trial_kill(t, &r->victims[DEAD]);
    trial_settle(t);
    victim_reap(&r->victims[DEAD]);
    trial_end(t);
    t->tally.cases++;
    t->tally.instructions += course->steps;
    for (r->places[DEAD] = 0; r->places[DEAD] < course->steps && t->tally.failures < limit;
         r->places[DEAD] = next_place(r, DEAD))
        run_repairer(t, r, plan);
    fflush(stdout);
}

static void run_scene(struct trial *t, struct reuse *r, struct plan *plan)
{
    for (const char *const *name = dead_ones; *name; name++) {
        r->operations[DEAD] = operation_find(*name);
        if (plan_wants(plan->operation, *name) && operation_fits(r->operations[DEAD], r->scene))
            run_case(t, r, plan);
    }
}

int main(int argc, char **argv)
{
    struct plan plan;
    struct trial trial = {0};
    struct reuse reuse = {.operations = {[REPAIRER] = operation_find("repair")}};
    victim_set_up(argv);
    plan_parse(&plan, argc, argv);
    reuse.milestones = plan.milestones;
    for (unsigned i = 0; i < PARTS_MAX; i++)
        reuse.courses[i] = course_new();
    for (unsigned s = 0; s < sizeof scenes / sizeof scenes[0]; s++) {
        char name[SCENE_NAME_BYTES];
        scene_name(&scenes[s], name);
        reuse.scene = &scenes[s];
        if (plan.scene ? plan_wants(plan.scene, name) : plan.all || s < SCENES_BY_DEFAULT)
            run_scene(&trial, &reuse, &plan);
    }
    for (unsigned i = 0; i < PARTS_MAX; i++)
        course_free(reuse.courses[i]);
    return tally_report(&trial.tally);
}
