/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a process at every event of an operation while another one is asleep in a blocking call
 * that this operation, or the death, is to end. Reports how long the sleeper took.
 *
 *   sleepers [--kill | --stop] [--operation NAME] [--verbose] */
#include "course.h"

#include <shmchan/inspect.h>

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
 * itself when nobody has warned it. */
#define DEADLINE_NS INT64_C(1000000000)

/* So long nothing is expected to happen before it is concluded that there is nothing. */
#define SETTLE_NS INT64_C(30000000)

/* A process in chan_recv() or chan_send(), and what has become of it. */
struct sleeper {
    pid_t pid;
    bool sends;
    uint32_t id; /* of what it sends */
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
    bool releases; /* the sleeper is released whatever the victim had done: its death is enough */
};

static const struct task tasks[] = {
    {.operation = "send", .scene = {.messages = 2}},
    {.operation = "send", .scene = {.messages = 1}},
    {.operation = "send_many", .scene = {.messages = 3}},
    {.operation = "reserve+commit", .scene = {.messages = 2, .large = true}},
    {.operation = "send", .scene = {.messages = 2, .alone = true}, .releases = true},
    {.operation = "close sender", .scene = {.messages = 2, .alone = true}, .releases = true},
    {.operation = "shutdown", .scene = {.messages = 2}},
    {.operation = "recv", .scene = {.messages = 2, .queued = 2}, .sends = true},
    {.operation = "recv", .scene = {.messages = 1, .queued = 1}, .sends = true},
    {.operation = "recv", .scene = {.messages = 2, .queued = 2, .large = true}, .sends = true},
    {.operation = "recv_view", .scene = {.messages = 2, .queued = 2}, .sends = true},
    {.operation = "recv",
     .scene = {.messages = 2, .queued = 2, .alone = true},
     .sends = true,
     .releases = true},
    {.operation = "release", .scene = {.messages = 1, .queued = 1}},
    {.operation = "close receiver, view", .scene = {.messages = 1, .queued = 1}, .releases = true},
};

static void sleep_in_call(struct sleeper *s, struct trial *t)
{
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int result = chan_open_fd(chan_fd(t->ch), 0, &ch); /* with a keeper */
    if (!result && s->sends) {
        size_t size = message_size(t->scene, s->id);
        message_write(s->shared->message, size, s->id);
        result = chan_attach_sender(ch, CHAN_NO_SPIN, &tx);
        if (!result)
            atomic_store(&s->shared->attached, 1 + (int)chan_sender_number(tx));
        if (!result)
            result = chan_send(tx, s->shared->message, size);
    } else if (!result) {
        result = chan_attach_receiver(ch, CHAN_NO_SPIN, &rx);
        if (!result)
            atomic_store(&s->shared->attached, 1 + (int)chan_receiver_number(rx));
        if (!result)
            result = chan_recv(rx, s->shared->message, sizeof s->shared->message, &s->shared->size);
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
    if (s->sends) {
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
    if (s->sends)
        trial_drain(t);
    else
        trial_send(t);
    if (!wait_for(t, s, true, false))
        trial_fail(t, "the sleeper sleeps on though it is served");
}

static void enter_result(struct trial *t, const struct sleeper *s)
{
    int result = atomic_load(&s->shared->result);
    if (s->sends)
        t->sent[s->id] = result == 0;
    else if (!result)
        trial_book(t, s->shared->message, s->shared->size, 2);
    if (result && result != -EPIPE && result != PENDING)
        trial_fail(t, "the sleeper's call: %s", chan_error_name(result));
}

/* Longest times from the kill, or the stop, until the sleeper had returned. */
struct times {
    int64_t killed_ns, stopped_ns;
    uint64_t trials;
};

static void note(int64_t *worst, int64_t took)
{
    if (took > *worst)
        *worst = took;
}

static void run_one(struct trial *t, const struct task *task, const struct operation *operation,
                    const struct course *course, struct sleeper *sleeper, uint64_t step, bool stop,
                    struct times *times)
{
    struct victim victim;
    bool only_by_death = task->scene.alone && stop; /* nobody else could do anything for the sleeper */
    trial_begin(t, &task->scene, operation, NULL);
    trial_where(t, ", %s at %lu (%s), with a sleeper", stop ? "stopped" : "killed", step,
                course_event(course, step));
    trial_start(t, 0, &victim);
    sleeper->sends = task->sends;
    sleeper_start(t, sleeper);
    course_run_to(course, t, &victim, step);
    int64_t begin = chan_now();
    if (!stop)
        victim_kill(&victim);
    bool surely = task->releases && !stop;
    if (wait_for(t, sleeper, surely, stop))
        note(stop ? &times->stopped_ns : &times->killed_ns, sleeper->shared->when_ns - begin);
    else if (surely || is_due(t, sleeper, stop))
        trial_fail(t, "the sleeper is not woken");
    else if (!only_by_death)
        help(t, sleeper);
    if (stop) {
        trial_continue(t, 0, &victim);
        victim_kill(&victim);
    }
    if (only_by_death && !wait_for(t, sleeper, true, false))
        trial_fail(t, "the sleeper is not woken by the death");
    enter_result(t, sleeper);
    sleeper_end(sleeper);
    trial_settle(t);
    victim_reap(&victim);
    trial_end(t);
    times->trials++;
}

static const struct operation *find(const char *name)
{
    for (unsigned i = 0; i < operation_count; i++)
        if (!strcmp(operations[i].name, name))
            return &operations[i];
    abort();
}

/* What a victim does while somebody sleeps: it has to wake him. */
static void observe(struct trial *t, const struct task *task, const struct operation *operation,
                    struct course *course, struct sleeper *sleeper)
{
    struct victim victim;
    trial_begin(t, &task->scene, operation, NULL);
    trial_start(t, 0, &victim);
    sleeper->sends = task->sends;
    sleeper_start(t, sleeper);
    course_observe(course, t, &victim);
    victim_kill(&victim);
    (void)wait_for(t, sleeper, false, false);
    enter_result(t, sleeper);
    sleeper_end(sleeper);
    trial_settle(t);
    victim_reap(&victim);
    trial_end(t);
}

int main(int argc, char **argv)
{
    struct trial trial = {0};
    struct sleeper sleeper = {0};
    struct times times = {0};
    bool kills = true, stops = true, verbose = false;
    const char *only = NULL;
    victim_set_up(argv);
    for (int i = 1; i < argc; i++) {
        stops &= strcmp(argv[i], "--kill") != 0;
        kills &= strcmp(argv[i], "--stop") != 0;
        verbose |= !strcmp(argv[i], "--verbose");
        if (!strcmp(argv[i], "--operation") && i + 1 < argc)
            only = argv[++i];
    }
    sleeper.shared =
        mmap(NULL, sizeof *sleeper.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sleeper.shared == MAP_FAILED)
        abort();
    struct course *course = course_new();
    for (unsigned i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        const struct task *task = &tasks[i];
        const struct operation *operation = find(task->operation);
        if (only && strcmp(only, task->operation))
            continue;
        observe(&trial, task, operation, course, &sleeper);
        uint64_t before = times.trials;
        for (uint64_t step = 0; kills && step < course->steps; step = course_next(course, step, false))
            run_one(&trial, task, operation, course, &sleeper, step, false, &times);
        for (uint64_t step = 0; stops && step < course->steps; step = course_next(course, step, false))
            run_one(&trial, task, operation, course, &sleeper, step, true, &times);
        if (verbose)
            printf("%-24s %2u events, %3lu trials, worst so far %.3f ms killed, %.3f ms stopped\n",
                   task->operation, course->event_count, times.trials - before, (double)times.killed_ns / 1e6,
                   (double)times.stopped_ns / 1e6);
        fflush(stdout);
    }
    course_free(course);
    printf(
        "%lu trials, sleepers returned after at most %.3f ms (victim killed), %.3f ms (stopped), %u missed, "
        "%u failures\n",
        times.trials, (double)times.killed_ns / 1e6, (double)times.stopped_ns / 1e6, trial.missed,
        trial.failures);
    return trial.failures || !times.trials;
}
