/* SPDX-License-Identifier: Apache-2.0 */
/* Kills a process after every event of what it does in a broadcast, or stops it before every access, and lets the others work on: every message
 * that was sent reaches the surviving receiver, once, whole and in order, and nobody is held up by the dead, nor, unless
 * senders wait for receivers, by the stopped.
 *
 *   broadcast [ARGUMENT...]       see plan.h */
#include "audience.h"
#include "course.h"
#include "plan.h"

#include <errno.h>
#include <stdio.h>

#define FAILURES_MAX 6u

/* ---- operations that only broadcasts have ---- */

/* Sends over what the victim has not read. */
static void prepare_gap(struct actor *a)
{
    struct chan_sender *tx;
    if (chan_attach_sender(a->ch, CHAN_NO_SPIN, &tx))
        return;
    for (uint32_t i = 0; i < a->scene->messages + 2; i++)
        (void)!chan_try_send(tx, FILLER, FILLER_BYTES);
    chan_close_sender(tx);
}

static int run_lagged(struct actor *a)
{
    struct journal *j = a->journal;
    int result = chan_recv(a->rx, j->buffer[0], sizeof j->buffer[0], &j->sizes[0]);
    return result == -EOVERFLOW ? 0 : result ? result : -EPROTO;
}

static int run_resubscribe(struct actor *a)
{
    return chan_resubscribe(a->rx);
}

static const struct operation lagged = {
    .name = "recv, lagged", .role = CHAN_ROLE_RECEIVER, .prepare = prepare_gap, .run = run_lagged};
static const struct operation resubscribed = {
    .name = "resubscribe", .role = CHAN_ROLE_RECEIVER, .needs = 1, .run = run_resubscribe};

static const char *const shared_operations[] = {
    "send",
    "send_many",
    "reserve+commit",
    "reserve+abort",
    "recv",
    "recv_many",
    "recv_view",
    "view+release",
    "release",
    "attach sender",
    "attach receiver",
    "clone receiver",
    "prepare+adopt receiver",
    "close sender",
    "close sender, loan",
    "close receiver",
    "close receiver, view",
    "shutdown",
    "repair",
};

#define L CHAN_LAG
#define B CHAN_BLOCK

static const struct scene scenes[] = {
    {.overflow = L, .messages = 3},
    {.overflow = L, .messages = 3, .laps = 5},
    {.overflow = L, .messages = 1, .laps = 1},
    {.overflow = L, .messages = 2, .laps = 3, .large = true},
    {.overflow = L, .messages = 2, .laps = 1, .lifetime = CHAN_DURABLE},
    {.overflow = L, .messages = 2, .laps = 1, .wraps = true},
    {.overflow = L, .messages = 2, .alone = true},
    {.overflow = B, .messages = 2},
    {.overflow = B, .messages = 3, .laps = 7},
    {.overflow = B, .messages = 1, .laps = 3},
    {.overflow = B, .messages = 2, .laps = 3, .large = true},
    {.overflow = B, .messages = 2, .laps = 1, .wraps = true, .large = true},
    {.overflow = B, .messages = 2, .alone = true},
};

static bool fits(const struct operation *o, const struct scene *s)
{
    if (o->orphan || (s->overflow == B && o == &lagged) || (o == &lagged && s->large))
        return false;
    /* The survivor that looks on is to miss nothing. */
    if (s->overflow == L && o->sends > s->messages)
        return false;
    /* A victim that is the only receiver: nobody else can say what was sent. */
    return !s->alone || (o->role == CHAN_ROLE_SENDER && !s->laps) || o == operation_find("close receiver") ||
           o == operation_find("attach receiver");
}

/* ---- a trial ---- */

static bool receives(const struct operation *o)
{
    return o->role == CHAN_ROLE_RECEIVER;
}

static void open_trial(struct trial *t, struct victim *victim, const struct scene *scene,
                       const struct operation *operation)
{
    trial_begin(t, scene, &operation, 1);
    trial_start(t, 0, victim);
    audience_drain(t, operation == &lagged);
}

static void close_trial(struct trial *t, struct victim *victim)
{
    victim_reap(victim);
    trial_end(t);
}

static void explore(struct trial *t, const struct scene *scene, const struct operation *operation,
                    struct course *course)
{
    struct victim victim;
    open_trial(t, &victim, scene, operation);
    course_observe(course, t, &victim);
    if (course->foreign_changes)
        trial_fail(t, "the segment was changed by what is taken for no access");
    if (t->parts[0].journal->result)
        trial_fail(t, "the operation failed: %s", chan_error_name(t->parts[0].journal->result));
    trial_kill(t, &victim);
    trial_where(t, ", completed");
    audience_settle(t);
    close_trial(t, &victim);
}

enum order { REPAIR_FIRST, WORK_FIRST, NEWCOMERS_FIRST, ORDERS };

static void kill_at(struct trial *t, const struct scene *scene, const struct operation *operation,
                    const struct course *course, uint64_t step, enum order order)
{
    static const char *const names[ORDERS] = {"repair first", "work first", "newcomers first"};
    struct victim victim;
    open_trial(t, &victim, scene, operation);
    trial_where(t, ", killed at step %lu (%s), %s", step, course_event(course, step), names[order]);
    course_run_to(course, t, &victim, step);
    trial_kill(t, &victim);
    audience_drain(t, operation == &lagged);
    if (order == WORK_FIRST)
        audience_work(t, 3 * scene->messages, receives(operation));
    if (order == NEWCOMERS_FIRST)
        audience_newcomers(t); /* attaching repairs */
    audience_settle(t);
    close_trial(t, &victim);
}

/* Where senders wait a stopped receiver may hold them up, and must not miss anything; a sender holds up nobody. */
static void stop_at(struct trial *t, const struct scene *scene, const struct operation *operation,
                    const struct course *course, uint64_t step)
{
    struct chan_repair_report report;
    struct victim victim;
    open_trial(t, &victim, scene, operation);
    trial_where(t, ", stopped at step %lu (%s)", step, course_event(course, step));
    course_run_to(course, t, &victim, step);
    t->tally.stops++;
    bool holds_up = receives(operation) && scene->overflow == B;
    audience_drain(t, operation == &lagged);
    audience_work(t, 2 * scene->messages + 1, holds_up);
    trial_must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    if (report.dead)
        trial_fail(t, "a stopped victim is taken for dead");
    bool overtaken = receives(operation) && scene->overflow == L && operation->needs;
    if (!victim_continue(&victim, 3000))
        trial_fail(t, "after being continued the victim does not finish");
    int result = t->parts[0].journal->result;
    if (result && !(overtaken && result == -EOVERFLOW))
        trial_fail(t, "after being continued the operation failed: %s", chan_error_name(result));
    trial_kill(t, &victim);
    audience_drain(t, false);
    audience_settle(t);
    close_trial(t, &victim);
}

static uint64_t next_step(const struct plan *plan, const struct course *course, uint64_t step,
                          enum places places)
{
    if (plan->step)
        return step < plan->step ? plan->step : UINT64_MAX;
    return plan->all ? step + 1 : course_next(course, step, places);
}

static void run_case(struct trial *t, const struct scene *scene, const struct operation *operation,
                     struct plan *plan, struct course *course)
{
    char name[SCENE_NAME_BYTES];
    scene_name(scene, name);
    if (!plan_wants(plan->operation, operation->name) || !plan_wants(plan->scene, name) ||
        !fits(operation, scene))
        return;
    unsigned limit = t->tally.failures + FAILURES_MAX;
    explore(t, scene, operation, course);
    t->tally.cases++;
    t->tally.instructions += course->steps;
    for (uint64_t step = 0; plan->kills && step < course->steps && t->tally.failures < limit;
         step = next_step(plan, course, step, PLACES_OF_KILLS))
        for (int order = 0; order < ORDERS; order++)
            if (plan_takes(plan, &t->tally, t->where))
                kill_at(t, scene, operation, course, step, (enum order)order);
    for (uint64_t step = 0; plan->stops && !scene->alone && step < course->steps && t->tally.failures < limit;
         step = next_step(plan, course, step, PLACES_OF_STOPS))
        if (plan_takes(plan, &t->tally, t->where))
            stop_at(t, scene, operation, course, step);
    if (plan->verbose)
        printf("%-24s %-40s %6lu instructions %4u events\n", operation->name, name, course->steps,
               course->event_count);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct plan plan;
    struct trial trial = {0};
    struct course *course = course_new();
    victim_set_up(argv);
    plan_parse(&plan, argc, argv);
    for (unsigned s = 0; s < sizeof scenes / sizeof scenes[0]; s++) {
        struct scene scene = scenes[s];
        scene.kind = CHAN_BROADCAST;
        for (unsigned o = 0; o < sizeof shared_operations / sizeof shared_operations[0]; o++)
            run_case(&trial, &scene, operation_find(shared_operations[o]), &plan, course);
        run_case(&trial, &scene, &lagged, &plan, course);
        run_case(&trial, &scene, &resubscribed, &plan, course);
    }
    course_free(course);
    return tally_report(&trial.tally);
}
