/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a process that has a descriptor for its event loop, wherever it gets, arms, serves or closes it, and
 * one that has to ring for another's descriptor. Then another loop, which had been waiting behind it all along, must
 * still be told of what it waits for, and every message be accounted for.
 *
 * A stopped victim stands still with all its threads, or with only the one that is stepped: then its poller goes on, for
 * a loop that does not come.
 *
 *   pollables [--all]      at every instruction, not only before each access to what is shared */
#include "course.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A loop is called at the latest when it looks around for the third time: 8 + 32 + 128 ms, and a busy machine. */
#define CALLED_MS 1000

/* Until a poller is asleep. */
#define ASLEEP_US 300

struct sight {
    int phase;
    int result;
};

struct stage {
    struct trial trial; /* for reports */
    struct chan *ch;
    struct chan_sender *tx; /* the survivor's; the victim's are its own copies */
    struct chan_receiver *rx;
    struct sight *sight;
};

struct act {
    const char *name;
    bool sends; /* the victim is a sender, and the queue full, unless it rings */
    bool rings; /* what it sends, or takes, the survivor's descriptor waits for */
    int (*prepare)(struct stage *stage);
    int (*run)(struct stage *stage);
};

static const uint32_t message = 7;

static void must(struct stage *stage, const char *what, int result)
{
    if (result)
        trial_fail(&stage->trial, "%s: %s", what, chan_error_name(result));
}

static int put(struct stage *stage)
{
    return chan_try_send(stage->tx, &message, sizeof message);
}

static int take(struct stage *stage)
{
    uint32_t got = 0;
    int result = chan_try_recv(stage->rx, &got, sizeof got, NULL);
    if (!result && got != message)
        trial_fail(&stage->trial, "a message that is torn");
    return result;
}

/* -EAGAIN is what it is to come to. */
static int vainly(int result)
{
    return result == -EAGAIN ? 0 : result ? result : -ENOMSG;
}

static int descriptor(const struct stage *stage)
{
    return stage->rx ? chan_receiver_fd(stage->rx) : chan_sender_fd(stage->tx);
}

static int try_in_vain(struct stage *stage)
{
    return vainly(stage->rx ? take(stage) : put(stage));
}

static int get(struct stage *stage)
{
    int fd = descriptor(stage);
    return fd < 0 ? fd : 0;
}

static int get_and_rest(struct stage *stage)
{
    int result = get(stage);
    if (!result) /* a call that sleeps by itself leaves it resting */
        result = stage->rx ? chan_recv_timeout(stage->rx, &(uint32_t){0}, sizeof message, NULL, 1)
                           : chan_send_timeout(stage->tx, &message, sizeof message, 1);
    return result == -ETIMEDOUT ? 0 : result;
}

static int get_and_fall_asleep(struct stage *stage)
{
    int result = get(stage);
    usleep(ASLEEP_US);
    return result;
}

static int close_it(struct stage *stage)
{
    chan_close_receiver(stage->rx);
    chan_close_sender(stage->tx);
    stage->rx = NULL;
    stage->tx = NULL;
    return 0;
}

static int wait_in_a_call(struct stage *stage)
{
    return get_and_rest(stage);
}

static int send_one(struct stage *stage)
{
    return put(stage);
}

static int take_one(struct stage *stage)
{
    return take(stage);
}

static int take_and_arm(struct stage *stage)
{
    int result = take(stage);
    return result ? result : vainly(take(stage));
}

/* In turns, however long each is: time in which the machine let nobody run is nobody's delay. */
static bool becomes_readable(int fd)
{
    enum { TURN_MS = 10 };
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    for (int ms = 0; ms < CALLED_MS; ms += TURN_MS)
        if (poll(&polled, 1, TURN_MS) == 1)
            return true;
    return false;
}

/* Sent to itself, so that its own poller is what is rung, beside the survivor's. */
static int get_and_be_rung(struct stage *stage)
{
    struct chan_sender *tx;
    int result = get_and_fall_asleep(stage);
    if (!result)
        result = chan_attach_sender(stage->ch, CHAN_NO_SPIN, &tx);
    if (!result)
        result = chan_try_send(tx, &message, sizeof message);
    return result ? result : becomes_readable(descriptor(stage)) ? 0 : -ETIME;
}

static const struct act acts[] = {
    {"get a receiver's", false, false, NULL, get},
    {"get a sender's", true, false, NULL, get},
    {"arm a receiver's", false, false, get_and_rest, try_in_vain},
    {"arm a sender's", true, false, get_and_rest, try_in_vain},
    {"serve a receiver's", false, false, get_and_be_rung, take_and_arm},
    {"wait in a call", false, false, get_and_fall_asleep, wait_in_a_call},
    {"close a receiver's", false, false, get_and_fall_asleep, close_it},
    {"close a sender's", true, false, get_and_fall_asleep, close_it},
    {"ring a receiver's", true, true, NULL, send_one},
    {"ring a sender's", false, true, NULL, take_one},
};

static const struct act *victims_act;

static void victim_body(void *argument)
{
    struct stage *stage = argument;
    stage->rx = NULL;
    stage->tx = NULL;
    stage->sight->result = victims_act->sends ? chan_attach_sender(stage->ch, CHAN_NO_SPIN, &stage->tx)
                                              : chan_attach_receiver(stage->ch, CHAN_NO_SPIN, &stage->rx);
    if (!stage->sight->result && victims_act->prepare)
        stage->sight->result = victims_act->prepare(stage);
    victim_enter(&stage->sight->phase);
    if (!stage->sight->result)
        stage->sight->result = victims_act->run(stage);
    victim_leave(&stage->sight->phase);
}

/* What the survivor's loop waits for: messages, where the victim sends for it or waits for them itself, else room. */
static bool survivor_receives(const struct act *act)
{
    return act->sends == act->rings;
}

static int survivors_fd(const struct stage *stage, const struct act *act)
{
    return survivor_receives(act) ? chan_receiver_fd(stage->rx) : chan_sender_fd(stage->tx);
}

static void begin(struct stage *stage, struct victim *victim, const struct act *act)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    *stage = (struct stage){.sight = stage->sight, .trial = {.tally = stage->trial.tally}};
    *stage->sight = (struct sight){0};
    trial_where(&stage->trial, "%s", act->name);
    options.messages = 1;
    options.message_size = sizeof message;
    options.endpoints = 8;
    options.flags = CHAN_NO_KEEPER;
    must(stage, "create", chan_create_anonymous(&options, &stage->ch));
    must(stage, "attach", chan_attach_receiver(stage->ch, 0, &stage->rx));
    must(stage, "attach", chan_attach_sender(stage->ch, 0, &stage->tx));
    if (!survivor_receives(act))
        must(stage, "send", put(stage));
    stage->trial.ch = stage->ch;
    victims_act = act;
    victim_start(victim, victim_body, stage, &stage->sight->phase);
    if (victim->state == VICTIM_ENDED || stage->sight->result)
        trial_fail(&stage->trial, "the victim could not be set up: %s",
                   chan_error_name(stage->sight->result));
    if (survivors_fd(stage, act) < 0)
        trial_fail(&stage->trial, "no descriptor");
}

static bool is_called(const struct stage *stage, const struct act *act)
{
    return becomes_readable(survivors_fd(stage, act));
}

static int serve_survivor(struct stage *stage, const struct act *act)
{
    return survivor_receives(act) ? take(stage) : put(stage);
}

/* The survivor's loop, which tries only when it is called, and as often as need be. */
static void expect_call(struct stage *stage, const struct act *act)
{
    int result;
    do {
        if (!is_called(stage, act)) {
            trial_fail(&stage->trial, "the other loop is not called");
            return;
        }
        result = serve_survivor(stage, act);
    } while (result == -EAGAIN);
    must(stage, "what the other loop was called for", result);
}

/* What the survivor's loop waits for, if the victim has not brought it. */
static void bring(struct stage *stage, const struct act *act)
{
    struct chan_stat stat = {.size = sizeof stat};
    must(stage, "chan_stat", chan_stat(stage->ch, &stat));
    if (survivor_receives(act) && !stat.queued)
        must(stage, "bring", put(stage));
    if (!survivor_receives(act) && stat.queued)
        must(stage, "bring", take(stage));
}

/* The victim is dead. */
static void settle(struct stage *stage, const struct act *act)
{
    char text[200];
    struct chan_stat stat = {.size = sizeof stat};
    bring(stage, act);
    expect_call(stage, act);
    struct chan_repair_report report;
    must(stage, "chan_repair", chan_repair(stage->ch, 0, &report));
    while (!take(stage))
        continue;
    must(stage, "chan_stat", chan_stat(stage->ch, &stat));
    if (stat.held + stat.orphaned + stat.queued + stat.dead)
        trial_fail(&stage->trial, "something is left over");
    if (stat.sent != stat.received + stat.discarded)
        trial_fail(&stage->trial, "sent %lu, received %lu, discarded %lu", stat.sent, stat.received,
                   stat.discarded);
    if (chan_check(stage->ch, text, sizeof text))
        trial_fail(&stage->trial, "chan_check: %s", text);
}

static void tear_down(struct stage *stage, struct victim *victim)
{
    victim_reap(victim);
    chan_close_sender(stage->tx);
    chan_close_receiver(stage->rx);
    chan_close(stage->ch);
}

static void kill_at(struct stage *stage, const struct course *course, const struct act *act, uint64_t step)
{
    struct victim victim;
    begin(stage, &victim, act);
    trial_where(&stage->trial, ", killed at step %lu (%s)", step, course_event(course, step));
    course_run_to(course, &stage->trial, &victim, step);
    victim_kill(&victim);
    stage->trial.tally.kills++;
    settle(stage, act);
    tear_down(stage, &victim);
}

/* `wholly`: its poller stands still, too. */
static void stop_at(struct stage *stage, const struct course *course, const struct act *act, uint64_t step,
                    bool wholly)
{
    struct victim victim;
    begin(stage, &victim, act);
    trial_where(&stage->trial, ", stopped %s at step %lu (%s)", wholly ? "wholly" : "in part", step,
                course_event(course, step));
    course_run_to(course, &stage->trial, &victim, step);
    if (wholly)
        victim_freeze(&victim);
    stage->trial.tally.stops++;
    bring(stage, act);
    expect_call(stage, act);
    if (wholly)
        victim_thaw(&victim);
    if (!victim_continue(&victim, 3000))
        trial_fail(&stage->trial, "after being continued it does not finish");
    victim_kill(&victim);
    settle(stage, act);
    tear_down(stage, &victim);
}

static void run_act(struct stage *stage, struct course *course, const struct act *act, bool all)
{
    struct victim victim;
    begin(stage, &victim, act);
    course_observe(course, &stage->trial, &victim);
    must(stage, "the act", stage->sight->result);
    victim_kill(&victim);
    settle(stage, act);
    tear_down(stage, &victim);
    for (uint64_t step = 0; step < course->steps;
         step = all ? step + 1 : course_next(course, step, PLACES_OF_STOPS)) {
        kill_at(stage, course, act, step);
        stop_at(stage, course, act, step, true);
        stop_at(stage, course, act, step, false);
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
        run_act(&stage, course, &acts[a], all);
    course_free(course);
    return tally_report(&stage.trial.tally);
}
