/* SPDX-License-Identifier: Apache-2.0 */
/* Stops a process that opens a channel by its name wherever it looks whether anybody is still there, while the only endpoint
 * moves from the record behind to the one before it. The law: the channel is there, by its name, for everybody.
 *
 *   openers [--all]     at every instruction, not only at some of the last */
#include "tally.h"
#include "victim.h"

#include <shmchan.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NAME "opened"
#define FAILURES_MAX 6u

/* Unless all are tried: the look at two records takes some dozen instructions, and comes towards the end. */
#define STRIDE 5u
#define LOOK_TAKES 900u

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

static void begin(struct stage *s)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.endpoints = 2;
    *s->sight = (struct sight){0};
    must("chan_create", chan_create(NAME, &options, &s->ch));
    must("chan_attach_sender", chan_attach_sender(s->ch, 0, &s->before));
    must("chan_attach_sender", chan_attach_sender(s->ch, 0, &s->behind));
    chan_close_sender(s->before);
}

static void change_places(struct stage *s)
{
    must("chan_attach_sender", chan_attach_sender(s->ch, 0, &s->before));
    if (chan_sender_number(s->before) > chan_sender_number(s->behind))
        must("the record", -EINVAL);
    chan_close_sender(s->behind);
}

/* Returns how many instructions the opener has executed. */
static uint64_t run(struct stage *s, uint64_t place)
{
    struct victim opener;
    struct chan *again = NULL;
    begin(s);
    victim_start(&opener, open_it, s, &s->sight->phase);
    while (opener.steps < place && victim_step(&opener))
        continue;
    change_places(s);
    s->tally.stops++;
    if (opener.state != VICTIM_DONE && !victim_continue(&opener, CONTINUE_MS))
        must("continuing the stopped", -ETIMEDOUT);
    int found = chan_open(NAME, 0, &again);
    if (s->sight->result || found) {
        s->tally.failures++;
        fprintf(stderr, "FAULT: opener at %lu: told %s, afterwards %s\n", place,
                chan_error_name(s->sight->result), chan_error_name(found));
    }
    s->tally.cases++;
    uint64_t steps = opener.steps;
    victim_kill(&opener);
    victim_reap(&opener);
    chan_close(again);
    chan_close_sender(s->before);
    chan_close(s->ch);
    return steps;
}

int main(int argc, char **argv)
{
    victim_set_up(argv);
    bool all = argc > 1 && !strcmp(argv[1], "--all");
    struct stage stage = {0};
    stage.sight = mmap(NULL, sizeof *stage.sight, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stage.sight == MAP_FAILED)
        return 2;
    uint64_t steps = run(&stage, UINT64_MAX);
    for (uint64_t place = all || steps < LOOK_TAKES ? 0 : steps - LOOK_TAKES;
         place <= steps && stage.tally.failures < FAILURES_MAX; place += all ? 1 : STRIDE)
        run(&stage, place);
    stage.tally.instructions = steps;
    return tally_report(&stage.tally);
}
