/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a process at every event of an operation while another one is asleep, in a blocking call
 * or in a ring (asleep.h), and this operation, or the death, is to end that. Reports how long the sleeper
 * took. Both, and only one of them, and none, have a keeper; a stopped victim's keeper is stopped with it.
 *
 *   sleepers [ARGUMENT...]       see plan.h
 *
 * Sets: "kept", where the victim has a keeper, whose end takes the kernel long; "plain", where it has
 * none. */
#include "asleep.h"
#include "audience.h"
#include "course.h"
#include "plan.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Beyond this a sleeper counts as stuck; what is usual is reported. Less than what it takes to look around by
 * itself when nobody has warned it, if its process has a keeper, since it begins as if it had slept for long
 * (CMakeLists.txt). */
#define DEADLINE_NS INT64_C(1000000000)

/* So long nothing is expected to happen before it is concluded that there is nothing. */
#define SETTLE_NS INT64_C(30000000)

/* A process that waits for a message, for room or for the end, and what has become of it. */
struct sleeper {
    pid_t pid;
    bool sends;
    bool for_end; /* a sender that sends nothing: it waits for the end */
    bool kept;    /* its process has a keeper */
    uint32_t id;  /* of what it sends */
    struct {
        atomic_int attached;
        atomic_int result; /* PENDING until the call returns */
        int64_t when_ns;
        size_t size;
        unsigned char message[MESSAGE_BYTES_MAX];
    } * shared;
};

#define PENDING 1

struct task {
    const char *operation;
    struct scene scene;
    bool sends;    /* the sleeper is a sender */
    bool for_end;  /* which waits for the end */
    bool releases; /* the sleeper is released whatever the victim had done: its death is enough */
};

#define LAG .kind = CHAN_BROADCAST, .overflow = CHAN_LAG
#define BLOCK .kind = CHAN_BROADCAST, .overflow = CHAN_BLOCK

static const struct task tasks[] = {
    {.operation = "send", .scene = {.messages = 2}},
    {.operation = "send", .scene = {.messages = 1}},
    {.operation = "send_many", .scene = {.messages = 3}},
    {.operation = "write", .scene = {.messages = 2}},
    {.operation = "reserve+commit", .scene = {.messages = 2, .large = true}},
    {.operation = "send", .scene = {.messages = 2, .alone = true}, .releases = true},
    {.operation = "close sender", .scene = {.messages = 2, .alone = true}, .releases = true},
    {.operation = "shutdown", .scene = {.messages = 2}},
    {.operation = "recv", .scene = {.messages = 2, .queued = 2}, .sends = true},
    {.operation = "recv", .scene = {.messages = 1, .queued = 1}, .sends = true},
    {.operation = "recv", .scene = {.messages = 2, .queued = 2, .large = true}, .sends = true},
    {.operation = "read", .scene = {.messages = 2, .queued = 2}, .sends = true},
    {.operation = "read_part", .scene = {.messages = 2, .queued = 2}, .sends = true},
    {.operation = "recv_view", .scene = {.messages = 2, .queued = 2}, .sends = true},
    {.operation = "recv",
     .scene = {.messages = 2, .queued = 2, .alone = true},
     .sends = true,
     .releases = true},
    {.operation = "close receiver",
     .scene = {.messages = 2, .queued = 1, .alone = true},
     .sends = true,
     .for_end = true,
     .releases = true},
    {.operation = "shutdown", .scene = {.messages = 1, .queued = 1}, .sends = true, .for_end = true},
    {.operation = "release", .scene = {.messages = 1, .queued = 1}},
    {.operation = "close receiver, view", .scene = {.messages = 1, .queued = 1}, .releases = true},
    {.operation = "try_send", .scene = {.messages = 0}},
    {.operation = "try_send", .scene = {.messages = 0, .large = true}},
    {.operation = "try_send", .scene = {.messages = 0, .alone = true}, .releases = true},
    {.operation = "close sender", .scene = {.messages = 0, .alone = true}, .releases = true},
    {.operation = "shutdown", .scene = {.messages = 0}},
    {.operation = "try_recv", .scene = {.messages = 0}, .sends = true},
    {.operation = "try_recv", .scene = {.messages = 0, .large = true}, .sends = true},
    {.operation = "try_view", .scene = {.messages = 0}, .sends = true},
    {.operation = "try_recv", .scene = {.messages = 0, .alone = true}, .sends = true, .releases = true},
    {.operation = "shutdown", .scene = {.messages = 0}, .sends = true},
    {.operation = "send", .scene = {LAG, .messages = 2}},
    {.operation = "send", .scene = {LAG, .messages = 3, .laps = 4, .large = true}},
    {.operation = "send_many", .scene = {LAG, .messages = 8}},
    {.operation = "send", .scene = {BLOCK, .messages = 2, .alone = true}, .releases = true},
    {.operation = "close sender", .scene = {LAG, .messages = 2, .alone = true}, .releases = true},
    {.operation = "shutdown", .scene = {LAG, .messages = 2}},
    {.operation = "recv", .scene = {BLOCK, .messages = 2}, .sends = true, .releases = true},
    {.operation = "recv", .scene = {BLOCK, .messages = 1, .large = true}, .sends = true, .releases = true},
    {.operation = "view+release", .scene = {BLOCK, .messages = 2}, .sends = true, .releases = true},
    {.operation = "release", .scene = {BLOCK, .messages = 1}, .sends = true, .releases = true},
    {.operation = "close receiver, view", .scene = {BLOCK, .messages = 2}, .sends = true, .releases = true},
};

static void sleep_in_call(struct sleeper *s, struct trial *t)
{
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int result = chan_open_fd(chan_fd(t->ch), s->kept ? 0 : CHAN_NO_KEEPER, &ch);
    if (!result && s->sends) {
        size_t size = message_size(t->scene, s->id);
        message_write(s->shared->message, size, s->id);
        result = chan_attach_sender(ch, CHAN_NO_SPIN, &tx);
        if (!result)
            atomic_store(&s->shared->attached, 1 + (int)chan_sender_number(tx));
        /* With a short wait before, which looks for the dead: else the long one would soon end for that. */
        if (!result)
            result = s->for_end ? chan_wait_closed_timeout(tx, 1)
                                : chan_send_timeout(tx, s->shared->message, size, 1);
        if (result == -ETIMEDOUT)
            result = s->for_end ? chan_wait_closed(tx) : asleep_send(tx, s->shared->message, size);
    } else if (!result) {
        result = chan_attach_receiver(ch, CHAN_NO_SPIN, &rx);
        if (!result)
            atomic_store(&s->shared->attached, 1 + (int)chan_receiver_number(rx));
        if (!result)
            result =
                chan_recv_timeout(rx, s->shared->message, sizeof s->shared->message, &s->shared->size, 1);
        if (result == -ETIMEDOUT)
            result = asleep_recv(rx, s->shared->message, sizeof s->shared->message, &s->shared->size);
    }
    s->shared->when_ns = chan_now();
    atomic_store(&s->shared->result, result);
    pause();
    _exit(0);
}

static void nap(void)
{
    const struct timespec moment = {.tv_nsec = 100000};
    nanosleep(&moment, NULL);
}

static bool is_asleep(const struct trial *t, const struct sleeper *s)
{
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    char path[40], state = '?';
    int attached = atomic_load(&s->shared->attached);
    if (!attached || chan_endpoint_stat(t->ch, (uint32_t)attached - 1, &stat) || !stat.waits_for)
        return false;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)s->pid);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%*d %*s %c", &state) != 1)
        state = '?';
    if (file)
        fclose(file);
    return state == 'S';
}

static bool has_returned(const struct sleeper *s)
{
    return atomic_load(&s->shared->result) != PENDING;
}

static void sleeper_start(struct trial *t, struct sleeper *s)
{
    memset(s->shared, 0, sizeof *s->shared);
    atomic_store(&s->shared->result, PENDING);
    fflush(NULL);
    if (s->sends && !s->for_end) {
        s->id = t->next_id++;
        t->sent[s->id] = 1;
    }
    s->pid = fork();
    if (s->pid < 0)
        abort();
    if (!s->pid)
        sleep_in_call(s, t);
    int64_t end = chan_deadline(DEADLINE_NS);
    while (!is_asleep(t, s) && !has_returned(s) && chan_now() < end)
        nap();
    if (has_returned(s))
        trial_fail(t, "the sleeper did not sleep: %s", chan_error_name(atomic_load(&s->shared->result)));
}

static void sleeper_end(struct sleeper *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

/* True if there is something that should end its sleep. */
static bool is_due(struct trial *t, const struct sleeper *s, bool stopped)
{
    struct chan_stat stat = {.size = sizeof stat};
    if (chan_stat(t->ch, &stat))
        return true;
    if (stat.shut_down || stat.senders_gone || stat.receivers_gone || stat.dead)
        return true;
    if (s->for_end)
        return false;
    if (!t->scene->messages)
        return s->sends ? !stat.offers : !stat.demands || (!stopped && stat.orphaned);
    if (t->scene->kind == CHAN_BROADCAST) {
        struct chan_endpoint_stat own = {.size = sizeof own};
        uint32_t number = (uint32_t)atomic_load(&s->shared->attached) - 1;
        if (s->sends)
            return chan_available(t->ch) > 0;
        return chan_endpoint_stat(t->ch, number, &own) || own.unread > 0;
    }
    /* A stopped process may be about to give a message back, and has the payload of what it took. */
    if (!s->sends)
        return stat.queued + (stopped ? 0 : stat.orphaned) > 0;
    return stat.queued < t->scene->messages &&
           (!t->scene->large || stat.units_used + 2 <= UINT64_C(2) * t->scene->messages);
}

/* Until the sleeper returns, or surely has no reason to. */
static bool wait_for(struct trial *t, const struct sleeper *s, bool surely, bool stopped)
{
    int64_t begin = chan_now();
    while (!has_returned(s)) {
        int64_t waited = chan_now() - begin;
        if (waited > DEADLINE_NS)
            return false;
        if (!surely && waited > SETTLE_NS && !is_due(t, s, stopped))
            return false;
        nap();
    }
    return true;
}

/* The survivor in this process does what the victim did not. */
static void help(struct trial *t, const struct sleeper *s)
{
    if (s->for_end)
        trial_must(t, "shutting down", chan_shutdown(t->ch));
    else if (s->sends)
        survivors_drain(t);
    else
        trial_must(t, "sending", survivors_send(t, t->tx));
    if (!wait_for(t, s, true, false))
        trial_fail(t, "the sleeper sleeps on though it is served");
}

static void enter_result(struct trial *t, const struct sleeper *s)
{
    int result = atomic_load(&s->shared->result);
    if (s->sends && !s->for_end)
        t->sent[s->id] = result == 0;
    else if (!s->sends && !result && t->scene->kind == CHAN_QUEUE)
        survivors_book(t, s->shared->message, s->shared->size, 2);
    else if (!s->sends && !result && !message_id(t->scene, s->shared->message, s->shared->size))
        trial_fail(t, "the sleeper received a torn message");
    if (result && result != -EPIPE && result != PENDING)
        trial_fail(t, "the sleeper's call: %s", chan_error_name(result));
}

/* One combination of a task with keepers. */
struct session {
    const struct task *task;
    struct scene scene;
    const struct operation *operation;
    struct course *course;
    struct sleeper *sleeper;
};

static void open_trial(struct trial *t, struct session *session, struct victim *victim)
{
    trial_begin(t, &session->scene, &session->operation, 1);
    trial_where(t, ", %s", session->sleeper->kept ? "with a sleeper that has a keeper" : "with a sleeper");
    trial_start(t, 0, victim);
    if (session->scene.kind == CHAN_BROADCAST)
        audience_drain(t, false); /* only the victim holds senders up */
    session->sleeper->sends = session->task->sends;
    session->sleeper->for_end = session->task->for_end;
    t->bystanders = 1;
    sleeper_start(t, session->sleeper);
}

static void close_trial(struct trial *t, struct session *session, struct victim *victim)
{
    enter_result(t, session->sleeper);
    sleeper_end(session->sleeper);
    trial_settle(t);
    victim_reap(victim);
    trial_end(t);
}

static bool only_the_victim_helps(const struct session *session)
{
    return session->scene.alone || (session->scene.kind == CHAN_BROADCAST && session->task->sends);
}

/* The sleeper is woken if there is something for it, or by the victim's death; else it is served. */
static void end_sleep(struct trial *t, const struct session *session, bool stopped)
{
    const struct sleeper *sleeper = session->sleeper;
    int64_t begin = t->killed_ns;
    bool surely = session->task->releases && !stopped;
    bool only_by_death = stopped && only_the_victim_helps(session);
    if (wait_for(t, sleeper, surely, stopped)) {
        if (!stopped)
            tally_recovery(&t->tally, sleeper->shared->when_ns - begin);
    } else if (surely || is_due(t, sleeper, stopped)) {
        trial_fail(t, "the sleeper is not woken");
    } else if (!only_by_death) {
        help(t, sleeper);
    }
}

static void kill_at(struct trial *t, struct session *session, uint64_t step)
{
    struct victim victim;
    open_trial(t, session, &victim);
    trial_where(t, ", killed at %lu (%s)", step, course_event(session->course, step));
    course_run_to(session->course, t, &victim, step);
    trial_kill(t, &victim);
    end_sleep(t, session, false);
    t->killed_ns = 0; /* what the sleeper took is what counts */
    close_trial(t, session, &victim);
}

/* A receiver that goes on needs a message, also if the sleeper's went to a survivor. */
static void feed(struct trial *t, const struct operation *o)
{
    struct chan_stat stat;
    trial_stat(t, &stat);
    if (o->role == CHAN_ROLE_RECEIVER && o->needs && !o->leaves && t->tx && !stat.queued)
        trial_must(t, "feeding the victim", survivors_send(t, t->tx));
}

static void stop_at(struct trial *t, struct session *session, uint64_t step)
{
    struct victim victim;
    open_trial(t, session, &victim);
    trial_where(t, ", stopped at %lu (%s)", step, course_event(session->course, step));
    course_run_to(session->course, t, &victim, step);
    t->tally.stops++;
    victim_freeze(&victim);
    end_sleep(t, session, true);
    feed(t, session->operation);
    victim_thaw(&victim);
    trial_continue(t, 0, &victim);
    trial_kill(t, &victim);
    if (only_the_victim_helps(session) && !wait_for(t, session->sleeper, true, false))
        trial_fail(t, "the sleeper is not woken by the death");
    t->killed_ns = 0;
    close_trial(t, session, &victim);
}

/* What a victim does while somebody sleeps: it has to wake him. */
static void observe(struct trial *t, struct session *session)
{
    struct victim victim;
    open_trial(t, session, &victim);
    course_observe(session->course, t, &victim);
    trial_kill(t, &victim);
    (void)wait_for(t, session->sleeper, false, false);
    t->killed_ns = 0;
    close_trial(t, session, &victim);
}

static void run_session(struct trial *t, struct session *session, struct plan *plan)
{
    const struct course *course = session->course;
    observe(t, session);
    t->tally.cases++;
    t->tally.instructions += course->steps;
    for (uint64_t step = 0; plan->kills && step < course->steps;
         step = course_next(course, step, PLACES_OF_KILLS))
        if (plan_takes(plan, &t->tally, t->where))
            kill_at(t, session, step);
    for (uint64_t step = 0; plan->stops && step < course->steps;
         step = course_next(course, step, PLACES_OF_STOPS))
        if (plan_takes(plan, &t->tally, t->where))
            stop_at(t, session, step);
    fflush(stdout);
}

/* With a keeper in the victim's process, in the sleeper's, in both, and in none. */
static void run_task(struct trial *t, struct session *session, struct plan *plan)
{
    for (unsigned keepers = 0; keepers < 4; keepers++) {
        char name[SCENE_NAME_BYTES];
        session->scene = session->task->scene;
        session->scene.kept = keepers & 1;
        session->sleeper->kept = keepers & 2;
        scene_name(&session->scene, name);
        if (plan_wants(plan->scene, name) && plan_wants(plan->set, keepers & 1 ? "kept" : "plain"))
            run_session(t, session, plan);
    }
}

int main(int argc, char **argv)
{
    struct plan plan;
    struct trial trial = {0};
    struct sleeper sleeper = {0};
    struct course *course = course_new();
    victim_set_up(argv);
    plan_parse(&plan, argc, argv);
    sleeper.shared =
        mmap(NULL, sizeof *sleeper.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sleeper.shared == MAP_FAILED)
        abort();
    for (unsigned i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        struct session session = {.task = &tasks[i],
                                  .operation = operation_find(tasks[i].operation),
                                  .course = course,
                                  .sleeper = &sleeper};
        bool wakes = tasks[i].scene.messages || asleep_shows();
        if (wakes && plan_wants(plan.operation, tasks[i].operation))
            run_task(&trial, &session, &plan);
    }
    course_free(course);
    return tally_report(&trial.tally);
}
