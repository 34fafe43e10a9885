/* SPDX-License-Identifier: Apache-2.0 */
/* Two victims at once: one is left at each event of its operation, dead or stopped, while the other is left
 * at each of its own; then the survivors work on.
 *
 *   pairs [--all] [--first NAME] [--second NAME] [--ending NAME] [--part I/N] [--verbose]
 *
 * By default the pairs of operations that touch the same words are tried; --all takes every pair. --part
 * takes every N-th place of the first, beginning with the I-th, and all of the second. */
#include "course.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    bool all, verbose;
    const char *first, *second, *ending;
    unsigned part, parts;
    uint64_t places; /* of first victims so far */
};

/* What becomes of the two. */
enum ending {
    BOTH_KILLED,      /* the first while the second had yet to begin */
    KILLED_TOGETHER,  /* the second has run while the first was stopped */
    SECOND_CONTINUED, /* the first is killed, then the second goes to its place, is stopped, and continued at
                         last */
    FIRST_CONTINUED,  /* the second runs while the first is stopped, and is killed; the first is continued at
                         last */
    BOTH_CONTINUED,
    ENDINGS
};

static const char *const ending_names[ENDINGS] = {"both-killed", "killed-together", "second-continued",
                                                  "first-continued", "both-continued"};

struct pair {
    const struct operation *first, *second;
    const struct scene *scene;
    enum ending ending;
};

static const struct scene scenes[] = {
    {.messages = 2, .queued = 1},
    {.messages = 2, .queued = 2, .laps = 3},
    {.messages = 2},
    {.messages = 1},
    {.messages = 1, .queued = 1},
    {.messages = 2, .queued = 1, .large = true},
    {.messages = 2, .queued = 1, .orphan = ORPHAN_ELSEWHERE},
};

static bool fits(const struct operation *first, const struct operation *second, const struct scene *scene)
{
    uint32_t orphans = scene->orphan != ORPHAN_NONE;
    return operation_fits(first, scene) && operation_fits(second, scene) &&
           first->needs + second->needs + first->orphan + second->orphan <= scene->queued + orphans &&
           first->room + second->room <= scene->messages - scene->queued &&
           orphans <= (uint32_t)(first->orphan || second->orphan);
}

/* The pairs that meet in the same words. */
static bool is_close(const struct operation *first, const struct operation *second)
{
    static const char *const main_ones[] = {"send", "recv", "view+release", "redelivery",
                                            "close receiver, view"};
    bool main_first = false, main_second = !strcmp(second->name, "repair");
    for (unsigned i = 0; i < sizeof main_ones / sizeof main_ones[0]; i++) {
        main_first |= !strcmp(first->name, main_ones[i]);
        main_second |= !strcmp(second->name, main_ones[i]);
    }
    return main_first && main_second;
}

static bool first_is_killed_early(enum ending ending)
{
    return ending == BOTH_KILLED || ending == SECOND_CONTINUED;
}

/* Bring the first to its place, and start the second. */
static void open_trial(struct trial *t, struct victim victims[2], const struct pair *pair,
                       const struct course *first, uint64_t step)
{
    trial_begin(t, pair->scene, pair->first, pair->second);
    trial_where(t, ", %s, first at %lu (%s)", ending_names[pair->ending], step, course_event(first, step));
    trial_start(t, 0, &victims[0]);
    course_run_to(first, t, &victims[0], step);
    if (first_is_killed_early(pair->ending))
        victim_kill(&victims[0]);
    trial_start(t, 1, &victims[1]);
}

static void close_trial(struct trial *t, struct victim victims[2])
{
    victim_reap(&victims[0]);
    victim_reap(&victims[1]);
    trial_end(t);
}

static void finish(struct trial *t, struct victim victims[2], enum ending ending)
{
    if (ending == KILLED_TOGETHER)
        victim_kill(&victims[0]);
    if (ending != SECOND_CONTINUED && ending != BOTH_CONTINUED)
        victim_kill(&victims[1]);
    if (ending == BOTH_KILLED || ending == KILLED_TOGETHER) {
        trial_work(t, 3);
    } else {
        t->dead_too = ending != BOTH_CONTINUED;
        trial_work_around(t);
    }
    if (ending == FIRST_CONTINUED || ending == BOTH_CONTINUED) {
        trial_continue(t, 0, &victims[0]);
        victim_kill(&victims[0]);
    }
    if (ending == SECOND_CONTINUED || ending == BOTH_CONTINUED) {
        trial_continue(t, 1, &victims[1]);
        victim_kill(&victims[1]);
    }
    trial_settle(t);
}

/* All places of the second for one place of the first. */
static void run_second(struct trial *t, const struct pair *pair, const struct course *first, uint64_t step,
                       struct course *second, uint64_t *trials)
{
    struct victim victims[2];
    bool stop = pair->ending == SECOND_CONTINUED || pair->ending == BOTH_CONTINUED;
    open_trial(t, victims, pair, first, step);
    course_observe(second, t, &victims[1]);
    victim_kill(&victims[0]);
    victim_kill(&victims[1]);
    trial_settle(t);
    close_trial(t, victims);
    for (uint64_t at = 0; at < second->steps; at = course_next(second, at, stop)) {
        (*trials)++;
        open_trial(t, victims, pair, first, step);
        trial_where(t, ", second at %lu (%s)", at, course_event(second, at));
        course_run_to(second, t, &victims[1], at);
        finish(t, victims, pair->ending);
        close_trial(t, victims);
    }
}

#define FAILURES_MAX 6u

static void run_pair(struct trial *t, const struct pair *pair, struct course *first, struct course *second,
                     struct options *o, uint64_t *trials)
{
    struct victim victim;
    unsigned limit = t->failures + FAILURES_MAX;
    uint64_t before = *trials;
    bool stop = pair->ending == FIRST_CONTINUED || pair->ending == BOTH_CONTINUED;
    trial_begin(t, pair->scene, pair->first, NULL);
    trial_start(t, 0, &victim);
    course_observe(first, t, &victim);
    victim_kill(&victim);
    trial_settle(t);
    victim_reap(&victim);
    trial_end(t);
    for (uint64_t step = 0; step < first->steps && t->failures < limit; step = course_next(first, step, stop))
        if (o->places++ % o->parts == o->part)
            run_second(t, pair, first, step, second, trials);
    if (o->verbose) {
        char name[80];
        scene_name(pair->scene, name, sizeof name);
        printf("%s x %s, %s, %s: %lu trials\n", pair->first->name, pair->second->name, name,
               ending_names[pair->ending], *trials - before);
    }
    fflush(stdout);
}

static void parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--all"))
            o->all = true;
        else if (!strcmp(argv[i], "--verbose"))
            o->verbose = true;
        else if (!strcmp(argv[i], "--first"))
            o->first = argv[++i];
        else if (!strcmp(argv[i], "--second"))
            o->second = argv[++i];
        else if (!strcmp(argv[i], "--ending"))
            o->ending = argv[++i];
        else if (!strcmp(argv[i], "--part") && sscanf(value, "%u/%u", &o->part, &o->parts) == 2 && o->parts)
            i++;
        else {
            fprintf(stderr, "pairs: unknown argument %s\n", argv[i]);
            exit(2);
        }
    }
}

static bool is_chosen(const struct options *o, const struct pair *pair)
{
    if (o->first && strcmp(o->first, pair->first->name))
        return false;
    if (o->second && strcmp(o->second, pair->second->name))
        return false;
    if (o->ending && strcmp(o->ending, ending_names[pair->ending]))
        return false;
    return (o->all || o->first || o->second || is_close(pair->first, pair->second)) &&
           fits(pair->first, pair->second, pair->scene);
}

int main(int argc, char **argv)
{
    struct options options = {.parts = 1};
    struct trial trial = {0};
    uint64_t trials = 0, cases = 0;
    victim_set_up(argv);
    parse(argc, argv, &options);
    struct course *first = course_new(), *second = course_new();
    for (unsigned a = 0; a < operation_count; a++)
        for (unsigned b = 0; b < operation_count; b++)
            for (unsigned s = 0; s < sizeof scenes / sizeof scenes[0]; s++)
                for (int ending = 0; ending < ENDINGS; ending++) {
                    struct pair pair = {&operations[a], &operations[b], &scenes[s], (enum ending)ending};
                    if (!is_chosen(&options, &pair))
                        continue;
                    run_pair(&trial, &pair, first, second, &options, &trials);
                    cases++;
                }
    course_free(first);
    course_free(second);
    printf("%lu cases (pair x state x ending), %lu pairs of places, 1 in %u tried, %u missed, %u failures\n",
           cases, trials, options.parts, trial.missed, trial.failures);
    return trial.failures || !cases;
}
