/* SPDX-License-Identifier: Apache-2.0 */
/* Setting up a watch, what victims do on it, and what survivors see and do. */
#include "watching.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Values are told apart by their number, see scene.h. What a victim sends is OF_VICTIMS and its own number. */
#define OF_VICTIMS 7u
#define INITIAL 20u

/* ---- what victims do ---- */

static int run_send(struct watcher *w)
{
    return chan_send(w->tx, w->buffer, message_size(&w->setting->scene, w->value));
}

static void prepare_value(struct watcher *w)
{
    message_write(w->buffer, message_size(&w->setting->scene, w->value), w->value);
}

static int run_replace(struct watcher *w)
{
    return chan_watch_send_replace(w->tx, w->buffer, message_size(&w->setting->scene, w->value),
                                   w->notes->read, sizeof w->notes->read, &w->notes->size);
}

/* Whether it is whole is seen when the victim is through with it. */
static void note(struct watcher *w, const void *data, size_t size)
{
    memcpy(w->notes->read, data, size);
    w->notes->size = size;
}

static int write_other(void *value, size_t *size, size_t capacity, void *arg)
{
    struct watcher *w = arg;
    (void)capacity;
    note(w, value, *size);
    *size = message_size(&w->setting->scene, w->value);
    memcpy(value, w->buffer, *size);
    return 1;
}

static int write_silently(void *value, size_t *size, size_t capacity, void *arg)
{
    (void)write_other(value, size, capacity, arg);
    return 0;
}

static int run_modify(struct watcher *w)
{
    return chan_watch_send_modify(w->tx, write_other, w);
}

static int run_silently(struct watcher *w)
{
    return chan_watch_send_if_modified(w->tx, write_silently, w);
}

static int run_commit(struct watcher *w)
{
    return chan_commit(w->tx, &w->loan, message_size(&w->setting->scene, w->value));
}

static void prepare_loan(struct watcher *w)
{
    size_t size = message_size(&w->setting->scene, w->value);
    if (!chan_reserve(w->tx, size, &w->loan))
        message_write(w->loan.data, size, w->value);
}

static int run_borrow(struct watcher *w)
{
    return chan_watch_borrow(w->rx, w->notes->read, sizeof w->notes->read, &w->notes->size);
}

static int run_recv(struct watcher *w)
{
    return chan_recv(w->rx, w->notes->read, sizeof w->notes->read, &w->notes->size);
}

static void prepare_unseen(struct watcher *w)
{
    (void)chan_watch_mark_changed(w->rx);
}

static int run_changed(struct watcher *w)
{
    return chan_watch_changed(w->rx);
}

static int run_view(struct watcher *w)
{
    int result = chan_watch_borrow_view(w->rx, &w->view);
    if (result)
        return result;
    note(w, w->view.data, w->view.size);
    return chan_release(w->rx, &w->view);
}

static void prepare_view(struct watcher *w)
{
    if (chan_watch_borrow_view(w->rx, &w->view))
        w->view.size = 0;
}

static int run_close_receiver(struct watcher *w)
{
    chan_close_receiver(w->rx);
    return 0;
}

static int run_close_sender(struct watcher *w)
{
    chan_close_sender(w->tx);
    return 0;
}

static int run_subscribe(struct watcher *w)
{
    return chan_attach_receiver(w->ch, CHAN_NO_SPIN, &w->rx);
}

static int run_clone(struct watcher *w)
{
    return chan_clone_receiver(w->rx, &w->clone);
}

static int run_attach_sender(struct watcher *w)
{
    return chan_attach_sender(w->ch, CHAN_NO_SPIN, &w->tx);
}

static int run_repair(struct watcher *w)
{
    struct chan_repair_report report;
    return chan_repair(w->ch, 0, &report);
}

#define TX CHAN_ROLE_SENDER
#define RX CHAN_ROLE_RECEIVER

const struct watch_act watch_acts[] = {
    {"send", TX, true, false, false, 0, prepare_value, run_send},
    {"send_replace", TX, true, false, true, 0, prepare_value, run_replace},
    {"send_modify", TX, true, false, true, 0, prepare_value, run_modify},
    {"send_if_modified, silent", TX, true, true, true, 0, prepare_value, run_silently},
    {"commit", TX, true, false, false, 0, prepare_loan, run_commit},
    {"borrow", RX, false, false, true, 0, NULL, run_borrow},
    {"recv", RX, false, false, true, 0, prepare_unseen, run_recv},
    {"changed", RX, false, false, false, 0, prepare_unseen, run_changed},
    {"borrow_view+release", RX, false, false, true, 0, NULL, run_view},
    {"close receiver, view", RX, false, false, false, 0, prepare_view, run_close_receiver},
    {"close sender, loan", TX, false, false, false, 0, prepare_loan, run_close_sender},
    {"close sender", TX, false, false, false, 0, NULL, run_close_sender},
    {"subscribe", 0, false, false, false, 1, NULL, run_subscribe},
    {"clone", RX, false, false, false, 1, prepare_unseen, run_clone},
    {"attach sender", 0, false, false, false, 1, NULL, run_attach_sender},
    {"repair", 0, false, false, false, 0, NULL, run_repair},
};
const unsigned watch_act_count = sizeof watch_acts / sizeof *watch_acts;

static void victim_life(void *argument)
{
    struct watcher *w = argument;
    int result = 0;
    if (w->act->role == TX)
        result = chan_attach_sender(w->ch, CHAN_NO_SPIN, &w->tx);
    if (w->act->role == RX)
        result = chan_attach_receiver(w->ch, CHAN_NO_SPIN, &w->rx);
    if (!result && w->act->prepare)
        w->act->prepare(w);
    w->notes->result = result;
    victim_enter(&w->notes->phase);
    if (!result)
        w->notes->result = w->act->run(w);
    victim_leave(&w->notes->phase);
}

/* ---- the survivors ---- */

uint32_t watching_value(const struct watching *s)
{
    return s->values[s->value_count - 1];
}

static void note_value(struct watching *s, uint32_t number)
{
    if (s->value_count == VALUES_MAX)
        abort();
    s->values[s->value_count++] = number;
}

static void send_by(struct watching *s, struct chan_sender *tx)
{
    unsigned char value[MESSAGE_BYTES_MAX];
    uint32_t number = s->next;
    size_t size = message_size(&s->setting->scene, number);
    message_write(value, size, number);
    int result = chan_try_send(tx, value, size);
    if (result) {
        trial_fail(&s->trial, "sending value %u: %s", number, chan_error_name(result));
        return;
    }
    note_value(s, number);
    s->version++;
    s->next++;
}

void watching_send(struct watching *s)
{
    send_by(s, s->tx);
}

static uint32_t read_value(struct watching *s)
{
    unsigned char value[MESSAGE_BYTES_MAX];
    size_t size = 0;
    trial_must(&s->trial, "borrow", chan_watch_borrow(s->rx[0], value, sizeof value, &size));
    return message_id(&s->setting->scene, value, size);
}

bool watching_look(struct watching *s, const struct watcher *moved)
{
    uint32_t now = read_value(s), before = watching_value(s);
    uint64_t version = chan_watch_version(s->rx[0]);
    bool sent = moved && moved->act->writes && now == moved->value && before != now;
    if (!sent && now != before)
        trial_fail(&s->trial, "value %u is there instead of %u", now, before);
    if (version != s->version + (sent && !moved->act->silent))
        trial_fail(&s->trial, "value %u has version %lu after %lu", now, version, s->version);
    if (now != before)
        note_value(s, now);
    s->version = version;
    return sent;
}

static void check_views(struct watching *s)
{
    for (uint32_t i = 0; i < s->view_count; i++) {
        uint32_t now = message_id(&s->setting->scene, s->views[i].data, s->views[i].size);
        if (now != s->viewed[i])
            trial_fail(&s->trial, "a view of value %u shows %u", s->viewed[i], now);
    }
}

static void take_view(struct watching *s)
{
    uint32_t i = s->view_count++;
    trial_must(&s->trial, "view", chan_watch_borrow_view(s->rx[i / HOLDS], &s->views[i]));
    s->viewed[i] = watching_value(s);
}

static void drop_views(struct watching *s)
{
    for (uint32_t i = 0; i < s->view_count; i++)
        trial_must(&s->trial, "release", chan_release(s->rx[i / HOLDS], &s->views[i]));
    s->view_count = 0;
}

void watching_work(struct watching *s)
{
    unsigned failures = s->trial.tally.failures;
    for (uint32_t i = 0; i < SENDS_AFTER && s->trial.tally.failures == failures; i++) {
        send_by(s, s->trial.extra && i % 2 ? s->trial.extra : s->tx);
        (void)watching_look(s, NULL);
    }
    check_views(s);
}

void watching_check_done(struct watching *s, const struct watcher *w)
{
    uint32_t read = message_id(&s->setting->scene, w->notes->read, w->notes->size);
    unsigned own = w->since;
    while (own < s->value_count && s->values[own] != w->value)
        own++;
    if (w->notes->result)
        trial_fail(&s->trial, "the operation failed: %s", chan_error_name(w->notes->result));
    if (w->act->writes && own == s->value_count)
        trial_fail(&s->trial, "the value was not replaced");
    else if (w->act->reads && (w->act->writes ? read != s->values[own - 1]
                                              : read != s->values[w->since] && read != s->values[w->again]))
        trial_fail(&s->trial, "the victim read value %u", read);
}

/* ---- a trial ---- */

static uint32_t units_of(const struct watching *s)
{
    return s->setting->pinned ? 2 * PINNED + 14 : 16;
}

static void create(struct watching *s)
{
    unsigned char value[MESSAGE_BYTES_MAX];
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.kind = CHAN_WATCH;
    options.message_size = s->setting->scene.large ? 4200 : 64;
    options.bytes = s->setting->scene.large ? units_of(s) * UINT64_C(4096) : 0;
    options.endpoints = ENDPOINTS;
    options.holds = HOLDS;
    options.flags = CHAN_NO_KEEPER;
    options.initial = value;
    options.initial_size = message_size(&s->setting->scene, INITIAL);
    message_write(value, options.initial_size, INITIAL);
    trial_must(&s->trial, "create", chan_create_anonymous(&options, &s->trial.ch));
}

/* Values that survivors look at, each of which a sender has in its hold cells; it leaves, so that the first victim
 * gets its record. */
static void pin_spares(struct watching *s)
{
    struct chan_sender *before;
    trial_must(&s->trial, "attach", chan_attach_sender(s->trial.ch, 0, &before));
    for (uint32_t i = 0; i < PINNED; i++) {
        send_by(s, before);
        take_view(s);
    }
    chan_close_sender(before);
}

static struct notes *new_notes(void)
{
    struct notes *notes =
        mmap(NULL, WATCHERS_MAX * sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (notes == MAP_FAILED)
        abort();
    return notes;
}

void watching_begin(struct watching *s, const struct setting *setting)
{
    struct notes *notes = s->notes ? s->notes : new_notes();
    *s = (struct watching){.trial = {.scene = &setting->scene, .tally = s->trial.tally},
                           .notes = notes,
                           .setting = setting,
                           .values = {INITIAL},
                           .value_count = 1,
                           .next = INITIAL + 1};
    memset(notes, 0, WATCHERS_MAX * sizeof *notes);
    create(s);
    trial_must(&s->trial, "attach", chan_attach_sender(s->trial.ch, 0, &s->tx));
    for (unsigned i = 0; i < 2; i++)
        trial_must(&s->trial, "attach", chan_attach_receiver(s->trial.ch, 0, &s->rx[i]));
    watching_send(s);
    if (setting->pinned)
        pin_spares(s);
}

void watching_start(struct watching *s, unsigned number, const struct watch_act *act, struct victim *victim)
{
    struct watcher *w = &s->watchers[number];
    *w = (struct watcher){.setting = s->setting,
                          .act = act,
                          .ch = s->trial.ch,
                          .notes = &s->notes[number],
                          .value = OF_VICTIMS + number,
                          .since = s->value_count - 1,
                          .again = s->value_count - 1};
    victim_start(victim, victim_life, w, &w->notes->phase);
    if (victim->state == VICTIM_ENDED || w->notes->result)
        trial_fail(&s->trial, "the victim could not be set up: %s", chan_error_name(w->notes->result));
}

void watching_continue(struct watching *s, unsigned number, struct victim *victim)
{
    s->watchers[number].again = s->value_count - 1;
    if (!victim_continue(victim, CONTINUE_MS))
        trial_fail(&s->trial, "after being continued the victim does not finish");
}

/* All payload memory can be had by loans: nothing is lost. */
static void check_memory(struct watching *s)
{
    struct chan_sender *more[ENDPOINTS] = {0};
    struct chan_loan loan;
    uint32_t wanted = s->setting->scene.large ? units_of(s) / 2 : 0, had = 0;
    if (wanted)
        trial_must(&s->trial, "a small value", chan_try_send(s->tx, "", 0));
    for (uint32_t i = 0; had < wanted && i < ENDPOINTS; i++) {
        if (chan_attach_sender(s->trial.ch, 0, &more[i]))
            break;
        while (had < wanted && !chan_try_reserve(more[i], 4150, &loan))
            had++;
    }
    if (had < wanted)
        trial_fail(&s->trial, "%u values have room instead of %u", had, wanted);
    for (uint32_t i = 0; i < ENDPOINTS; i++)
        chan_close_sender(more[i]);
}

static void check_channel(struct watching *s)
{
    char text[200];
    struct chan_stat stat;
    trial_stat(&s->trial, &stat);
    if (stat.sent != s->value_count - 1)
        trial_fail(&s->trial, "%lu values were sent instead of %u", stat.sent, s->value_count - 1);
    if (chan_check(s->trial.ch, text, sizeof text))
        trial_fail(&s->trial, "chan_check: %s", text);
}

static void check_records(struct watching *s)
{
    for (uint32_t number = 0; number < ENDPOINTS; number++) {
        struct chan_endpoint_stat stat = {.size = sizeof stat};
        if (number != chan_sender_number(s->tx) && number != chan_receiver_number(s->rx[0]) &&
            number != chan_receiver_number(s->rx[1]) &&
            chan_endpoint_stat(s->trial.ch, number, &stat) != -ENOENT)
            trial_fail(&s->trial, "endpoint record %u is not free: state %u", number, stat.state);
    }
}

void watching_settle(struct watching *s)
{
    struct chan_repair_report report;
    trial_must(&s->trial, "repair", chan_repair(s->trial.ch, 0, &report));
    if (report.dead != report.repaired)
        trial_fail(&s->trial, "%u dead, %u repaired", report.dead, report.repaired);
    (void)watching_look(s, NULL);
    check_channel(s);
    check_views(s);
    watching_work(s);
    drop_views(s);
    watching_work(s);
    chan_close_sender(s->trial.extra);
    s->trial.extra = NULL;
    check_channel(s);
    check_memory(s);
    check_records(s);
}

void watching_end(struct watching *s)
{
    chan_close_sender(s->tx);
    chan_close_receiver(s->rx[0]);
    chan_close_receiver(s->rx[1]);
    chan_close(s->trial.ch);
}
