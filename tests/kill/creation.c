/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a process while it creates or opens a channel by name, or one without a name. Afterwards
 * the name is absent or leads to a complete channel, nothing else is left, and others can create it, before
 * and after `chanctl clean`.
 *
 *   creation [ARGUMENT...]       see plan.h; a scene is what has the name before
 *
 * By default it kills after, and stops before and after, each system call: the object is nobody else's until
 * it has its name. CHANCTL in the environment is the command. */
#include "course.h"
#include "plan.h"

#include <shmchan/inspect.h>

#include <dirent.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "created"
#define FILE_NAME "shmchan." NAME
#define FAILURES_MAX 6u

/* What has the name before. */
enum before { ABSENT, STALE, LIVE, BEFORES };
static const char *const before_names[BEFORES] = {"absent", "stale", "live"};

/* In memory that is shared with the victim. */
struct record {
    int phase;
    int result;
    uint8_t id[16]; /* of what it got */
};

struct creation {
    const char *name;
    int (*run)(struct chan **ch);
    bool fits[BEFORES];
    bool creates; /* the name is there in the end, whatever was there before */
};

/* A channel, and both of its ends. */
struct use {
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
};

static struct chan_options options_of_all(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.messages = 2;
    options.message_size = 64;
    options.endpoints = 4;
    options.flags = CHAN_NO_KEEPER;
    return options;
}

static int run_create(struct chan **ch)
{
    struct chan_options options = options_of_all();
    return chan_create(NAME, &options, ch);
}

static int run_create_anonymous(struct chan **ch)
{
    struct chan_options options = options_of_all();
    return chan_create_anonymous(&options, ch);
}

static int run_open_or_create(struct chan **ch)
{
    struct chan_options options = options_of_all();
    return chan_open_or_create(NAME, &options, ch);
}

static int run_open(struct chan **ch)
{
    return chan_open(NAME, CHAN_NO_KEEPER, ch);
}

static const struct creation creations[] = {
    {"create", run_create, {[ABSENT] = true, [STALE] = true, [LIVE] = true}, true},
    {"create anonymous", run_create_anonymous, {[ABSENT] = true}, false},
    {"open or create", run_open_or_create, {[ABSENT] = true, [STALE] = true, [LIVE] = true}, true},
    {"open", run_open, {[STALE] = true, [LIVE] = true}, false},
};

/* Attach to both sides and pass a message. */
static void use_begin(struct trial *t, struct use *use)
{
    char got[8] = "";
    size_t size = 0;
    trial_must(t, "attach sender", chan_attach_sender(use->ch, 0, &use->tx));
    trial_must(t, "attach receiver", chan_attach_receiver(use->ch, 0, &use->rx));
    if (!use->tx || !use->rx)
        return;
    trial_must(t, "send", chan_try_send(use->tx, "message", 8));
    trial_must(t, "receive", chan_try_recv(use->rx, got, sizeof got, &size));
    if (size != sizeof got || memcmp(got, "message", sizeof got) != 0)
        trial_fail(t, "received something else");
}

static void use_end(struct trial *t, struct use *use)
{
    char text[200];
    if (use->ch && chan_check(use->ch, text, sizeof text))
        trial_fail(t, "chan_check: %s", text);
    chan_close_sender(use->tx);
    chan_close_receiver(use->rx);
    chan_close(use->ch);
    *use = (struct use){0};
}

/* Returns whether the name is there; there must be no other. */
static bool look_at_directory(struct trial *t)
{
    bool there = false;
    DIR *directory = opendir(chan_dir());
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        there |= !strcmp(entry->d_name, FILE_NAME);
        if (strcmp(entry->d_name, FILE_NAME) != 0 && entry->d_name[0] != '.')
            trial_fail(t, "%s is left", entry->d_name);
    }
    closedir(directory);
    return there;
}

/* Its only endpoint dies. */
static void set_stale(struct trial *t)
{
    struct chan *ch = NULL;
    trial_must(t, "setup: create", run_create(&ch));
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        struct chan_sender *tx;
        _exit(chan_attach_sender(ch, 0, &tx) != 0);
    }
    waitpid(pid, NULL, 0);
    chan_close(ch);
}

struct stage {
    const struct creation *creation;
    enum before before;
    struct course *course;
    struct record *record;
    struct use live; /* what had the name before */
    struct victim victim;
};

static void victim_body(void *argument)
{
    struct stage *stage = argument;
    struct record *record = stage->record;
    struct chan *ch = NULL;
    victim_enter(&record->phase);
    record->result = stage->creation->run(&ch);
    if (!record->result)
        chan_id(ch, record->id);
    victim_leave(&record->phase);
}

static void open_trial(struct trial *t, struct stage *stage)
{
    *t = (struct trial){.tally = t->tally};
    trial_where(t, "%s, %s", stage->creation->name, before_names[stage->before]);
    if (look_at_directory(t))
        trial_must(t, "setup: unlink", chan_unlink(NAME));
    if (stage->before == STALE)
        set_stale(t);
    if (stage->before == LIVE) {
        trial_must(t, "setup: create", run_create(&stage->live.ch));
        use_begin(t, &stage->live);
    }
    memset(stage->record, 0, sizeof *stage->record);
    victim_start(&stage->victim, victim_body, stage, &stage->record->phase);
}

static void close_trial(struct trial *t, struct stage *stage)
{
    use_end(t, &stage->live);
    victim_reap(&stage->victim);
    if (look_at_directory(t))
        trial_must(t, "unlink", chan_unlink(NAME));
}

static void run_chanctl_clean(struct trial *t)
{
    extern char **environ;
    char clean[] = "clean";
    char *arguments[] = {getenv("CHANCTL"), clean, NULL};
    posix_spawn_file_actions_t quiet;
    pid_t pid;
    int status = -1;
    if (!arguments[0])
        return;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", 1, 0);
    if (posix_spawn(&pid, arguments[0], &quiet, NULL, arguments, environ) ||
        waitpid(pid, &status, 0) != pid || status)
        trial_fail(t, "chanctl clean: status %d", status);
    posix_spawn_file_actions_destroy(&quiet);
}

enum order { CREATE_FIRST, OPEN_FIRST, CLEAN_FIRST, ORDERS };
static const char *const order_names[ORDERS] = {"create first", "open first", "clean first"};

/* The victim is dead. */
static void settle(struct trial *t, const struct stage *stage, enum order order)
{
    struct use use = {0};
    if (order == CLEAN_FIRST)
        run_chanctl_clean(t);
    bool there = look_at_directory(t);
    int result = order == OPEN_FIRST ? run_open(&use.ch) : run_create(&use.ch);
    if (stage->before == LIVE ? result != (order == OPEN_FIRST ? 0 : -EEXIST)
                              : result && result != (order == OPEN_FIRST ? -ENOENT : -EEXIST))
        trial_fail(t, "the next one: %s", chan_error_name(result));
    if (result == -EEXIST && !there)
        trial_fail(t, "it does not exist, and cannot be created");
    if (result)
        trial_must(t, "open or create", run_open_or_create(&use.ch));
    if (use.ch && stage->before != LIVE)
        use_begin(t, &use);
    if (t->killed_ns)
        tally_recovery(&t->tally, chan_now() - t->killed_ns);
    use_end(t, &use);
}

static void kill_at(struct trial *t, struct stage *stage, uint64_t step, enum order order)
{
    open_trial(t, stage);
    trial_where(t, ", killed at %lu, %s", step, order_names[order]);
    course_run_to(stage->course, t, &stage->victim, step);
    trial_kill(t, &stage->victim);
    settle(t, stage, order);
    close_trial(t, stage);
}

/* What a continued victim may have got, when the name leads to `use` since it was stopped. */
static void check_result(struct trial *t, const struct stage *stage, const struct use *use)
{
    const struct record *r = stage->record;
    uint8_t id[16] = {0};
    bool named = stage->creation->run != run_create_anonymous;
    if (r->result == -EBUSY && stage->before == STALE)
        return; /* somebody else was at it */
    if (r->result && !(r->result == -EEXIST && stage->creation->run == run_create) &&
        !(r->result == -ENOENT && stage->creation->run == run_open && stage->before == STALE))
        trial_fail(t, "continued, it failed: %s", chan_error_name(r->result));
    if (use->ch)
        chan_id(use->ch, id);
    if (!r->result && named && use->ch && memcmp(id, r->id, sizeof id) != 0)
        trial_fail(t, "there are two channels of one name");
}

static void stop_at(struct trial *t, struct stage *stage, uint64_t step, enum order order)
{
    struct use use = {0};
    open_trial(t, stage);
    trial_where(t, ", stopped at %lu, %s", step, order_names[order]);
    course_run_to(stage->course, t, &stage->victim, step);
    t->tally.stops++;
    if (order == CLEAN_FIRST)
        run_chanctl_clean(t);
    int result = order == CREATE_FIRST ? run_create(&use.ch) : -EEXIST;
    if (result == -EEXIST)
        result = run_open_or_create(&use.ch);
    /* Stopped in the middle of removing what was stale, it has that object's lock. */
    if (result && !(result == -EBUSY && stage->before == STALE))
        trial_fail(t, "a racing creator: %s", chan_error_name(result));
    if (use.ch && stage->before != LIVE)
        use_begin(t, &use);
    if (!victim_continue(&stage->victim, CONTINUE_MS))
        trial_fail(t, "continued, it does not finish");
    check_result(t, stage, &use);
    trial_kill(t, &stage->victim);
    use_end(t, &use);
    settle(t, stage, order);
    close_trial(t, stage);
}

static void observe(struct trial *t, struct stage *stage)
{
    open_trial(t, stage);
    course_observe(stage->course, t, &stage->victim);
    bool there = look_at_directory(t);
    if (stage->creation->creates && !there)
        trial_fail(t, "it has no name");
    trial_kill(t, &stage->victim);
    settle(t, stage, OPEN_FIRST);
    close_trial(t, stage);
}

static uint64_t next_step(const struct plan *plan, const struct course *course, uint64_t step,
                          enum places places)
{
    return plan->all ? step + 1 : course_next(course, step, places);
}

static void run_case(struct trial *t, struct stage *stage, struct plan *plan)
{
    const struct course *course = stage->course;
    unsigned limit = t->tally.failures + FAILURES_MAX;
    observe(t, stage);
    t->tally.cases++;
    t->tally.instructions += course->steps;
    for (uint64_t step = 0; plan->kills && step < course->steps && t->tally.failures < limit;
         step = next_step(plan, course, step, PLACES_OF_KILLS))
        for (int order = 0; order < ORDERS; order++)
            if (plan_takes(plan, &t->tally, t->where))
                kill_at(t, stage, step, (enum order)order);
    for (uint64_t step = 0; plan->stops && step < course->steps && t->tally.failures < limit;
         step = next_step(plan, course, step, PLACES_OF_STOPS))
        for (int order = 0; order < ORDERS; order++)
            if (plan_takes(plan, &t->tally, t->where))
                stop_at(t, stage, step, (enum order)order);
    fflush(stdout);
}

/* Names of this run stay in a directory of its own. */
static void enter_directory(char *path, size_t capacity)
{
    snprintf(path, capacity, "%s/shmchan-creation.XXXXXX", chan_dir());
    if (!mkdtemp(path))
        abort();
    setenv("SHMCHAN_DIR", path, 1);
}

int main(int argc, char **argv)
{
    char directory[200];
    struct plan plan;
    struct trial trial = {0};
    struct stage stage = {.course = course_new()};
    victim_set_up(argv);
    plan_parse(&plan, argc, argv);
    enter_directory(directory, sizeof directory);
    stage.record =
        mmap(NULL, sizeof *stage.record, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stage.record == MAP_FAILED)
        abort();
    for (unsigned i = 0; i < sizeof creations / sizeof creations[0]; i++)
        for (int before = 0; before < BEFORES; before++) {
            stage.creation = &creations[i];
            stage.before = (enum before)before;
            if (creations[i].fits[before] && plan_wants(plan.operation, creations[i].name) &&
                plan_wants(plan.scene, before_names[before]))
                run_case(&trial, &stage, &plan);
        }
    course_free(stage.course);
    rmdir(directory);
    return tally_report(&trial.tally);
}
