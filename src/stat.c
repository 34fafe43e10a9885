/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of a channel and of its endpoints, read without touching it. */
#include "src/handle.h"

#include "shm/admission.h"
#include "shm/arena.h"
#include "shm/match.h"
#include "shm/orphans.h"
#include "shm/overwrite.h"
#include "shm/process.h"
#include "shm/repair.h"
#include "shm/steps.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static void add_counters(const struct segment *s, struct chan_stat *out)
{
    uint64_t taken = 0, orphans_discarded = 0, returned = 0, given_back = 0;
    for (uint32_t number = 0; number < s->g.endpoints; number++) {
        const struct seg_record *record = seg_record(s, number);
        out->sent += load_acquire(&record->sent);
        taken += load_acquire(&record->taken);
        out->discarded += load_acquire(&record->discarded);
        orphans_discarded += load_acquire(&record->orphans_discarded);
        out->redelivered += load_acquire(&record->redelivered);
        out->dead_lettered += load_acquire(&record->dead_lettered);
        returned += load_acquire(&record->returned);
        given_back += load_acquire(&record->moves);
        out->sent_bytes += load_relaxed(&record->sent_bytes);
        out->received_bytes += load_relaxed(&record->received_bytes);
    }
    for (uint32_t number = 0; number < s->g.endpoints; number++) {
        out->offers += chan__match_count(s, number, MATCH_OFFERS);
        out->demands += chan__match_count(s, number, MATCH_DEMANDS);
    }
    out->held = chan__holds_total(s, HOLD_HELD);
    out->orphaned = chan__holds_total(s, HOLD_ORPHAN);
    uint64_t not_received = out->held + out->orphaned + orphans_discarded + out->dead_lettered;
    out->received = taken > not_received ? taken - not_received : 0;
    if (s->g.kind != CHAN_WATCH)
        out->unreturned = out->received > returned ? out->received - returned : 0;
    out->discarded += orphans_discarded;
    out->given_back =
        given_back + out->redelivered + orphans_discarded + out->orphaned; /* and where they went */
}

/* What is no matter of messages moved: each a plain word of the record's owner, or counted once by repairers. */
static void add_metrics(const struct segment *s, struct chan_stat *out)
{
    uint64_t send_waited_ns = 0, recv_waited_ns = 0; /* unsigned: what is read may be nonsense */
    out->high_water = out->queued;
    for (uint32_t number = 0; number < s->g.endpoints; number++) {
        const struct seg_record *record = seg_record(s, number);
        uint64_t peak = load_relaxed(&record->peak);
        if (peak > out->high_water && peak <= s->g.messages)
            out->high_water = peak;
        out->refused_full += load_relaxed(&record->refused_full);
        out->refused_late += load_relaxed(&record->refused_late);
        out->refused_closed += load_relaxed(&record->refused_closed);
        out->send_waits += load_relaxed(&record->send_waits);
        send_waited_ns += load_relaxed(&record->send_waited_ns);
        out->recv_waits += load_relaxed(&record->recv_waits);
        recv_waited_ns += load_relaxed(&record->recv_waited_ns);
        out->deaths += load_relaxed(&record->deaths) & DEATHS_MASK;
        out->units_reclaimed += load_relaxed(&record->units_reclaimed) & UNITS_RECLAIMED_MASK;
    }
    out->send_waited_ns = (int64_t)send_waited_ns;
    out->recv_waited_ns = (int64_t)recv_waited_ns;
}

static void add_calls(const struct segment *s, struct chan_stat *out)
{
    if (s->g.kind != CHAN_CALL)
        return;
    for (uint32_t number = 0; number < s->g.endpoints; number++) {
        const struct seg_call *call = &seg_record(s, number)->own.call;
        out->answered += load_acquire(&call->answered);
        out->finished += load_relaxed(&call->finished);
    }
    out->calls_open = chan__reply_total(s, REPLY_AWAITED);
    out->answers_unread = chan__reply_total(s, REPLY_ANSWERED);
}

/* Receives of a broadcast are many to a message: none is derived from another count. */
static void add_broadcast_counters(const struct segment *s, struct chan_stat *out)
{
    uint64_t returned = 0;
    out->received = 0;
    for (uint32_t number = 0; number < s->g.endpoints; number++) {
        const struct seg_record *record = seg_record(s, number);
        out->received += load_acquire(&record->taken);
        out->lagged += load_relaxed(&record->own.subscription.lagged);
        returned += load_acquire(&record->returned);
    }
    out->unreturned = out->received > returned ? out->received - returned : 0;
}

static int find_queued(const struct segment *s, struct cursor *oldest, uint64_t *queued)
{
    uint64_t first, tail;
    if (s->g.kind != CHAN_BROADCAST)
        return chan__ring_length(s, oldest, queued);
    int result = chan__retained_range(s, &first, &tail);
    if (result)
        return result;
    *oldest = chan__ring_position(&s->g, first);
    *queued = tail - first;
    return 0;
}

static int64_t age_of_oldest(const struct segment *s, struct cursor head)
{
    uint64_t word = load_acquire(seg_ring_cell(s, head.index));
    uint64_t block = cell_block(&s->g, word);
    if (cell_ahead(&s->g, word, 2 * head.lap + 1) != 0 || block >= s->g.blocks)
        return -1;
    int64_t age = (int64_t)((uint64_t)chan_now() - load_relaxed(&seg_block(s, block)->sent_ns));
    return age < 0 ? 0 : age;
}

/* Step 0 of a growable queue is both among those ready, and committed from the beginning. */
static uint64_t committed(const struct segment *s)
{
    uint64_t more = s->g.steps ? chan__steps_ready(s) - 1 : 0;
    return s->g.begins_with + more * s->g.step_units * s->g.unit_bytes;
}

int chan_stat(const struct chan *ch, struct chan_stat *out)
{
    if (!ch || !out || out->size != sizeof *out)
        return -EINVAL;
    const struct segment *s = &ch->segment;
    const struct seg_header *header = seg_header(s);
    struct stat object;
    if (fstat(s->fd, &object))
        return -errno;
    uint64_t state = chan__life_state(ch);
    struct chan_stat stat = {
        .size = sizeof stat,
        .format_version = SEG_FORMAT_VERSION,
        .oldest_ns = -1,
        .senders = chan_senders(ch),
        .receivers = chan_receivers(ch),
        .weak_senders = chan_weak_senders(ch),
        .shut_down = (state & STATE_SHUT_DOWN) != 0,
        .senders_gone = (state & STATE_SENDERS_GONE) != 0,
        .receivers_gone = (state & STATE_RECEIVERS_GONE) != 0,
        .permits = s->g.order == CHAN_FAIR ? chan__admission_total(s) : 0,
        .units_used = chan__arena_used(s),
        .created_ns = header->created_ns,
        .creator_pid = header->creator_pid,
        .creator_uid = header->creator_uid,
        .owner_uid = object.st_uid,
        .owner_gid = object.st_gid,
        .mode = object.st_mode & 0777,
        .unlinked = object.st_nlink == 0,
        .resident_bytes = (uint64_t)object.st_blocks * 512,
        .committed_bytes = committed(s),
    };
    add_calls(s, &stat);
    struct cursor head;
    int result = s->g.kind == CHAN_WATCH ? 0 : find_queued(s, &head, &stat.queued);
    if (result)
        return result;
    if (stat.queued)
        stat.oldest_ns = age_of_oldest(s, head);
    add_counters(s, &stat);
    if (s->g.kind == CHAN_BROADCAST)
        add_broadcast_counters(s, &stat);
    add_metrics(s, &stat);
    struct chan_repair_report report = {0};
    chan__repair_all(s, true, &report);
    stat.dead = report.dead;
    *out = stat;
    return 0;
}

/* In the middle of an exchange, and not only waiting for a peer to begin one. */
static bool is_in_operation(const struct segment *s, uint32_t number)
{
    return load_acquire(&seg_record(s, number)->intent_old) && !chan__match_count(s, number, MATCH_OFFERS) &&
           !chan__match_count(s, number, MATCH_DEMANDS);
}

static void describe_waiting(const struct seg_record *record, struct chan_endpoint_stat *out)
{
    bool sends = out->role == CHAN_ROLE_SENDER;
    out->waits_for = load_acquire(&record->waits_for);
    out->waits =
        load_relaxed(sends ? &record->send_waits : &record->recv_waits) - load_relaxed(&record->base_waits);
    out->waited_ns = (int64_t)(load_relaxed(sends ? &record->send_waited_ns : &record->recv_waited_ns) -
                               load_relaxed(&record->base_waited_ns));
    if (out->waits_for) {
        int64_t since = (int64_t)((uint64_t)chan_now() - load_relaxed(&record->waiting_since_ns));
        out->waiting_ns = since < 0 ? 0 : since;
    }
}

static uint64_t unread_by(const struct segment *s, const struct seg_record *record)
{
    struct cursor tail;
    if (chan__ring_tail(s, &tail))
        return 0;
    uint64_t number = chan__ring_number(&s->g, tail), cursor = load_acquire(&record->own.subscription.cursor);
    return number > cursor ? number - cursor : 0;
}

int chan_endpoint_stat(const struct chan *ch, uint32_t number, struct chan_endpoint_stat *out)
{
    if (!ch || !out || out->size != sizeof *out)
        return -EINVAL;
    const struct segment *s = &ch->segment;
    if (number >= s->g.endpoints)
        return -ERANGE;
    const struct seg_record *record = seg_record(s, number);
    uint64_t status = load_acquire(&record->status); /* STATUS */
    if (status_state(status) == RECORD_FREE)
        return -ENOENT;
    bool sends = status_role(status) == CHAN_ROLE_SENDER;
    bool dead = status_state(status) == CHAN_STATE_DEAD || chan__endpoint_is_dead(s, number, status);
    struct chan_endpoint_stat stat = {
        .size = sizeof stat,
        .number = number,
        .role = status_role(status),
        .state = dead ? CHAN_STATE_DEAD : status_state(status),
        .pid = load_relaxed(&record->pid),
        .tid = load_relaxed(&record->tid),
        .uid = load_relaxed(&record->uid),
        .start_time = load_relaxed(&record->start_time),
        .generation = status_generation(status),
        .attached_ns = (int64_t)load_relaxed(&record->attached_ns),
        .in_operation = is_in_operation(s, number),
        .messages =
            load_relaxed(sends ? &record->sent : &record->taken) - load_relaxed(&record->base_messages),
        .bytes = load_relaxed(sends ? &record->sent_bytes : &record->received_bytes) -
                 load_relaxed(&record->base_bytes),
        .permits = s->g.order == CHAN_FAIR ? chan__admission_held(s, number) : 0,
        .held = chan__holds_count(s, number, HOLD_HELD),
        .orphaned = chan__holds_count(s, number, HOLD_ORPHAN),
    };
    uint64_t command[2] = {load_relaxed(&record->command[0]), load_relaxed(&record->command[1])};
    memcpy(stat.command, command, sizeof stat.command);
    stat.command[sizeof stat.command - 1] = '\0';
    struct process_identity holder = {.pid = stat.pid, .pid_namespace = load_acquire(&record->pid_namespace)};
    stat.same_pid_namespace = chan__process_is_near(&holder);
    describe_waiting(record, &stat);
    if (s->g.kind == CHAN_BROADCAST && !sends)
        stat.unread = unread_by(s, record);
    if (load_acquire(&record->status) != status && !dead)
        return -ENOENT; /* it changed hands while we were reading */
    *out = stat;
    return 0;
}
