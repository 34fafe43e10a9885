/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, or stops, a process right before every access of a select to what it shares (access.h): while it begins to
 * wait, after it was woken by what one of its operations waits for, and between selecting and completing. Whatever it
 * had is another's then, and whatever it was woken for, another is.
 *
 *   selects [ARGUMENT...]       see plan.h */
#include "access.h"
#include "plan.h"
#include "victim.h"

#include <errno.h>
#include <shmchan.h>
#include <shmchan/inspect.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENDPOINTS 8u
#define ACCESSES_MAX 1500u /* who is woken for nothing may look again and again */
#define WAKE_MS 1000

/* Messages by what they are. */
#define OF_VICTIM 7u
#define QUEUED 20u  /* what fills the queue before */
#define FOR_ONE 21u /* what the victim waits for */
#define ASIDE 30u   /* on the other channel */
#define LATER 40u   /* to see that all works */

/* The operation that is tried; the others of the select are a receive on another channel, and a timer. */
struct arm {
    const char *name;
    uint32_t kind;
    bool sends;
    bool sleeper; /* another process sleeps in a call that waits for the same */
    bool permit;  /* of a fair queue: the place first, then the message */
};

static const struct arm arms[] = {
    {.name = "queue recv", .kind = CHAN_QUEUE},
    {.name = "queue recv, sleeper", .kind = CHAN_QUEUE, .sleeper = true},
    {.name = "queue send", .kind = CHAN_QUEUE, .sends = true},
    {.name = "permit", .kind = CHAN_QUEUE, .sends = true, .permit = true},
    {.name = "rendezvous recv", .kind = CHAN_RENDEZVOUS},
    {.name = "rendezvous send", .kind = CHAN_RENDEZVOUS, .sends = true},
    {.name = "call recv", .kind = CHAN_CALL},
    {.name = "broadcast recv", .kind = CHAN_BROADCAST},
    {.name = "watch recv", .kind = CHAN_WATCH},
};

/* What the victim writes down, in memory that outlives it. */
struct notes {
    int phase;
    int result;
    int selected;       /* 1 + the index, once chan_select() has returned */
    uint32_t received;  /* by it */
    int releases;       /* 1: chan_release(), or chan_permit_send(), is called; 2: has returned */
    atomic_uint woken;  /* what the sleeper got; 0: sleeps on */
    atomic_bool sleeps; /* it is about to */
};

struct stage {
    const struct arm *arm;
    struct chan *ch, *aside;
    struct chan_sender *tx, *aside_tx;
    struct chan_receiver *rx, *aside_rx;
    struct notes *notes;
    struct chan_ticket ticket; /* of the call that the victim waits for */
    pid_t sleeper;
    bool sleeper_booked; /* what it received is in the books */
    uint32_t got[64];    /* by survivors, and the sleeper: how often each message */
    bool is_there;       /* what the victim waits for has surely been sent, or taken */
    bool is_served;      /* that has been tried */
    char where[160];
    struct tally tally;
};

__attribute__((format(printf, 2, 3))) static void fail(struct stage *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("FAIL %s: ", s->where);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    s->tally.failures++;
}

static void must(struct stage *s, const char *what, int result)
{
    if (result)
        fail(s, "%s: %s", what, chan_error_name(result));
}

static int send_id(struct chan_sender *tx, uint32_t id)
{
    return chan_try_send(tx, &id, sizeof id);
}

/* ---- the victim ---- */

static int add_arm(const struct arm *arm, struct chan_select *sel, struct chan_sender *tx,
                   struct chan_receiver *rx, const uint32_t *message)
{
    if (arm->permit)
        return chan_select_permit(sel, tx);
    return arm->sends ? chan_select_send(sel, tx, message, sizeof *message) : chan_select_recv(sel, rx);
}

static int use_permit(struct stage *s, struct chan_sender *tx)
{
    const uint32_t message = OF_VICTIM;
    s->notes->releases = 1;
    int result = chan_permit_send(tx, &message, sizeof message);
    s->notes->releases = 2;
    return result;
}

static int select_and_complete(struct stage *s, struct chan_select *sel, struct chan_sender *tx,
                               struct chan_receiver *own, struct chan_receiver *aside)
{
    struct chan_selected selected;
    int result = chan_select(sel, &selected);
    if (result || selected.result)
        return result ? result : selected.result;
    s->notes->selected = 1 + selected.index;
    if (selected.index == 0 && s->arm->permit)
        return use_permit(s, tx);
    if (!selected.view.hold)
        return 0;
    memcpy(&s->notes->received, selected.view.data, sizeof s->notes->received);
    s->notes->releases = 1;
    result = chan_release(selected.index ? aside : own, &selected.view);
    s->notes->releases = 2;
    return result;
}

static void be_victim(void *argument)
{
    struct stage *s = argument;
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL, *aside = NULL;
    struct chan_select *sel = NULL;
    struct chan_timer *never;
    static uint32_t message = OF_VICTIM;
    int result = s->arm->sends ? chan_attach_sender(s->ch, CHAN_NO_SPIN, &tx)
                               : chan_attach_receiver(s->ch, CHAN_NO_SPIN, &rx);
    if (!result)
        result = chan_attach_receiver(s->aside, CHAN_NO_SPIN, &aside);
    if (!result)
        result = chan_select_create(CHAN_SELECT_BIASED, &sel);
    if (!result)
        result = chan_timer_after(INT64_C(3600000000000), &never);
    if (!result)
        result = add_arm(s->arm, sel, tx, rx, &message);
    if (!result && (chan_select_recv(sel, aside) != 1 || chan_select_timer(sel, never) != 2))
        result = -ENOMEM;
    s->notes->result = result;
    victim_enter(&s->notes->phase);
    if (!result)
        s->notes->result = select_and_complete(s, sel, tx, rx, aside);
    victim_leave(&s->notes->phase);
}

/* ---- the survivors ---- */

static void create(struct stage *s, uint32_t kind, uint32_t order, struct chan **ch)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.kind = kind;
    options.messages = kind == CHAN_WATCH || kind == CHAN_RENDEZVOUS ? 0 : kind == CHAN_QUEUE ? 1 : 4;
    options.message_size = 8;
    options.endpoints = ENDPOINTS;
    options.holds = 2;
    options.lifetime = CHAN_DURABLE;
    options.order = order;
    options.flags = CHAN_NO_KEEPER;
    must(s, "create", chan_create_anonymous(&options, ch));
}

static void stage_open(struct stage *s)
{
    memset(s->notes, 0, sizeof *s->notes);
    memset(s->got, 0, sizeof s->got);
    s->is_there = s->is_served = false;
    s->sleeper = 0;
    s->sleeper_booked = false;
    create(s, s->arm->kind, s->arm->permit ? CHAN_FAIR : CHAN_BARGING, &s->ch);
    create(s, CHAN_QUEUE, CHAN_BARGING, &s->aside);
    must(s, "attach", chan_attach_sender(s->ch, 0, &s->tx));
    must(s, "attach", chan_attach_receiver(s->ch, 0, &s->rx));
    must(s, "attach", chan_attach_sender(s->aside, 0, &s->aside_tx));
    must(s, "attach", chan_attach_receiver(s->aside, 0, &s->aside_rx));
    if (s->arm->kind == CHAN_QUEUE && s->arm->sends)
        must(s, "filling the queue", send_id(s->tx, QUEUED));
}

static void stage_close(struct stage *s)
{
    chan_close_sender(s->tx);
    chan_close_receiver(s->rx);
    chan_close_sender(s->aside_tx);
    chan_close_receiver(s->aside_rx);
    chan_close(s->ch);
    chan_close(s->aside);
}

static void book(struct stage *s, uint32_t id)
{
    if (id >= sizeof s->got / sizeof *s->got)
        fail(s, "a message that nobody sent: %u", id);
    else if (++s->got[id] > 1)
        fail(s, "message %u came twice", id);
}

static int receive(struct stage *s, struct chan_receiver *rx)
{
    struct chan_view view;
    uint32_t id;
    int result = chan_try_recv_view(rx, &view);
    if (result)
        return result;
    memcpy(&id, view.data, sizeof id);
    book(s, id);
    must(s, "release", chan_release(rx, &view));
    return 0;
}

static void drain(struct stage *s, struct chan_receiver *rx)
{
    int result = 0;
    for (int i = 0; !result && i < 20; i++)
        result = receive(s, rx);
    if (result != -EAGAIN)
        fail(s, "draining ended with %s", chan_error_name(result));
}

/* What the victim waits for. On a rendezvous channel it happens only if the victim shows something. */
static void serve(struct stage *s)
{
    uint32_t id = FOR_ONE;
    int result;
    if (s->arm->sends)
        result = receive(s, s->rx);
    else if (s->arm->kind == CHAN_CALL)
        result = chan_try_call_start(s->tx, &id, sizeof id, &s->ticket);
    else
        result = send_id(s->tx, id);
    s->is_there = !result;
    s->is_served = true;
    if (result && !(result == -EAGAIN && s->arm->kind == CHAN_RENDEZVOUS))
        fail(s, "what the victim waits for: %s", chan_error_name(result));
}

#define NAPS_PER_MS 20

static void nap(void)
{
    const struct timespec moment = {.tv_nsec = 1000000 / NAPS_PER_MS};
    nanosleep(&moment, NULL);
}

/* A process that sleeps in chan_recv(), and is woken by a keeper only if somebody dies. */
static void start_sleeper(struct stage *s)
{
    struct chan *ch;
    struct chan_receiver *rx;
    uint32_t id = 0;
    fflush(NULL);
    s->sleeper = fork();
    if (s->sleeper < 0)
        abort();
    if (s->sleeper) {
        while (!atomic_load(&s->notes->sleeps))
            nap();
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chan_open_fd(chan_fd(s->ch), 0, &ch) || chan_attach_receiver(ch, CHAN_NO_SPIN, &rx))
        _exit(1);
    atomic_store(&s->notes->sleeps, true);
    (void)!chan_recv(rx, &id, sizeof id, NULL);
    atomic_store(&s->notes->woken, id);
    pause();
    _exit(0);
}

static uint32_t held_on(struct stage *s)
{
    struct chan_stat stat = {.size = sizeof stat};
    must(s, "stat", chan_stat(s->ch, &stat));
    return (uint32_t)stat.held;
}

/* Unless the victim has it, or has had it, the message is the sleeper's. */
static void end_sleeper(struct stage *s)
{
    for (int naps = 0; naps < WAKE_MS * NAPS_PER_MS && !atomic_load(&s->notes->woken) &&
                       !s->notes->releases && !(held_on(s) && s->notes->phase != PHASE_DONE);
         naps++) /* however long each is */
        nap();
    uint32_t id = atomic_load(&s->notes->woken);
    if (id && !s->sleeper_booked)
        book(s, id);
    s->sleeper_booked = id;
    if (id)
        return;
    if (!s->notes->releases && !held_on(s))
        fail(s, "the sleeper is not woken");
}

/* ---- what must be so ---- */

/* A request that a server died over goes to no other, unless that was asked for: its caller is told. */
static bool has_failed(struct stage *s)
{
    uint32_t answer;
    return s->arm->kind == CHAN_CALL &&
           chan_try_call_finish(s->tx, &s->ticket, &answer, sizeof answer, NULL) == -EPIPE;
}

/* One who receives has it, or the others have; one who sends has sent it, or not. */
static void check_messages(struct stage *s, bool completed)
{
    bool selected = s->notes->selected == 1;
    if (s->arm->sends) {
        bool surely = selected && (!s->arm->permit || s->notes->releases == 2);
        if (surely && s->got[OF_VICTIM] != 1)
            fail(s, "what was sent is lost");
        if (completed && !selected && s->got[OF_VICTIM])
            fail(s, "sent, and not selected");
        return;
    }
    if (s->arm->kind == CHAN_BROADCAST || s->arm->kind == CHAN_WATCH) {
        if (s->got[FOR_ONE] != 1)
            fail(s, "the other receiver misses the message");
        return;
    }
    bool has = selected && s->notes->releases == 2, may_have = selected && s->notes->releases;
    if (s->is_there && !s->got[FOR_ONE] && !may_have && !has_failed(s))
        fail(s, "the message is lost");
    if (s->got[FOR_ONE] && has)
        fail(s, "the message was received twice");
    if (selected && s->notes->releases && s->notes->received != FOR_ONE)
        fail(s, "the victim received %u", s->notes->received);
}

static void check_channel(struct stage *s, struct chan *ch, const char *name)
{
    struct chan_repair_report report;
    struct chan_stat stat = {.size = sizeof stat};
    char text[200];
    must(s, "repair", chan_repair(ch, 0, &report));
    must(s, "stat", chan_stat(ch, &stat));
    if (report.dead != report.repaired || stat.dead || stat.held || stat.orphaned || stat.offers ||
        stat.demands)
        fail(s, "left over on %s: held %lu, orphaned %lu, offers %u, demands %u, dead %u", name, stat.held,
             stat.orphaned, stat.offers, stat.demands, stat.dead);
    if (stat.senders != 1 || stat.receivers != 1)
        fail(s, "%u senders and %u receivers on %s", stat.senders, stat.receivers, name);
    if (chan_check(ch, text, sizeof text))
        fail(s, "chan_check of %s: %s", name, text);
}

static void check_works(struct stage *s)
{
    struct chan_ticket ticket;
    uint32_t id = LATER;
    for (int i = 0; i < 3; i++, id++) {
        if (s->arm->kind == CHAN_RENDEZVOUS) {
            int result = send_id(s->tx, id);
            if (result != -EAGAIN)
                fail(s, "sending to nobody: %s", chan_error_name(result));
            continue;
        }
        must(s, "sending later",
             s->arm->kind == CHAN_CALL ? chan_try_call_start(s->tx, &id, sizeof id, &ticket)
                                       : send_id(s->tx, id));
        must(s, "receiving later", receive(s, s->rx));
        if (s->arm->kind == CHAN_CALL)
            must(s, "ending a call", chan_call_cancel(s->tx, &ticket));
    }
}

static void kill_and_check(struct stage *s, struct victim *victim, bool completed)
{
    struct chan_repair_report report;
    s->tally.kills++;
    victim_kill(victim);
    if (!s->is_served)
        serve(s);
    must(s, "repair", chan_repair(s->ch, 0, &report));
    if (s->sleeper) {
        end_sleeper(s);
        kill(s->sleeper, SIGKILL);
        waitpid(s->sleeper, NULL, 0);
        must(s, "repair", chan_repair(s->ch, 0, &report));
    }
    drain(s, s->rx);
    drain(s, s->aside_rx);
    check_messages(s, completed);
    check_works(s);
    check_channel(s, s->ch, s->arm->name);
    check_channel(s, s->aside, "aside");
    victim_reap(victim);
    stage_close(s);
}

/* ---- places ---- */

enum moment { REGISTERING, WOKEN };

/* Right before the access after `accesses` others, or up to its sleep. False: so many there are not. */
static bool step_to(struct stage *s, struct victim *victim, uint64_t accesses)
{
    long number;
    for (;;) {
        if (victim_at_system_call(victim, &number) && number == SYS_futex_waitv)
            return false;
        if (access_is_next(victim) && !accesses--)
            return true;
        if (!victim_step(victim)) {
            fail(s, "the victim did not wait: %s", chan_error_name(s->notes->result));
            return false;
        }
    }
}

/* False: there is no such place. */
static bool bring_to(struct stage *s, struct victim *victim, enum moment moment, uint64_t accesses)
{
    if (moment == REGISTERING)
        return step_to(s, victim, accesses);
    (void)step_to(s, victim, UINT64_MAX);
    if (victim->state != VICTIM_RUNNING)
        return false;
    victim_fall_asleep(victim);
    serve(s);
    if (!s->is_there)
        fail(s, "the victim waits, and is not met");
    if (!victim_wakes(victim, WAKE_MS))
        fail(s, "the victim is not woken");
    return access_step_to(victim, accesses);
}

/* Others go on; then the victim goes on, and finds something in any case. */
static bool go_on(struct stage *s, struct victim *victim)
{
    s->tally.stops++;
    if (s->sleeper)
        end_sleeper(s);
    must(s, "sending aside", send_id(s->aside_tx, ASIDE));
    if (!victim_continue(victim, CONTINUE_MS)) {
        fail(s, "after being continued the victim does not finish");
        return false;
    }
    must(s, "the select", s->notes->result);
    return true;
}

static bool try_at(struct stage *s, enum moment moment, uint64_t accesses, bool stops)
{
    struct victim victim;
    snprintf(s->where, sizeof s->where, "%s, %s %lu accesses after it %s", s->arm->name,
             stops ? "stopped" : "killed", accesses, moment == WOKEN ? "was woken" : "began");
    stage_open(s);
    if (s->arm->sleeper)
        start_sleeper(s);
    victim_start(&victim, be_victim, s, &s->notes->phase);
    if (s->notes->result)
        fail(s, "the victim could not be set up: %s", chan_error_name(s->notes->result));
    bool goes_on = bring_to(s, &victim, moment, accesses), completed = victim.state == VICTIM_DONE;
    if (moment == REGISTERING && (stops || accesses % 2)) /* every second one dies before it can be met */
        serve(s);
    if (stops && victim.state == VICTIM_RUNNING)
        completed = go_on(s, &victim);
    kill_and_check(s, &victim, completed);
    return goes_on;
}

static void run_arm(struct stage *s, struct plan *plan, enum moment moment)
{
    bool goes_on = true;
    s->tally.cases++;
    for (uint64_t after = 0; goes_on && after < ACCESSES_MAX && !(plan->fail_fast && s->tally.failures);
         after++)
        for (int stops = 0; stops < 2; stops++)
            if ((stops ? plan->stops : plan->kills) && plan_takes(plan, &s->tally, s->where))
                goes_on &= try_at(s, moment, after, stops);
}

int main(int argc, char **argv)
{
    struct plan plan;
    struct stage stage = {0};
    victim_set_up(argv);
    plan_parse(&plan, argc, argv);
    stage.notes = mmap(NULL, sizeof *stage.notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stage.notes == MAP_FAILED)
        abort();
    for (unsigned i = 0; i < sizeof arms / sizeof *arms; i++) {
        stage.arm = &arms[i];
        if (!plan_wants(plan.operation, arms[i].name))
            continue;
        if (plan_wants(plan.set, "registering"))
            run_arm(&stage, &plan, REGISTERING);
        if (plan_wants(plan.set, "woken"))
            run_arm(&stage, &plan, WOKEN);
        fflush(stdout);
    }
    return tally_report(&stage.tally);
}
