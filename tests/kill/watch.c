/* SPDX-License-Identifier: Apache-2.0 */
/* Kills a process after every event of every operation on a watch, or stops it before every access. The others read the value before or the
 * value after, whole; they go on, whatever is pinned; sleepers are awake if there is a new value; and in the end every
 * block, unit and send is accounted for.
 *
 *   watch [ARGUMENT...]       see plan.h */
#include "course.h"
#include "plan.h"
#include "watching.h"

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

/* Of one case: more would say nothing new. */
#define FAILURES_MAX 6u

/* Beyond this a sleeper counts as stuck. Less than what it takes to look around by itself unwarned. */
#define DEADLINE_NS INT64_C(1000000000)
#define SETTLE_NS INT64_C(20000000)

static const struct setting settings[] = {
    {"inline", {.large = false}, false, false},        {"large", {.large = true}, false, false},
    {"inline-pinned", {.large = false}, true, false},  {"large-pinned", {.large = true}, true, false},
    {"inline-sleeper", {.large = false}, false, true},
};

/* Somebody in chan_watch_changed(), with a keeper. */
struct sleeper {
    pid_t pid;
    struct {
        atomic_int attached; /* 1 + number */
        atomic_int done;
        atomic_int result;
        uint32_t read;
    } * shared;
};

struct stage {
    struct watching watching;
    struct sleeper sleeper;
    struct victim victim;
};

static void nap(void)
{
    const struct timespec moment = {.tv_nsec = 100000};
    nanosleep(&moment, NULL);
}

static void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        abort();
    return memory;
}

/* ---- the sleeper ---- */

static void sleep_until_changed(const struct stage *s)
{
    struct chan *ch;
    struct chan_receiver *rx;
    unsigned char value[MESSAGE_BYTES_MAX];
    size_t size = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int result = chan_open_fd(chan_fd(s->watching.trial.ch), 0, &ch);
    if (!result)
        result = chan_attach_receiver(ch, CHAN_NO_SPIN, &rx);
    if (!result) {
        atomic_store(&s->sleeper.shared->attached, 1 + (int)chan_receiver_number(rx));
        result = chan_watch_changed_timeout(
            rx, 1); /* looks for the dead: else the long wait would soon end for that */
        if (result == -ETIMEDOUT)
            result = chan_watch_changed(rx);
    }
    if (!result)
        result = chan_watch_borrow(rx, value, sizeof value, &size);
    s->sleeper.shared->read = message_id(&s->watching.setting->scene, value, size);
    atomic_store(&s->sleeper.shared->result, result);
    atomic_store(&s->sleeper.shared->done, 1);
    pause();
    _exit(0);
}

static bool is_asleep(const struct stage *s)
{
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    char path[40], state = '?';
    int attached = atomic_load(&s->sleeper.shared->attached);
    if (!attached || chan_endpoint_stat(s->watching.trial.ch, (uint32_t)attached - 1, &stat) ||
        !stat.waits_for)
        return false;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)s->sleeper.pid);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%*d %*s %c", &state) != 1)
        state = '?';
    if (file)
        fclose(file);
    return state == 'S';
}

static void sleeper_start(struct stage *s)
{
    memset(s->sleeper.shared, 0, sizeof *s->sleeper.shared);
    fflush(NULL);
    s->sleeper.pid = fork();
    if (s->sleeper.pid < 0)
        abort();
    if (!s->sleeper.pid)
        sleep_until_changed(s);
    int64_t end = chan_deadline(DEADLINE_NS);
    while (!is_asleep(s) && chan_now() < end)
        nap();
}

static bool is_awake(const struct stage *s, int64_t within_ns)
{
    int64_t end = chan_deadline(within_ns);
    while (!atomic_load(&s->sleeper.shared->done) && chan_now() < end)
        nap();
    return atomic_load(&s->sleeper.shared->done);
}

/* Awake if there is a new value, asleep if there is none. */
static void check_sleeper(struct stage *s, bool is_new)
{
    if (!s->watching.setting->sleeper)
        return;
    bool awake = is_awake(s, is_new ? DEADLINE_NS : SETTLE_NS);
    if (awake != is_new)
        trial_fail(&s->watching.trial,
                   is_new ? "a sleeper is not woken" : "a sleeper sees a change where there is none");
    if (awake &&
        (atomic_load(&s->sleeper.shared->result) || s->sleeper.shared->read != watching_value(&s->watching)))
        trial_fail(&s->watching.trial, "the sleeper reads %u: %s", s->sleeper.shared->read,
                   chan_error_name(atomic_load(&s->sleeper.shared->result)));
}

static void sleeper_end(struct stage *s)
{
    if (!s->watching.setting->sleeper)
        return;
    if (!is_awake(s, DEADLINE_NS))
        trial_fail(&s->watching.trial, "the sleeper never wakes");
    kill(s->sleeper.pid, SIGKILL);
    waitpid(s->sleeper.pid, NULL, 0);
}

/* ---- a trial ---- */

static void begin(struct stage *s, const struct setting *setting, const struct watch_act *act)
{
    if (!s->sleeper.shared)
        s->sleeper.shared = shared_memory(sizeof *s->sleeper.shared);
    watching_begin(&s->watching, setting);
    trial_where(&s->watching.trial, "%s, %s", act->name, setting->name);
    if (setting->sleeper)
        sleeper_start(s);
    watching_start(&s->watching, 0, act, &s->victim);
}

static bool look(struct stage *s)
{
    return watching_look(&s->watching, &s->watching.watchers[0]);
}

/* The victim is dead. */
static void settle(struct stage *s)
{
    sleeper_end(s);
    watching_settle(&s->watching);
}

static void end(struct stage *s)
{
    victim_reap(&s->victim);
    watching_end(&s->watching);
}

static void explore(struct stage *s, const struct setting *setting, const struct watch_act *act,
                    struct course *course)
{
    struct trial *t = &s->watching.trial;
    begin(s, setting, act);
    course_observe(course, t, &s->victim);
    trial_kill(t, &s->victim);
    trial_where(t, ", completed");
    bool sent = look(s);
    watching_check_done(&s->watching, &s->watching.watchers[0]);
    check_sleeper(s, sent && !act->silent);
    watching_send(&s->watching);
    settle(s);
    end(s);
}

enum order { REPAIR_FIRST, WORK_FIRST, ORDERS };

static void kill_at(struct stage *s, const struct setting *setting, const struct watch_act *act,
                    const struct course *course, uint64_t step, enum order order)
{
    struct trial *t = &s->watching.trial;
    begin(s, setting, act);
    trial_where(t, ", killed at step %lu (%s), %s", step, course_event(course, step),
                order == WORK_FIRST ? "work first" : "repair first");
    course_run_to(course, t, &s->victim, step);
    trial_kill(t, &s->victim);
    bool sent = look(s);
    check_sleeper(s, sent && !act->silent);
    if (order == WORK_FIRST)
        watching_work(&s->watching);
    else
        watching_send(&s->watching);
    settle(s);
    end(s);
}

static void stop_at(struct stage *s, const struct setting *setting, const struct watch_act *act,
                    const struct course *course, uint64_t step)
{
    struct trial *t = &s->watching.trial;
    begin(s, setting, act);
    trial_where(t, ", stopped at step %lu (%s)", step, course_event(course, step));
    course_run_to(course, t, &s->victim, step);
    t->tally.stops++;
    bool sent = look(s);
    check_sleeper(s, sent && !act->silent);
    watching_work(&s->watching);
    watching_continue(&s->watching, 0, &s->victim);
    /* If it had not sent before, it has now. */
    if (look(s) && sent)
        trial_fail(t, "the value is sent twice");
    watching_check_done(&s->watching, &s->watching.watchers[0]);
    trial_kill(t, &s->victim);
    settle(s);
    end(s);
}

static uint64_t next_step(const struct plan *plan, const struct course *course, uint64_t step,
                          enum places places)
{
    if (plan->step)
        return step < plan->step ? plan->step : UINT64_MAX;
    return plan->all ? step + 1 : course_next(course, step, places);
}

static void run_case(struct stage *s, const struct setting *setting, const struct watch_act *act,
                     struct plan *plan, struct course *course)
{
    struct tally *tally = &s->watching.trial.tally;
    unsigned limit = tally->failures + FAILURES_MAX;
    explore(s, setting, act, course);
    tally->cases++;
    tally->instructions += course->steps;
    for (uint64_t step = 0; plan->kills && step < course->steps && tally->failures < limit;
         step = next_step(plan, course, step, PLACES_OF_KILLS))
        for (int order = 0; order < ORDERS; order++)
            if (plan_takes(plan, tally, s->watching.trial.where))
                kill_at(s, setting, act, course, step, (enum order)order);
    for (uint64_t step = 0; plan->stops && step < course->steps && tally->failures < limit;
         step = next_step(plan, course, step, PLACES_OF_STOPS))
        if (plan_takes(plan, tally, s->watching.trial.where))
            stop_at(s, setting, act, course, step);
    if (plan->verbose)
        printf("%-28s %-16s %6lu instructions %4u events\n", act->name, setting->name, course->steps,
               course->event_count);
}

int main(int argc, char **argv)
{
    struct plan plan;
    static struct stage stage;
    struct course *course = course_new();
    victim_set_up(argv);
    plan_parse(&plan, argc, argv);
    for (size_t a = 0; a < watch_act_count; a++)
        for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
            if (plan_wants(plan.operation, watch_acts[a].name) && plan_wants(plan.scene, settings[i].name)) {
                run_case(&stage, &settings[i], &watch_acts[a], &plan, course);
                fflush(stdout);
            }
    course_free(course);
    return tally_report(&stage.watching.trial.tally);
}
