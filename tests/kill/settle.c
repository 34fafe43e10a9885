/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a trial: everything is repaired, and every message accounted for. */
#include "audience.h"

#include <errno.h>
#include <string.h>

static bool is_message(const struct trial *t, const void *bytes, uint32_t id)
{
    return !memcmp(bytes, &id, sizeof id) && message_id(t->scene, bytes, message_size(t->scene, id)) == id;
}

/* A read puts messages one behind the other; behind one that it did not complete there is nothing. */
static bool stream_has(const struct trial *t, const struct journal *j, uint32_t id)
{
    const unsigned char *bytes = (const unsigned char *)j->buffer;
    uint32_t found;
    for (size_t at = 0; at + MESSAGE_BYTES_MAX <= sizeof j->buffer; at += message_size(t->scene, found)) {
        memcpy(&found, bytes + at, sizeof found);
        if (found == id || !found)
            return is_message(t, bytes + at, id);
    }
    return false;
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
        if (is_message(t, j->buffer[i], id))
            return true;
    return stream_has(t, j, id);
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

/* It may have been delivered as often as is allowed, to those that died over it. */
static bool may_be_discarded(const struct trial *t, uint32_t id)
{
    bool early = id >= t->first_queued && id <= t->first_queued + t->part_count * BATCH;
    return t->scene->max_deliveries && (early || trial_was_viewed(t, id));
}

static void lose(struct trial *t, uint32_t id)
{
    t->tally.lost++;
    trial_fail(t, "message %u is lost", id);
}

/* What became of the messages. */
struct account {
    uint32_t sent;
    uint32_t missing;   /* neither delivered to a survivor nor discarded with the last receiver */
    uint32_t with_dead; /* of these: may have gone with victims */
};

static struct account account_for(struct trial *t, bool all_discarded)
{
    struct account a = {0};
    for (uint32_t id = 1; id < IDS_MAX; id++) {
        uint32_t index;
        const struct part *sender = trial_sender_of(t, id, &index);
        unsigned owners = t->delivered[id] + victims_that_surely_have(t, id);
        bool surely_sent = t->sent[id] || (sender && index < sender->journal->sent);
        a.sent += surely_sent || (sender && (t->delivered[id] || victim_may_have(t, id)));
        if (owners > 1)
            trial_fail(t, "message %u was received %u times", id, owners);
        if (t->delivered[id] || all_discarded || !(surely_sent || victim_may_have(t, id)))
            continue;
        a.missing++;
        a.with_dead += victim_may_have(t, id);
        if (!victim_may_have(t, id) && !may_be_discarded(t, id))
            lose(t, id);
    }
    return a;
}

static void check_messages(struct trial *t, const struct chan_stat *stat)
{
    uint32_t takes = 0;
    struct account a = account_for(t, stat->receivers_gone);
    for (unsigned i = 0; i < t->part_count; i++)
        takes += t->parts[i].operation->takes;
    if (stat->receivers_gone) {
        if (stat->sent != stat->received + stat->discarded)
            trial_fail(t, "sent %lu, received %lu, discarded %lu", stat->sent, stat->received,
                       stat->discarded);
        return;
    }
    /* What is missing was discarded after so many deliveries, and counted, or is with the dead. */
    if (stat->discarded > a.missing || a.missing - stat->discarded > a.with_dead) {
        trial_fail(t, "%u messages are missing, of which victims may have %u; %lu are counted as discarded",
                   a.missing, a.with_dead, stat->discarded);
        return;
    }
    t->gone = a.missing - (uint32_t)stat->discarded;
    if (t->gone > takes)
        trial_fail(t, "%u messages are gone with the victim", t->gone);
    if (stat->unreturned > t->gone)
        trial_fail(t, "%u messages went with the victim, but the channel counts %lu", t->gone,
                   stat->unreturned);
    if (stat->sent != a.sent)
        trial_fail(t, "the channel counts %lu messages sent, but there were %u", stat->sent, a.sent);
    if (stat->received != t->received + t->gone)
        trial_fail(t, "the channel counts %lu messages received, but there were %u", stat->received,
                   t->received + t->gone);
    if (stat->discarded && !t->scene->max_deliveries)
        trial_fail(t, "%lu messages discarded", stat->discarded);
}

static void check_ends(struct trial *t, const struct chan_stat *stat)
{
    bool refuses = stat_refuses(stat);
    bool shuts_down = false, attaches = false;
    uint32_t alone = t->scene->alone ? t->parts[0].operation->role : 0;
    for (unsigned i = 0; i < t->part_count; i++) {
        const struct operation *o = t->parts[i].operation;
        shuts_down |= o->shuts_down;
        attaches |= o->attaches;
    }
    bool ends = t->scene->lifetime == CHAN_EPHEMERAL && !t->joined;
    if (stat->shut_down && !shuts_down)
        trial_fail(t, "shut down by nobody");
    if (!attaches && stat->senders_gone != (ends && alone == CHAN_ROLE_SENDER))
        trial_fail(t, "senders gone: %u", stat->senders_gone);
    if (!attaches && stat->receivers_gone != (ends && alone == CHAN_ROLE_RECEIVER))
        trial_fail(t, "receivers gone: %u", stat->receivers_gone);
    if (refuses && t->tx) {
        int result = survivors_send(t, t->tx);
        if (result != -EPIPE)
            trial_fail(t, "sending into a closed channel: %s", chan_error_name(result));
    }
    if (t->rx) {
        int result = survivors_receive(t, t->rx);
        if (result != (refuses ? -EPIPE : -EAGAIN))
            trial_fail(t, "receiving from a drained channel: %s", chan_error_name(result));
    }
}

/* Each endpoint that a victim still had is a death, counted once, whoever repaired it and how often. */
static void check_deaths(struct trial *t, const struct chan_stat *stat)
{
    uint32_t least = 0, most = t->bystanders;
    for (unsigned i = 0; i < t->part_count; i++) {
        const struct operation *o = t->parts[i].operation;
        /* Where another victim had shut the channel down first, it could not attach. */
        least += o->role && !o->attaches && !o->leaves && t->parts[i].journal->result != -EPIPE;
        most += (o->role != 0) + o->clones + o->weak;
    }
    if (stat->deaths < least || stat->deaths > most)
        trial_fail(t, "%lu deaths are counted, of %u to %u", stat->deaths, least, most);
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

/* While its place is taken, the rest is drained: whoever finds it so gives back what the victim has not. */
static void settle_occupied(struct trial *t)
{
    struct chan_stat stat;
    if (t->scene->kind != CHAN_GROWABLE)
        return;
    survivors_drain(t);
    trial_stat(t, &stat);
    if (t->rx && (stat.committed_bytes != t->committed || stat.resident_bytes > t->committed))
        trial_fail(t, "%lu bytes are committed and %lu resident of an empty queue that began with %lu",
                   stat.committed_bytes, stat.resident_bytes, t->committed);
    survivors_work(t, 1);
    chan_close_sender(t->occupant);
    t->occupant = NULL;
}

void trial_settle(struct trial *t)
{
    struct chan_repair_report report;
    struct chan_stat stat;
    char text[200];
    if (t->scene->kind == CHAN_BROADCAST) {
        audience_settle(t);
        return;
    }
    trial_must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    settle_occupied(t);
    if (report.dead != report.repaired)
        trial_fail(t, "%u dead, %u repaired", report.dead, report.repaired);
    trial_stat(t, &stat);
    t->given_back = (uint32_t)stat.orphaned;
    survivors_drain(t);
    survivors_newcomers(t);
    survivors_check_capacity(t, 0);
    if (t->killed_ns)
        tally_recovery(&t->tally, chan_now() - t->killed_ns);
    t->killed_ns = 0;
    survivors_work(t, 1);
    survivors_drain(t);
    trial_stat(t, &stat);
    check_ends(t, &stat);
    trial_stat(t, &stat);
    check_messages(t, &stat);
    check_deaths(t, &stat);
    if (stat.held || stat.orphaned || stat.queued || stat.units_used || stat.dead)
        trial_fail(t, "left over: held %lu, orphaned %lu, queued %lu, units %lu, dead %u", stat.held,
                   stat.orphaned, stat.queued, stat.units_used, stat.dead);
    check_records(t);
    if (chan_check(t->ch, text, sizeof text))
        trial_fail(t, "chan_check: %s", text);
}
