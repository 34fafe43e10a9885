/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a process wherever in any operation it makes a difference, and lets the others work on.
 *
 *   every_instruction [ARGUMENT...]       see plan.h
 *   every_instruction --set growable ...  in growable queues, where memory is added and given back
 *   every_instruction --sites             prints the table of docs/crash-sites.md
 *
 * It kills after each event, that is, after each change of the segment and each system call: between two of
 * them nothing changes that a survivor could see. It stops right before each access to what is shared
 * (access.h): between two of them the victim learns nothing. --all takes every instruction all the same. */
#include "course.h"
#include "plan.h"
#include "survivors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Of one case: more would say nothing new. */
#define FAILURES_MAX 6u

static void open_trial(struct trial *t, struct victim *victim, const struct scene *scene,
                       const struct operation *operation)
{
    trial_begin(t, scene, &operation, 1);
    trial_start(t, 0, victim);
}

static void close_trial(struct trial *t, struct victim *victim)
{
    victim_reap(victim);
    trial_end(t);
}

/* Observe the operation; killed after its end, it must have taken place entirely. */
static void explore(struct trial *t, const struct scene *scene, const struct operation *operation,
                    struct course *course)
{
    struct victim victim;
    open_trial(t, &victim, scene, operation);
    course_observe(course, t, &victim);
    if (course->foreign_changes)
        trial_fail(t, "the segment was changed by what is taken for no access");
    int result = t->parts[0].journal->result;
    if (result && !(result == -EAGAIN && operation->meets))
        trial_fail(t, "the operation failed: %s", chan_error_name(result));
    trial_kill(t, &victim);
    trial_where(t, ", completed");
    trial_settle(t);
    close_trial(t, &victim);
}

/* What the survivors do first. TAKE: what the victim has put into the ring comes into the hands of a
 * survivor, who does nothing more. */
enum order { REPAIR_FIRST, TAKE_FIRST, WORK_FIRST, NEWCOMERS_FIRST, ORDERS };

static void kill_at(struct trial *t, const struct scene *scene, const struct operation *operation,
                    const struct course *course, uint64_t step, enum order order)
{
    static const char *const names[ORDERS] = {"repair first", "take first", "work first", "newcomers first"};
    struct victim victim;
    open_trial(t, &victim, scene, operation);
    trial_where(t, ", killed at step %lu (%s), %s", step, course_event(course, step), names[order]);
    course_run_to(course, t, &victim, step);
    trial_kill(t, &victim);
    if (order == TAKE_FIRST && operation->role == CHAN_ROLE_SENDER)
        survivors_drain(t);
    if (order == TAKE_FIRST && operation->role == CHAN_ROLE_RECEIVER)
        (void)survivors_fill(t);
    if (order == WORK_FIRST)
        survivors_work(t, 3);
    if (order == NEWCOMERS_FIRST)
        survivors_newcomers(t);
    trial_settle(t);
    close_trial(t, &victim);
}

static void stop_at(struct trial *t, const struct scene *scene, const struct operation *operation,
                    const struct course *course, uint64_t step)
{
    struct victim victim;
    open_trial(t, &victim, scene, operation);
    trial_where(t, ", stopped at step %lu (%s)", step, course_event(course, step));
    course_run_to(course, t, &victim, step);
    t->tally.stops++;
    survivors_work_around(t);
    trial_continue(t, 0, &victim);
    trial_kill(t, &victim);
    trial_settle(t);
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
    unsigned limit = t->tally.failures + FAILURES_MAX;
    explore(t, scene, operation, course);
    t->tally.cases++;
    t->tally.instructions += course->steps;
    for (uint64_t step = 0; plan->kills && step < course->steps && t->tally.failures < limit;
         step = next_step(plan, course, step, PLACES_OF_KILLS))
        for (int order = 0; order < ORDERS; order++)
            if (plan_takes(plan, &t->tally, t->where))
                kill_at(t, scene, operation, course, step, (enum order)order);
    for (uint64_t step = 0; plan->stops && step < course->steps && t->tally.failures < limit;
         step = next_step(plan, course, step, PLACES_OF_STOPS))
        if (plan_takes(plan, &t->tally, t->where))
            stop_at(t, scene, operation, course, step);
    if (plan->verbose) {
        char name[SCENE_NAME_BYTES];
        scene_name(scene, name);
        printf("%-24s %-40s %6lu instructions %4u events\n", operation->name, name, course->steps,
               course->event_count);
    }
}

#define N CHAN_MANY
#define I CHAN_ONE

static const struct scene scenes[] = {
    {.messages = 2},
    {.messages = 2, .queued = 1},
    {.messages = 2, .queued = 2},
    {.messages = 3, .queued = 1, .laps = 7},
    {.messages = 1},
    {.messages = 1, .queued = 1},
    {.messages = 1, .queued = 1, .laps = 3},
    {.messages = 2, .queued = 1, .large = true},
    {.messages = 2, .queued = 2, .laps = 3, .large = true},
    {.messages = 2, .laps = 1, .large = true},
    {.messages = 2, .queued = 1, .lifetime = CHAN_DURABLE},
    {.messages = 2, .queued = 1, .orphan = ORPHAN_OWN},
    {.messages = 2, .queued = 1, .orphan = ORPHAN_ELSEWHERE},
    {.messages = 2, .queued = 1, .orphan = ORPHAN_ELSEWHERE, .large = true},
    {.messages = 2, .queued = 1, .alone = true},
    {.messages = 2, .alone = true},
    {.messages = 2, .queued = 1, .senders = I, .alone = true},
    {.messages = 2, .queued = 1, .receivers = I, .alone = true},
    {.messages = 2, .queued = 1, .senders = I, .receivers = I, .alone = true},
    {.messages = 2,
     .queued = 1,
     .laps = 3,
     .senders = I,
     .receivers = I,
     .alone = true,
     .lifetime = CHAN_DURABLE},
    {.messages = 2,
     .queued = 1,
     .laps = 3,
     .receivers = I,
     .alone = true,
     .lifetime = CHAN_DURABLE,
     .large = true},
    {.messages = 2, .queued = 1, .orphan = ORPHAN_TAKEN},
    {.messages = 1, .queued = 1, .orphan = ORPHAN_TAKEN},
    {.messages = 2, .queued = 1, .max_deliveries = 1},
    {.messages = 2, .queued = 1, .max_deliveries = 2, .large = true},
    {.messages = 2, .queued = 1, .max_deliveries = 1, .orphan = ORPHAN_OWN},
    {.messages = 2, .queued = 1, .max_deliveries = 1, .orphan = ORPHAN_ELSEWHERE, .large = true},
    {.messages = 2, .queued = 1, .max_deliveries = 2, .orphan = ORPHAN_ELSEWHERE},
    {.messages = 2, .fair = true},
    {.messages = 3, .queued = 1, .laps = 7, .fair = true},
    {.messages = 1, .fair = true},
    {.messages = 2, .queued = 1, .alone = true, .fair = true},
    {.messages = 3, .queued = 1, .lifetime = CHAN_DURABLE, .senders = I, .alone = true, .fair = true},
    {.messages = 2, .laps = 1, .large = true, .fair = true},
    {.messages = 2, .queued = 1, .wraps = true},
    {.messages = 1, .queued = 1, .wraps = true, .large = true},
    {.messages = 2, .queued = 1, .orphan = ORPHAN_ELSEWHERE, .wraps = true},
    {.messages = 0},
    {.messages = 0, .large = true},
    {.messages = 0, .lifetime = CHAN_DURABLE},
    {.messages = 0, .alone = true},
    {.messages = 0, .senders = I, .receivers = I, .alone = true, .lifetime = CHAN_DURABLE},
};

/* Of the first step of memory there is room for one message, or for none: the next one adds a step, and the last one
 * received gives it back. */
static const struct scene growing_scenes[] = {
    {.messages = 3, .occupied = 62},
    {.messages = 3, .occupied = 62, .queued = 1, .laps = 2},
    {.messages = 3, .occupied = 64},
    {.messages = 3, .occupied = 64, .queued = 1},
    {.messages = 3, .occupied = 64, .queued = 2, .lifetime = CHAN_DURABLE},
    {.messages = 3, .occupied = 64, .queued = 1, .orphan = ORPHAN_ELSEWHERE},
};

struct scenes {
    const struct scene *scenes;
    unsigned count;
    uint32_t kind; /* of those that have messages */
    bool large;
};

static struct scenes choose_scenes(const struct plan *plan)
{
    if (plan->set && !strcmp(plan->set, "growable"))
        return (struct scenes){growing_scenes, sizeof growing_scenes / sizeof growing_scenes[0],
                               CHAN_GROWABLE, true};
    return (struct scenes){scenes, sizeof scenes / sizeof scenes[0], CHAN_QUEUE, false};
}

/* What the survivors found after the victim was killed at a place. */
static void describe_outcome(const struct trial *t, char *text, size_t capacity)
{
    const struct part *part = &t->parts[0];
    uint32_t sent = 0;
    for (uint32_t i = 0; i < part->operation->sends; i++)
        sent += t->delivered[part->actor.first_id + i];
    if (part->operation->sends)
        snprintf(text, capacity, sent ? "%u sent" : "nothing sent", sent);
    else if (t->gone)
        snprintf(text, capacity, "%u gone with the victim", t->gone);
    else if (t->given_back)
        snprintf(text, capacity, "given back");
    else
        snprintf(text, capacity, part->operation->needs ? "still queued" : "as if it had not been there");
}

/* The table of crash sites: for each operation, in one state, the shared writes and system calls in their
 * order. */
static void print_sites(struct trial *t, const struct scene *scene, const struct operation *operation,
                        struct course *course)
{
    char before[160] = "";
    explore(t, scene, operation, course);
    for (uint64_t step = 0; step < course->steps; step = course_next(course, step, PLACES_OF_KILLS)) {
        char outcome[60], row[160];
        kill_at(t, scene, operation, course, step, REPAIR_FIRST);
        describe_outcome(t, outcome, sizeof outcome);
        snprintf(row, sizeof row, "| %s | %s | %s |", operation->name, course_event(course, step), outcome);
        if (strcmp(row, before))
            puts(row);
        memcpy(before, row, sizeof before);
    }
}

int main(int argc, char **argv)
{
    struct plan plan;
    struct trial trial = {0};
    struct course *course = course_new();
    victim_set_up(argv);
    plan_parse(&plan, argc, argv);
    struct scenes set = choose_scenes(&plan);
    for (unsigned o = 0; o < operation_count; o++) {
        for (unsigned s = 0; s < set.count; s++) {
            char name[SCENE_NAME_BYTES];
            struct scene scene = set.scenes[s];
            scene.kind = set.kind;
            scene.large |= set.large;
            scene_name(&scene, name);
            if (!plan_wants(plan.operation, operations[o].name) || !plan_wants(plan.scene, name) ||
                !operation_fits(&operations[o], &scene))
                continue;
            if (plan.sites) {
                print_sites(&trial, &scene, &operations[o], course);
                break;
            }
            run_case(&trial, &scene, &operations[o], &plan, course);
            fflush(stdout);
        }
    }
    course_free(course);
    return plan.sites ? trial.tally.failures != 0 : tally_report(&trial.tally);
}
