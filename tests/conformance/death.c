/* SPDX-License-Identifier: Apache-2.0 */
/* Death is close: killed, exited or replaced by exec, reaped or not; sleepers learn of it in time. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

/* Promised are 10 to 50 ms; a loaded machine may take longer to run anybody at all. */
#define NOTICED_MS 1000

enum end { KILLED, EXITED, EXECED };

/* Ends the actor's process, and returns the moment of it. What remains is a zombie, or another program. */
static int64_t end_process(struct actor *actor, enum end how)
{
    int64_t moment = chan_now();
    switch (how) {
    case KILLED:
        actor_kill(actor);
        break;
    case EXITED:
        actor_begin(actor, end_by_exit, 0, 0);
        child_wait_zombie(actor->pid);
        break;
    case EXECED:
        actor_begin(actor, end_by_exec, 0, 0);
        break;
    }
    return moment;
}

static void report(const char *what, int64_t since)
{
    dprintf(STDOUT_FILENO, "    %s after %lld us\n", what, (long long)(chan_now() - since) / 1000);
}

static void receiver_learns(const struct flavour *flavour, enum end how)
{
    struct pair pair = pair_open(flavour, 3);
    pair_pass(&pair, 0, 1);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    int64_t moment = end_process(pair.tx, how);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    report("the receiver learned of it", moment);
    expect_number(chan_is_closed(pair.ch), 1);
    expect_number(chan_senders(pair.ch), 0);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static void sender_learns(const struct flavour *flavour, enum end how)
{
    struct pair pair = pair_open(flavour, 2);
    pair_fill(&pair, 0, 2);
    actor_begin_blocking(pair.tx, send_blocking, 2, 0);
    int64_t moment = end_process(pair.rx, how);
    expect_result(actor_finish_within(pair.tx, NOTICED_MS), -EPIPE);
    report("the sender learned of it", moment);
    expect_number(chan_is_closed(pair.ch), 1);
    expect_number(chan_receivers(pair.ch), 0);
    actor_bury(pair.rx);
    pair.rx = NULL;
    pair_close(flavour, &pair);
}

static void test_a_blocked_receiver_learns_that_its_last_sender_was_killed(const struct flavour *flavour)
{
    receiver_learns(flavour, KILLED);
}

static void test_a_blocked_receiver_learns_that_its_last_sender_exited_without_close(
    const struct flavour *flavour)
{
    receiver_learns(flavour, EXITED);
}

static void test_a_blocked_receiver_learns_that_its_last_sender_execed(const struct flavour *flavour)
{
    receiver_learns(flavour, EXECED);
}

static void test_a_blocked_sender_learns_that_its_last_receiver_was_killed(const struct flavour *flavour)
{
    sender_learns(flavour, KILLED);
}

static void test_a_blocked_sender_learns_that_its_last_receiver_exited_without_close(
    const struct flavour *flavour)
{
    sender_learns(flavour, EXITED);
}

static void test_a_blocked_sender_learns_that_its_last_receiver_execed(const struct flavour *flavour)
{
    sender_learns(flavour, EXECED);
}

/* Nobody sleeps: once the keepers have looked, whoever calls meets the truth, though the dead one is not reaped. (Without
 * keepers, calls that do not block notice nothing.) */
static void test_a_try_after_a_death_meets_the_truth(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    pair_send(&pair, 0, 2);
    actor_kill(pair.tx);
    expect_soon(chan_is_closed(pair.ch));
    pair_recv(&pair, 0, 2);
    expect_result(ask(pair.rx, recv_try), -EPIPE);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
    pair = pair_open(flavour, 2);
    actor_kill(pair.rx);
    expect_soon(chan_is_closed(pair.ch));
    expect_result(tell(pair.tx, send_try, 0), -EPIPE);
    actor_bury(pair.rx);
    pair.rx = NULL;
    pair_close(flavour, &pair);
}

static void test_messages_of_a_killed_sender_are_received_before_closed(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 3);
    actor_kill(pair.tx);
    for (int i = 0; i < 3; i++)
        expect_result(ask(pair.rx, recv_blocking), i);
    expect_result(ask(pair.rx, recv_one_second), -EPIPE);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static void test_one_death_of_two_senders_closes_nothing_two_deaths_do(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_SENDER);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_kill(pair.tx);
    expect_result(actor_finish_within(pair.rx, 150), -EINPROGRESS);
    expect_soon(chan_senders(pair.ch) == 1);
    actor_kill(other);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    actor_bury(other);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

/* The kernel wakes one waiter of a dead one's word; all must learn of it. */
static void test_every_sleeper_learns_of_the_last_senders_death(const struct flavour *flavour)
{
    enum { RECEIVERS = 4 };
    struct pair pair = pair_open(flavour, 3);
    struct actor *more[RECEIVERS];
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    for (int i = 0; i < RECEIVERS; i++) {
        more[i] = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
        actor_begin_blocking(more[i], recv_blocking, 0, 0);
    }
    int64_t moment = end_process(pair.tx, KILLED);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    for (int i = 0; i < RECEIVERS; i++)
        expect_result(actor_finish_within(more[i], NOTICED_MS), -EPIPE);
    report("all receivers learned of it", moment);
    for (int i = 0; i < RECEIVERS; i++)
        actor_end(more[i]);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static void test_the_loans_of_a_killed_sender_come_back(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 2);
    options.endpoints = 3;
    struct pair pair = pair_open_with(flavour, &options);
    for (int round = 0; round < 10; round++) {
        struct actor *victim = actor_start(flavour, pair.ch, ACTOR_SENDER);
        for (int64_t i = 0; i < 4; i++)
            expect_result(actor_do(victim, loan_reserve, i, 77), 0);
        actor_kill(victim);
        actor_bury(victim);
    }
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    pair_send(&pair, 0, 2);
    expect_result(tell(pair.tx, send_try, 2), -EAGAIN);
    pair_recv(&pair, 0, 2);
    struct chan_repair_report healed;
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_repair(pair.ch, 0, &healed), 0);
    expect_result(chan_stat(pair.ch, &stat), 0);
    expect_number(stat.units_used, 0);
    expect_number(stat.dead, 0);
    pair_close(flavour, &pair);
}

static void test_counts_leave_out_the_dead(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    struct actor *victims[3];
    for (int i = 0; i < 3; i++)
        victims[i] = actor_start(flavour, pair.ch, i % 2 ? ACTOR_SENDER : ACTOR_RECEIVER);
    expect_number(chan_senders(pair.ch), 2);
    expect_number(chan_receivers(pair.ch), 3);
    for (int i = 0; i < 3; i++)
        actor_kill(victims[i]);
    struct chan_repair_report healed;
    expect_result(chan_repair(pair.ch, 0, &healed), 0);
    expect_number(chan_senders(pair.ch), 1);
    expect_number(chan_receivers(pair.ch), 1);
    for (int i = 0; i < 3; i++)
        actor_bury(victims[i]);
    pair_close(flavour, &pair);
}

/* A second sender and a receiver beside the sender that the process has. */
static int64_t attach_more(struct party *me, int64_t a, int64_t b)
{
    struct chan_sender *second;
    (void)a, (void)b;
    int result = chan_clone_sender(me->tx, &second);
    return result ? result : attach_receiver(me, 0, 0);
}

static void test_a_death_drops_all_handles_of_the_process_at_once(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    expect_result(ask(pair.tx, attach_more), 0);
    expect_number(chan_senders(pair.ch), 2);
    expect_number(chan_receivers(pair.ch), 2);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_kill(pair.tx);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    expect_number(chan_senders(pair.ch), 0);
    expect_soon(chan_receivers(pair.ch) == 1); /* they are repaired one by one */
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

/* kill(pid, 0) says that a zombie lives; only its parent sees it. */
static void test_a_zombie_is_dead_to_its_own_parent_too(const struct flavour *flavour)
{
    struct chan *ch = flavour_create(flavour, 2);
    struct actor *tx = actor_start(flavour, ch, ACTOR_SENDER);
    struct party me;
    party_open(&me, flavour, ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(tell(tx, send_try, 1), 0);
    actor_kill(tx); /* not reaped before the end */
    expect_result(recv_blocking(&me, 0, 0), 1);
    expect_result(recv_blocking(&me, 0, 0), -EPIPE);
    expect_number(chan_senders(ch), 0);
    expect_number(kill(tx->pid, 0), 0);
    actor_bury(tx);
    party_leave(&me);
    flavour_finish(flavour, ch);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_a_blocked_receiver_learns_that_its_last_sender_was_killed,
             FOR_EPHEMERAL | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_blocked_receiver_learns_that_its_last_sender_exited_without_close,
             FOR_EPHEMERAL | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_blocked_receiver_learns_that_its_last_sender_execed,
             FOR_EPHEMERAL | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_blocked_sender_learns_that_its_last_receiver_was_killed,
             FOR_EPHEMERAL | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_blocked_sender_learns_that_its_last_receiver_exited_without_close,
             FOR_EPHEMERAL | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_blocked_sender_learns_that_its_last_receiver_execed,
             FOR_EPHEMERAL | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_try_after_a_death_meets_the_truth, FOR_EPHEMERAL, 0),
        CASE(test_messages_of_a_killed_sender_are_received_before_closed, FOR_EPHEMERAL | WITHOUT_KEEPER_TOO,
             0),
        CASE(test_one_death_of_two_senders_closes_nothing_two_deaths_do,
             FOR_EPHEMERAL | FOR_MANY_SENDERS | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_every_sleeper_learns_of_the_last_senders_death,
             FOR_EPHEMERAL | FOR_MANY_RECEIVERS | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_the_loans_of_a_killed_sender_come_back, FOR_MANY_SENDERS | WITHOUT_KEEPER_TOO, 0),
        CASE(test_counts_leave_out_the_dead, FOR_MANY | RENDEZVOUS_TOO, 0),
        CASE(test_a_death_drops_all_handles_of_the_process_at_once,
             FOR_EPHEMERAL | FOR_MANY | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_zombie_is_dead_to_its_own_parent_too, FOR_EPHEMERAL | WITHOUT_KEEPER_TOO, 0),
    };
    return suite_run("death", cases, sizeof cases / sizeof *cases, argc, argv);
}
