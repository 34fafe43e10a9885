/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a process right before every access to what it shares (access.h) after a peer has met what it
 * showed: it has got a message, or got rid of one, without having done anything yet.
 *
 *   matches [ARGUMENT...]       see plan.h */
#include "access.h"
#include "plan.h"
#include "survivors.h"

#include <errno.h>
#include <stdio.h>

static bool is_shown(struct trial *t)
{
    struct chan_stat stat;
    trial_stat(t, &stat);
    return stat.offers || stat.demands;
}

/* Up to the instruction by which others can see it, and met by a survivor there. */
static void bring_to_match(struct trial *t, struct victim *victim)
{
    while (!is_shown(t) && victim_step(victim))
        continue;
    bool sends = t->parts[0].operation->role == CHAN_ROLE_SENDER;
    int result = -EAGAIN;
    /* Shown is not announced yet. */
    while (result == -EAGAIN && victim->state == VICTIM_RUNNING) {
        result = sends ? survivors_receive(t, t->rx) : survivors_send(t, t->tx);
        if (result == -EAGAIN)
            (void)victim_step(victim);
    }
    trial_must(t, "meeting the victim", result);
}

/* False: the operation is over before so many accesses. */
static bool try_at(struct trial *t, const struct scene *scene, const struct operation *operation,
                   uint64_t after, bool stops)
{
    struct victim victim;
    trial_begin(t, scene, &operation, 1);
    trial_start(t, 0, &victim);
    trial_where(t, ", %s %lu accesses after the match", stops ? "stopped" : "killed", after);
    bring_to_match(t, &victim);
    bool running = access_step_to(&victim, after);
    if (running && stops) {
        t->tally.stops++;
        survivors_work_around(t);
        trial_continue(t, 0, &victim);
    }
    trial_kill(t, &victim);
    trial_settle(t);
    victim_reap(&victim);
    trial_end(t);
    return running;
}

static void run_case(struct trial *t, const struct scene *scene, const struct operation *operation,
                     struct plan *plan)
{
    t->tally.cases++;
    bool goes_on = true;
    for (uint64_t after = 0; goes_on && !(plan->fail_fast && t->tally.failures); after++)
        for (int stops = 0; stops < 2; stops++)
            if ((stops ? plan->stops : plan->kills) && plan_takes(plan, &t->tally, t->where))
                goes_on &= try_at(t, scene, operation, after, stops);
}

static const struct scene scenes[] = {
    {.messages = 0},
    {.messages = 0, .large = true},
    {.messages = 0, .lifetime = CHAN_DURABLE},
    {.messages = 0, .max_deliveries = 1},
};

int main(int argc, char **argv)
{
    static const char *const names[] = {"offer", "demand", "demand view"};
    struct plan plan;
    struct trial trial = {0};
    victim_set_up(argv);
    plan_parse(&plan, argc, argv);
    for (unsigned o = 0; o < sizeof names / sizeof names[0]; o++)
        for (unsigned s = 0; s < sizeof scenes / sizeof scenes[0]; s++) {
            char name[SCENE_NAME_BYTES];
            scene_name(&scenes[s], name);
            if (plan_wants(plan.operation, names[o]) && plan_wants(plan.scene, name))
                run_case(&trial, &scenes[s], operation_find(names[o]), &plan);
        }
    return tally_report(&trial.tally);
}
