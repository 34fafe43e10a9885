/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, either side of a oneshot at every change it makes; then the other side must have the value, or know
 * that there is none, and never both or neither.
 *
 *   oneshots [--all]      at every instruction, not only before each access to what is shared */
#include "course.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define VALUE 1u

struct sight {
    int phase;
    int result;
    uint32_t seen; /* the value has been copied, or is being acknowledged */
};

struct stage {
    struct trial trial; /* for reports */
    struct scene scene;
    struct chan *ch;
    struct chan_sender *tx; /* the survivor is the one, the victim the other */
    struct chan_receiver *rx;
    struct chan_view view;
    struct sight *sight;
};

struct act {
    const char *name;
    bool sends; /* the victim is the sender */
    bool sent;  /* the value is there before */
    void (*prepare)(struct stage *stage);
    int (*run)(struct stage *stage);
};

static void must(struct stage *stage, const char *what, int result)
{
    if (result)
        trial_fail(&stage->trial, "%s: %s", what, chan_error_name(result));
}

static int send_value(struct stage *stage)
{
    unsigned char message[MESSAGE_BYTES_MAX];
    size_t size = message_size(&stage->scene, VALUE);
    message_write(message, size, VALUE);
    return chan_try_send(stage->tx, message, size);
}

static int receive_value(struct stage *stage, uint32_t *seen)
{
    unsigned char message[MESSAGE_BYTES_MAX];
    size_t size;
    int result = chan_try_recv(stage->rx, message, sizeof message, &size);
    if (!result && message_id(&stage->scene, message, size) != VALUE)
        trial_fail(&stage->trial, "a value that is torn");
    *seen |= !result;
    return result;
}

static int run_recv(struct stage *stage)
{
    return receive_value(stage, &stage->sight->seen);
}

static void prepare_view(struct stage *stage)
{
    stage->sight->result = chan_try_recv_view(stage->rx, &stage->view);
}

static int run_release(struct stage *stage)
{
    stage->sight->seen = 1;
    return chan_release(stage->rx, &stage->view);
}

static int run_close_sender(struct stage *stage)
{
    chan_close_sender(stage->tx);
    return 0;
}

static int run_close_receiver(struct stage *stage)
{
    chan_close_receiver(stage->rx);
    return 0;
}

static int run_shutdown(struct stage *stage)
{
    return chan_shutdown(stage->ch);
}

static const struct act acts[] = {
    {"send", true, false, NULL, send_value},
    {"close sender, unsent", true, false, NULL, run_close_sender},
    {"recv", false, true, NULL, run_recv},
    {"release", false, true, prepare_view, run_release},
    {"close receiver", false, false, NULL, run_close_receiver},
    {"close receiver, sent", false, true, NULL, run_close_receiver},
    {"close receiver, view", false, true, prepare_view, run_close_receiver},
    {"shutdown", false, false, NULL, run_shutdown},
    {"shutdown, sent", false, true, NULL, run_shutdown},
};

static const struct act *victims_act;

static void victim_body(void *argument)
{
    struct stage *stage = argument;
    stage->sight->result = victims_act->sends ? chan_attach_sender(stage->ch, CHAN_NO_SPIN, &stage->tx)
                                              : chan_attach_receiver(stage->ch, CHAN_NO_SPIN, &stage->rx);
    if (!stage->sight->result && victims_act->prepare)
        victims_act->prepare(stage);
    victim_enter(&stage->sight->phase);
    if (!stage->sight->result)
        stage->sight->result = victims_act->run(stage);
    victim_leave(&stage->sight->phase);
}

static void begin(struct stage *stage, struct victim *victim, const struct act *act, bool large)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    *stage = (struct stage){.sight = stage->sight,
                            .scene = {.messages = 1, .large = large},
                            .trial = {.tally = stage->trial.tally}};
    *stage->sight = (struct sight){0};
    trial_where(&stage->trial, "%s, %s", act->name, large ? "large" : "inline");
    options.kind = CHAN_ONESHOT;
    options.message_size = large ? 4200 : 64;
    options.flags = CHAN_NO_KEEPER;
    must(stage, "create", chan_create_anonymous(&options, &stage->ch));
    if (act->sends)
        must(stage, "attach", chan_attach_receiver(stage->ch, 0, &stage->rx));
    else
        must(stage, "attach", chan_attach_sender(stage->ch, 0, &stage->tx));
    if (act->sent)
        must(stage, "send", send_value(stage));
    stage->trial.ch = stage->ch;
    victims_act = act;
    victim_start(victim, victim_body, stage, &stage->sight->phase);
    if (victim->state == VICTIM_ENDED || stage->sight->result)
        trial_fail(&stage->trial, "the victim could not be set up: %s",
                   chan_error_name(stage->sight->result));
}

static void check_books(struct stage *stage, bool received)
{
    char text[200];
    struct chan_stat stat = {.size = sizeof stat};
    must(stage, "chan_stat", chan_stat(stage->ch, &stat));
    if (stat.held + stat.orphaned + stat.queued + stat.units_used + stat.dead)
        trial_fail(&stage->trial, "something is left over");
    if (stat.sent > 1 || stat.sent != stat.received + stat.discarded)
        trial_fail(&stage->trial, "sent %lu, received %lu, discarded %lu", stat.sent, stat.received,
                   stat.discarded);
    if (received && !stat.received)
        trial_fail(&stage->trial, "received, and not counted");
    if (chan_check(stage->ch, text, sizeof text))
        trial_fail(&stage->trial, "chan_check: %s", text);
}

/* The victim is dead; `done`: after its act. */
static void settle(struct stage *stage, const struct act *act, bool done)
{
    struct chan_repair_report report;
    uint32_t seen = 0;
    must(stage, "chan_repair", chan_repair(stage->ch, 0, &report));
    if (act->sends) {
        int result = receive_value(stage, &seen);
        if (result && result != -EPIPE)
            trial_fail(&stage->trial, "the receiver is told %s", chan_error_name(result));
        if (done && act->run == send_value && result)
            trial_fail(&stage->trial, "sent, but not received");
        result = receive_value(stage, &seen);
        if (result != -EPIPE)
            trial_fail(&stage->trial, "after the end: %s", chan_error_name(result));
    } else {
        int result =
            send_value(stage); /* whatever it was in: it was sent, or there is no receiver any more */
        if (result != -EPIPE)
            trial_fail(&stage->trial, "the sender is told %s", chan_error_name(result));
    }
    check_books(stage, seen);
}

static void tear_down(struct stage *stage, struct victim *victim)
{
    victim_reap(victim);
    chan_close_sender(stage->tx);
    chan_close_receiver(stage->rx);
    chan_close(stage->ch);
}

static void kill_at(struct stage *stage, const struct course *course, const struct act *act, bool large,
                    uint64_t step)
{
    struct victim victim;
    begin(stage, &victim, act, large);
    trial_where(&stage->trial, ", killed at step %lu (%s)", step, course_event(course, step));
    course_run_to(course, &stage->trial, &victim, step);
    victim_kill(&victim);
    stage->trial.tally.kills++;
    settle(stage, act, false);
    tear_down(stage, &victim);
}

/* The other side looks, which must not be wrong, nor keep the victim from doing what it was about to. */
static void stop_at(struct stage *stage, const struct course *course, const struct act *act, bool large,
                    uint64_t step)
{
    struct victim victim;
    uint32_t seen = 0;
    begin(stage, &victim, act, large);
    trial_where(&stage->trial, ", stopped at step %lu (%s)", step, course_event(course, step));
    course_run_to(course, &stage->trial, &victim, step);
    stage->trial.tally.stops++;
    int looked = act->sends ? receive_value(stage, &seen) : -EPIPE;
    if (act->sends && looked && looked != -EAGAIN && !(looked == -EPIPE && act->run == run_close_sender))
        trial_fail(&stage->trial, "looking: %s", chan_error_name(looked));
    /* Sending and closing are one step. */
    if (act->sends && !looked && !chan_is_closed(stage->ch))
        trial_fail(&stage->trial, "received, and not closed");
    if (!victim_continue(&victim, 3000))
        trial_fail(&stage->trial, "after being continued it does not finish");
    must(stage, "after being continued", stage->sight->result);
    victim_kill(&victim);
    settle(stage, act, !seen);
    tear_down(stage, &victim);
}

static void run_case(struct stage *stage, struct course *course, const struct act *act, bool large, bool all)
{
    struct victim victim;
    begin(stage, &victim, act, large);
    course_observe(course, &stage->trial, &victim);
    must(stage, "the act", stage->sight->result);
    victim_kill(&victim);
    settle(stage, act, true);
    tear_down(stage, &victim);
    for (uint64_t step = 0; step < course->steps;
         step = all ? step + 1 : course_next(course, step, PLACES_OF_STOPS)) {
        kill_at(stage, course, act, large, step);
        stop_at(stage, course, act, large, step);
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
        for (int large = 0; large < 2; large++)
            run_case(&stage, course, &acts[a], large, all);
    course_free(course);
    return tally_report(&stage.trial.tally);
}
