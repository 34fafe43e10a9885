/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a caller or a server at every change it makes in one operation; then each call of the others must
 * have had just one end, nothing may be left of the dead one's, and all places for answers must work.
 *
 *   calls [--all]      at every instruction, not only around the changes */
#include "course.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define ENDPOINTS 8u
#define HOLDS 2u
#define ANSWER 100u /* the answer to request n is message n + ANSWER */
#define OWN 1u      /* the survivor's call, which a server is to answer */
#define VICTIMS 10u /* the calls of a caller that is the victim */
#define LATER 20u   /* calls to see that all works */

/* What the victim was seen to do, in memory shared with it. */
struct sight {
    int phase;
    int result;
    uint32_t viewed;
};

struct stage {
    struct trial trial; /* for reports */
    struct scene scene;
    struct chan *ch;
    struct chan_sender *tx; /* the survivors */
    struct chan_receiver *rx;
    struct chan_ticket own;
    struct chan_reply_address stale[8]; /* of the victim's requests */
    unsigned stale_count;
    uint64_t answers; /* that have surely been given */
    uint32_t served;  /* the survivor server answered the own call */
    bool counted;     /* the victim has counted the delivery that it was about to return */
    struct sight *sight;
    struct chan_sender *victim_tx;
    struct chan_receiver *victim_rx;
    struct chan_ticket victim_tickets[HOLDS];
    struct chan_view view;
};

struct act {
    const char *name;
    bool serves; /* the victim is a server */
    void (*prepare)(struct stage *stage);
    void (*meanwhile)(struct stage *stage); /* what the survivors do before it begins */
    int (*run)(struct stage *stage);
    bool leaves;
};

static void must(struct stage *stage, const char *what, int result)
{
    if (result)
        trial_fail(&stage->trial, "%s: %s", what, chan_error_name(result));
}

static void check(struct stage *stage, const char *what, uint64_t actual, uint64_t promised)
{
    if (actual != promised)
        trial_fail(&stage->trial, "%s: %lu instead of %lu", what, actual, promised);
}

/* ---- calling and serving ---- */

static int start(struct stage *stage, struct chan_sender *tx, uint32_t id, struct chan_ticket *ticket)
{
    unsigned char message[MESSAGE_BYTES_MAX];
    size_t size = message_size(&stage->scene, id);
    message_write(message, size, id);
    return chan_try_call_start(tx, message, size, ticket);
}

static int finish(struct stage *stage, struct chan_sender *tx, uint32_t id, struct chan_ticket *ticket)
{
    unsigned char message[MESSAGE_BYTES_MAX];
    size_t size;
    int result = chan_try_call_finish(tx, ticket, message, sizeof message, &size);
    if (!result && message_id(&stage->scene, message, size) != id + ANSWER)
        trial_fail(&stage->trial, "an answer that is torn, or another's");
    return result;
}

static int reply(struct stage *stage, struct chan_receiver *rx, struct chan_view *view)
{
    unsigned char message[MESSAGE_BYTES_MAX];
    uint32_t id = message_id(&stage->scene, view->data, view->size);
    size_t size = message_size(&stage->scene, id + ANSWER);
    message_write(message, size, id + ANSWER);
    return chan_try_reply(rx, view, message, size);
}

/* Answer all that is queued or given back. */
static void serve(struct stage *stage)
{
    struct chan_view view;
    int result;
    while (!(result = chan_try_recv_view(stage->rx, &view))) {
        uint32_t id = message_id(&stage->scene, view.data, view.size);
        if (!id)
            trial_fail(&stage->trial, "a request that is torn");
        if (id >= VICTIMS && id < LATER && stage->stale_count < 8)
            must(stage, "address",
                 chan_reply_address_of(stage->rx, &view, &stage->stale[stage->stale_count++]));
        result = reply(stage, stage->rx, &view);
        if (result && result != -EPIPE)
            trial_fail(&stage->trial, "answering: %s", chan_error_name(result));
        stage->answers += !result;
        stage->served += !result && id == OWN;
    }
    if (result != -EAGAIN)
        trial_fail(&stage->trial, "serving: %s", chan_error_name(result));
}

/* All places of a caller at once. */
static void call_in_all_places(struct stage *stage, struct chan_sender *tx, uint32_t places)
{
    struct chan_ticket tickets[HOLDS];
    for (uint32_t i = 0; i < places; i++)
        must(stage, "a later call", start(stage, tx, LATER + i, &tickets[i]));
    for (unsigned i = 0; i < stage->stale_count; i++)
        if (chan_try_reply_to(stage->rx, &stage->stale[i], "stale", 5) != -EPIPE)
            trial_fail(&stage->trial, "an address of the dead one's reached a living caller");
    serve(stage);
    for (uint32_t i = 0; i < places; i++)
        must(stage, "a later answer", finish(stage, tx, LATER + i, &tickets[i]));
}

/* ---- acts ---- */

static int run_view(struct stage *stage)
{
    int result = chan_try_recv_view(stage->victim_rx, &stage->view);
    stage->sight->viewed = !result;
    return result;
}

static void prepare_view(struct stage *stage)
{
    stage->sight->result = run_view(stage);
}

static int run_reply(struct stage *stage)
{
    return reply(stage, stage->victim_rx, &stage->view);
}

static int run_release(struct stage *stage)
{
    return chan_release(stage->victim_rx, &stage->view);
}

static int run_close_server(struct stage *stage)
{
    chan_close_receiver(stage->victim_rx);
    return 0;
}

static int run_start(struct stage *stage)
{
    return start(stage, stage->victim_tx, VICTIMS, &stage->victim_tickets[0]);
}

static void prepare_start(struct stage *stage)
{
    stage->sight->result = run_start(stage);
}

static int run_finish(struct stage *stage)
{
    return finish(stage, stage->victim_tx, VICTIMS, &stage->victim_tickets[0]);
}

static int run_cancel(struct stage *stage)
{
    return chan_call_cancel(stage->victim_tx, &stage->victim_tickets[0]);
}

static int run_call_given_up(struct stage *stage)
{
    unsigned char message[MESSAGE_BYTES_MAX];
    size_t size = message_size(&stage->scene, VICTIMS);
    message_write(message, size, VICTIMS);
    int result = chan_call_timeout(stage->victim_tx, message, size, message, sizeof message, &size, 0);
    return result == -ETIMEDOUT ? 0 : result;
}

static int run_close_caller(struct stage *stage)
{
    chan_close_sender(stage->victim_tx);
    return 0;
}

static void refuse_all(struct stage *stage)
{
    struct chan_view view;
    while (!chan_try_recv_view(stage->rx, &view))
        must(stage, "release", chan_release(stage->rx, &view));
}

static const struct act acts[] = {
    {.name = "view", .serves = true, .run = run_view},
    {.name = "reply", .serves = true, .prepare = prepare_view, .run = run_reply},
    {.name = "release", .serves = true, .prepare = prepare_view, .run = run_release},
    {.name = "close server",
     .serves = true,
     .prepare = prepare_view,
     .run = run_close_server,
     .leaves = true},
    {.name = "start", .run = run_start},
    {.name = "finish", .prepare = prepare_start, .meanwhile = serve, .run = run_finish},
    {.name = "cancel", .prepare = prepare_start, .run = run_cancel},
    {.name = "cancel, answered", .prepare = prepare_start, .meanwhile = serve, .run = run_cancel},
    {.name = "cancel, refused", .prepare = prepare_start, .meanwhile = refuse_all, .run = run_cancel},
    {.name = "call, given up", .run = run_call_given_up},
    {.name = "close caller", .prepare = prepare_start, .run = run_close_caller, .leaves = true},
    {.name = "close caller, answered",
     .prepare = prepare_start,
     .meanwhile = serve,
     .run = run_close_caller,
     .leaves = true},
};

/* ---- stages ---- */

static const struct act *victims_act;

static void victim_body(void *argument)
{
    struct stage *stage = argument;
    stage->sight->result = victims_act->serves
                               ? chan_attach_receiver(stage->ch, CHAN_NO_SPIN, &stage->victim_rx)
                               : chan_attach_sender(stage->ch, CHAN_NO_SPIN, &stage->victim_tx);
    if (!stage->sight->result && victims_act->prepare)
        victims_act->prepare(stage);
    victim_enter(&stage->sight->phase);
    if (!stage->sight->result)
        stage->sight->result = victims_act->run(stage);
    victim_leave(&stage->sight->phase);
}

static void begin(struct stage *stage, struct victim *victim, const struct act *act,
                  const struct chan_options *options)
{
    *stage = (struct stage){.sight = stage->sight,
                            .scene = {.messages = 4, .large = options->message_size > 4096},
                            .trial = {.tally = stage->trial.tally}};
    *stage->sight = (struct sight){0};
    trial_where(&stage->trial, "%s, %s, max_deliveries %u", act->name,
                stage->scene.large ? "large" : "inline", options->max_deliveries);
    must(stage, "create", chan_create_anonymous(options, &stage->ch));
    must(stage, "attach", chan_attach_sender(stage->ch, 0, &stage->tx));
    must(stage, "attach", chan_attach_receiver(stage->ch, 0, &stage->rx));
    if (act->serves)
        must(stage, "start", start(stage, stage->tx, OWN, &stage->own));
    stage->trial.ch = stage->ch;
    victims_act = act;
    victim_start(victim, victim_body, stage, &stage->sight->phase);
    if (victim->state == VICTIM_ENDED || stage->sight->result)
        trial_fail(&stage->trial, "the victim could not be set up: %s",
                   chan_error_name(stage->sight->result));
    if (act->meanwhile)
        act->meanwhile(stage);
}

static void tear_down(struct stage *stage, struct victim *victim)
{
    victim_reap(victim);
    chan_close_sender(stage->tx);
    chan_close_receiver(stage->rx);
    chan_close(stage->ch);
}

/* The own call has had one end, and it is the one that the server's fate allows. */
static void end_own_call(struct stage *stage, uint32_t max_deliveries, bool done)
{
    int result = finish(stage, stage->tx, OWN, &stage->own);
    stage->answers += !result && !stage->served;
    if (result == -EAGAIN) {
        if (stage->sight->viewed && max_deliveries < 2)
            trial_fail(&stage->trial, "the caller is not told of its server's end");
        serve(stage);
        result = finish(stage, stage->tx, OWN, &stage->own);
        must(stage, "the answer of another server", result);
    } else if (result && result != -EPIPE) {
        trial_fail(&stage->trial, "finishing: %s", chan_error_name(result));
    }
    if (result == -EPIPE && !stage->sight->viewed && !stage->counted)
        trial_fail(&stage->trial, "a request that nobody was given is refused");
    if (done && !stage->served && victims_act->run == run_reply && result)
        trial_fail(&stage->trial, "answered, but not to the caller");
}

static void check_sound(struct stage *stage)
{
    char text[200];
    struct chan_stat stat = {.size = sizeof stat};
    must(stage, "chan_stat", chan_stat(stage->ch, &stat));
    check(stage, "left over", stat.held + stat.orphaned + stat.queued + stat.units_used + stat.dead, 0);
    check(stage, "calls left over", stat.calls_open + stat.answers_unread, 0);
    check(stage, "answered", stat.answered, stage->answers);
    check(stage, "sent", stat.sent, stat.received + stat.discarded);
    if (chan_check(stage->ch, text, sizeof text))
        trial_fail(&stage->trial, "chan_check: %s", text);
}

/* The victim is dead. */
static void settle(struct stage *stage, const struct act *act, uint32_t max_deliveries, bool done)
{
    struct chan_repair_report report;
    struct chan_sender *newcomer;
    must(stage, "chan_repair", chan_repair(stage->ch, 0, &report));
    check(stage, "repaired", report.repaired, report.dead);
    if (act->serves)
        end_own_call(stage, max_deliveries, done);
    uint64_t answers = stage->answers;
    serve(stage);
    check(stage, "answers to nobody", stage->answers, answers);
    call_in_all_places(stage, stage->tx, HOLDS);
    must(stage, "a newcomer", chan_attach_sender(stage->ch, 0, &newcomer));
    call_in_all_places(stage, newcomer, HOLDS);
    chan_close_sender(newcomer);
    check_sound(stage);
}

/* What the survivors do first. READ: the caller reads an answer that is there, and goes on to its next call, before
 * anybody has repaired the server that gave it. */
enum order { REPAIR_FIRST, READ_FIRST, ORDERS };

static void read_first(struct stage *stage)
{
    int result = finish(stage, stage->tx, OWN, &stage->own);
    if (result == -EAGAIN)
        return;
    must(stage, "reading the dead one's answer", result);
    stage->answers++;
    must(stage, "start", start(stage, stage->tx, OWN, &stage->own));
    stage->sight->viewed = 0; /* not this one */
}

static void kill_at(struct stage *stage, const struct course *course, const struct act *act,
                    const struct chan_options *options, uint64_t step, enum order order)
{
    struct victim victim;
    begin(stage, &victim, act, options);
    trial_where(&stage->trial, ", killed at step %lu (%s)%s", step, course_event(course, step),
                order == READ_FIRST ? ", read first" : "");
    course_run_to(course, &stage->trial, &victim, step);
    victim_kill(&victim);
    stage->trial.tally.kills++;
    stage->counted = strstr(course_event(course, step), "deliveries") != NULL;
    if (order == READ_FIRST)
        read_first(stage);
    settle(stage, act, options->max_deliveries, false);
    tear_down(stage, &victim);
}

/* What a victim may say that went on after the survivors had served all there was. */
static bool may_return(const struct act *act, int result)
{
    return !result || (act->run == run_view && result == -EAGAIN);
}

static void stop_at(struct stage *stage, const struct course *course, const struct act *act,
                    const struct chan_options *options, uint64_t step)
{
    struct victim victim;
    begin(stage, &victim, act, options);
    trial_where(&stage->trial, ", stopped at step %lu (%s)", step, course_event(course, step));
    course_run_to(course, &stage->trial, &victim, step);
    stage->trial.tally.stops++;
    /* The others go on calling and serving around it. One place may have the own call. */
    call_in_all_places(stage, stage->tx, HOLDS - 1);
    stage->stale_count = 0; /* it lives, and so does its call */
    if (!victim_continue(&victim, 3000))
        trial_fail(&stage->trial, "after being continued it does not finish");
    else if (!may_return(act, stage->sight->result))
        trial_fail(&stage->trial, "after being continued: %s", chan_error_name(stage->sight->result));
    victim_kill(&victim);
    settle(stage, act, options->max_deliveries, true);
    tear_down(stage, &victim);
}

static void run_case(struct stage *stage, struct course *course, const struct act *act,
                     const struct chan_options *options, bool all)
{
    struct victim victim;
    begin(stage, &victim, act, options);
    course_observe(course, &stage->trial, &victim);
    must(stage, "the act", stage->sight->result);
    victim_kill(&victim);
    settle(stage, act, options->max_deliveries, true);
    tear_down(stage, &victim);
    for (uint64_t step = 0; step < course->steps; step = all ? step + 1 : course_next(course, step, true)) {
        for (int order = 0; order < (act->run == run_reply ? ORDERS : 1); order++)
            kill_at(stage, course, act, options, step, (enum order)order);
        stop_at(stage, course, act, options, step);
    }
    stage->trial.tally.cases++;
    stage->trial.tally.instructions += course->steps;
}

int main(int argc, char **argv)
{
    victim_set_up(argv);
    bool all = argc > 1 && !strcmp(argv[1], "--all");
    struct course *course = course_new();
    struct stage stage = {0};
    stage.sight = mmap(NULL, sizeof *stage.sight, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stage.sight == MAP_FAILED)
        return 2;
    for (unsigned a = 0; a < sizeof acts / sizeof acts[0]; a++)
        for (int variant = 0; variant < 4; variant++) {
            struct chan_options options = CHAN_OPTIONS_INIT;
            options.kind = CHAN_CALL;
            options.messages = 4;
            options.message_size = variant & 1 ? 4200 : 64;
            options.endpoints = ENDPOINTS;
            options.holds = HOLDS;
            options.max_deliveries = variant & 2 ? 2 : 0;
            options.flags = CHAN_NO_KEEPER;
            if (acts[a].serves || !options.max_deliveries)
                run_case(&stage, course, &acts[a], &options, all);
        }
    course_free(course);
    return tally_report(&stage.trial.tally);
}
