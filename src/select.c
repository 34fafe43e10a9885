/* SPDX-License-Identifier: Apache-2.0 */
/* Select: try the operations in some order, and sleep on the events of all of them. */
#include "src/arms.h"
#include "src/patience.h"
#include "src/spin.h"

#include "shm/event.h"

#include <string.h>

/* How often to look at all operations, each time finding that some channel has moved meanwhile, before saying
 * that none was ready: more often, and somebody writes nonsense. */
#define LOOKS_MAX 1000

/* What to do with a ready operation. `out` NULL: nothing, its index is all that is asked for. */
struct selecting {
    struct chan_select *sel;
    struct chan_selected *out;
    int index; /* -1: none yet */
};

/* Do the operation if it is ready. -EAGAIN: it is not. */
static int try_arm(struct arm *arm, struct chan_selected *out)
{
    int result;
    switch (arm->operation) {
    case RECV:
        result = chan_try_recv_view(arm->rx, &out->view);
        break;
    case SEND:
        result = chan_try_send(arm->tx, arm->data, arm->size);
        break;
    case PERMIT:
        result = chan_permit_try_reserve(arm->tx, 1);
        break;
    case TIMER:
        result = chan_timer_try_recv(arm->timer, &out->due_ns);
        break;
    default:
        result = poll(&arm->fd, 1, 0) > 0 ? 0 : -EAGAIN;
        out->revents = arm->fd.revents;
    }
    out->result = result;
    return result == -EAGAIN ? result : 0;
}

/* Whether a message of its size could be put now is not only for the queue to say. */
static bool needs_payload_memory(const struct arm *arm)
{
    return arm->operation == SEND && arm->size > arm->handle->chan->segment.g.inline_size;
}

static int look_at_endpoint(struct arm *arm)
{
    const struct kind *kind = chan__kind(arm->handle->chan);
    int result = chan__handle_enter(arm->handle);
    if (result)
        return 0; /* ready: it would fail */
    if (arm->operation == RECV)
        result = kind->recv_ready(arm->rx, &arm->stamp);
    else if (is_rendezvous(arm))
        result = chan__rendezvous_send_ready_of(arm->tx, arm->size, &arm->stamp);
    else
        result = kind->send_ready(arm->tx, &arm->stamp);
    chan__handle_leave(arm->handle);
    return result;
}

/* Whether the operation is ready: 0 or -EAGAIN; the arm's stamp tells whether it was meanwhile. */
static int look_at_arm(struct arm *arm)
{
    switch (arm->operation) {
    case RECV:
    case SEND:
    case PERMIT:
        return look_at_endpoint(arm);
    case TIMER:
        return chan_timer_due(arm->timer) <= chan_now() ? 0 : -EAGAIN;
    default:
        return poll(&arm->fd, 1, 0) > 0 ? 0 : -EAGAIN;
    }
}

/* Every order with the same chance, so that of any ready ones each has the same to come first. */
static void shuffle(struct chan_select *sel)
{
    for (uint32_t i = sel->count; i > 1; i--) {
        uint32_t j = chan__select_random(sel, i), moved = sel->order[i - 1];
        sel->order[i - 1] = sel->order[j];
        sel->order[j] = moved;
    }
}

/* The first ready operation in this round's order. -EAGAIN: none was, each at the moment it was tried. */
static int try_all(struct selecting *s)
{
    struct chan_select *sel = s->sel;
    if (!sel->biased)
        shuffle(sel);
    for (uint32_t i = 0; i < sel->count; i++) {
        uint32_t index = sel->order[i];
        struct arm *arm = &sel->arms[index];
        struct chan_selected selected = {.index = (int)index};
        if (!takes_part(arm) || (s->out ? try_arm(arm, &selected) : look_at_arm(arm)))
            continue;
        s->index = (int)index;
        if (s->out)
            *s->out = selected;
        return 0;
    }
    return -EAGAIN;
}

/* Look at all operations twice: if none was ready either time, and nothing has moved in between, none was ready at
 * the moment between. Trying one after the other proves nothing: the second may have become ready, and then the first
 * not ready, in between. */
static bool none_is_ready(struct chan_select *sel)
{
    struct stamp before;
    bool first = true;
    for (int pass = 0; pass < 2; pass++, first = false)
        for (uint32_t i = 0; i < sel->count; i++) {
            struct arm *arm = &sel->arms[i];
            before = arm->stamp;
            if (!takes_part(arm) || needs_payload_memory(arm))
                continue;
            if (!look_at_arm(arm) || (!first && memcmp(&before, &arm->stamp, sizeof before) != 0))
                return false;
        }
    return true;
}

/* -EAGAIN: at one moment none was ready. */
static int try_once(struct selecting *s)
{
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
        int result = try_all(s);
        if (result != -EAGAIN || none_is_ready(s->sel))
            return result;
    }
    return -EAGAIN;
}

/* While something is shown: one of the operations that looks ready; -1: none does. Those that send where there is an
 * offer are left to the receivers, which look for it: if both sides acted, each would withdraw what the other is
 * about to take. */
static int find_ready(struct chan_select *sel)
{
    const struct arm *shown = &sel->arms[sel->showing.index];
    for (uint32_t i = 0; i < sel->count; i++) {
        struct arm *arm = &sel->arms[i];
        bool is_left =
            arm->operation == SEND && shown->operation == SEND && arm->handle->chan == shown->handle->chan;
        if (takes_part(arm) && !is_left && !arm->stalled && !look_at_arm(arm))
            return (int)i;
    }
    return -1;
}

static bool shows(const struct chan_select *sel)
{
    return sel->showing.index >= 0;
}

/* What was shown has been met, and so selected; else -EAGAIN. */
static int end_showing(struct selecting *s)
{
    int index = s->sel->showing.index;
    int result = shows(s->sel) ? chan__showing_end(s->sel, s->out) : -EAGAIN;
    if (!result)
        s->index = index;
    return result;
}

/* Nothing is tried while something is shown: only one operation takes effect. What is ready is looked for first. */
static int attempt(struct selecting *s, enum occasion occasion)
{
    struct chan_select *sel = s->sel;
    int ready = -1, next = -1;
    if (shows(sel)) {
        bool stays = (next = chan__showing_choose(sel, occasion)) == sel->showing.index;
        ready = find_ready(sel);
        if (stays && ready < 0 && !chan__showing_is_over(sel))
            return -EAGAIN;
        if (!end_showing(s))
            return 0;
        if (stays)
            next = -1;
    }
    int result = try_all(s);
    if (result != -EAGAIN)
        return result;
    if (ready >= 0 && needs_payload_memory(&sel->arms[ready]))
        sel->arms[ready].stalled = true;
    if (s->out)
        chan__showing_begin(sel, next < 0 ? chan__showing_choose(sel, NOTHING_NEW) : next);
    return -EAGAIN;
}

static uint32_t waits_for(const struct arm *arm)
{
    return arm->operation == RECV ? CHAN_WAITS_FOR_MESSAGE : CHAN_WAITS_FOR_SPACE;
}

static atomic_u32 *event_of(const struct arm *arm)
{
    return chan__sleeps_on(arm->handle, waits_for(arm));
}

static void show_waiting(const struct arm *arm)
{
    struct seg_record *record = arm->handle->endpoint.party.record;
    store_relaxed(&record->waiting_since_ns, (uint64_t)chan_now());
    store_release(&record->waits_for, waits_for(arm));
}

static void show_going_on(const struct arm *arm)
{
    struct seg_record *record = arm->handle->endpoint.party.record;
    uint64_t since = load_relaxed(&record->waiting_since_ns);
    chan__count_sleep(record, waits_for(arm), (uint64_t)chan_now() - since);
    store_release(&record->waits_for, CHAN_WAITS_FOR_NOTHING);
}

/* From here on each change wakes us, or keeps us from falling asleep. */
static void prepare(struct chan_select *sel)
{
    for (uint32_t i = 0; i < sel->count; i++) {
        struct arm *arm = &sel->arms[i];
        if (!is_endpoint(arm))
            continue;
        arm->event = event_of(arm);
        arm->key = chan__event_prepare(arm->event);
    }
}

/* False: something has been shown since, or is not any more. */
static bool is_prepared(const struct chan_select *sel)
{
    for (uint32_t i = 0; i < sel->count; i++)
        if (is_endpoint(&sel->arms[i]) && sel->arms[i].event != event_of(&sel->arms[i]))
            return false;
    return true;
}

static void note_what_rang(struct chan_select *sel)
{
    for (uint32_t i = 0; i < sel->count; i++) {
        struct arm *arm = &sel->arms[i];
        arm->was_rung |= is_endpoint(arm) && load_seq_cst(arm->event) != arm->key;
    }
}

/* Nothing was ready: whatever we were woken for, others have taken. */
static void forget_what_rang(struct chan_select *sel)
{
    for (uint32_t i = 0; i < sel->count; i++)
        sel->arms[i].was_rung = sel->arms[i].stalled = sel->arms[i].refused = false;
}

/* A wake-up for something that we have not taken, `taken` excepted, is for others. */
static void pass_on_wake_ups(struct chan_select *sel, int taken)
{
    note_what_rang(sel);
    for (uint32_t i = 0; i < sel->count; i++)
        if (sel->arms[i].was_rung && (int)i != taken)
            chan__event_notify(sel->arms[i].event, 1);
    forget_what_rang(sel);
}

/* What the sleep is to end for: words, descriptors, and the earliest timer. */
static int sleep_once(struct chan_select *sel, uint32_t bell, int64_t end_ns)
{
    uint32_t keys = 0, fds = 0;
    for (uint32_t i = 0; i < sel->count; i++) {
        const struct arm *arm = &sel->arms[i];
        if (is_endpoint(arm))
            sel->keys[keys++] = (struct futex_key){arm->event, arm->key};
        else if (takes_part(arm) && arm->operation == DESCRIPTOR)
            sel->fds[fds++] = arm->fd;
        else if (takes_part(arm) && chan_timer_due(arm->timer) < end_ns)
            end_ns = chan_timer_due(arm->timer);
    }
    return chan__waitset_sleep(&sel->waitset, bell, sel->keys, keys, sel->fds, fds, end_ns < 0 ? 0 : end_ns);
}

static void heal_all_due(struct chan_select *sel)
{
    for (uint32_t i = 0; i < sel->count; i++)
        if (is_endpoint(&sel->arms[i]))
            chan__heal_if_due(sel->arms[i].handle->chan);
}

static int64_t first_heal_due(const struct chan_select *sel)
{
    int64_t first = INT64_MAX;
    for (uint32_t i = 0; i < sel->count; i++) {
        int64_t due = is_endpoint(&sel->arms[i]) ? chan__heal_due(sel->arms[i].handle->chan) : INT64_MAX;
        first = due < first ? due : first;
    }
    return first;
}

static bool is_interruptible(const struct chan_select *sel)
{
    for (uint32_t i = 0; i < sel->count; i++)
        if (is_endpoint(&sel->arms[i]) && sel->arms[i].handle->flags & CHAN_INTERRUPTIBLE)
            return true;
    return false;
}

static bool is_cancelled(struct chan_select *sel)
{
    return load_seq_cst(&sel->cancelled) && atomic_exchange(&sel->cancelled, false);
}

/* What ends the waiting though nothing was ready; -EAGAIN: nothing does. */
static int end_of_patience(struct chan_select *sel, int slept, int64_t deadline_ns)
{
    if (is_cancelled(sel))
        return -ECANCELED;
    if (slept == -EINTR && is_interruptible(sel))
        return -EINTR;
    if (chan_now() >= deadline_ns)
        return -ETIMEDOUT;
    return slept == -EINTR || slept == -ETIMEDOUT || !slept ? -EAGAIN : slept;
}

/* The waiting ends so, unless something was met, or became ready, in the last moment. */
static int give_up(struct selecting *s, int why)
{
    if (!end_showing(s)) {
        if (why == -ECANCELED)
            atomic_store(&s->sel->cancelled, true); /* for the next call that would wait */
        return 0;
    }
    int result = why == -ETIMEDOUT ? try_once(s) : -EAGAIN;
    return result == -EAGAIN ? why : result;
}

/* Another select may wait where nothing is shown, and what is shown be for one that does not go on: after a while, it
 * is the other's turn. */
#define TURN_NS PATIENCE_WARNED_NS

struct turn {
    int index;      /* whose: of what is shown */
    int64_t now_ns; /* how long */
    int64_t end_ns; /* CHAN_FOREVER: nobody else waits */
};

/* It goes on, or it is the next one's, and twice as long, lest one who is slow never has time enough. */
static void begin_turn(struct turn *turn, const struct chan_select *sel, int64_t now)
{
    const struct showing *shown = &sel->showing;
    bool goes_on = turn->index == shown->index && turn->end_ns > now && turn->end_ns != CHAN_FOREVER;
    if (!shown->others_wait || !shows(sel)) {
        *turn = (struct turn){-1, TURN_NS, CHAN_FOREVER};
    } else if (!goes_on) {
        if (turn->end_ns != CHAN_FOREVER && turn->now_ns < PATIENCE_NS)
            turn->now_ns *= 2;
        turn->index = shown->index;
        turn->end_ns = now + turn->now_ns;
    }
}

/* Sleep to the end of patience, or of this turn. */
static int sleep_patiently(struct chan_select *sel, uint32_t bell, struct patience *patience,
                           int64_t turn_ends, int64_t deadline_ns)
{
    int64_t end = patience_end(patience, chan_now(), first_heal_due(sel), deadline_ns);
    bool is_cut_short = turn_ends < end;
    int slept = sleep_once(sel, bell, is_cut_short ? turn_ends : end);
    note_what_rang(sel);
    bool timer_is_due = slept == -ETIMEDOUT && chan_now() < end;
    if (!timer_is_due)
        patience_learn(patience, slept == -ETIMEDOUT && end != deadline_ns);
    heal_all_due(sel);
    return slept;
}

static enum occasion occasion_of(int slept, const struct turn *turn)
{
    if (slept == -ETIMEDOUT)
        return chan_now() >= turn->end_ns ? TIME_IS_UP : NOTHING_NEW;
    return slept ? NOTHING_NEW : WAS_RUNG;
}

static int wait_for_one(struct selecting *s, int64_t deadline_ns)
{
    struct chan_select *sel = s->sel;
    struct patience patience = {PATIENCE_FIRST_NS};
    struct turn turn = {-1, TURN_NS, CHAN_FOREVER};
    enum occasion occasion = NOTHING_NEW;
    for (int slept = 0;;) {
        uint32_t bell = chan__waitset_bell(&sel->waitset);
        prepare(sel);
        int result = attempt(s, occasion);
        if (result == -EAGAIN && !is_prepared(sel)) {
            note_what_rang(sel);
            occasion = NOTHING_NEW;
            continue;
        }
        if (result == -EAGAIN && (result = end_of_patience(sel, slept, deadline_ns)) != -EAGAIN)
            result = give_up(s, result);
        if (result != -EAGAIN) {
            pass_on_wake_ups(sel, s->index >= 0 && s->out && !s->out->result ? s->index : -1);
            return result;
        }
        forget_what_rang(sel);
        begin_turn(&turn, sel, chan_now());
        slept = sleep_patiently(sel, bell, &patience, turn.end_ns, deadline_ns);
        occasion = occasion_of(slept, &turn);
    }
}

/* As the most cautious of its endpoints does. */
static enum spinning spinning_of(const struct chan_select *sel)
{
    enum spinning how = SPIN_PAUSING;
    bool has_endpoints = false;
    for (uint32_t i = 0; i < sel->count; i++) {
        const struct arm *arm = &sel->arms[i];
        has_endpoints |= is_endpoint(arm);
        if (is_endpoint(arm) && arm->handle->spinning > how)
            how = arm->handle->spinning;
    }
    return has_endpoints ? how : SPIN_NEVER;
}

static int attempt_all(void *selecting)
{
    return try_all(selecting);
}

/* What is tried takes its time, too. */
static int spin(struct selecting *s, enum spinning how)
{
    struct chan_select *sel = s->sel;
    uint32_t between = 1;
    int result = -EAGAIN;
    if (!sel->spins)
        sel->spins = SPINS_FIRST;
    for (uint32_t spent = 0; spent < sel->spins && result == -EAGAIN;) {
        spent += chan__spin_pause(how, spent, between) + sel->count;
        result = try_all(s);
        if (between < SPINS_BETWEEN_MAX)
            between *= 2;
    }
    sel->spins = chan__spins_learnt(sel->spins, result != -EAGAIN);
    return result == -EAGAIN ? chan__give_way(attempt_all, s) : result;
}

/* Whether what ended a call has to do with a channel. A timer or a descriptor may be ready before each sleep, so that none
 * ever looks for the dead. */
static bool is_of_channel(const struct selecting *s, int result)
{
    return !result && s->index >= 0 && is_endpoint(&s->sel->arms[s->index]);
}

static int select_until(struct chan_select *sel, struct chan_selected *out, int64_t deadline_ns, int *index)
{
    struct selecting s = {sel, out, -1};
    bool waits_for_nothing = true;
    if (!sel)
        return -EINVAL;
    if (sel->fork_count != chan__fork_count())
        return -ECHILD;
    for (uint32_t i = 0; i < sel->count; i++)
        waits_for_nothing &= !takes_part(&sel->arms[i]);
    if (waits_for_nothing)
        return -ENODATA;
    int result = deadline_ns == DEADLINE_TRY ? try_once(&s) : try_all(&s);
    enum spinning how = spinning_of(sel);
    if (result == -EAGAIN && deadline_ns != DEADLINE_TRY && how != SPIN_NEVER)
        result = spin(&s, how);
    if (result == -EAGAIN && deadline_ns != DEADLINE_TRY) {
        for (uint32_t i = 0; i < sel->count; i++)
            if (is_endpoint(&sel->arms[i]))
                show_waiting(&sel->arms[i]);
        chan__showing_join(sel);
        result = wait_for_one(&s, deadline_ns);
        chan__showing_leave(sel);
        for (uint32_t i = 0; i < sel->count; i++)
            if (is_endpoint(&sel->arms[i]))
                show_going_on(&sel->arms[i]);
    }
    if (deadline_ns != DEADLINE_TRY && !is_of_channel(&s, result))
        heal_all_due(sel);
    if (index)
        *index = s.index;
    return result;
}

static int select_for(struct chan_select *sel, struct chan_selected *out, int64_t deadline_ns)
{
    return out ? select_until(sel, out, deadline_ns, NULL) : -EINVAL;
}

int chan_select(struct chan_select *sel, struct chan_selected *out)
{
    return select_for(sel, out, CHAN_FOREVER);
}

int chan_try_select(struct chan_select *sel, struct chan_selected *out)
{
    return select_for(sel, out, DEADLINE_TRY);
}

int chan_select_timeout(struct chan_select *sel, struct chan_selected *out, int64_t timeout_ns)
{
    return select_for(sel, out, chan_deadline(timeout_ns));
}

int chan_select_until(struct chan_select *sel, struct chan_selected *out, int64_t deadline_ns)
{
    return select_for(sel, out, chan__user_deadline(deadline_ns));
}

static int ready_until(struct chan_select *sel, int64_t deadline_ns)
{
    int index;
    int result = select_until(sel, NULL, deadline_ns, &index);
    return result ? result : index;
}

int chan_ready(struct chan_select *sel)
{
    return ready_until(sel, CHAN_FOREVER);
}

int chan_try_ready(struct chan_select *sel)
{
    return ready_until(sel, DEADLINE_TRY);
}

int chan_ready_timeout(struct chan_select *sel, int64_t timeout_ns)
{
    return ready_until(sel, chan_deadline(timeout_ns));
}

int chan_ready_until(struct chan_select *sel, int64_t deadline_ns)
{
    return ready_until(sel, chan__user_deadline(deadline_ns));
}

int chan_select_cancel(struct chan_select *sel)
{
    if (!sel)
        return -EINVAL;
    if (sel->fork_count != chan__fork_count())
        return -ECHILD;
    atomic_store(&sel->cancelled, true); /* before the bell: see cancel.c */
    chan__waitset_ring(&sel->waitset);
    return 0;
}
