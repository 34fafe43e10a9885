/* SPDX-License-Identifier: Apache-2.0 */
/* Two victims at once: one is left at each event of its operation, dead or stopped, while the other is left
 * at each of its own; then the survivors work on.
 *
 *   pairs [ARGUMENT...]       see plan.h; a place is one of the first victim, with all of the second
 *
 * With --milestones at the most important of these events only: where a message or an endpoint has just changed hands, or
 * somebody has been told.
 *
 * By default the pairs of operations that touch the same words are tried, in sets: "exchanges"; "comers", which come
 * and go; "meetings" of a rendezvous; "fair", for places in a queue with an order; "broadcasts"; "watches"; and "calls".
 * --all takes every pair; of the last two sets, if one is asked for, every pair of that. */
#include "audience.h"
#include "pair.h"
#include "survivors.h"

#include <string.h>

/* A pair on a queue, a rendezvous or a broadcast. */
struct couple {
    const struct operation *first, *second;
    const struct scene *scene;
};

static const struct scene scenes[] = {
    {.messages = 2, .queued = 1},
    {.messages = 2, .queued = 2, .laps = 3},
    {.messages = 2},
    {.messages = 1},
    {.messages = 1, .queued = 1},
    {.messages = 2, .queued = 1, .large = true},
    {.messages = 2, .queued = 1, .orphan = ORPHAN_ELSEWHERE},
    {.messages = 2, .queued = 1, .orphan = ORPHAN_ELSEWHERE, .max_deliveries = 2},
    {.messages = 2, .queued = 2, .max_deliveries = 1},
    {.messages = 2, .queued = 1, .orphan = ORPHAN_ELSEWHERE, .wraps = true},
    {.messages = 2, .queued = 1, .alone = true},
    {.messages = 0},
    {.messages = 0, .large = true},
    {.messages = 0, .lifetime = CHAN_DURABLE, .max_deliveries = 2},
    {.messages = 3, .fair = true},
    {.messages = 2, .fair = true, .laps = 3},
    {.messages = 3, .queued = 1, .fair = true, .large = true},
    {.kind = CHAN_BROADCAST, .overflow = CHAN_LAG, .messages = 4},
    {.kind = CHAN_BROADCAST, .overflow = CHAN_LAG, .messages = 3, .laps = 4, .large = true},
    {.kind = CHAN_BROADCAST, .overflow = CHAN_BLOCK, .messages = 3, .laps = 4},
    {.kind = CHAN_BROADCAST, .overflow = CHAN_BLOCK, .messages = 2, .laps = 1, .large = true},
};

static bool is_among(const char *name, const char *const names[])
{
    while (*names && strcmp(name, *names))
        names++;
    return *names;
}

static bool receives(const struct operation *operation)
{
    return operation->role == CHAN_ROLE_RECEIVER;
}

static bool sends(const struct operation *operation)
{
    return operation->sends || operation->room;
}

/* What a receiver needs is sent before the first victim begins. Where senders wait, one would wait for the other victim,
 * if that receives. */
static bool fits_broadcast(const struct operation *first, const struct operation *second,
                           const struct scene *scene)
{
    static const char *const names[] = {"send",         "reserve+commit",  "recv",
                                        "view+release", "attach receiver", "close receiver",
                                        "repair",       "close sender",    NULL};
    bool waits = (receives(first) && sends(second)) || (sends(first) && receives(second));
    return is_among(first->name, names) && is_among(second->name, names) && !second->needs &&
           !(waits && scene->overflow == CHAN_BLOCK);
}

static bool fits(const struct operation *first, const struct operation *second, const struct scene *scene)
{
    uint32_t orphans = scene_has_orphan(scene);
    if (scene->kind == CHAN_BROADCAST)
        return fits_broadcast(first, second, scene);
    if (!operation_fits(first, scene) || !operation_fits(second, scene))
        return false;
    /* Alone is the first. Where it has gone, the second does not find what it needs. */
    if (scene->alone && (first->role == second->role || first->attaches || second->needs || second->room))
        return false;
    return first->needs + second->needs + first->orphan + second->orphan <= scene->queued + orphans &&
           first->room + second->room <= scene->messages - scene->queued &&
           orphans <= (uint32_t)(first->orphan || second->orphan);
}

static bool is_plain(const struct scene *scene)
{
    return scene->kind != CHAN_BROADCAST && scene->messages && !scene->fair;
}

/* Exchanges and repair meet in the words of messages. */
static bool is_exchange(const struct couple *pair)
{
    static const char *const names[] = {"send", "recv", "view+release", "redelivery", "close receiver, view",
                                        NULL};
    return is_plain(pair->scene) && is_among(pair->first->name, names) &&
           (is_among(pair->second->name, names) || !strcmp(pair->second->name, "recv_many") ||
            !strcmp(pair->second->name, "repair"));
}

/* Those that come and go meet one another, a repair, and a message in the hands of one. The state of the ring
 * is nothing to them. */
static bool is_coming_or_going(const struct couple *pair)
{
    static const char *const names[] = {"attach sender",          "attach receiver", "clone receiver",
                                        "prepare+adopt receiver", "close sender",    "close receiver",
                                        "close receiver, view",   "shutdown",        NULL};
    static const char *const others[] = {"send", "recv_view", "repair", NULL};
    const struct scene *s = pair->scene;
    bool first = is_among(pair->first->name, names), second = is_among(pair->second->name, names);
    if (!is_plain(s) || s->large || s->max_deliveries || s->messages != 2 || s->queued != 1)
        return false;
    return (first && (second || is_among(pair->second->name, others))) ||
           (second && is_among(pair->first->name, others));
}

/* Those who meet, and what else touches what they show. */
static bool is_meeting(const struct couple *pair)
{
    static const char *const names[] = {"offer",        "try_send", "demand",   "demand view",
                                        "try_recv",     "try_view", "shutdown", "close receiver, view",
                                        "close sender", "repair",   NULL};
    return !pair->scene->messages && (pair->first->meets || pair->second->meets) &&
           is_among(pair->first->name, names) && is_among(pair->second->name, names);
}

/* Two who want places, have them, use them or give them up, or one of these and one who makes room, or looks. */
static bool is_fair(const struct couple *pair)
{
    static const char *const names[] = {
        "send",          "permit", "two permits", "permit send", "permit release", "close sender, permit",
        "permit commit", NULL};
    static const char *const others[] = {"recv", "shutdown", "repair", "close sender", NULL};
    return pair->scene->fair && is_among(pair->first->name, names) &&
           (is_among(pair->second->name, names) || is_among(pair->second->name, others));
}

/* A receiver that is stopped, or dead and not noticed yet, holds up those who wait for it. */
static bool holds_up(const struct trial *t)
{
    bool any = false;
    for (unsigned i = 0; i < t->part_count; i++)
        any |= receives(t->parts[i].operation);
    return any && t->scene->overflow == CHAN_BLOCK;
}

/* The survivor that looks on in a broadcast is to miss nothing. */
static void look_on(struct trial *t, unsigned number)
{
    if (t->scene->kind == CHAN_BROADCAST && number == 0)
        audience_drain(t, false);
}

static void work(struct trial *t)
{
    if (t->scene->kind != CHAN_BROADCAST) {
        survivors_work(t, 3);
        return;
    }
    look_on(t, 0);
    audience_work(t, 2 * t->scene->messages + 1, holds_up(t));
}

static void work_around(struct trial *t, unsigned dead)
{
    struct chan_repair_report report;
    t->dead_too = dead;
    if (t->scene->kind != CHAN_BROADCAST) {
        survivors_work_around(t);
        return;
    }
    work(t);
    trial_must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    if (report.dead > dead)
        trial_fail(t, "a stopped victim is taken for dead");
}

static void begin(struct trial *t, const struct pair *pair)
{
    trial_begin(t, pair->scene, (const struct operation *[]){pair->first, pair->second}, 2);
}

static void start(struct trial *t, const struct pair *pair, struct victim victims[2], unsigned number)
{
    (void)pair;
    trial_start(t, number, &victims[number]);
    look_on(t, number);
}

static unsigned records(const struct trial *t, unsigned number)
{
    const struct operation *operation = t->parts[number].operation;
    return operation->role ? 1 + operation->clones : 0;
}

static void newcomer(struct trial *t)
{
    struct chan_stat stat;
    trial_stat(t, &stat);
    if (!t->extra && !t->scene->alone && !stat_refuses(&stat))
        trial_must(t, "a newcomer", chan_attach_sender(t->ch, 0, &t->extra));
}

static const struct company company = {.begin = begin,
                                       .start = start,
                                       .look = look_on,
                                       .work = work,
                                       .work_around = work_around,
                                       .go_on = trial_continue,
                                       .records = records,
                                       .newcomer = newcomer,
                                       .settle = trial_settle,
                                       .end = trial_end};

static bool is_chosen(const struct plan *plan, const struct couple *pair, enum ending ending)
{
    bool asked = plan->all || plan->operation || plan->second ||
                 (is_exchange(pair) && plan_wants(plan->set, "exchanges")) ||
                 (is_coming_or_going(pair) && plan_wants(plan->set, "comers")) ||
                 (is_meeting(pair) && plan_wants(plan->set, "meetings")) ||
                 (is_fair(pair) && plan_wants(plan->set, "fair")) ||
                 (pair->scene->kind == CHAN_BROADCAST && plan_wants(plan->set, "broadcasts"));
    return plan_wants(plan->operation, pair->first->name) && plan_wants(plan->second, pair->second->name) &&
           plan_wants(plan->ending, ending_names[ending]) && asked &&
           fits(pair->first, pair->second, pair->scene);
}

/* All that an operation is the first of, in a scene. */
static void run_first(struct trial *t, const struct operation *operation, const struct scene *scene,
                      struct course *courses[2], struct plan *plan)
{
    bool observed = false;
    for (unsigned b = 0; b < operation_count; b++)
        for (int ending = 0; ending < ENDINGS; ending++) {
            const struct couple couple = {operation, &operations[b], scene};
            const struct pair pair = {&company, operation, &operations[b], scene, (enum ending)ending};
            if (!is_chosen(plan, &couple, (enum ending)ending))
                continue;
            if (!observed)
                pair_observe_first(t, &pair, courses[0]);
            observed = true;
            pair_run(t, &pair, courses[0], courses[1], plan);
        }
}

static void run_scenes(struct trial *t, struct course *courses[2], struct plan *plan)
{
    for (unsigned a = 0; a < operation_count; a++)
        for (unsigned s = 0; s < sizeof scenes / sizeof scenes[0]; s++) {
            char name[SCENE_NAME_BYTES];
            scene_name(&scenes[s], name);
            if (plan_wants(plan->scene, name))
                run_first(t, &operations[a], &scenes[s], courses, plan);
        }
}

int main(int argc, char **argv)
{
    struct plan plan;
    struct trial trial = {0};
    victim_set_up(argv);
    plan_parse(&plan, argc, argv);
    struct course *courses[2] = {course_new(), course_new()};
    bool watches = plan_wants(plan.set, "watches"), calls = plan_wants(plan.set, "calls");
    if (!plan.set || !(watches || calls))
        run_scenes(&trial, courses, &plan);
    if (watches)
        pairs_of_watchers(&plan, courses, &trial.tally);
    if (calls)
        pairs_of_callers(&plan, courses, &trial.tally);
    course_free(courses[0]);
    course_free(courses[1]);
    return tally_report(&trial.tally);
}
