/* SPDX-License-Identifier: Apache-2.0 */
/* Stops a sender of a full broadcast, whose senders wait, wherever it looks for who holds it up, while somebody takes the
 * place of the prepared receiver that does: in a record before that one's, or behind it. Then the sender goes on, and
 * others send what they can. The law: whatever was for the prepared receiver is there for its successor. */
#include "tally.h"
#include "victim.h"

#include <shmchan.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define MESSAGES 2u
#define FAILURES_MAX 6u

struct sight {
    int phase;
    int result;
};

struct stage {
    struct chan *ch;
    struct chan_receiver *first; /* keeps a record before the prepared one's; reads all that is sent */
    struct chan_receiver *prepared, *successor;
    struct chan_address address;
    bool before; /* the successor's record is */
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

static void send_beyond(void *stage)
{
    struct stage *s = stage;
    struct chan_sender *tx;
    uint32_t message = MESSAGES;
    must("chan_attach_sender", chan_attach_sender(s->ch, CHAN_NO_SPIN, &tx));
    victim_enter(&s->sight->phase);
    s->sight->result = chan_try_send(tx, &message, sizeof message);
    victim_leave(&s->sight->phase);
}

static void begin(struct stage *s)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan_sender *tx;
    options.kind = CHAN_BROADCAST;
    options.overflow = CHAN_BLOCK;
    options.messages = MESSAGES;
    options.lifetime = CHAN_DURABLE;
    options.endpoints = 5;
    *s->sight = (struct sight){0};
    must("chan_create_anonymous", chan_create_anonymous(&options, &s->ch));
    must("chan_attach_receiver", chan_attach_receiver(s->ch, 0, &s->first));
    must("chan_prepare_receiver", chan_prepare_receiver(s->ch, 0, &s->prepared));
    must("chan_address_of_receiver", chan_address_of_receiver(s->prepared, &s->address));
    must("chan_attach_sender", chan_attach_sender(s->ch, CHAN_NO_SPIN, &tx));
    for (uint32_t i = 0, got; i < MESSAGES; i++) {
        must("chan_try_send", chan_try_send(tx, &i, sizeof i));
        must("chan_try_recv", chan_try_recv(s->first, &got, sizeof got, NULL));
    }
    chan_close_sender(tx);
}

static void finish(struct stage *s, struct victim *sender)
{
    victim_kill(sender);
    victim_reap(sender);
    if (!s->before)
        chan_close_receiver(s->first);
    chan_close_receiver(s->successor);
    chan_close_receiver(s->prepared);
    chan_close(s->ch);
}

/* Returns how many instructions the sender has executed. */
static uint64_t run(struct stage *s, uint64_t place)
{
    struct victim sender;
    uint32_t message, expected = 0;
    begin(s);
    victim_start(&sender, send_beyond, s, &s->sight->phase);
    if (s->before)
        chan_close_receiver(s->first);
    while (sender.steps < place && victim_step(&sender))
        continue;
    must("chan_attach_receiver_at", chan_attach_receiver_at(&s->address, 0, 0, &s->successor));
    bool is_before = chan_receiver_number(s->successor) < chan_receiver_number(s->prepared);
    if (is_before != s->before)
        must("the successor's record", -EINVAL);
    s->tally.stops++;
    if (sender.state != VICTIM_DONE && !victim_continue(&sender, CONTINUE_MS))
        must("continuing the stopped", -ETIMEDOUT);
    int result;
    while (!(result = chan_try_recv(s->successor, &message, sizeof message, NULL)) && message == expected)
        expected++;
    if (result != -EAGAIN || expected < MESSAGES || s->sight->result != -EAGAIN) {
        s->tally.failures++;
        fprintf(stderr, "FAULT: sender at %lu, successor %s: sent %s, received %u, then %s\n", place,
                s->before ? "before" : "behind", chan_error_name(s->sight->result), expected,
                chan_error_name(result));
    }
    s->tally.cases++;
    uint64_t steps = sender.steps;
    finish(s, &sender);
    return steps;
}

int main(int argc, char **argv)
{
    (void)argc;
    victim_set_up(argv);
    struct stage stage = {0};
    stage.sight = mmap(NULL, sizeof *stage.sight, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stage.sight == MAP_FAILED)
        return 2;
    for (int before = 0; before < 2; before++) {
        stage.before = before;
        uint64_t steps = run(&stage, UINT64_MAX);
        for (uint64_t place = 0; place < steps && stage.tally.failures < FAILURES_MAX; place++)
            run(&stage, place);
        stage.tally.instructions += steps;
    }
    return tally_report(&stage.tally);
}
