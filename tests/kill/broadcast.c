/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a process at every event of what it does in a broadcast, and lets the others work on: every message
 * that was sent reaches the surviving receiver, once, whole and in order, and nobody is held up by the dead, nor, unless
 * senders wait for receivers, by the stopped.
 *
 *   broadcast [ARGUMENT...]       see plan.h */
#include "course.h"
#include "plan.h"
#include "survivors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FAILURES_MAX 6u

/* ---- operations that only broadcasts have ---- */

/* Sends over what the victim has not read. */
static void prepare_gap(struct actor *a)
{
    struct chan_sender *tx;
    unsigned char message[8] = "over";
    if (chan_attach_sender(a->ch, CHAN_NO_SPIN, &tx))
        return;
    for (uint32_t i = 0; i < a->scene->messages + 2; i++)
        (void)!chan_try_send(tx, message, sizeof message);
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

/* A receiver's messages have to come after it: the victim sends them itself. */
static void open_trial(struct trial *t, struct victim *victim, const struct scene *scene,
                       const struct operation *operation)
{
    trial_begin(t, scene, &operation, 1);
    struct actor *actor = &t->parts[0].actor;
    if (receives(operation) && operation->needs) {
        actor->fill = scene->messages;
        actor->fill_id = t->next_id;
        for (uint32_t i = 0; i < actor->fill; i++)
            t->sent[t->next_id++] = 1;
    }
    trial_start(t, 0, victim);
}

static void close_trial(struct trial *t, struct victim *victim)
{
    victim_reap(victim);
    trial_end(t);
}

/* What prepare_gap() sends is no message of the books. */
static bool is_filler(const struct chan_view *view)
{
    return view->size == 8 && !memcmp(view->data, "over", 4);
}

/* All there is for the survivor. It may have fallen behind only where the scene says so. */
static void drain(struct trial *t, bool may_lag)
{
    struct chan_view view;
    for (unsigned i = 0; t->rx && i < 100; i++) {
        int result = chan_try_recv_view(t->rx, &view);
        if (result == -EOVERFLOW && may_lag)
            continue;
        if (result == -EAGAIN || result == -EPIPE)
            return;
        if (result) {
            trial_fail(t, "receiving: %s", chan_error_name(result));
            return;
        }
        if (!is_filler(&view))
            survivors_book(t, view.data, view.size, view.deliveries);
        trial_must(t, "chan_release", chan_release(t->rx, &view));
    }
}

static bool may_refuse(struct trial *t)
{
    struct chan_stat stat;
    trial_stat(t, &stat);
    return stat_refuses(&stat);
}

/* Send up to `count`, and have the survivor receive them; held up at most by a receiver. */
static void work(struct trial *t, uint32_t count, bool may_be_held_up)
{
    for (uint32_t i = 0; t->tx && t->rx && i < count; i++) {
        int result = survivors_send(t, t->tx);
        if (result && !(result == -EAGAIN && may_be_held_up) && !(result == -EPIPE && may_refuse(t)))
            trial_fail(t, "sending: %s", chan_error_name(result));
        drain(t, false);
    }
}

/* Exactly so many are kept; one more waits, or overwrites exactly one. */
static void check_capacity(struct trial *t)
{
    if (!t->tx || !t->rx || may_refuse(t))
        return;
    for (uint32_t i = 0; i < t->scene->messages; i++)
        trial_must(t, "filling", survivors_send(t, t->tx));
    if (t->scene->overflow == B) {
        int result = survivors_send(t, t->tx);
        if (result != -EAGAIN)
            trial_fail(t, "more messages fit than may be kept: %s", chan_error_name(result));
        drain(t, false);
        return;
    }
    uint32_t overwritten = t->next_id - t->scene->messages;
    trial_must(t, "overwriting", survivors_send(t, t->tx));
    struct chan_view view;
    int result = chan_try_recv_view(t->rx, &view);
    if (result != -EOVERFLOW || chan_receiver_lagged(t->rx) != 1)
        trial_fail(t, "one message too many: %s, %lu missed", chan_error_name(result),
                   chan_receiver_lagged(t->rx));
    t->delivered[overwritten] = 1;
    t->newest_id = overwritten;
    drain(t, false);
}

static void newcomers(struct trial *t)
{
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;
    unsigned char buffer[MESSAGE_BYTES_MAX];
    size_t size;
    bool refuses = t->tx && t->rx && may_refuse(t);
    int rx_result = chan_attach_receiver(t->ch, 0, &rx), tx_result = chan_attach_sender(t->ch, 0, &tx);
    if (rx_result && rx_result != -EPIPE)
        trial_fail(t, "a newcomer cannot attach as receiver: %s", chan_error_name(rx_result));
    if (tx_result && tx_result != -EPIPE)
        trial_fail(t, "a newcomer cannot attach as sender: %s", chan_error_name(tx_result));
    if (rx && tx && !refuses && !may_refuse(t)) {
        int result = chan_try_recv(rx, buffer, sizeof buffer, &size);
        if (result != -EAGAIN)
            trial_fail(t, "a newcomer receives from before: %s", chan_error_name(result));
        trial_must(t, "a newcomer sends", survivors_send(t, tx));
        result = chan_try_recv(rx, buffer, sizeof buffer, &size);
        if (result || message_id(t->scene, buffer, size) != t->next_id - 1)
            trial_fail(t, "a newcomer does not receive: %s", chan_error_name(result));
        if (!t->rx)
            t->delivered[t->next_id - 1] = 1;
    }
    chan_close_sender(tx);
    chan_close_receiver(rx);
    drain(t, false);
}

static void account_for(struct trial *t)
{
    for (uint32_t id = 1; t->rx && id < IDS_MAX; id++) {
        uint32_t index;
        const struct part *sender = trial_sender_of(t, id, &index);
        bool sent = t->sent[id] || (sender && index < sender->journal->sent);
        if (!t->delivered[id] && sent) {
            t->tally.lost++;
            trial_fail(t, "message %u is lost", id);
        }
        if (t->delivered[id] && !sent && !sender)
            trial_fail(t, "message %u was never sent", id);
    }
}

/* What the victim has received was whole, killed or not. */
static void check_victims_messages(struct trial *t)
{
    const struct journal *j = t->parts[0].journal;
    if (j->phase != PHASE_DONE || j->result || !t->parts[0].operation->takes)
        return;
    for (uint32_t i = 0; i < BATCH; i++)
        if (j->got[i] && message_id(t->scene, j->buffer[i], message_size(t->scene, j->got[i])) != j->got[i])
            trial_fail(t, "the victim received a torn message");
}

/* No payload is left in use once all that is kept are small messages. */
static void check_memory(struct trial *t)
{
    struct chan_stat stat;
    if (!t->tx || !t->rx || may_refuse(t))
        return;
    for (uint32_t i = 0; i < t->scene->messages; i++)
        trial_must(t, "sending a small one", chan_try_send(t->tx, "over!!!", 8));
    drain(t, false);
    trial_stat(t, &stat);
    if (stat.units_used || stat.dead || stat.held || stat.orphaned)
        trial_fail(t, "left over: units %lu, dead %u, held %lu, orphaned %lu", stat.units_used, stat.dead,
                   stat.held, stat.orphaned);
}

static void check_records(struct trial *t)
{
    for (uint32_t number = 0; number < ENDPOINTS; number++) {
        struct chan_endpoint_stat stat = {.size = sizeof stat};
        if ((t->tx && number == chan_sender_number(t->tx)) ||
            (t->rx && number == chan_receiver_number(t->rx)))
            continue;
        if (chan_endpoint_stat(t->ch, number, &stat) != -ENOENT)
            trial_fail(t, "endpoint record %u is not free: state %u", number, stat.state);
    }
}

static void settle(struct trial *t)
{
    struct chan_repair_report report;
    char text[200];
    trial_must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    if (report.dead != report.repaired)
        trial_fail(t, "%u dead, %u repaired", report.dead, report.repaired);
    bool may_lag = t->parts[0].operation == &lagged;
    drain(t, may_lag);
    newcomers(t);
    check_capacity(t);
    if (t->killed_ns)
        tally_recovery(&t->tally, chan_now() - t->killed_ns);
    t->killed_ns = 0;
    work(t, t->scene->messages + 1, false);
    account_for(t);
    check_victims_messages(t);
    check_memory(t);
    check_records(t);
    if (chan_check(t->ch, text, sizeof text))
        trial_fail(t, "chan_check: %s", text);
}

static void explore(struct trial *t, const struct scene *scene, const struct operation *operation,
                    struct course *course)
{
    struct victim victim;
    open_trial(t, &victim, scene, operation);
    course_observe(course, t, &victim);
    if (t->parts[0].journal->result)
        trial_fail(t, "the operation failed: %s", chan_error_name(t->parts[0].journal->result));
    trial_kill(t, &victim);
    trial_where(t, ", completed");
    settle(t);
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
    drain(t, operation == &lagged);
    if (order == WORK_FIRST)
        work(t, 3 * scene->messages, receives(operation));
    if (order == NEWCOMERS_FIRST)
        newcomers(t); /* attaching repairs */
    settle(t);
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
    drain(t, operation == &lagged);
    work(t, 2 * scene->messages + 1, holds_up);
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
    drain(t, false);
    settle(t);
    close_trial(t, &victim);
}

static uint64_t next_step(const struct plan *plan, const struct course *course, uint64_t step, bool stop)
{
    if (plan->step)
        return step < plan->step ? plan->step : UINT64_MAX;
    return plan->all ? step + 1 : course_next(course, step, stop);
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
         step = next_step(plan, course, step, false))
        for (int order = 0; order < ORDERS; order++)
            if (plan_takes(plan, &t->tally, t->where))
                kill_at(t, scene, operation, course, step, (enum order)order);
    for (uint64_t step = 0; plan->stops && !scene->alone && step < course->steps && t->tally.failures < limit;
         step = next_step(plan, course, step, true))
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
