/* SPDX-License-Identifier: Apache-2.0 */
/* Stops a process that opens a channel by its name right before every access (access.h), and so wherever it looks whether
 * anybody is still there. Meanwhile the only endpoint moves from the record behind to the one before it: then the channel is
 * there, by its name, for everybody. Or that endpoint's process has been killed, and somebody else repairs the channel: then
 * it is gone, for everybody.
 *
 *   openers [--part I/N]      see plan.h */
#include "access.h"
#include "plan.h"
#include "tally.h"

#include <shmchan.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "opened"
#define FAILURES_MAX 6u

struct sight {
    int phase;
    int result;
};

struct stage {
    struct chan *ch;
    struct chan_sender *before, *behind;
    struct sight *sight;
    struct tally tally;
};

static void must(const char *what, int result)
{
    if (!result)
        return;
    fprintf(stderr, "harness: %s: %s\n", what, chan_error_name(result));
    abort();
}

static void open_it(void *stage)
{
    struct stage *s = stage;
    struct chan *ch;
    victim_enter(&s->sight->phase);
    s->sight->result = chan_open(NAME, CHAN_NO_KEEPER, &ch);
    victim_leave(&s->sight->phase);
}

static void create(struct stage *s)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.endpoints = 2;
    *s->sight = (struct sight){0};
    must("chan_create", chan_create(NAME, &options, &s->ch));
}

/* Stopped there, or at its end. False: it had come to its end before. */
static bool start_opener(struct stage *s, struct victim *opener, uint64_t place)
{
    victim_start(opener, open_it, s, &s->sight->phase);
    s->tally.stops++;
    return access_step_to(opener, place);
}

static void finish_opener(struct victim *opener)
{
    if (opener->state != VICTIM_DONE && !victim_continue(opener, CONTINUE_MS))
        must("continuing the stopped", -ETIMEDOUT);
    victim_kill(opener);
    victim_reap(opener);
}

static void judge(struct stage *s, const char *what, uint64_t place, int expected)
{
    struct chan *again = NULL;
    int found = chan_open(NAME, 0, &again);
    if (s->sight->result != expected || found != expected) {
        s->tally.failures++;
        fprintf(stderr, "FAULT: %s, opener before access %lu: told %s, afterwards %s\n", what, place,
                chan_error_name(s->sight->result), chan_error_name(found));
    }
    chan_close(again);
}

static bool try_moved(struct stage *s, uint64_t place)
{
    struct victim opener;
    create(s);
    must("chan_attach_sender", chan_attach_sender(s->ch, 0, &s->before));
    must("chan_attach_sender", chan_attach_sender(s->ch, 0, &s->behind));
    chan_close_sender(s->before);
    bool goes_on = start_opener(s, &opener, place);
    must("chan_attach_sender", chan_attach_sender(s->ch, 0, &s->before));
    if (chan_sender_number(s->before) > chan_sender_number(s->behind))
        must("the record", -EINVAL);
    chan_close_sender(s->behind);
    finish_opener(&opener);
    judge(s, "moved", place, 0);
    chan_close_sender(s->before);
    chan_close(s->ch);
    return goes_on;
}

/* Attached by a process that is killed. */
static void leave_dead_endpoint(struct stage *s)
{
    pid_t pid = fork();
    if (!pid) {
        must("chan_attach_sender", chan_attach_sender(s->ch, 0, &s->before));
        raise(SIGKILL);
    }
    if (pid < 0 || waitpid(pid, NULL, 0) != pid)
        abort();
}

static bool try_dead(struct stage *s, uint64_t place)
{
    struct chan_repair_report report;
    struct victim opener;
    create(s);
    leave_dead_endpoint(s);
    bool goes_on = start_opener(s, &opener, place);
    must("chan_repair", chan_repair(s->ch, 0, &report));
    finish_opener(&opener);
    judge(s, "dead", place, -ENOENT);
    chan_close(s->ch);
    return goes_on;
}

int main(int argc, char **argv)
{
    static bool (*const trials[])(struct stage *, uint64_t) = {try_moved, try_dead};
    struct plan plan;
    struct stage stage = {0};
    victim_set_up(argv);
    plan_parse(&plan, argc, argv);
    stage.sight = mmap(NULL, sizeof *stage.sight, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stage.sight == MAP_FAILED)
        return 2;
    unsigned limit = plan.fail_fast ? 1 : FAILURES_MAX;
    for (unsigned i = 0; i < sizeof trials / sizeof *trials; i++) {
        bool goes_on = true;
        stage.tally.cases++;
        for (uint64_t place = 0; goes_on && stage.tally.failures < limit; place++)
            if (plan_takes(&plan, &stage.tally, NAME))
                goes_on = trials[i](&stage, place);
    }
    return tally_report(&stage.tally);
}
