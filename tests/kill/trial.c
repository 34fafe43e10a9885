/* SPDX-License-Identifier: Apache-2.0 */
/* Setting up a channel for victims, and what is done to them. */
#include "survivors.h"
#include "wraps.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void trial_fail(struct trial *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("FAIL %s: ", t->where);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    t->tally.failures++;
}

void trial_where(struct trial *t, const char *format, ...)
{
    va_list arguments;
    size_t length = strlen(t->where);
    va_start(arguments, format);
    vsnprintf(t->where + length, sizeof t->where - length, format, arguments);
    va_end(arguments);
}

void trial_must(struct trial *t, const char *what, int result)
{
    if (result)
        trial_fail(t, "%s: %s", what, chan_error_name(result));
}

const struct part *trial_sender_of(const struct trial *t, uint32_t id, uint32_t *index)
{
    for (unsigned i = 0; i < t->part_count; i++) {
        const struct part *part = &t->parts[i];
        *index = id - part->actor.first_id;
        if (*index < part->operation->sends)
            return part;
    }
    return NULL;
}

bool trial_was_viewed(const struct trial *t, uint32_t id)
{
    bool viewed = false;
    for (unsigned i = 0; i < t->part_count; i++)
        viewed |= t->parts[i].journal->viewed == id;
    return viewed;
}

/* Endpoints that come for a moment, where the survivor has none: possible without end of the channel if it is
 * durable. */
static void set_up(struct trial *t, struct actor *actor)
{
    const struct scene *s = t->scene;
    struct chan_sender *tx = t->tx, *own_tx = NULL;
    struct chan_receiver *rx = t->rx, *own_rx = NULL, *giver = NULL;
    bool lasting = s->lifetime == CHAN_DURABLE;
    if (!tx && lasting)
        trial_must(t, "setup: attach sender", chan_attach_sender(t->ch, 0, &own_tx));
    if (!rx && lasting)
        trial_must(t, "setup: attach receiver", chan_attach_receiver(t->ch, 0, &own_rx));
    tx = tx ? tx : own_tx;
    rx = rx ? rx : own_rx;
    for (uint32_t i = 0; i < s->laps; i++) {
        trial_must(t, "setup: send", survivors_send(t, tx));
        trial_must(t, "setup: receive", survivors_receive(t, rx));
    }
    if (s->orphan != ORPHAN_NONE) {
        struct chan_view view;
        trial_must(t, "setup: attach giver", chan_attach_receiver(t->ch, 0, &giver));
        t->first_queued = t->next_id;
        trial_must(t, "setup: send", survivors_send(t, tx));
        trial_must(t, "setup: view", chan_try_recv_view(giver, &view));
        chan_close_receiver(giver);
        if (s->orphan == ORPHAN_ELSEWHERE)
            trial_must(t, "setup: attach extra", chan_attach_sender(t->ch, 0, &t->extra));
        if (s->orphan == ORPHAN_TAKEN)
            trial_must(t, "setup: take the orphan", survivors_receive(t, rx));
    } else {
        t->first_queued = t->next_id;
    }
    const struct operation *operation = t->parts[0].operation;
    if (s->kind == CHAN_BROADCAST && operation->role == CHAN_ROLE_RECEIVER) {
        /* Its messages have to come after it: the victim sends them itself. */
        actor->fill = operation->needs ? s->messages : 0;
        actor->fill_id = t->next_id;
        for (uint32_t i = 0; i < actor->fill; i++)
            t->sent[t->next_id++] = 1;
    } else if (tx) {
        for (uint32_t i = 0; i < s->queued; i++)
            trial_must(t, "setup: send", survivors_send(t, tx));
    } else {
        actor->fill = s->queued;
        actor->fill_id = t->next_id;
        for (uint32_t i = 0; i < s->queued; i++)
            t->sent[t->next_id++] = 1;
    }
    chan_close_sender(own_tx);
    chan_close_receiver(own_rx);
}

/* A loan in the first step, so that messages need memory that is not there. */
static void occupy(struct trial *t)
{
    struct chan_loan loan;
    struct chan_stat stat;
    trial_stat(t, &stat);
    t->committed = stat.committed_bytes;
    trial_must(t, "setup: attach occupant", chan_attach_sender(t->ch, 0, &t->occupant));
    trial_must(t, "setup: occupy", chan_try_reserve(t->occupant, t->scene->occupied * (size_t)4096, &loan));
}

/* Payload for just as many messages as there are cells, and for what several victims may have in hand
 * beside. */
static void create(struct trial *t, const struct scene *s, unsigned in_hand)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.kind = s->messages ? s->kind : CHAN_RENDEZVOUS;
    options.overflow = s->overflow;
    options.messages = s->messages;
    options.message_size = s->large ? 4200 : 64;
    options.bytes = s->large ? (s->messages + (s->messages ? in_hand : 2)) * UINT64_C(8192) : 0;
    options.endpoints = ENDPOINTS;
    options.holds = 1;
    options.senders = s->senders;
    options.receivers = s->receivers;
    options.lifetime = s->lifetime;
    options.max_deliveries = s->max_deliveries;
    options.order = s->fair ? CHAN_FAIR : CHAN_BARGING;
    options.flags = CHAN_NO_KEEPER;
    if (s->kind == CHAN_GROWABLE)
        options.message_size = options.bytes = 64 * 4096; /* of which the occupant has one */
    trial_must(t, "setup: create", chan_create_anonymous(&options, &t->ch));
    if (s->wraps)
        wraps_set(t->ch, 0);
}

static struct journal *new_journals(void)
{
    struct journal *journals =
        mmap(NULL, PARTS_MAX * sizeof *journals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (journals == MAP_FAILED)
        abort();
    return journals;
}

static void begin_part(struct trial *t, const struct operation *operation)
{
    unsigned number = t->part_count++;
    struct journal *journal = &t->journals[number];
    memset(journal, 0, sizeof *journal);
    t->parts[number] = (struct part){
        .operation = operation,
        .actor = {.scene = t->scene, .ch = t->ch, .journal = journal, .first_id = 1 + number * BATCH},
        .journal = journal,
    };
}

/* The victims' processes have keepers if the scene says so; this one never has: it is to do what it is
 * told. */
void trial_begin(struct trial *t, const struct scene *s, const struct operation *const victims[],
                 unsigned count)
{
    char name[SCENE_NAME_BYTES];
    *t = (struct trial){.scene = s,
                        .journals = t->journals ? t->journals : new_journals(),
                        .tally = t->tally,
                        .next_id = SURVIVOR_IDS};
    for (unsigned i = 0; i < count; i++)
        trial_where(t, "%s%s", i ? " x " : "", victims[i]->name);
    scene_name(s, name);
    trial_where(t, ", %s", name);
    create(t, s, count > 1 ? count : 0);
    if (!(s->alone && victims[0]->role == CHAN_ROLE_SENDER))
        trial_must(t, "setup: attach sender", chan_attach_sender(t->ch, 0, &t->tx));
    if (!(s->alone && victims[0]->role == CHAN_ROLE_RECEIVER))
        trial_must(t, "setup: attach receiver", chan_attach_receiver(t->ch, 0, &t->rx));
    if (s->kind == CHAN_GROWABLE)
        occupy(t);
    for (unsigned i = 0; i < count; i++)
        begin_part(t, victims[i]);
    set_up(t, &t->parts[0].actor);
}

void trial_end(struct trial *t)
{
    chan_close_sender(t->occupant);
    chan_close_sender(t->extra);
    chan_close_sender(t->tx);
    chan_close_receiver(t->rx);
    chan_close(t->ch);
}

static void victim_body(void *argument)
{
    struct part *part = argument;
    operation_perform(part->operation, &part->actor);
}

/* Another victim may shut the channel down at any time, or may have been the last of its side. */
static bool may_have_ended(const struct trial *t, const struct part *part)
{
    bool ended = t->scene->alone && part != &t->parts[0];
    for (unsigned i = 0; i < t->part_count; i++)
        ended |= &t->parts[i] != part && t->parts[i].operation->shuts_down;
    return ended;
}

void trial_start(struct trial *t, unsigned number, struct victim *victim)
{
    struct part *part = &t->parts[number];
    victim_start(victim, victim_body, part, &part->journal->phase);
    if (victim->state == VICTIM_ENDED)
        trial_fail(t, "the victim ended by itself before its operation");
    int result = part->journal->result;
    if (result && !(result == -EPIPE && may_have_ended(t, part)))
        trial_fail(t, "the victim could not be set up: %s", chan_error_name(result));
}

void trial_kill(struct trial *t, struct victim *victim)
{
    t->tally.kills++;
    t->killed_ns = chan_now();
    victim_kill(victim);
}

void trial_continue(struct trial *t, unsigned number, struct victim *victim)
{
    const struct part *part = &t->parts[number];
    if (!victim_continue(victim, CONTINUE_MS)) {
        trial_fail(t, "after being continued the victim does not finish");
        return;
    }
    int result = part->journal->result;
    bool refused = (part->operation->attaches && t->joined && result == -EBUSY) ||
                   (result == -EPIPE && may_have_ended(t, part)) ||
                   (result == -EAGAIN && part->operation->meets) || /* somebody else met the peer */
                   (result == -EOVERFLOW && t->scene->kind == CHAN_BROADCAST && part->operation->needs);
    if (result && !refused)
        trial_fail(t, "after being continued the operation failed: %s", chan_error_name(result));
}

void trial_stat(struct trial *t, struct chan_stat *stat)
{
    *stat = (struct chan_stat){.size = sizeof *stat};
    trial_must(t, "chan_stat", chan_stat(t->ch, stat));
}
