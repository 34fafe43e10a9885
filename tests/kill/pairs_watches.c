/* SPDX-License-Identifier: Apache-2.0 */
/* Two victims on a watch. Whatever becomes of them, the value is always the one before or, once, that of the victim
 * which has just moved; reads are of values that were current; and in the end every block, unit and send is accounted
 * for. */
#include "pair.h"
#include "watching.h"

#include <string.h>

static const struct setting settings[] = {
    {"inline", {.large = false}, false, false},
    {"large", {.large = true}, false, false},
    {"inline-pinned", {.large = false}, true, false},
    {"large-pinned", {.large = true}, true, false},
};

static struct watching *of(struct trial *t)
{
    return (struct watching *)t;
}

static void begin(struct trial *t, const struct pair *pair)
{
    const struct watch_act *first = pair->first, *second = pair->second;
    const struct setting *setting = pair->scene;
    watching_begin(of(t), setting);
    trial_where(t, "%s x %s, watch, %s", first->name, second->name, setting->name);
}

static void start(struct trial *t, const struct pair *pair, struct victim victims[2], unsigned number)
{
    watching_start(of(t), number, number ? pair->second : pair->first, &victims[number]);
}

static void look(struct trial *t, unsigned number)
{
    (void)watching_look(of(t), &of(t)->watchers[number]);
}

static void work(struct trial *t)
{
    watching_work(of(t));
}

static void newcomer(struct trial *t)
{
    trial_must(t, "a newcomer", chan_attach_sender(t->ch, 0, &t->extra));
}

/* What a dead one had is a newcomer's then, who uses it. */
static void work_around(struct trial *t, unsigned dead)
{
    struct chan_repair_report report;
    work(t);
    trial_must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    if (report.dead > dead)
        trial_fail(t, "a stopped victim is taken for dead");
    newcomer(t);
    work(t);
}

static void go_on(struct trial *t, unsigned number, struct victim *victim)
{
    watching_continue(of(t), number, victim);
}

static unsigned records(const struct trial *t, unsigned number)
{
    const struct watch_act *act = ((const struct watching *)t)->watchers[number].act;
    return (act->role != 0) + act->attaches;
}

static void settle(struct trial *t)
{
    for (unsigned i = 0; i < WATCHERS_MAX; i++)
        if (of(t)->watchers[i].notes->phase == PHASE_DONE)
            watching_check_done(of(t), &of(t)->watchers[i]);
    watching_settle(of(t));
}

static void end(struct trial *t)
{
    watching_end(of(t));
}

static const struct company company = {.begin = begin,
                                       .start = start,
                                       .look = look,
                                       .work = work,
                                       .work_around = work_around,
                                       .go_on = go_on,
                                       .records = records,
                                       .newcomer = newcomer,
                                       .settle = settle,
                                       .end = end};

/* Not those that touch no word in common. */
static bool is_chosen(const struct plan *plan, const struct watch_act *first, const struct watch_act *second)
{
    return plan->all || plan->operation || plan->second || first->writes || second->writes ||
           !strcmp(first->name, "repair") || !strcmp(second->name, "repair");
}

static void run_first(struct watching *s, const struct setting *setting, const struct watch_act *first,
                      struct course *courses[2], struct plan *plan)
{
    bool observed = false;
    for (unsigned b = 0; b < watch_act_count; b++)
        for (int ending = 0; ending < ENDINGS; ending++) {
            const struct pair pair = {&company, first, &watch_acts[b], setting, (enum ending)ending};
            if (!plan_wants(plan->second, watch_acts[b].name) ||
                !plan_wants(plan->ending, ending_names[ending]) || !is_chosen(plan, first, &watch_acts[b]))
                continue;
            if (!observed)
                pair_observe_first(&s->trial, &pair, courses[0]);
            observed = true;
            pair_run(&s->trial, &pair, courses[0], courses[1], plan);
        }
}

void pairs_of_watchers(struct plan *plan, struct course *courses[2], struct tally *tally)
{
    static struct watching watching;
    watching.trial.tally = *tally;
    for (unsigned a = 0; a < watch_act_count; a++)
        for (unsigned i = 0; i < sizeof settings / sizeof *settings; i++)
            if (plan_wants(plan->operation, watch_acts[a].name) && plan_wants(plan->scene, settings[i].name))
                run_first(&watching, &settings[i], &watch_acts[a], courses, plan);
    *tally = watching.trial.tally;
}
