/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a process at every event of every operation on a watch. The others read the value before or the
 * value after, whole; they go on, whatever is pinned; sleepers are awake if there is a new value; and in the end every
 * block, unit and send is accounted for.
 *
 *   watch [ARGUMENT...]       see plan.h */
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

/* Of one case: more would say nothing new. */
#define FAILURES_MAX 6u

#define HOLDS 3u
#define PINNED (2 * HOLDS) /* two receivers' views */
#define SENDS_AFTER 41u /* odd: two blocks take turns, and a stale one is not to be the current one again */

/* Values are told apart by their number, see scene.h. What the victim sends is OF_VICTIM. */
#define OF_VICTIM 7u
#define INITIAL 20u

/* Beyond this a sleeper counts as stuck. Less than what it takes to look around by itself unwarned. */
#define DEADLINE_NS INT64_C(1000000000)
#define SETTLE_NS INT64_C(20000000)
#define CONTINUE_MS 3000

struct setting {
    const char *name;
    struct scene scene; /* for the sizes of values */
    bool pinned;        /* the victim finds all its spares pinned by survivors */
    bool sleeper;       /* somebody waits for a change */
};

static const struct setting settings[] = {
    {"inline", {.large = false}, false, false},        {"large", {.large = true}, false, false},
    {"inline-pinned", {.large = false}, true, false},  {"large-pinned", {.large = true}, true, false},
    {"inline-sleeper", {.large = false}, false, true},
};

/* What the victim writes down, in memory that outlives it. */
struct notes {
    int phase;
    int result;
    uint32_t read; /* number of the value that it read; 0: none, or torn */
};

struct watcher {
    const struct setting *setting;
    struct chan *ch;
    struct notes *notes;
    struct chan_sender *tx;
    struct chan_receiver *rx, *clone;
    struct chan_view view;
    struct chan_loan loan;
    unsigned char buffer[MESSAGE_BYTES_MAX];
};

static int run_send(struct watcher *w)
{
    return chan_send(w->tx, w->buffer, message_size(&w->setting->scene, OF_VICTIM));
}

static void prepare_value(struct watcher *w)
{
    message_write(w->buffer, message_size(&w->setting->scene, OF_VICTIM), OF_VICTIM);
}

static int run_replace(struct watcher *w)
{
    static unsigned char old[MESSAGE_BYTES_MAX];
    size_t size;
    int result = chan_watch_send_replace(w->tx, w->buffer, message_size(&w->setting->scene, OF_VICTIM), old,
                                         sizeof old, &size);
    if (!result)
        w->notes->read = message_id(&w->setting->scene, old, size);
    return result;
}

static int write_other(void *value, size_t *size, size_t capacity, void *arg)
{
    struct watcher *w = arg;
    (void)capacity;
    w->notes->read = message_id(&w->setting->scene, value, *size);
    *size = message_size(&w->setting->scene, OF_VICTIM);
    memcpy(value, w->buffer, *size);
    return 1;
}

static int write_silently(void *value, size_t *size, size_t capacity, void *arg)
{
    (void)write_other(value, size, capacity, arg);
    return 0;
}

static int run_modify(struct watcher *w)
{
    return chan_watch_send_modify(w->tx, write_other, w);
}

static int run_silently(struct watcher *w)
{
    return chan_watch_send_if_modified(w->tx, write_silently, w);
}

static int run_commit(struct watcher *w)
{
    return chan_commit(w->tx, &w->loan, message_size(&w->setting->scene, OF_VICTIM));
}

static void prepare_loan(struct watcher *w)
{
    size_t size = message_size(&w->setting->scene, OF_VICTIM);
    if (!chan_reserve(w->tx, size, &w->loan))
        message_write(w->loan.data, size, OF_VICTIM);
}

static int note(struct watcher *w, int result, const void *data, size_t size)
{
    if (!result)
        w->notes->read = message_id(&w->setting->scene, data, size);
    return result;
}

static int run_borrow(struct watcher *w)
{
    size_t size = 0;
    int result = chan_watch_borrow(w->rx, w->buffer, sizeof w->buffer, &size);
    return note(w, result, w->buffer, size);
}

static int run_recv(struct watcher *w)
{
    size_t size = 0;
    int result = chan_recv(w->rx, w->buffer, sizeof w->buffer, &size);
    return note(w, result, w->buffer, size);
}

static void prepare_unseen(struct watcher *w)
{
    (void)chan_watch_mark_changed(w->rx);
}

static int run_changed(struct watcher *w)
{
    return chan_watch_changed(w->rx);
}

static int run_view(struct watcher *w)
{
    int result = chan_watch_borrow_view(w->rx, &w->view);
    result = note(w, result, w->view.data, w->view.size);
    return result ? result : chan_release(w->rx, &w->view);
}

static void prepare_view(struct watcher *w)
{
    if (chan_watch_borrow_view(w->rx, &w->view))
        w->view.size = 0;
}

static int run_close_receiver(struct watcher *w)
{
    chan_close_receiver(w->rx);
    return 0;
}

static int run_close_sender(struct watcher *w)
{
    chan_close_sender(w->tx);
    return 0;
}

static int run_subscribe(struct watcher *w)
{
    return chan_attach_receiver(w->ch, CHAN_NO_SPIN, &w->rx);
}

static int run_clone(struct watcher *w)
{
    return chan_clone_receiver(w->rx, &w->clone);
}

static int run_attach_sender(struct watcher *w)
{
    return chan_attach_sender(w->ch, CHAN_NO_SPIN, &w->tx);
}

#define TX CHAN_ROLE_SENDER
#define RX CHAN_ROLE_RECEIVER

struct act {
    const char *name;
    uint32_t role; /* that the victim is attached in; 0: it attaches itself */
    bool writes, silent, reads;
    void (*prepare)(struct watcher *w);
    int (*run)(struct watcher *w);
};

static const struct act acts[] = {
    {"send", TX, true, false, false, prepare_value, run_send},
    {"send_replace", TX, true, false, true, prepare_value, run_replace},
    {"send_modify", TX, true, false, true, prepare_value, run_modify},
    {"send_if_modified, silent", TX, true, true, true, prepare_value, run_silently},
    {"commit", TX, true, false, false, prepare_loan, run_commit},
    {"borrow", RX, false, false, true, NULL, run_borrow},
    {"recv", RX, false, false, true, prepare_unseen, run_recv},
    {"changed", RX, false, false, false, prepare_unseen, run_changed},
    {"borrow_view+release", RX, false, false, true, NULL, run_view},
    {"close receiver, view", RX, false, false, false, prepare_view, run_close_receiver},
    {"close sender, loan", TX, false, false, false, prepare_loan, run_close_sender},
    {"close sender", TX, false, false, false, NULL, run_close_sender},
    {"subscribe", 0, false, false, false, NULL, run_subscribe},
    {"clone", RX, false, false, false, prepare_unseen, run_clone},
    {"attach sender", 0, false, false, false, NULL, run_attach_sender},
};
#define ACTS (sizeof acts / sizeof *acts)

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

/* One trial: the survivors are in this process, and have no keeper. */
struct stage {
    struct trial trial; /* reports, and the channel that is observed */
    const struct setting *setting;
    const struct act *act;
    struct chan_sender *tx;
    struct chan_receiver *rx[2];
    struct chan_view views[PINNED];
    uint32_t viewed[PINNED], view_count;
    uint32_t value; /* number of the one that is current */
    uint32_t next;
    uint64_t version;
    struct sleeper sleeper;
    struct watcher watcher;
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

static void victim_life(void *argument)
{
    struct stage *stage = argument;
    struct watcher *w = &stage->watcher;
    int result = 0;
    if (stage->act->role == TX)
        result = chan_attach_sender(w->ch, CHAN_NO_SPIN, &w->tx);
    if (stage->act->role == RX)
        result = chan_attach_receiver(w->ch, CHAN_NO_SPIN, &w->rx);
    if (!result && stage->act->prepare)
        stage->act->prepare(w);
    w->notes->result = result;
    victim_enter(&w->notes->phase);
    if (!result)
        w->notes->result = stage->act->run(w);
    victim_leave(&w->notes->phase);
}

/* ---- the survivors ------------------------------------------------------------------------------ */

static int send_next(struct stage *s, struct chan_sender *tx)
{
    unsigned char value[MESSAGE_BYTES_MAX];
    uint32_t number = s->next;
    size_t size = message_size(&s->setting->scene, number);
    message_write(value, size, number);
    int result = chan_try_send(tx, value, size);
    if (!result) {
        s->value = number;
        s->version++;
        s->next++;
    }
    return result;
}

static uint32_t read_value(struct stage *s)
{
    unsigned char value[MESSAGE_BYTES_MAX];
    size_t size = 0;
    trial_must(&s->trial, "borrow", chan_watch_borrow(s->rx[0], value, sizeof value, &size));
    return message_id(&s->setting->scene, value, size);
}

/* The value is the one before or, if the victim may have sent it, the one after; with the version that goes with
 * it. Returns whether the victim's is there. */
static bool check_value(struct stage *s)
{
    uint32_t now = read_value(s);
    uint64_t version = chan_watch_version(s->rx[0]);
    bool sent = s->act->writes && now == OF_VICTIM;
    if (!sent && now != s->value)
        trial_fail(&s->trial, "value %u is there instead of %u", now, s->value);
    if (version != s->version + (sent && !s->act->silent))
        trial_fail(&s->trial, "value %u has version %lu after %lu", now, version, s->version);
    s->value = now;
    s->version = version;
    return sent;
}

static void check_views(struct stage *s)
{
    for (uint32_t i = 0; i < s->view_count; i++) {
        uint32_t now = message_id(&s->setting->scene, s->views[i].data, s->views[i].size);
        if (now != s->viewed[i])
            trial_fail(&s->trial, "a view of value %u shows %u", s->viewed[i], now);
    }
}

static void take_view(struct stage *s)
{
    uint32_t i = s->view_count++;
    trial_must(&s->trial, "view", chan_watch_borrow_view(s->rx[i / HOLDS], &s->views[i]));
    s->viewed[i] = s->value;
}

static void drop_views(struct stage *s)
{
    for (uint32_t i = 0; i < s->view_count; i++)
        trial_must(&s->trial, "release", chan_release(s->rx[i / HOLDS], &s->views[i]));
    s->view_count = 0;
}

static void work(struct stage *s)
{
    for (uint32_t i = 0; i < SENDS_AFTER; i++) {
        int result = send_next(s, s->tx);
        if (result) {
            trial_fail(&s->trial, "sending value %u: %s", s->next, chan_error_name(result));
            return;
        }
        (void)check_value(s);
    }
    check_views(s);
}

/* ---- the sleeper -------------------------------------------------------------------------------- */

static void sleep_until_changed(const struct stage *s)
{
    struct chan *ch;
    struct chan_receiver *rx;
    unsigned char value[MESSAGE_BYTES_MAX];
    size_t size = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int result = chan_open_fd(chan_fd(s->trial.ch), 0, &ch);
    if (!result)
        result = chan_attach_receiver(ch, CHAN_NO_SPIN, &rx);
    if (!result) {
        atomic_store(&s->sleeper.shared->attached, 1 + (int)chan_receiver_number(rx));
        result = chan_watch_changed(rx);
    }
    if (!result)
        result = chan_watch_borrow(rx, value, sizeof value, &size);
    s->sleeper.shared->read = message_id(&s->setting->scene, value, size);
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
    if (!attached || chan_endpoint_stat(s->trial.ch, (uint32_t)attached - 1, &stat) || !stat.waits_for)
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
    if (!s->setting->sleeper)
        return;
    bool awake = is_awake(s, is_new ? DEADLINE_NS : SETTLE_NS);
    if (awake != is_new)
        trial_fail(&s->trial,
                   is_new ? "a sleeper is not woken" : "a sleeper sees a change where there is none");
    if (awake && (atomic_load(&s->sleeper.shared->result) || s->sleeper.shared->read != s->value))
        trial_fail(&s->trial, "the sleeper reads %u: %s", s->sleeper.shared->read,
                   chan_error_name(atomic_load(&s->sleeper.shared->result)));
}

static void sleeper_end(struct stage *s)
{
    if (!s->setting->sleeper)
        return;
    if (!is_awake(s, DEADLINE_NS))
        trial_fail(&s->trial, "the sleeper never wakes");
    kill(s->sleeper.pid, SIGKILL);
    waitpid(s->sleeper.pid, NULL, 0);
}

/* ---- a trial ------------------------------------------------------------------------------------ */

static uint32_t units_of(const struct stage *s)
{
    return s->setting->pinned ? 2 * PINNED + 8 : 10;
}

static void create(struct stage *s)
{
    unsigned char value[MESSAGE_BYTES_MAX];
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.kind = CHAN_WATCH;
    options.message_size = s->setting->scene.large ? 4200 : 64;
    options.bytes = s->setting->scene.large ? units_of(s) * UINT64_C(4096) : 0;
    options.endpoints = ENDPOINTS;
    options.holds = HOLDS;
    options.flags = CHAN_NO_KEEPER;
    options.initial = value;
    options.initial_size = message_size(&s->setting->scene, INITIAL);
    message_write(value, options.initial_size, INITIAL);
    trial_must(&s->trial, "create", chan_create_anonymous(&options, &s->trial.ch));
}

/* Values that survivors look at, each of which a sender has in its hold cells; it leaves, so that the victim gets
 * its record. */
static void pin_spares(struct stage *s)
{
    struct chan_sender *before;
    trial_must(&s->trial, "attach", chan_attach_sender(s->trial.ch, 0, &before));
    for (uint32_t i = 0; i < PINNED; i++) {
        trial_must(&s->trial, "send", send_next(s, before));
        take_view(s);
    }
    chan_close_sender(before);
}

static void begin(struct stage *s, const struct setting *setting, const struct act *act)
{
    struct tally tally = s->trial.tally;
    struct notes *notes = s->watcher.notes ? s->watcher.notes : shared_memory(sizeof *notes);
    struct sleeper sleeper = s->sleeper;
    if (!sleeper.shared)
        sleeper.shared = shared_memory(sizeof *sleeper.shared);
    *s = (struct stage){.trial = {.scene = &setting->scene, .tally = tally},
                        .setting = setting,
                        .act = act,
                        .value = INITIAL,
                        .next = INITIAL + 1,
                        .sleeper = sleeper};
    memset(notes, 0, sizeof *notes);
    trial_where(&s->trial, "%s, %s", act->name, setting->name);
    create(s);
    trial_must(&s->trial, "attach", chan_attach_sender(s->trial.ch, 0, &s->tx));
    for (unsigned i = 0; i < 2; i++)
        trial_must(&s->trial, "attach", chan_attach_receiver(s->trial.ch, 0, &s->rx[i]));
    trial_must(&s->trial, "send", send_next(s, s->tx));
    if (setting->pinned)
        pin_spares(s);
    if (setting->sleeper)
        sleeper_start(s);
    s->watcher.setting = setting;
    s->watcher.ch = s->trial.ch;
    s->watcher.notes = notes;
    victim_start(&s->victim, victim_life, s, &notes->phase);
    if (s->victim.state == VICTIM_ENDED || notes->result)
        trial_fail(&s->trial, "the victim could not be set up: %s", chan_error_name(notes->result));
}

/* All payload memory can be had by loans: nothing is lost. */
static void check_memory(struct stage *s)
{
    struct chan_sender *more[ENDPOINTS] = {0};
    struct chan_loan loan;
    uint32_t wanted = s->setting->scene.large ? units_of(s) / 2 : 0, had = 0;
    if (wanted)
        trial_must(&s->trial, "a small value", chan_try_send(s->tx, "", 0));
    for (uint32_t i = 0; had < wanted && i < ENDPOINTS; i++) {
        if (chan_attach_sender(s->trial.ch, 0, &more[i]))
            break;
        while (had < wanted && !chan_try_reserve(more[i], 4150, &loan))
            had++;
    }
    if (had < wanted)
        trial_fail(&s->trial, "%u values have room instead of %u", had, wanted);
    for (uint32_t i = 0; i < ENDPOINTS; i++)
        chan_close_sender(more[i]);
}

static void check_channel(struct stage *s)
{
    char text[200];
    if (chan_check(s->trial.ch, text, sizeof text))
        trial_fail(&s->trial, "chan_check: %s", text);
}

/* The victim is dead. */
static void settle(struct stage *s)
{
    struct chan_repair_report report;
    uint32_t before = read_value(s);
    sleeper_end(s);
    trial_must(&s->trial, "repair", chan_repair(s->trial.ch, 0, &report));
    if (report.dead != report.repaired)
        trial_fail(&s->trial, "%u dead, %u repaired", report.dead, report.repaired);
    if (read_value(s) != before)
        trial_fail(&s->trial, "the repair changed the value");
    check_channel(s);
    check_views(s);
    work(s);
    drop_views(s);
    work(s);
    check_channel(s);
    check_memory(s);
    for (uint32_t number = 0; number < ENDPOINTS; number++) {
        struct chan_endpoint_stat stat = {.size = sizeof stat};
        if (number != chan_sender_number(s->tx) && number != chan_receiver_number(s->rx[0]) &&
            number != chan_receiver_number(s->rx[1]) &&
            chan_endpoint_stat(s->trial.ch, number, &stat) != -ENOENT)
            trial_fail(&s->trial, "endpoint record %u is not free: state %u", number, stat.state);
    }
}

static void end(struct stage *s)
{
    victim_reap(&s->victim);
    chan_close_sender(s->tx);
    chan_close_receiver(s->rx[0]);
    chan_close_receiver(s->rx[1]);
    chan_close(s->trial.ch);
}

/* What it read was whole: the value before it was stopped, or the one that was there when it went on. */
static void check_result(struct stage *s, uint32_t before)
{
    const struct notes *n = s->watcher.notes;
    if (n->result)
        trial_fail(&s->trial, "the operation failed: %s", chan_error_name(n->result));
    if (s->act->reads && n->read != before && n->read != s->next - 1)
        trial_fail(&s->trial, "the victim read value %u instead of %u or %u", n->read, before, s->next - 1);
}

static void explore(struct stage *s, const struct setting *setting, const struct act *act,
                    struct course *course)
{
    begin(s, setting, act);
    course_observe(course, &s->trial, &s->victim);
    check_result(s, s->value);
    trial_kill(&s->trial, &s->victim);
    trial_where(&s->trial, ", completed");
    bool sent = check_value(s);
    if (sent != act->writes)
        trial_fail(&s->trial, "the value was not replaced");
    check_sleeper(s, sent && !act->silent);
    trial_must(&s->trial, "send", send_next(s, s->tx));
    settle(s);
    end(s);
}

enum order { REPAIR_FIRST, WORK_FIRST, ORDERS };

static void kill_at(struct stage *s, const struct setting *setting, const struct act *act,
                    const struct course *course, uint64_t step, enum order order)
{
    begin(s, setting, act);
    trial_where(&s->trial, ", killed at step %lu (%s), %s", step, course_event(course, step),
                order == WORK_FIRST ? "work first" : "repair first");
    course_run_to(course, &s->trial, &s->victim, step);
    trial_kill(&s->trial, &s->victim);
    bool sent = check_value(s);
    check_sleeper(s, sent && !act->silent);
    if (order == WORK_FIRST)
        work(s);
    else
        trial_must(&s->trial, "send", send_next(s, s->tx));
    settle(s);
    end(s);
}

static void stop_at(struct stage *s, const struct setting *setting, const struct act *act,
                    const struct course *course, uint64_t step)
{
    begin(s, setting, act);
    trial_where(&s->trial, ", stopped at step %lu (%s)", step, course_event(course, step));
    course_run_to(course, &s->trial, &s->victim, step);
    s->trial.tally.stops++;
    uint32_t before = s->value;
    bool sent = check_value(s);
    check_sleeper(s, sent && !act->silent);
    work(s);
    if (!victim_continue(&s->victim, CONTINUE_MS))
        trial_fail(&s->trial, "after being continued the victim does not finish");
    /* If it had not sent before, it has now. */
    if (check_value(s) == (sent || !act->writes))
        trial_fail(&s->trial, "what was sent after being continued is %u", s->value);
    check_result(s, before);
    trial_kill(&s->trial, &s->victim);
    settle(s);
    end(s);
}

static uint64_t next_step(const struct plan *plan, const struct course *course, uint64_t step, bool stop)
{
    if (plan->step)
        return step < plan->step ? plan->step : UINT64_MAX;
    return plan->all ? step + 1 : course_next(course, step, stop);
}

static void run_case(struct stage *s, const struct setting *setting, const struct act *act, struct plan *plan,
                     struct course *course)
{
    struct tally *tally = &s->trial.tally;
    unsigned limit = tally->failures + FAILURES_MAX;
    explore(s, setting, act, course);
    tally->cases++;
    tally->instructions += course->steps;
    for (uint64_t step = 0; plan->kills && step < course->steps && tally->failures < limit;
         step = next_step(plan, course, step, false))
        for (int order = 0; order < ORDERS; order++)
            if (plan_takes(plan, tally, s->trial.where))
                kill_at(s, setting, act, course, step, (enum order)order);
    for (uint64_t step = 0; plan->stops && step < course->steps && tally->failures < limit;
         step = next_step(plan, course, step, true))
        if (plan_takes(plan, tally, s->trial.where))
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
    for (size_t a = 0; a < ACTS; a++)
        for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
            if (plan_wants(plan.operation, acts[a].name) && plan_wants(plan.scene, settings[i].name)) {
                run_case(&stage, &settings[i], &acts[a], &plan, course);
                fflush(stdout);
            }
    course_free(course);
    return tally_report(&stage.trial.tally);
}
