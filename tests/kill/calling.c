/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of victims and survivors. */
#include "calling.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- calling and serving ---- */

static size_t write_message(const struct calling *s, unsigned char *message, uint32_t id)
{
    size_t size = message_size(&s->scene, id);
    message_write(message, size, id);
    return size;
}

int calling_call(struct calling *s, struct chan_sender *tx, uint32_t id, struct chan_ticket *ticket)
{
    unsigned char message[MESSAGE_BYTES_MAX];
    return chan_try_call_start(tx, message, write_message(s, message, id), ticket);
}

static void check_answer(struct calling *s, const void *answer, size_t size, uint32_t id)
{
    if (message_id(&s->scene, answer, size) != id + ANSWER)
        trial_fail(&s->trial, "an answer that is torn, or another's");
}

int calling_finish(struct calling *s, struct chan_sender *tx, uint32_t id, struct chan_ticket *ticket)
{
    unsigned char answer[MESSAGE_BYTES_MAX];
    size_t size;
    int result = chan_try_call_finish(tx, ticket, answer, sizeof answer, &size);
    if (!result)
        check_answer(s, answer, size, id);
    return result;
}

static bool is_victims(uint32_t id)
{
    return id >= VICTIMS && id < LATER;
}

void calling_serve(struct calling *s)
{
    struct trial *t = &s->trial;
    unsigned char answer[MESSAGE_BYTES_MAX];
    struct chan_view view;
    int result;
    while (!(result = chan_try_recv_view(s->rx, &view))) {
        uint32_t id = message_id(&s->scene, view.data, view.size);
        if (!id)
            trial_fail(t, "a request that is torn");
        if (is_victims(id) && s->stale_count < sizeof s->stale / sizeof *s->stale)
            trial_must(t, "address", chan_reply_address_of(s->rx, &view, &s->stale[s->stale_count++]));
        result = chan_try_reply(s->rx, &view, answer, write_message(s, answer, id + ANSWER));
        if (result && result != -EPIPE)
            trial_fail(t, "answering: %s", chan_error_name(result));
        s->answers += !result;
        s->nobodys += !result && is_victims(id);
        s->served += !result && id < VICTIMS;
    }
    if (result != -EAGAIN)
        trial_fail(t, "serving: %s", chan_error_name(result));
}

void calling_in_places(struct calling *s, struct chan_sender *tx, uint32_t places)
{
    struct trial *t = &s->trial;
    struct chan_ticket tickets[HOLDS];
    for (uint32_t i = 0; i < places; i++)
        trial_must(t, "a later call", calling_call(s, tx, LATER + i, &tickets[i]));
    for (unsigned i = 0; i < s->stale_count; i++)
        if (chan_try_reply_to(s->rx, &s->stale[i], "stale", 5) != -EPIPE)
            trial_fail(t, "an address of a call that is over reached somebody");
    calling_serve(s);
    for (uint32_t i = 0; i < places; i++)
        trial_must(t, "a later answer", calling_finish(s, tx, LATER + i, &tickets[i]));
}

void calling_in_all_places(struct calling *s)
{
    struct chan_sender *newcomer;
    calling_in_places(s, s->tx, HOLDS);
    trial_must(&s->trial, "a newcomer", chan_attach_sender(s->trial.ch, 0, &newcomer));
    calling_in_places(s, newcomer, HOLDS);
    chan_close_sender(newcomer);
}

/* ---- what victims do ---- */

static void prepare_message(struct peer *p, uint32_t id)
{
    p->size = message_size(p->scene, id);
    message_write(p->message, p->size, id);
}

static int run_view(struct peer *p)
{
    int result = chan_try_recv_view(p->rx, &p->view);
    if (result)
        return result;
    memcpy(p->sight->viewed, p->view.data, p->view.size);
    p->sight->viewed_size = p->view.size;
    return 0;
}

static void prepare_view(struct peer *p)
{
    p->sight->result = run_view(p);
    prepare_message(p, message_id(p->scene, p->sight->viewed, p->sight->viewed_size) + ANSWER);
}

static int run_reply(struct peer *p)
{
    return chan_try_reply(p->rx, &p->view, p->message, p->size);
}

static int run_release(struct peer *p)
{
    return chan_release(p->rx, &p->view);
}

static int run_close_server(struct peer *p)
{
    chan_close_receiver(p->rx);
    return 0;
}

static void prepare_request(struct peer *p)
{
    prepare_message(p, p->id);
}

static int run_start(struct peer *p)
{
    return chan_try_call_start(p->tx, p->message, p->size, &p->ticket);
}

static void prepare_start(struct peer *p)
{
    prepare_request(p);
    p->sight->result = run_start(p);
}

static int run_finish(struct peer *p)
{
    return chan_try_call_finish(p->tx, &p->ticket, p->sight->answer, sizeof p->sight->answer,
                                &p->sight->size);
}

static int run_cancel(struct peer *p)
{
    return chan_call_cancel(p->tx, &p->ticket);
}

static int run_call_given_up(struct peer *p)
{
    int result = chan_call_timeout(p->tx, p->message, p->size, p->sight->answer, sizeof p->sight->answer,
                                   &p->sight->size, 0);
    return result == -ETIMEDOUT ? 0 : result;
}

static int run_close_caller(struct peer *p)
{
    chan_close_sender(p->tx);
    return 0;
}

static int run_attach_caller(struct peer *p)
{
    return chan_attach_sender(p->ch, CHAN_NO_SPIN, &p->tx);
}

static int run_attach_server(struct peer *p)
{
    return chan_attach_receiver(p->ch, CHAN_NO_SPIN, &p->rx);
}

static int run_repair(struct peer *p)
{
    struct chan_repair_report report;
    return chan_repair(p->ch, 0, &report);
}

static void refuse_all(struct calling *s)
{
    struct chan_view view;
    while (!chan_try_recv_view(s->rx, &view))
        trial_must(&s->trial, "release", chan_release(s->rx, &view));
}

const struct call_act call_acts[] = {
    {.name = "view", .serves = true, .run = run_view},
    {.name = "reply", .serves = true, .prepare = prepare_view, .run = run_reply},
    {.name = "release", .serves = true, .prepare = prepare_view, .run = run_release, .ends_calls = true},
    {.name = "close server", .serves = true, .prepare = prepare_view, .run = run_close_server},
    {.name = "start", .calls = true, .prepare = prepare_request, .run = run_start},
    {.name = "finish", .calls = true, .prepare = prepare_start, .run = run_finish},
    {.name = "finish, answered",
     .calls = true,
     .prepare = prepare_start,
     .meanwhile = calling_serve,
     .run = run_finish},
    {.name = "cancel", .calls = true, .prepare = prepare_start, .run = run_cancel},
    {.name = "cancel, answered",
     .calls = true,
     .prepare = prepare_start,
     .meanwhile = calling_serve,
     .run = run_cancel},
    {.name = "cancel, refused",
     .calls = true,
     .prepare = prepare_start,
     .meanwhile = refuse_all,
     .run = run_cancel},
    {.name = "call, given up", .calls = true, .prepare = prepare_request, .run = run_call_given_up},
    {.name = "close caller", .calls = true, .prepare = prepare_start, .run = run_close_caller},
    {.name = "close caller, answered",
     .calls = true,
     .prepare = prepare_start,
     .meanwhile = calling_serve,
     .run = run_close_caller},
    {.name = "attach caller", .attaches = 1, .run = run_attach_caller},
    {.name = "attach server", .attaches = 1, .run = run_attach_server},
    {.name = "repair", .run = run_repair},
};
const unsigned call_act_count = sizeof call_acts / sizeof *call_acts;

static void victim_life(void *argument)
{
    struct peer *p = argument;
    int result = 0;
    if (p->act->serves)
        result = chan_attach_receiver(p->ch, CHAN_NO_SPIN, &p->rx);
    if (p->act->calls)
        result = chan_attach_sender(p->ch, CHAN_NO_SPIN, &p->tx);
    p->sight->result = result;
    if (!result && p->act->prepare)
        p->act->prepare(p);
    victim_enter(&p->sight->phase);
    if (!p->sight->result)
        p->sight->result = p->act->run(p);
    victim_leave(&p->sight->phase);
}

/* ---- a trial ---- */

static struct sight *new_sights(void)
{
    struct sight *sights =
        mmap(NULL, PEERS_MAX * sizeof *sights, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sights == MAP_FAILED)
        abort();
    return sights;
}

void calling_begin(struct calling *s, const struct chan_options *options)
{
    struct trial *t = &s->trial;
    *s = (struct calling){.sights = s->sights ? s->sights : new_sights(),
                          .scene = {.messages = options->messages, .large = options->message_size > 4096},
                          .max_deliveries = options->max_deliveries,
                          .trial = {.tally = t->tally}};
    memset(s->sights, 0, PEERS_MAX * sizeof *s->sights);
    trial_must(t, "create", chan_create_anonymous(options, &t->ch));
    trial_must(t, "attach", chan_attach_sender(t->ch, 0, &s->tx));
    trial_must(t, "attach", chan_attach_receiver(t->ch, 0, &s->rx));
}

void calling_end(struct calling *s)
{
    chan_close_sender(s->tx);
    chan_close_receiver(s->rx);
    chan_close(s->trial.ch);
}

void calling_start(struct calling *s, unsigned number, const struct call_act *act, struct victim *victim)
{
    struct peer *p = &s->peers[number];
    *p = (struct peer){.act = act,
                       .scene = &s->scene,
                       .ch = s->trial.ch,
                       .sight = &s->sights[number],
                       .id = VICTIMS + number};
    if (act->serves)
        trial_must(&s->trial, "start", calling_call(s, s->tx, OWN + number, &s->own[number]));
    victim_start(victim, victim_life, p, &p->sight->phase);
    if (victim->state == VICTIM_ENDED || p->sight->result)
        trial_fail(&s->trial, "the victim could not be set up: %s", chan_error_name(p->sight->result));
    if (act->meanwhile)
        act->meanwhile(s);
}

uint32_t calling_viewed(struct calling *s, unsigned number)
{
    const struct sight *sight = &s->sights[number];
    uint32_t id = message_id(&s->scene, sight->viewed, sight->viewed_size);
    if (sight->viewed_size && !id)
        trial_fail(&s->trial, "the victim was given a request that is torn");
    return id;
}

void calling_check_answer(struct calling *s, unsigned number)
{
    const struct sight *sight = &s->sights[number];
    if (sight->phase == PHASE_DONE && !sight->result && sight->size)
        check_answer(s, sight->answer, sight->size, s->peers[number].id);
}

static void check(struct calling *s, const char *what, uint64_t actual, uint64_t promised)
{
    if (actual != promised)
        trial_fail(&s->trial, "%s: %lu instead of %lu", what, actual, promised);
}

void calling_check(struct calling *s)
{
    char text[200];
    struct chan_stat stat;
    trial_stat(&s->trial, &stat);
    check(s, "left over", stat.held + stat.orphaned + stat.queued + stat.units_used + stat.dead, 0);
    check(s, "calls left over", stat.calls_open + stat.answers_unread, 0);
    check(s, "answered", stat.answered, s->answers);
    check(s, "sent", stat.sent, stat.received + stat.discarded);
    if (chan_check(s->trial.ch, text, sizeof text))
        trial_fail(&s->trial, "chan_check: %s", text);
}
