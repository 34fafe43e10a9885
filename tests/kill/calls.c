/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a caller or a server at every change it makes in one operation; then each call of the others must
 * have had just one end, nothing may be left of the dead one's, and all places for answers must work.
 *
 *   calls [--all]      at every instruction, not only before each access to what is shared */
#include "calling.h"
#include "course.h"

#include <errno.h>
#include <string.h>

struct stage {
    struct calling calls;
    struct victim victim;
    bool counted; /* the victim has counted the delivery that it was about to return */
    bool another; /* the own call is not the one that it was given */
};

static void begin(struct stage *s, const struct call_act *act, const struct chan_options *options)
{
    struct calling *c = &s->calls;
    calling_begin(c, options);
    s->counted = s->another = false;
    trial_where(&c->trial, "%s, %s, max_deliveries %u", act->name, c->scene.large ? "large" : "inline",
                options->max_deliveries);
    calling_start(c, 0, act, &s->victim);
}

static void tear_down(struct stage *s)
{
    victim_reap(&s->victim);
    calling_end(&s->calls);
}

/* The own call has had one end, and it is the one that the server's fate allows. */
static void end_own_call(struct stage *s, bool done)
{
    struct calling *c = &s->calls;
    bool viewed = !s->another && calling_viewed(c, 0) == OWN;
    int result = calling_finish(c, c->tx, OWN, &c->own[0]);
    c->answers += !result && !c->served;
    if (result == -EAGAIN) {
        if (viewed && c->max_deliveries < 2)
            trial_fail(&c->trial, "the caller is not told of its server's end");
        calling_serve(c);
        result = calling_finish(c, c->tx, OWN, &c->own[0]);
        trial_must(&c->trial, "the answer of another server", result);
    } else if (result && result != -EPIPE) {
        trial_fail(&c->trial, "finishing: %s", chan_error_name(result));
    }
    if (result == -EPIPE && !viewed && !s->counted)
        trial_fail(&c->trial, "a request that nobody was given is refused");
    if (done && !c->served && !strcmp(c->peers[0].act->name, "reply") && result)
        trial_fail(&c->trial, "answered, but not to the caller");
}

/* The victim is dead. */
static void settle(struct stage *s, bool done)
{
    struct calling *c = &s->calls;
    struct chan_repair_report report;
    trial_must(&c->trial, "chan_repair", chan_repair(c->trial.ch, 0, &report));
    if (report.repaired != report.dead)
        trial_fail(&c->trial, "%u dead, %u repaired", report.dead, report.repaired);
    calling_check_answer(c, 0);
    if (c->peers[0].act->serves)
        end_own_call(s, done);
    uint64_t answers = c->answers;
    calling_serve(c);
    if (c->answers != answers)
        trial_fail(&c->trial, "answers to nobody");
    calling_in_all_places(c);
    calling_check(c);
}

/* What the survivors do first. READ: the caller reads an answer that is there, and goes on to its next call, before
 * anybody has repaired the server that gave it. */
enum order { REPAIR_FIRST, READ_FIRST, ORDERS };

static void read_first(struct stage *s)
{
    struct calling *c = &s->calls;
    int result = calling_finish(c, c->tx, OWN, &c->own[0]);
    if (result == -EAGAIN)
        return;
    trial_must(&c->trial, "reading the dead one's answer", result);
    c->answers++;
    trial_must(&c->trial, "start", calling_call(c, c->tx, OWN, &c->own[0]));
    s->another = true;
}

static void kill_at(struct stage *s, const struct course *course, const struct call_act *act,
                    const struct chan_options *options, uint64_t step, enum order order)
{
    struct trial *t = &s->calls.trial;
    begin(s, act, options);
    trial_where(t, ", killed at step %lu (%s)%s", step, course_event(course, step),
                order == READ_FIRST ? ", read first" : "");
    course_run_to(course, t, &s->victim, step);
    trial_kill(t, &s->victim);
    s->counted = strstr(course_event(course, step), "deliveries") != NULL;
    if (order == READ_FIRST)
        read_first(s);
    settle(s, false);
    tear_down(s);
}

/* What a victim may say: the survivors have served all there was, or nobody has served it. */
static bool may_return(const struct call_act *act, int result)
{
    return !result || (result == -EAGAIN && (!strcmp(act->name, "view") || !strcmp(act->name, "finish")));
}

static void stop_at(struct stage *s, const struct course *course, const struct call_act *act,
                    const struct chan_options *options, uint64_t step)
{
    struct trial *t = &s->calls.trial;
    begin(s, act, options);
    trial_where(t, ", stopped at step %lu (%s)", step, course_event(course, step));
    course_run_to(course, t, &s->victim, step);
    t->tally.stops++;
    /* The others go on calling and serving around it. One place may have the own call. */
    calling_in_places(&s->calls, s->calls.tx, HOLDS - 1);
    if (!victim_continue(&s->victim, CONTINUE_MS))
        trial_fail(t, "after being continued it does not finish");
    else if (!may_return(act, s->calls.sights[0].result))
        trial_fail(t, "after being continued: %s", chan_error_name(s->calls.sights[0].result));
    trial_kill(t, &s->victim);
    settle(s, true);
    tear_down(s);
}

static void run_case(struct stage *s, struct course *course, const struct call_act *act,
                     const struct chan_options *options, bool all)
{
    struct trial *t = &s->calls.trial;
    begin(s, act, options);
    course_observe(course, t, &s->victim);
    if (!may_return(act, s->calls.sights[0].result))
        trial_fail(t, "the act: %s", chan_error_name(s->calls.sights[0].result));
    trial_kill(t, &s->victim);
    settle(s, true);
    tear_down(s);
    for (uint64_t step = 0; step < course->steps;
         step = all ? step + 1 : course_next(course, step, PLACES_OF_STOPS)) {
        for (int order = 0; order < (strcmp(act->name, "reply") ? 1 : ORDERS); order++)
            kill_at(s, course, act, options, step, (enum order)order);
        stop_at(s, course, act, options, step);
    }
    t->tally.cases++;
    t->tally.instructions += course->steps;
}

int main(int argc, char **argv)
{
    victim_set_up(argv);
    bool all = argc > 1 && !strcmp(argv[1], "--all");
    struct course *course = course_new();
    static struct stage stage;
    for (unsigned a = 0; a < call_act_count; a++)
        for (int variant = 0; variant < 4; variant++) {
            struct chan_options options = CHAN_OPTIONS_INIT;
            options.kind = CHAN_CALL;
            options.messages = 4;
            options.message_size = variant & 1 ? 4200 : 64;
            options.endpoints = ENDPOINTS;
            options.holds = HOLDS;
            options.max_deliveries = variant & 2 ? 2 : 0;
            options.flags = CHAN_NO_KEEPER;
            if (call_acts[a].serves || !options.max_deliveries)
                run_case(&stage, course, &call_acts[a], &options, all);
        }
    course_free(course);
    return tally_report(&stage.calls.trial.tally);
}
