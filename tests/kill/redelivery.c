/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a process at every change it makes while it takes a message that was given back, moves one to
 * the dead-letter channel, or gives one back; then holds the counters against what happened.
 *
 *   redelivery [--all]      at every instruction, not only before each access to what is shared */
#include "course.h"

#include "shm/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define ENDPOINTS 8u

/* What the victim was seen to do, in memory shared with it. */
struct sight {
    int phase;
    int result;
    uint32_t viewed;
};

struct stage {
    struct trial trial; /* for reports; its channel is the one that is watched */
    struct scene scene;
    struct chan *main, *dead;
    struct chan_sender *tx, *dead_tx, *extra;
    struct chan_receiver *rx, *dead_rx;
    struct sight *sight;
    struct chan_receiver *victim_rx;
    struct chan_sender *victim_dead_tx;
    struct chan_view view;
    uint64_t takings; /* before */
    uint64_t passed;  /* other messages, sent and received meanwhile */
};

struct act {
    const char *name;
    uint32_t max_deliveries;
    bool orphan; /* there is one; else there is a queued message */
    void (*prepare)(struct stage *stage);
    int (*run)(struct stage *stage);
};

static void must(struct stage *stage, const char *what, int result)
{
    if (result)
        trial_fail(&stage->trial, "%s: %s", what, chan_error_name(result));
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

static int run_close(struct stage *stage)
{
    chan_close_receiver(stage->victim_rx);
    return 0;
}

static void prepare_dead_letters(struct stage *stage)
{
    int result = chan_attach_sender(stage->dead, CHAN_NO_SPIN, &stage->victim_dead_tx);
    if (!result)
        result = chan_receiver_set_dead_letters(stage->victim_rx, stage->victim_dead_tx);
    stage->sight->result = result;
}

/* There is nothing but the message to be moved. */
static int run_move(struct stage *stage)
{
    struct chan_view view;
    int result = chan_try_recv_view(stage->victim_rx, &view);
    return result == -EAGAIN ? 0 : result ? result : -EEXIST;
}

static const struct act acts[] = {
    {"redelivery", 0, true, NULL, run_view},
    {"dead letter", 1, true, prepare_dead_letters, run_move},
    {"give back", 0, false, prepare_view, run_close},
};

/* ---- stages ---- */

/* How often a message was taken into a hold cell, as the turns tell, independent of all counters: rounds of the
 * receiving hold cells, a begun one included. */
static uint64_t takings(const struct chan *ch)
{
    const struct segment *s = &ch->segment;
    uint64_t sum = 0;
    for (uint32_t number = 0; number < s->g.endpoints; number++)
        for (uint32_t hold = s->g.role_cells; hold < 2 * s->g.role_cells; hold++) {
            uint64_t word = load_acquire(&seg_record(s, number)->holds[hold]);
            sum += cell_turn(&s->g, word) / 4 + (hold_state(&s->g, word) != HOLD_SPARE);
        }
    return sum;
}

static uint64_t counted_takings(const struct chan *ch)
{
    const struct segment *s = &ch->segment;
    uint64_t sum = 0;
    for (uint32_t number = 0; number < s->g.endpoints; number++) {
        struct seg_record *record = seg_record(s, number);
        sum +=
            load_acquire(&record->taken) + load_acquire(&record->redelivered) + load_acquire(&record->moves);
    }
    return sum;
}

static void send_one(struct stage *stage, uint32_t id)
{
    unsigned char message[MESSAGE_BYTES_MAX];
    size_t size = message_size(&stage->scene, id);
    message_write(message, size, id);
    must(stage, "sending", chan_try_send(stage->tx, message, size));
}

static struct chan *create(struct stage *stage, uint32_t max_deliveries)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch = NULL;
    options.messages = 4;
    options.message_size = stage->scene.large ? 4200 : 64;
    options.endpoints = ENDPOINTS;
    options.holds = 1;
    options.max_deliveries = max_deliveries;
    options.flags = CHAN_NO_KEEPER;
    must(stage, "chan_create_anonymous", chan_create_anonymous(&options, &ch));
    return ch;
}

static void set_up(struct stage *stage, const struct act *act, bool large, bool own)
{
    struct sight *sight = stage->sight;
    struct tally tally = stage->trial.tally;
    *stage = (struct stage){.sight = sight, .scene = {.messages = 4, .large = large}};
    *sight = (struct sight){0};
    stage->trial.tally = tally;
    trial_where(&stage->trial, "%s, %s, %s record", act->name, large ? "large" : "inline",
                own ? "own" : "another's");
    stage->main = create(stage, act->max_deliveries);
    stage->dead = create(stage, 0);
    must(stage, "attach", chan_attach_sender(stage->main, 0, &stage->tx));
    must(stage, "attach", chan_attach_receiver(stage->main, 0, &stage->rx));
    must(stage, "attach", chan_attach_sender(stage->dead, 0, &stage->dead_tx));
    must(stage, "attach", chan_attach_receiver(stage->dead, 0, &stage->dead_rx));
    if (act->max_deliveries)
        must(stage, "dead letters", chan_receiver_set_dead_letters(stage->rx, stage->dead_tx));
    stage->takings = takings(stage->main);
    send_one(stage, 1);
    if (act->orphan) {
        struct chan_receiver *giver;
        struct chan_view view;
        must(stage, "attach", chan_attach_receiver(stage->main, 0, &giver));
        must(stage, "view", chan_try_recv_view(giver, &view));
        chan_close_receiver(giver);
    }
    if (!own)
        must(stage, "attach", chan_attach_sender(stage->main, 0, &stage->extra));
}

static void tear_down(struct stage *stage, struct victim *victim)
{
    victim_reap(victim);
    chan_close_sender(stage->tx);
    chan_close_sender(stage->dead_tx);
    chan_close_sender(stage->extra);
    chan_close_receiver(stage->rx);
    chan_close_receiver(stage->dead_rx);
    chan_close(stage->main);
    chan_close(stage->dead);
}

static const struct act *victims_act;

static void victim_body(void *argument)
{
    struct stage *stage = argument;
    stage->sight->result = chan_attach_receiver(stage->main, CHAN_NO_SPIN, &stage->victim_rx);
    if (victims_act->prepare)
        victims_act->prepare(stage);
    victim_enter(&stage->sight->phase);
    if (!stage->sight->result)
        stage->sight->result = victims_act->run(stage);
    victim_leave(&stage->sight->phase);
}

/* ---- what has to be true ---- */

static void check_stat(struct stage *stage, const char *what, uint64_t actual, uint64_t promised)
{
    if (actual != promised)
        trial_fail(&stage->trial, "%s: %lu instead of %lu", what, actual, promised);
}

static struct chan_stat stat_of(struct stage *stage, struct chan *ch)
{
    struct chan_stat stat = {.size = sizeof stat};
    must(stage, "chan_stat", chan_stat(ch, &stat));
    return stat;
}

/* Receive what a survivor can get; returns how many messages. */
static uint32_t receive(struct stage *stage, struct chan_receiver *rx, uint32_t expected_id)
{
    uint32_t count = 0;
    int result;
    for (struct chan_view view; !(result = chan_try_recv_view(rx, &view)); count++) {
        if (message_id(&stage->scene, view.data, view.size) != expected_id)
            trial_fail(&stage->trial, "a message that is torn, or another");
        if (stage->sight->viewed && view.deliveries < 2)
            trial_fail(&stage->trial, "the redelivery is not flagged");
        must(stage, "chan_release", chan_release(rx, &view));
    }
    if (result != -EAGAIN)
        trial_fail(&stage->trial, "receiving: %s", chan_error_name(result));
    return count;
}

static void check_sound(struct stage *stage, struct chan *ch)
{
    char text[200];
    struct chan_stat stat = stat_of(stage, ch);
    check_stat(stage, "left over", stat.held + stat.orphaned + stat.queued + stat.units_used + stat.dead, 0);
    check_stat(stage, "sent", stat.sent, stat.received + stat.discarded + stat.dead_lettered);
    check_stat(stage, "unreturned", stat.unreturned, 0);
    if (chan_check(ch, text, sizeof text))
        trial_fail(&stage->trial, "chan_check: %s", text);
}

static void settle(struct stage *stage, const struct act *act, bool killed)
{
    struct chan_repair_report report;
    must(stage, "chan_repair", chan_repair(stage->main, 0, &report));
    must(stage, "chan_repair", chan_repair(stage->dead, 0, &report));
    uint32_t received = receive(stage, stage->rx, 1);
    struct chan_stat stat = stat_of(stage, stage->main);
    uint64_t moved = stat.dead_lettered;
    check_stat(stage, "received", received, act->max_deliveries ? 0 : 1);
    check_stat(stage, "dead_lettered", moved, act->max_deliveries ? 1 : 0);
    check_stat(stage, "discarded", stat.discarded, 0);
    check_stat(stage, "takings", takings(stage->main) - stage->takings, counted_takings(stage->main));
    if (act->max_deliveries)
        check_stat(stage, "redelivered", stat.redelivered, 0);
    stage->sight->viewed = 0;
    uint32_t arrived = receive(stage, stage->dead_rx, 1);
    if (arrived < moved || arrived > moved + (killed && moved))
        trial_fail(&stage->trial, "%u in the dead-letter channel", arrived);
    check_sound(stage, stage->main);
    check_sound(stage, stage->dead);
}

/* The victim is stopped: others get what it does not hold, and what it gave back at once. */
static void work_around(struct stage *stage, const struct act *act)
{
    struct chan_stat stat = stat_of(stage, stage->main);
    uint64_t there = stat.orphaned + stat.queued;
    uint32_t received = receive(stage, stage->rx, 1);
    if (!act->max_deliveries && received != there)
        trial_fail(&stage->trial, "%u messages received of %lu that were there", received, there);
    stage->passed += received;
}

/* The others have looked, found it held, and may have noted that there is nothing. Now let it go on to where the
 * message is not its own any more, and stop it just there. */
static void work_around_again(struct stage *stage, const struct act *act, struct victim *victim)
{
    while (!stat_of(stage, stage->main).orphaned && victim_step(victim))
        ;
    work_around(stage, act);
}

/* ---- trials ---- */

static void begin(struct stage *stage, struct victim *victim, const struct act *act, bool large, bool own)
{
    set_up(stage, act, large, own);
    stage->trial.ch = stage->main;
    victims_act = act;
    victim_start(victim, victim_body, stage, &stage->sight->phase);
    if (victim->state == VICTIM_ENDED || stage->sight->result)
        trial_fail(&stage->trial, "the victim could not be set up: %s",
                   chan_error_name(stage->sight->result));
}

static void kill_at(struct stage *stage, const struct course *course, const struct act *act, bool large,
                    bool own, uint64_t step)
{
    struct victim victim;
    begin(stage, &victim, act, large, own);
    trial_where(&stage->trial, ", killed at step %lu (%s)", step, course_event(course, step));
    course_run_to(course, &stage->trial, &victim, step);
    victim_kill(&victim);
    stage->trial.tally.kills++;
    settle(stage, act, true);
    tear_down(stage, &victim);
}

/* A victim that was not killed has done its act once, or has found it done by another. */
static void stop_at(struct stage *stage, const struct course *course, const struct act *act, bool large,
                    bool own, uint64_t step)
{
    struct victim victim;
    begin(stage, &victim, act, large, own);
    trial_where(&stage->trial, ", stopped at step %lu (%s)", step, course_event(course, step));
    course_run_to(course, &stage->trial, &victim, step);
    stage->trial.tally.stops++;
    work_around(stage, act);
    if (!act->orphan)
        work_around_again(stage, act, &victim);
    if (!victim_continue(&victim, 3000))
        trial_fail(&stage->trial, "after being continued it does not finish");
    victim_kill(&victim);
    if (stage->passed) { /* nothing is left but the books */
        struct chan_repair_report report;
        must(stage, "chan_repair", chan_repair(stage->main, 0, &report));
        check_stat(stage, "takings", takings(stage->main) - stage->takings, counted_takings(stage->main));
        check_sound(stage, stage->main);
    } else {
        settle(stage, act, false);
    }
    tear_down(stage, &victim);
}

static void run_case(struct stage *stage, struct course *course, const struct act *act, bool large, bool own,
                     bool all)
{
    struct victim victim;
    begin(stage, &victim, act, large, own);
    course_observe(course, &stage->trial, &victim);
    must(stage, "the act", stage->sight->result);
    victim_kill(&victim);
    settle(stage, act, false);
    tear_down(stage, &victim);
    for (uint64_t step = 0; step < course->steps;
         step = all ? step + 1 : course_next(course, step, PLACES_OF_STOPS)) {
        kill_at(stage, course, act, large, own, step);
        stop_at(stage, course, act, large, own, step);
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
            for (int own = 0; own < 2; own++)
                if (acts[a].orphan || own)
                    run_case(&stage, course, &acts[a], large, own, all);
    course_free(course);
    return tally_report(&stage.trial.tally);
}
