/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a process at every instruction of every operation and lets the others work on.
 *
 *   every_instruction [--all] [--kill | --stop] [--operation NAME] [--scene NAME] [--step K] [--verbose]
 *   every_instruction --sites     prints the table of docs/crash-sites.md
 *
 * By default it kills after each event, that is, after each change of the segment and each system call:
 * between two of them nothing changes that a survivor could see. It stops, in addition, right before each
 * event, when everything has been read that the next change depends on. --all takes every instruction
 * instead. */
#include "course.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of one case: more would say nothing new. */
#define FAILURES_MAX 6u

struct options {
    bool all, kill, stop, verbose, sites;
    const char *operation, *scene;
    uint64_t step;
};

struct tally {
    uint64_t cases, instructions, events, trials;
};

static void open_trial(struct trial *t, struct victim *victim, const struct scene *scene,
                       const struct operation *operation)
{
    trial_begin(t, scene, operation, NULL);
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
    if (t->parts[0].journal->result)
        trial_fail(t, "the operation failed: %s", chan_error_name(t->parts[0].journal->result));
    victim_kill(&victim);
    trial_where(t, ", completed");
    trial_settle(t);
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
    victim_kill(&victim);
    if (order == WORK_FIRST)
        trial_work(t, 3);
    if (order == NEWCOMERS_FIRST)
        trial_newcomers(t);
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
    trial_work_around(t);
    trial_continue(t, 0, &victim);
    victim_kill(&victim);
    trial_settle(t);
    close_trial(t, &victim);
}

static uint64_t next_step(const struct options *options, const struct course *course, uint64_t step,
                          bool stop)
{
    if (options->step)
        return step < options->step ? options->step : UINT64_MAX;
    return options->all ? step + 1 : course_next(course, step, stop);
}

static void run_case(struct trial *t, const struct scene *scene, const struct operation *operation,
                     const struct options *options, struct course *course, struct tally *tally)
{
    unsigned limit = t->failures + FAILURES_MAX;
    explore(t, scene, operation, course);
    tally->cases++;
    tally->instructions += course->steps;
    tally->events += course->event_count;
    for (uint64_t step = 0; options->kill && step < course->steps && t->failures < limit;
         step = next_step(options, course, step, false)) {
        for (int order = 0; order < ORDERS; order++)
            kill_at(t, scene, operation, course, step, (enum order)order);
        tally->trials += ORDERS;
    }
    for (uint64_t step = 0; options->stop && step < course->steps && t->failures < limit;
         step = next_step(options, course, step, true)) {
        stop_at(t, scene, operation, course, step);
        tally->trials++;
    }
    if (options->verbose) {
        char name[80];
        scene_name(scene, name, sizeof name);
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
};

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
    for (uint64_t step = 0; step < course->steps; step = course_next(course, step, false)) {
        char outcome[60], row[160];
        kill_at(t, scene, operation, course, step, REPAIR_FIRST);
        describe_outcome(t, outcome, sizeof outcome);
        snprintf(row, sizeof row, "| %s | %s | %s |", operation->name, course_event(course, step), outcome);
        if (strcmp(row, before))
            puts(row);
        memcpy(before, row, sizeof before);
    }
}

static void parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(argv[i], "--all")) {
            o->all = true;
        } else if (!strcmp(argv[i], "--kill")) {
            o->kill = true;
        } else if (!strcmp(argv[i], "--stop")) {
            o->stop = true;
        } else if (!strcmp(argv[i], "--sites")) {
            o->sites = true;
        } else if (!strcmp(argv[i], "--verbose")) {
            o->verbose = true;
        } else if (value && !strcmp(argv[i], "--operation")) {
            o->operation = argv[++i];
        } else if (value && !strcmp(argv[i], "--scene")) {
            o->scene = argv[++i];
        } else if (value && !strcmp(argv[i], "--step")) {
            o->step = strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "every_instruction: unknown argument %s\n", argv[i]);
            exit(2);
        }
    }
    if (!o->kill && !o->stop)
        o->kill = o->stop = true;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct tally tally = {0};
    struct trial trial = {0};
    struct course *course = course_new();
    victim_set_up(argv);
    parse(argc, argv, &options);
    for (unsigned o = 0; o < operation_count; o++) {
        if (options.operation && strcmp(options.operation, operations[o].name))
            continue;
        for (unsigned s = 0; s < sizeof scenes / sizeof scenes[0]; s++) {
            char name[80];
            scene_name(&scenes[s], name, sizeof name);
            if ((options.scene && strcmp(options.scene, name)) || !operation_fits(&operations[o], &scenes[s]))
                continue;
            if (options.sites) {
                print_sites(&trial, &scenes[s], &operations[o], course);
                break;
            }
            run_case(&trial, &scenes[s], &operations[o], &options, course, &tally);
            fflush(stdout);
        }
    }
    course_free(course);
    if (options.sites)
        return trial.failures != 0;
    printf(
        "%lu cases (operation x state), %lu instructions, %lu events, %lu trials, %u missed, %u failures\n",
        tally.cases, tally.instructions, tally.events, tally.trials, trial.missed, trial.failures);
    return trial.failures || !tally.cases;
}
