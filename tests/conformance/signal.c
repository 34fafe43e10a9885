/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: EINTR is invisible unless asked for; a stopped process is not a dead one. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "pair.h"
#include "suite.h"

static void ignore(int number)
{
    (void)number;
}

/* A handler without SA_RESTART: blocking system calls are interrupted by SIGUSR1. */
static int64_t handle_signals(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = ignore;
    return sigaction(SIGUSR1, &action, NULL);
}

static const enum form waiting_forms[] = {FORM_BLOCK, FORM_TIMEOUT_HUGE, FORM_UNTIL_FOREVER};
#define WAITING_FORMS (sizeof waiting_forms / sizeof *waiting_forms)

static void test_a_signal_does_not_show_in_a_blocked_receive(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    expect_result(ask(pair.rx, handle_signals), 0);
    for (int way = 0; way < WAYS; way++) {
        actor_begin_blocking(pair.rx, recv_by, 0, HOW(way, waiting_forms[way % (int)WAITING_FORMS]));
        for (int i = 0; i < 5; i++) {
            expect(kill(pair.rx->pid, SIGUSR1) == 0);
            expect_result(actor_finish_within(pair.rx, 10), -EINPROGRESS);
        }
        pair_send(&pair, 1, 1);
        expect_result(actor_finish_within(pair.rx, 1000), 1);
    }
    pair_close(flavour, &pair);
}

static void test_a_signal_does_not_show_in_a_blocked_send(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    expect_result(ask(pair.tx, handle_signals), 0);
    for (int way = 0; way < WAYS; way++) {
        pair_send(&pair, 1, 1);
        actor_begin_blocking(pair.tx, send_by, 2, HOW(way, waiting_forms[way % (int)WAITING_FORMS]));
        for (int i = 0; i < 5; i++) {
            expect(kill(pair.tx->pid, SIGUSR1) == 0);
            expect_result(actor_finish_within(pair.tx, 10), -EINPROGRESS);
        }
        pair_recv(&pair, 1, 1);
        expect_result(actor_finish_within(pair.tx, 1000), 0);
        pair_recv(&pair, 2, 1);
    }
    pair_close(flavour, &pair);
}

/* Waits 300 ms; returns the result, and expects that it took that long. */
static int64_t recv_300_ms(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    int64_t start = chan_now();
    int result = chan_recv_timeout(me->rx, me->buffer, flavour_largest(me->flavour), NULL, 300 * 1000000);
    expect(chan_now() - start >= 300 * 1000000);
    return result;
}

static void test_signals_do_not_shorten_or_prolong_a_timeout(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    expect_result(ask(pair.rx, handle_signals), 0);
    int64_t result = -EINPROGRESS;
    actor_begin(pair.rx, recv_300_ms, 0, 0);
    for (int i = 0; i < 500 && result == -EINPROGRESS; i++) { /* for 5 s, if each began the timeout anew */
        expect(kill(pair.rx->pid, SIGUSR1) == 0);
        result = actor_finish_within(pair.rx, 10);
    }
    expect_result(result, -ETIMEDOUT);
    pair_close(flavour, &pair);
}

/* A signal that comes in the moment in which a call looks around before it sleeps again may be missed; not
 * each of several that come at odd times. */
static int64_t interrupt(struct actor *actor)
{
    int64_t result = -EINPROGRESS;
    for (int i = 0; i < 90 && result == -EINPROGRESS; i++) {
        expect(kill(actor->pid, SIGUSR1) == 0);
        result = actor_finish_within(actor, 33);
    }
    return result;
}

static void test_an_interruptible_endpoint_tells_of_the_signal_and_nothing_is_lost(
    const struct flavour *flavour)
{
    struct pair pair = {.ch = flavour_create(flavour, 1)};
    pair.tx = actor_start(flavour, pair.ch, ACTOR_IDLE);
    pair.rx = actor_start(flavour, pair.ch, ACTOR_IDLE);
    expect_result(tell(pair.tx, attach_sender, CHAN_INTERRUPTIBLE), 0);
    expect_result(tell(pair.rx, attach_receiver, CHAN_INTERRUPTIBLE), 0);
    expect_result(ask(pair.tx, handle_signals), 0);
    expect_result(ask(pair.rx, handle_signals), 0);
    for (int way = 0; way < WAYS; way++) {
        int64_t how = HOW(way, waiting_forms[way % (int)WAITING_FORMS]);
        actor_begin_blocking(pair.rx, recv_by, 0, how);
        expect_result(interrupt(pair.rx), -EINTR);
        pair_send(&pair, 1, 1);
        actor_begin_blocking(pair.tx, send_by, 2, how);
        expect_result(interrupt(pair.tx), -EINTR);
        pair_recv(&pair, 1, 1);
        expect_result(ask(pair.rx, recv_try), -EAGAIN);
    }
    pair_close(flavour, &pair);
}

static void test_a_stopped_sender_is_not_dead_and_works_when_continued(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 1);
    child_stop(pair.tx->pid);
    pair_recv(&pair, 0, 1);
    for (int i = 0; i < 10; i++)
        expect_result(actor_do(pair.rx, recv_by, 0, HOW(WAY_COPY, FORM_TIMEOUT_SHORT)), -ETIMEDOUT);
    expect_number(chan_is_closed(pair.ch), 0);
    expect_number(chan_senders(pair.ch), 1);
    child_continue(pair.tx->pid);
    pair_send(&pair, 1, 3);
    pair_recv(&pair, 1, 3);
    pair_close(flavour, &pair);
}

static void test_a_stopped_receiver_is_not_dead_and_works_when_continued(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    child_stop(pair.rx->pid);
    pair_send(&pair, 0, 2);
    int64_t result = tell(pair.tx, send_try, 2);
    expect(result == -EAGAIN || result == 0);
    expect_result(actor_do(pair.tx, send_by, 3, HOW(WAY_COPY, FORM_TIMEOUT_SHORT)), -ETIMEDOUT);
    expect_number(chan_is_closed(pair.ch), 0);
    child_continue(pair.rx->pid);
    expect_result(actor_finish_within(pair.rx, 1000), 0);
    pair_recv(&pair, 1, result == 0 ? 2 : 1);
    pair_close(flavour, &pair);
}

/* The wake-up that a stopped sleeper swallowed is not missing for the others. */
static void test_a_stopped_sleeper_keeps_no_message_from_another_receiver(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_begin_blocking(other, recv_blocking, 0, 0);
    child_stop(pair.rx->pid);
    pair_send(&pair, 0, 1);
    int64_t start = chan_now();
    expect_result(actor_finish_within(other, 1000), 0);
    dprintf(STDOUT_FILENO, "    the other receiver had it after %lld us\n",
            (long long)(chan_now() - start) / 1000);
    child_continue(pair.rx->pid);
    pair_send(&pair, 1, 1);
    expect_result(actor_finish_within(pair.rx, 1000), 1);
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_a_killed_sleeper_keeps_no_message_from_another_receiver(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_begin_blocking(other, recv_blocking, 0, 0);
    child_stop(pair.rx->pid);
    pair_send(&pair, 0, 1);
    actor_kill(pair.rx);
    expect_result(actor_finish_within(other, 1000), 0);
    actor_end(other);
    actor_bury(pair.rx);
    pair.rx = NULL;
    pair_close(flavour, &pair);
}

static void test_a_killed_blocked_senders_message_is_never_delivered(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_SENDER);
    pair_send(&pair, 0, 1);
    actor_begin_blocking(pair.tx, send_blocking, 66, 0);
    actor_begin_blocking(other, send_blocking, 1, 0);
    actor_kill(pair.tx);
    expect_result(ask(pair.rx, recv_one_second), 0);
    expect_result(actor_finish_within(other, 1000), 0);
    expect_result(ask(pair.rx, recv_one_second), 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    actor_end(other);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_a_signal_does_not_show_in_a_blocked_receive, FOR_FEW | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_signal_does_not_show_in_a_blocked_send, FOR_FEW | WITHOUT_KEEPER_TOO, 0),
        CASE(test_signals_do_not_shorten_or_prolong_a_timeout, FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO,
             0),
        CASE(test_an_interruptible_endpoint_tells_of_the_signal_and_nothing_is_lost,
             FOR_FEW | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_stopped_sender_is_not_dead_and_works_when_continued, FOR_FEW | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_stopped_receiver_is_not_dead_and_works_when_continued, FOR_FEW | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_stopped_sleeper_keeps_no_message_from_another_receiver,
             FOR_MANY | FOR_FEW | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_killed_sleeper_keeps_no_message_from_another_receiver,
             FOR_MANY | FOR_FEW | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_killed_blocked_senders_message_is_never_delivered,
             FOR_MANY | FOR_FEW | WITHOUT_KEEPER_TOO, 0),
    };
    return suite_run("signal", cases, sizeof cases / sizeof *cases, argc, argv);
}
