/* SPDX-License-Identifier: Apache-2.0 */
/* Weak senders: counted apart, keeping nobody connected, and upgraded only while there is a sender. */
#include <errno.h>

#include "child.h"
#include "expect.h"
#include "pair.h"
#include "suite.h"

static struct chan_weak_sender *weak; /* this process's */

static int64_t downgrade(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_downgrade_sender(me->tx, &weak);
}

static int64_t upgrade(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_upgrade_sender(weak, &me->tx);
}

static int64_t close_weak(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    chan_close_weak_sender(weak);
    weak = NULL;
    return 0;
}

/* Its sender is gone then. */
static int64_t become_weak(struct party *me, int64_t a, int64_t b)
{
    expect_result(downgrade(me, a, b), 0);
    return close_sender(me, a, b);
}

/* A process that has nothing but a weak sender. */
static struct actor *start_weak(const struct flavour *flavour, struct chan *ch)
{
    struct actor *actor = actor_start(flavour, ch, ACTOR_SENDER);
    expect_result(ask(actor, become_weak), 0);
    return actor;
}

static void expect_counts(const struct chan *ch, uint32_t strong, uint32_t weak_ones, uint32_t receiving)
{
    expect_number(chan_senders(ch), strong);
    expect_number(chan_weak_senders(ch), weak_ones);
    expect_number(chan_receivers(ch), receiving);
}

static void test_strong_and_weak_senders_are_counted_apart(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect_counts(pair.ch, 1, 0, 1);
    expect_result(ask(pair.tx, downgrade), 0);
    expect_counts(pair.ch, 1, 1, 1);
    pair_pass(&pair, 0, 1); /* the sender is what it was */
    expect_result(ask(pair.tx, close_weak), 0);
    expect_counts(pair.ch, 1, 0, 1);
    pair_close(flavour, &pair);
}

static int64_t clone_and_close_first(struct party *me, int64_t a, int64_t b)
{
    struct chan_weak_sender *clone;
    expect_result(chan_clone_weak_sender(weak, &clone), 0);
    expect_number(chan_weak_senders(me->ch), 2);
    expect(chan_same(chan_of_weak_sender(clone), me->ch));
    close_weak(me, a, b);
    weak = clone;
    return 0;
}

static int64_t clone_for_a_moment(struct party *me, int64_t a, int64_t b)
{
    struct chan_weak_sender *clone = NULL;
    (void)me, (void)a, (void)b;
    int result = chan_clone_weak_sender(weak, &clone);
    chan_close_weak_sender(clone);
    return result;
}

static void test_a_cloned_weak_sender_is_another(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect_result(ask(pair.tx, downgrade), 0);
    expect_result(ask(pair.tx, clone_and_close_first), 0);
    expect_counts(pair.ch, 1, 1, 1);
    expect_result(ask(pair.tx, close_weak), 0);
    pair_close(flavour, &pair);
}

static void test_an_upgraded_sender_sends_and_keeps_the_channel_open(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = start_weak(flavour, pair.ch);
    expect_counts(pair.ch, 1, 1, 1);
    expect_result(ask(other, upgrade), 0);
    expect_counts(pair.ch, 2, 1, 1);
    expect_result(ask(pair.tx, close_sender), 0);
    expect_result(tell(other, send_try, 7), 0);
    expect_result(ask(pair.rx, recv_blocking), 7);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    expect_result(ask(other, close_sender), 0);
    expect_result(ask(pair.rx, recv_try), flavour->lifetime == CHAN_DURABLE ? -EAGAIN : -EPIPE);
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_a_weak_sender_keeps_nobody_connected(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = start_weak(flavour, pair.ch);
    pair_send(&pair, 0, 1);
    expect_result(ask(pair.tx, close_sender), 0);
    expect_result(ask(other, upgrade), -EPIPE);
    expect_result(ask(pair.rx, recv_blocking), 0);
    expect_result(ask(pair.rx, recv_blocking), -EPIPE);
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_number(flavour->anonymous ? 0 : flavour_exists(), 0); /* the last endpoint of all has gone */
    expect_result(ask(other, upgrade), -EPIPE);
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_upgrading_fails_once_the_only_sender_was_killed(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = start_weak(flavour, pair.ch);
    pair_send(&pair, 0, 1);
    actor_kill(pair.tx);
    expect_result(ask(other, upgrade), -EPIPE);
    expect_counts(pair.ch, 0, 1, 1);
    pair_recv(&pair, 0, 1);
    actor_bury(pair.tx);
    actor_end(other);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static void test_a_killed_holder_is_counted_no_more_and_its_record_is_free(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 3);
    options.endpoints = 4; /* sender, receiver, weak sender, and another one for a moment */
    struct pair pair = pair_open_with(flavour, &options);
    for (int round = 0; round < 4; round++) {
        struct actor *other = start_weak(flavour, pair.ch);
        expect_result(ask(pair.tx, downgrade), 0);
        expect_counts(pair.ch, 1, 2, 1);
        expect_result(ask(pair.tx, clone_for_a_moment), -EUSERS);
        actor_kill(other);
        expect_result(ask(pair.tx, clone_for_a_moment), 0); /* heals first */
        expect_counts(pair.ch, 1, 1, 1);
        expect_result(ask(pair.tx, close_weak), 0);
        actor_bury(other);
    }
    pair_close(flavour, &pair);
}

static void test_upgrading_needs_no_receiver(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = start_weak(flavour, pair.ch);
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_result(ask(other, upgrade), 0);
    expect_result(tell(other, send_try, 1), flavour->lifetime == CHAN_DURABLE ? 0 : -EPIPE);
    expect_result(ask(other, close_sender), 0);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(ask(other, upgrade), 0);
    expect_result(tell(other, send_try, 2), -EPIPE);
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_on_a_durable_channel_a_new_sender_makes_upgrading_possible_again(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = start_weak(flavour, pair.ch);
    for (int round = 0; round < 3; round++) {
        expect_result(ask(other, upgrade), 0);
        expect_result(ask(other, close_sender), 0);
        expect_result(ask(pair.tx, close_sender), 0);
        expect_result(ask(other, upgrade), -EPIPE);
        expect_number(chan_is_closed(pair.ch), 0);
        expect_result(ask(pair.tx, attach_sender), 0);
    }
    actor_kill(pair.tx);
    expect_result(ask(other, upgrade), -EPIPE);
    actor_bury(pair.tx);
    pair.tx = actor_start(flavour, pair.ch, ACTOR_SENDER);
    expect_result(ask(other, upgrade), 0);
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_a_weak_sender_takes_no_seat(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect_result(ask(pair.tx, downgrade), 0);
    expect_result(ask(pair.tx, upgrade), -EBUSY);
    expect_counts(pair.ch, 1, 1, 1);
    pair_pass(&pair, 0, 1);
    expect_result(ask(pair.tx, close_sender), 0);
    expect_result(ask(pair.tx, upgrade), -EPIPE);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_IDLE);
    expect_result(ask(other, attach_sender), flavour->lifetime == CHAN_DURABLE ? 0 : -EPIPE);
    actor_end(other);
    expect_result(ask(pair.tx, close_weak), 0);
    pair_close(flavour, &pair);
}

/* Whoever wins: either both go on, or nobody. */
static void test_upgrading_races_the_last_close(const struct flavour *flavour)
{
    for (int round = 0; round < 20; round++) {
        struct pair pair = pair_open(flavour, 3);
        struct actor *other = start_weak(flavour, pair.ch);
        actor_begin(pair.tx, close_sender, 0, 0);
        actor_begin(other, upgrade, 0, 0);
        expect_result(actor_finish(pair.tx), 0);
        int64_t upgraded = actor_finish(other);
        expect(upgraded == 0 || upgraded == -EPIPE);
        expect_number(chan_senders(pair.ch), upgraded == 0);
        if (!upgraded) {
            expect_result(tell(other, send_try, 5), 0);
            expect_result(ask(pair.rx, recv_blocking), 5);
            expect_result(ask(other, close_sender), 0);
        }
        expect_result(ask(other, upgrade), -EPIPE);
        if (flavour->lifetime == CHAN_EPHEMERAL)
            expect_result(ask(pair.rx, recv_blocking), -EPIPE);
        actor_end(other);
        pair_close(flavour, &pair);
    }
}

/* The loser of a race that nobody won leaves no sender behind. */
static void test_upgrades_do_not_keep_each_other_alive(const struct flavour *flavour)
{
    for (int round = 0; round < 20; round++) {
        struct pair pair = pair_open(flavour, 3);
        struct actor *one = start_weak(flavour, pair.ch), *two = start_weak(flavour, pair.ch);
        expect_result(ask(pair.tx, close_sender), 0);
        actor_begin(one, upgrade, 0, 0);
        actor_begin(two, upgrade, 0, 0);
        expect_result(actor_finish(one), -EPIPE);
        expect_result(actor_finish(two), -EPIPE);
        expect_counts(pair.ch, 0, 2, 1);
        actor_end(one);
        actor_end(two);
        pair_close(flavour, &pair);
    }
}

static int64_t use_in_child(void *argument)
{
    struct chan_weak_sender *clone;
    struct chan_sender *tx;
    (void)argument;
    expect_result(chan_clone_weak_sender(weak, &clone), -ECHILD);
    expect_result(chan_upgrade_sender(weak, &tx), -ECHILD);
    chan_close_weak_sender(weak);
    return 0;
}

static int64_t fork_and_use(struct party *me, int64_t a, int64_t b)
{
    struct child child;
    (void)a, (void)b;
    child_spawn(&child, use_in_child, NULL);
    int64_t result = child_finish(&child);
    expect_number(chan_weak_senders(me->ch), 1);
    return result;
}

static void test_a_child_does_not_have_it(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect_result(ask(pair.tx, downgrade), 0);
    expect_result(ask(pair.tx, fork_and_use), 0);
    expect_result(ask(pair.tx, close_weak), 0);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_strong_and_weak_senders_are_counted_apart, RENDEZVOUS_TOO, 0),
        CASE(test_a_cloned_weak_sender_is_another, RENDEZVOUS_TOO, 0),
        CASE(test_an_upgraded_sender_sends_and_keeps_the_channel_open, FOR_MANY_SENDERS, 0),
        CASE(test_a_weak_sender_keeps_nobody_connected, FOR_MANY_SENDERS | FOR_EPHEMERAL, 0),
        CASE(test_upgrading_fails_once_the_only_sender_was_killed, FOR_MANY_SENDERS | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_killed_holder_is_counted_no_more_and_its_record_is_free,
             FOR_MANY_SENDERS | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_upgrading_needs_no_receiver, FOR_MANY_SENDERS, 0),
        CASE(test_on_a_durable_channel_a_new_sender_makes_upgrading_possible_again,
             FOR_MANY_SENDERS | FOR_DURABLE | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_weak_sender_takes_no_seat, FOR_ONE_SENDER | RENDEZVOUS_TOO, 0),
        CASE(test_upgrading_races_the_last_close, FOR_MANY_SENDERS, 0),
        CASE(test_upgrades_do_not_keep_each_other_alive, FOR_MANY_SENDERS | RENDEZVOUS_TOO, 0),
        CASE(test_a_child_does_not_have_it, RENDEZVOUS_TOO, 0),
    };
    return suite_run("weak", cases, sizeof cases / sizeof *cases, argc, argv);
}
