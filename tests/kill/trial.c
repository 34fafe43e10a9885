/* SPDX-License-Identifier: Apache-2.0 */
/* Setting up a channel for a victim, working on after it, and accounting for every message. */
#include "trial.h"

#include <shmchan/inspect.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ENDPOINTS 8u

/* A broken channel must not make a survivor loop for ever. */
#define ROUNDS_MAX 200u

/* What a continued victim has for the rest of its operation, which takes microseconds. */
#define CONTINUE_MS 3000

void trial_fail(struct trial *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("FAIL %s: ", t->where);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    t->failures++;
}

void trial_where(struct trial *t, const char *format, ...)
{
    va_list arguments;
    size_t length = strlen(t->where);
    va_start(arguments, format);
    vsnprintf(t->where + length, sizeof t->where - length, format, arguments);
    va_end(arguments);
}

static void must(struct trial *t, const char *what, int result)
{
    if (result)
        trial_fail(t, "%s: %s", what, chan_error_name(result));
}

static int send_as(struct trial *t, struct chan_sender *tx)
{
    unsigned char message[MESSAGE_BYTES_MAX];
    uint32_t id = t->next_id;
    if (id >= IDS_MAX) {
        trial_fail(t, "the survivors send without end");
        return -E2BIG;
    }
    size_t size = message_size(t->scene, id);
    message_write(message, size, id);
    int result = chan_try_send(tx, message, size);
    if (!result) {
        t->sent[id] = 1;
        t->next_id++;
    }
    return result;
}

/* The part of the victim that sends this message, or NULL; *index counts its messages. */
static const struct part *sender_of(const struct trial *t, uint32_t id, uint32_t *index)
{
    for (unsigned i = 0; i < t->part_count; i++) {
        const struct part *part = &t->parts[i];
        *index = id - part->actor.first_id;
        if (*index < part->operation->sends)
            return part;
    }
    return NULL;
}

static bool is_known(const struct trial *t, uint32_t id)
{
    uint32_t index;
    return id && id < IDS_MAX && (t->sent[id] || sender_of(t, id, &index));
}

static bool was_viewed(const struct trial *t, uint32_t id)
{
    bool viewed = false;
    for (unsigned i = 0; i < t->part_count; i++)
        viewed |= t->parts[i].journal->viewed == id;
    return viewed;
}

void trial_book(struct trial *t, const void *data, size_t size, uint32_t deliveries)
{
    uint32_t id = message_id(t->scene, data, size);
    t->received++;
    if (!is_known(t, id)) {
        trial_fail(t, "received a message that is torn, or was never sent (%u, %zu bytes)", id, size);
        return;
    }
    if (t->delivered[id]++)
        trial_fail(t, "message %u was delivered twice", id);
    if (was_viewed(t, id) && deliveries == 1)
        trial_fail(t, "message %u was in the victim's hands, and its redelivery is not flagged", id);
    /* What the victim took may come back late. */
    bool may_be_late = deliveries > 1 || id < t->first_queued + t->part_count * BATCH;
    if (id >= SURVIVOR_IDS && !may_be_late && id < t->newest_id)
        trial_fail(t, "message %u came after %u", id, t->newest_id);
    if (id > t->newest_id)
        t->newest_id = id;
}

static int receive_as(struct trial *t, struct chan_receiver *rx)
{
    struct chan_view view;
    int result = chan_try_recv_view(rx, &view);
    if (result)
        return result;
    trial_book(t, view.data, view.size, view.deliveries);
    must(t, "chan_release", chan_release(rx, &view));
    return 0;
}

void trial_drain(struct trial *t)
{
    int result = -EAGAIN;
    for (unsigned i = 0; t->rx && i < ROUNDS_MAX; i++) {
        result = receive_as(t, t->rx);
        if (result)
            break;
    }
    if (result != -EAGAIN && result != -EPIPE)
        trial_fail(t, "draining ended with %s", chan_error_name(result));
}

void trial_send(struct trial *t)
{
    must(t, "sending", send_as(t, t->tx));
}

uint32_t trial_fill(struct trial *t)
{
    uint32_t count = 0;
    int result = t->tx ? 0 : -EAGAIN;
    while (!result && count < ROUNDS_MAX) {
        result = send_as(t, t->tx);
        count += !result;
    }
    if (result != -EAGAIN && result != -EPIPE)
        trial_fail(t, "filling ended with %s", chan_error_name(result));
    return count;
}

void trial_work(struct trial *t, unsigned laps)
{
    for (unsigned lap = 0; lap < laps; lap++) {
        (void)trial_fill(t);
        trial_drain(t);
    }
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
        must(t, "setup: attach sender", chan_attach_sender(t->ch, 0, &own_tx));
    if (!rx && lasting)
        must(t, "setup: attach receiver", chan_attach_receiver(t->ch, 0, &own_rx));
    tx = tx ? tx : own_tx;
    rx = rx ? rx : own_rx;
    for (uint32_t i = 0; i < s->laps; i++) {
        must(t, "setup: send", send_as(t, tx));
        must(t, "setup: receive", receive_as(t, rx));
    }
    if (s->orphan) {
        struct chan_view view;
        must(t, "setup: attach giver", chan_attach_receiver(t->ch, 0, &giver));
        t->first_queued = t->next_id;
        must(t, "setup: send", send_as(t, tx));
        must(t, "setup: view", chan_try_recv_view(giver, &view));
        chan_close_receiver(giver);
        if (s->orphan == ORPHAN_ELSEWHERE)
            must(t, "setup: attach extra", chan_attach_sender(t->ch, 0, &t->extra));
    } else {
        t->first_queued = t->next_id;
    }
    if (tx) {
        for (uint32_t i = 0; i < s->queued; i++)
            must(t, "setup: send", send_as(t, tx));
    } else {
        actor->fill = s->queued;
        actor->fill_id = t->next_id;
        for (uint32_t i = 0; i < s->queued; i++)
            t->sent[t->next_id++] = 1;
    }
    chan_close_sender(own_tx);
    chan_close_receiver(own_rx);
}

/* Payload for just as many messages as there are cells, and for what two victims may have in hand beside. */
static void create(struct trial *t, const struct scene *s, unsigned in_hand)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.messages = s->messages;
    options.message_size = s->large ? 4200 : 64;
    options.bytes = s->large ? (s->messages + in_hand) * UINT64_C(8192) : 0;
    options.endpoints = ENDPOINTS;
    options.holds = 1;
    options.senders = s->senders;
    options.receivers = s->receivers;
    options.lifetime = s->lifetime;
    options.flags = CHAN_NO_KEEPER;
    must(t, "setup: create", chan_create_anonymous(&options, &t->ch));
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

void trial_begin(struct trial *t, const struct scene *s, const struct operation *first,
                 const struct operation *second)
{
    char name[80];
    *t = (struct trial){.scene = s,
                        .journals = t->journals ? t->journals : new_journals(),
                        .failures = t->failures,
                        .missed = t->missed,
                        .next_id = SURVIVOR_IDS};
    scene_name(s, name, sizeof name);
    trial_where(t, "%s%s%s, %s", first->name, second ? " x " : "", second ? second->name : "", name);
    create(t, s, second ? PARTS_MAX : 0);
    if (!(s->alone && first->role == CHAN_ROLE_SENDER))
        must(t, "setup: attach sender", chan_attach_sender(t->ch, 0, &t->tx));
    if (!(s->alone && first->role == CHAN_ROLE_RECEIVER))
        must(t, "setup: attach receiver", chan_attach_receiver(t->ch, 0, &t->rx));
    begin_part(t, first);
    if (second)
        begin_part(t, second);
    set_up(t, &t->parts[0].actor);
}

void trial_end(struct trial *t)
{
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

void trial_start(struct trial *t, unsigned number, struct victim *victim)
{
    struct part *part = &t->parts[number];
    victim_start(victim, victim_body, part, &part->journal->phase);
    if (victim->state == VICTIM_ENDED)
        trial_fail(t, "the victim ended by itself before its operation");
    if (part->journal->result)
        trial_fail(t, "the victim could not be set up: %s", chan_error_name(part->journal->result));
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
                   (result == -EPIPE && t->parts[1].operation && t->parts[1].operation->shuts_down);
    if (result && !refused)
        trial_fail(t, "after being continued the operation failed: %s", chan_error_name(result));
}

static void read_stat(struct trial *t, struct chan_stat *stat)
{
    *stat = (struct chan_stat){.size = sizeof *stat};
    must(t, "chan_stat", chan_stat(t->ch, stat));
}

void trial_newcomers(struct trial *t)
{
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;
    int tx_result = chan_attach_sender(t->ch, 0, &tx);
    int rx_result = chan_attach_receiver(t->ch, 0, &rx);
    struct chan_stat stat;
    read_stat(t, &stat);
    bool refuses = stat.shut_down || stat.senders_gone || stat.receivers_gone;
    if (tx_result && !(tx_result == -EPIPE && refuses) &&
        !(tx_result == -EBUSY && t->scene->senders == CHAN_ONE))
        trial_fail(t, "a newcomer cannot attach as sender: %s", chan_error_name(tx_result));
    if (rx_result && !(rx_result == -EPIPE && stat.receivers_gone) &&
        !(rx_result == -EBUSY && t->scene->receivers == CHAN_ONE))
        trial_fail(t, "a newcomer cannot attach as receiver: %s", chan_error_name(rx_result));
    if (tx) {
        int result = send_as(t, tx);
        if (result && result != -EAGAIN && !(result == -EPIPE && refuses))
            trial_fail(t, "a newcomer cannot send: %s", chan_error_name(result));
    }
    if (rx) {
        int result = receive_as(t, rx);
        if (result && result != -EAGAIN && !(result == -EPIPE && refuses))
            trial_fail(t, "a newcomer cannot receive: %s", chan_error_name(result));
    }
    /* Where the victim was alone, the newcomer stays. */
    t->joined |= (!t->tx && tx) || (!t->rx && rx);
    if (!t->tx)
        t->tx = tx;
    else
        chan_close_sender(tx);
    if (!t->rx)
        t->rx = rx;
    else
        chan_close_receiver(rx);
}

/* Room for n messages, no more, no less but for what a stopped victim may hold. */
static void check_capacity(struct trial *t, uint32_t missing)
{
    if (!t->tx || !t->rx)
        return;
    struct chan_stat stat;
    trial_drain(t);
    uint32_t filled = trial_fill(t);
    read_stat(t, &stat);
    trial_drain(t);
    if (stat.shut_down || stat.senders_gone || stat.receivers_gone)
        return;
    if (filled > t->scene->messages || filled + missing < t->scene->messages)
        trial_fail(t, "%u messages fit instead of %u", filled, t->scene->messages);
}

void trial_work_around(struct trial *t)
{
    struct chan_repair_report report;
    trial_work(t, 2);
    must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    if (report.dead > t->dead_too)
        trial_fail(t, "a stopped victim is taken for dead");
    trial_newcomers(t);
    uint32_t missing = 0, wanted = 0;
    for (unsigned i = 0; i < t->part_count; i++) {
        const struct operation *o = t->parts[i].operation;
        missing += t->scene->large ? o->room + o->needs + o->orphan : 0;
        wanted += o->role == CHAN_ROLE_RECEIVER && (o->needs || o->orphan) && !o->leaves;
    }
    check_capacity(t, missing);
    for (uint32_t i = 0; t->tx && i < wanted; i++) {
        int result = send_as(t, t->tx);
        if (result && !(result == -EAGAIN && !t->rx))
            trial_fail(t, "feeding the victim: %s", chan_error_name(result));
    }
}

/* A victim has, or may have, made off with a message: it had copied all of it, or was releasing it. */
static bool part_may_have(const struct trial *t, const struct part *part, uint32_t id)
{
    const struct journal *j = part->journal;
    if (part->operation->role != CHAN_ROLE_RECEIVER)
        return false;
    if (j->released == id)
        return true;
    for (uint32_t i = 0; i < BATCH; i++)
        if (message_id(t->scene, j->buffer[i], message_size(t->scene, id)) == id)
            return true;
    return false;
}

static bool part_surely_has(const struct part *part, uint32_t id)
{
    const struct journal *j = part->journal;
    for (uint32_t i = 0; i < BATCH; i++)
        if (j->got[i] == id)
            return true;
    return j->released == id && j->phase == PHASE_DONE && !j->result;
}

static bool victim_may_have(const struct trial *t, uint32_t id)
{
    bool may = false;
    for (unsigned i = 0; i < t->part_count; i++)
        may |= part_may_have(t, &t->parts[i], id);
    return may;
}

static unsigned victims_that_surely_have(const struct trial *t, uint32_t id)
{
    unsigned count = 0;
    for (unsigned i = 0; i < t->part_count; i++)
        count += part_surely_has(&t->parts[i], id);
    return count;
}

static void check_messages(struct trial *t, const struct chan_stat *stat)
{
    uint32_t sent = 0, gone = 0, takes = 0;
    bool discards = stat->receivers_gone;
    for (uint32_t id = 1; id < IDS_MAX; id++) {
        uint32_t index;
        const struct part *sender = sender_of(t, id, &index);
        unsigned owners = t->delivered[id] + victims_that_surely_have(t, id);
        bool surely_sent = t->sent[id] || (sender && index < sender->journal->sent);
        sent += surely_sent || (sender && (t->delivered[id] || victim_may_have(t, id)));
        if (owners > 1)
            trial_fail(t, "message %u was received %u times", id, owners);
        if (t->delivered[id])
            continue;
        if (!(surely_sent || victim_may_have(t, id)) || discards)
            continue;
        gone++;
        if (!victim_may_have(t, id))
            trial_fail(t, "message %u is lost", id);
    }
    for (unsigned i = 0; i < t->part_count; i++)
        takes += t->parts[i].operation->takes;
    t->gone = gone;
    if (gone > takes)
        trial_fail(t, "%u messages are gone with the victim", gone);
    if (discards) {
        if (stat->sent != stat->received + stat->discarded)
            trial_fail(t, "sent %lu, received %lu, discarded %lu", stat->sent, stat->received,
                       stat->discarded);
        return;
    }
    if (stat->unreturned > gone)
        trial_fail(t, "%u messages went with the victim, but the channel counts %lu", gone, stat->unreturned);
    if (stat->sent != sent)
        trial_fail(t, "the channel counts %lu messages sent, but there were %u", stat->sent, sent);
    if (stat->received != t->received + gone)
        trial_fail(t, "the channel counts %lu messages received, but there were %u", stat->received,
                   t->received + gone);
    if (stat->discarded)
        trial_fail(t, "%lu messages discarded", stat->discarded);
}

static void check_ends(struct trial *t, const struct chan_stat *stat)
{
    bool refuses = stat->shut_down || stat->senders_gone || stat->receivers_gone;
    bool shuts_down = false, attaches = false, tx_alone = false, rx_alone = false;
    for (unsigned i = 0; i < t->part_count; i++) {
        const struct operation *o = t->parts[i].operation;
        shuts_down |= o->shuts_down;
        attaches |= o->attaches;
        tx_alone |= t->scene->alone && o->role == CHAN_ROLE_SENDER;
        rx_alone |= t->scene->alone && o->role == CHAN_ROLE_RECEIVER;
    }
    bool ends = t->scene->lifetime == CHAN_EPHEMERAL && !t->joined;
    if (stat->shut_down && !shuts_down)
        trial_fail(t, "shut down by nobody");
    if (!attaches && stat->senders_gone != (ends && tx_alone))
        trial_fail(t, "senders gone: %u", stat->senders_gone);
    if (!attaches && stat->receivers_gone != (ends && rx_alone))
        trial_fail(t, "receivers gone: %u", stat->receivers_gone);
    if (refuses && t->tx) {
        int result = send_as(t, t->tx);
        if (result != -EPIPE)
            trial_fail(t, "sending into a closed channel: %s", chan_error_name(result));
    }
    if (t->rx) {
        int result = receive_as(t, t->rx);
        if (result != (refuses ? -EPIPE : -EAGAIN))
            trial_fail(t, "receiving from a drained channel: %s", chan_error_name(result));
    }
}

static void check_records(struct trial *t)
{
    for (uint32_t number = 0; number < ENDPOINTS; number++) {
        struct chan_endpoint_stat stat = {.size = sizeof stat};
        if ((t->tx && number == chan_sender_number(t->tx)) ||
            (t->rx && number == chan_receiver_number(t->rx)) ||
            (t->extra && number == chan_sender_number(t->extra)))
            continue;
        if (chan_endpoint_stat(t->ch, number, &stat) != -ENOENT)
            trial_fail(t, "endpoint record %u is not free: state %u", number, stat.state);
    }
}

void trial_settle(struct trial *t)
{
    struct chan_repair_report report;
    struct chan_stat stat;
    char text[200];
    must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    if (report.dead != report.repaired)
        trial_fail(t, "%u dead, %u repaired", report.dead, report.repaired);
    read_stat(t, &stat);
    t->given_back = (uint32_t)stat.orphaned;
    trial_drain(t);
    trial_newcomers(t);
    check_capacity(t, 0);
    trial_work(t, 1);
    trial_drain(t);
    read_stat(t, &stat);
    check_ends(t, &stat);
    read_stat(t, &stat);
    check_messages(t, &stat);
    if (stat.held || stat.orphaned || stat.queued || stat.units_used || stat.dead)
        trial_fail(t, "left over: held %lu, orphaned %lu, queued %lu, units %lu, dead %u", stat.held,
                   stat.orphaned, stat.queued, stat.units_used, stat.dead);
    check_records(t);
    if (chan_check(t->ch, text, sizeof text))
        trial_fail(t, "chan_check: %s", text);
}
