/* SPDX-License-Identifier: Apache-2.0 */
/* Two victims on a channel of calls, callers and servers. Whatever becomes of them, each call of the others has just one
 * end, which is an answer unless a victim had the request; every answer is counted once; and all places for answers
 * work, also those that were the victims'. */
#include "calling.h"
#include "pair.h"

#include <errno.h>
#include <string.h>

struct variant {
    const char *name;
    bool large;
    uint32_t max_deliveries;
};

static const struct variant variants[] = {
    {"inline", false, 0}, {"large", true, 0}, {"inline-max2", false, 2}, {"large-max2", true, 2}};

struct stage {
    struct calling calls;
    struct chan_sender *around; /* calls all the time, in all its places */
    struct chan_ticket staying; /* call of the newcomer who stays */
    uint64_t unread;            /* answers that nobody had read when a victim moved */
};

static struct stage *of(struct trial *t)
{
    return (struct stage *)t;
}

static uint64_t count_unread(struct trial *t)
{
    struct chan_stat stat;
    trial_stat(t, &stat);
    return stat.answers_unread;
}

static void begin(struct trial *t, const struct pair *pair)
{
    struct stage *s = of(t);
    const struct call_act *first = pair->first, *second = pair->second;
    const struct variant *variant = pair->scene;
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.kind = CHAN_CALL;
    options.messages = 4;
    options.message_size = variant->large ? 4200 : 64;
    options.bytes = variant->large ? 16 * UINT64_C(8192) : 0;
    options.endpoints = ENDPOINTS;
    options.holds = HOLDS;
    options.max_deliveries = variant->max_deliveries;
    options.flags = CHAN_NO_KEEPER;
    calling_begin(&s->calls, &options);
    trial_where(t, "%s x %s, calls, %s", first->name, second->name, variant->name);
    trial_must(t, "attach", chan_attach_sender(t->ch, 0, &s->around));
}

/* Both attach and prepare before either begins: what a caller has asked is what a server is given first. */
static void start(struct trial *t, const struct pair *pair, struct victim victims[2], unsigned number)
{
    const struct call_act *acts[] = {pair->first, pair->second};
    if (number)
        return;
    for (unsigned i = 0; i < PEERS_MAX; i++)
        if (acts[i]->calls)
            calling_start(&of(t)->calls, i, acts[i], &victims[i]);
    for (unsigned i = 0; i < PEERS_MAX; i++)
        if (!acts[i]->calls)
            calling_start(&of(t)->calls, i, acts[i], &victims[i]);
    of(t)->unread = count_unread(t);
}

/* Nobody but a server answers, and nobody has read it yet. */
static void look(struct trial *t, unsigned number)
{
    struct stage *s = of(t);
    uint64_t unread = count_unread(t);
    if (s->calls.peers[number].act->serves)
        s->calls.answers += unread - s->unread;
    s->unread = unread;
}

static void work(struct trial *t)
{
    struct stage *s = of(t);
    calling_in_places(&s->calls, s->around, HOLDS);
    s->unread = count_unread(t);
}

static void work_around(struct trial *t, unsigned dead)
{
    struct chan_repair_report report;
    work(t);
    trial_must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    if (report.dead > dead)
        trial_fail(t, "a stopped victim is taken for dead");
    work(t);
}

/* An answer to a victim goes nowhere if that has gone; a call of a victim's that no server answered has none, or none
 * will come. */
static bool may_return(struct calling *c, unsigned number)
{
    const struct peer *p = &c->peers[number], *other = &c->peers[!number];
    int result = p->sight->result;
    bool view = !strcmp(p->act->name, "view"), finish = !strcmp(p->act->name, "finish");
    if (result == -EPIPE && p->act->serves)
        return other->act->calls && calling_viewed(c, number) >= VICTIMS;
    if (result == -EPIPE)
        return other->act->serves && (finish || !strcmp(p->act->name, "call, given up"));
    return !result || (result == -EAGAIN && (view || finish));
}

static void go_on(struct trial *t, unsigned number, struct victim *victim)
{
    struct calling *c = &of(t)->calls;
    if (!victim_continue(victim, CONTINUE_MS))
        trial_fail(t, "after being continued the victim does not finish");
    else if (!may_return(c, number))
        trial_fail(t, "after being continued: %s", chan_error_name(c->sights[number].result));
}

static unsigned records(const struct trial *t, unsigned number)
{
    const struct call_act *act = ((const struct stage *)t)->calls.peers[number].act;
    return (act->serves || act->calls) + act->attaches;
}

/* What another victim still has in hand is not to reach its call. */
static void newcomer(struct trial *t)
{
    struct stage *s = of(t);
    trial_must(t, "a newcomer", chan_attach_sender(t->ch, 0, &t->extra));
    calling_in_places(&s->calls, t->extra, HOLDS);
    trial_must(t, "a newcomer's call", calling_call(&s->calls, t->extra, STAYING, &s->staying));
}

/* How an own call stands: refused only if victims were given it, or about to be, as often as may be, or one ended it;
 * and then for sure. */
static int end_own_call(struct stage *s, unsigned number)
{
    struct calling *c = &s->calls;
    uint32_t most = c->max_deliveries ? c->max_deliveries : 1, given = 0, about_to_be = 0;
    bool ended = false;
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        bool has = calling_viewed(c, i) == OWN + number;
        given += has;
        about_to_be += !has && !strcmp(c->peers[i].act->name, "view") && c->sights[i].phase != PHASE_DONE;
        ended |= has && c->peers[i].act->ends_calls;
    }
    int result = calling_finish(c, c->tx, OWN + number, &c->own[number]);
    if (result == -EAGAIN && given >= most)
        trial_fail(&c->trial, "the caller is not told of its server's end");
    if (result == -EPIPE && !ended && given + about_to_be < most)
        trial_fail(&c->trial, "a request that may be delivered is refused");
    if (result && result != -EAGAIN && result != -EPIPE)
        trial_fail(&c->trial, "finishing: %s", chan_error_name(result));
    return result;
}

static void end_calls(struct stage *s)
{
    struct calling *c = &s->calls;
    struct trial *t = &c->trial;
    int results[PEERS_MAX] = {0};
    uint64_t nobodys = c->nobodys;
    for (unsigned i = 0; i < PEERS_MAX; i++)
        calling_check_answer(c, i);
    for (unsigned i = 0; i < PEERS_MAX; i++)
        if (c->peers[i].act->serves)
            results[i] = end_own_call(s, i);
    calling_serve(c);
    for (unsigned i = 0; i < PEERS_MAX; i++)
        if (results[i] == -EAGAIN)
            trial_must(t, "the answer of another server", calling_finish(c, c->tx, OWN + i, &c->own[i]));
    if (t->extra)
        trial_must(t, "the newcomer's answer", calling_finish(c, t->extra, STAYING, &s->staying));
    if (c->nobodys != nobodys)
        trial_fail(t, "answers to nobody");
}

static void settle(struct trial *t)
{
    struct stage *s = of(t);
    struct chan_repair_report report;
    trial_must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    if (report.repaired != report.dead)
        trial_fail(t, "%u dead, %u repaired", report.dead, report.repaired);
    end_calls(s);
    calling_in_all_places(&s->calls);
    calling_in_places(&s->calls, s->around, HOLDS);
    if (t->extra)
        calling_in_places(&s->calls, t->extra, HOLDS);
    calling_check(&s->calls);
}

static void end(struct trial *t)
{
    chan_close_sender(t->extra);
    chan_close_sender(of(t)->around);
    calling_end(&of(t)->calls);
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

static bool meets(const struct call_act *act)
{
    return act->serves || !strcmp(act->name, "repair");
}

static bool is_chosen(const struct plan *plan, const struct pair *pair)
{
    const struct call_act *first = pair->first, *second = pair->second;
    const struct variant *variant = pair->scene;
    return plan_wants(plan->operation, first->name) && plan_wants(plan->second, second->name) &&
           plan_wants(plan->ending, ending_names[pair->ending]) && plan_wants(plan->scene, variant->name) &&
           (first->serves || second->serves || !variant->max_deliveries) &&
           (plan->all || plan->operation || plan->second || meets(first) || meets(second));
}

void pairs_of_callers(struct plan *plan, struct course *courses[2], struct tally *tally)
{
    static struct stage stage;
    struct trial *t = &stage.calls.trial;
    t->tally = *tally;
    for (unsigned a = 0; a < call_act_count; a++)
        for (unsigned b = 0; b < call_act_count; b++)
            for (unsigned v = 0; v < sizeof variants / sizeof *variants; v++) {
                bool observed = false;
                for (int ending = 0; ending < ENDINGS; ending++) {
                    const struct pair pair = {&company, &call_acts[a], &call_acts[b], &variants[v],
                                              (enum ending)ending};
                    if (!is_chosen(plan, &pair))
                        continue;
                    if (!observed)
                        pair_observe_first(t, &pair, courses[0]);
                    observed = true;
                    pair_run(t, &pair, courses[0], courses[1], plan);
                }
            }
    *tally = t->tally;
}
