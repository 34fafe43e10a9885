/* SPDX-License-Identifier: Apache-2.0 */
/* Fair queues: places go to those who have waited longest; nobody overtakes; whoever gives up, dies or is stopped
 * keeps nobody but itself from sending. */
#include <errno.h>

#include "child.h"
#include "expect.h"
#include "pair.h"
#include "suite.h"

#define WAKE_MS 1000

/* a places, for b milliseconds */
static int64_t reserve_for(struct party *me, int64_t a, int64_t b)
{
    return chan_permit_reserve_timeout(me->tx, (uint64_t)a, b * 1000000);
}

static int64_t permit_release(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return chan_permit_release(me->tx, (uint64_t)a);
}

enum { WAITERS = 4 };

/* A full queue of `messages`, and senders that wait, of which number i has message messages + i. */
static struct pair open_full(const struct flavour *flavour, int64_t messages, struct actor **waiters)
{
    struct pair pair = pair_open(flavour, (uint64_t)messages);
    pair_send(&pair, 0, messages);
    for (int64_t i = 0; i < WAITERS; i++) {
        waiters[i] = actor_start(flavour, pair.ch, ACTOR_SENDER);
        actor_begin_blocking(waiters[i], send_blocking, messages + i, 0);
    }
    return pair;
}

static void close_all(const struct flavour *flavour, struct pair *pair, struct actor **waiters)
{
    for (int i = 0; i < WAITERS; i++)
        if (waiters[i])
            actor_end(waiters[i]);
    pair_close(flavour, pair);
}

static void test_places_go_to_senders_in_the_order_in_which_they_came(const struct flavour *flavour)
{
    for (int64_t messages = 1; messages <= 3; messages++) {
        struct actor *waiters[WAITERS];
        struct pair pair = open_full(flavour, messages, waiters);
        for (int64_t i = 0; i < WAITERS; i++) {
            pair_recv(&pair, i, 1);
            expect_result(actor_finish_within(waiters[i], WAKE_MS), 0);
        }
        pair_recv(&pair, WAITERS, messages);
        close_all(flavour, &pair, waiters);
    }
}

static void test_several_places_freed_at_once_go_to_as_many(const struct flavour *flavour)
{
    struct actor *waiters[WAITERS];
    struct pair pair = open_full(flavour, 3, waiters);
    for (int i = 0; i < WAITERS; i++)
        child_stop(waiters[i]->pid);
    pair_recv(&pair, 0, 3);
    for (int i = WAITERS - 1; i >= 0; i--)
        child_continue(waiters[i]->pid);
    for (int i = 0; i < 3; i++)
        expect_result(actor_finish_within(waiters[i], WAKE_MS), 0);
    expect_result(actor_finish_within(waiters[3], 50), -EINPROGRESS);
    expect_number(chan_len(pair.ch), 3);
    for (int i = 0; i < 3; i++)
        expect_number(ask(pair.rx, recv_blocking) < 6, 1);
    expect_result(actor_finish_within(waiters[3], WAKE_MS), 0);
    pair_recv(&pair, 6, 1);
    close_all(flavour, &pair, waiters);
}

static void test_nobody_overtakes_one_who_waits_even_if_it_is_stopped(const struct flavour *flavour)
{
    struct actor *waiters[WAITERS];
    struct pair pair = open_full(flavour, 2, waiters);
    for (int i = 0; i < WAITERS; i++)
        child_stop(waiters[i]->pid);
    pair_recv(&pair, 0, 2);
    expect_number(chan_len(pair.ch), 0);
    for (int i = 0; i < 10; i++)
        expect_result(tell(pair.tx, send_try, 99), -EAGAIN);
    for (int i = 0; i < WAITERS; i++) {
        child_continue(waiters[i]->pid);
        expect_result(actor_finish_within(waiters[i], WAKE_MS), 0);
        pair_recv(&pair, 2 + i, 1);
    }
    expect_result(tell(pair.tx, send_try, 7), 0);
    pair_recv(&pair, 7, 1);
    close_all(flavour, &pair, waiters);
}

static void test_one_stopped_while_it_waits_keeps_one_place(const struct flavour *flavour)
{
    struct actor *waiters[WAITERS];
    struct pair pair = open_full(flavour, 2, waiters);
    child_stop(waiters[0]->pid);
    pair_recv(&pair, 0, 2);
    for (int i = 1; i < WAITERS; i++) {
        expect_result(actor_finish_within(waiters[i], WAKE_MS), 0);
        pair_recv(&pair, 2 + i, 1);
    }
    for (int64_t i = 10; i < 20; i++) {
        expect_result(tell(pair.tx, send_try, i), 0);
        expect_result(tell(pair.tx, send_try, 99), -EAGAIN);
        pair_recv(&pair, i, 1);
    }
    child_continue(waiters[0]->pid);
    expect_result(actor_finish_within(waiters[0], WAKE_MS), 0);
    pair_recv(&pair, 2, 1);
    close_all(flavour, &pair, waiters);
}

static void test_the_place_of_one_who_was_killed_goes_to_the_next(const struct flavour *flavour)
{
    for (int stopped = 0; stopped < 2; stopped++) {
        struct actor *waiters[WAITERS];
        struct pair pair = open_full(flavour, 1, waiters);
        if (stopped) {
            child_stop(waiters[0]->pid); /* its turn comes, and it does not take it */
            pair_recv(&pair, 0, 1);
            expect_result(actor_finish_within(waiters[1], 50), -EINPROGRESS);
            actor_kill(waiters[0]);
        } else {
            actor_kill(waiters[0]);
            pair_recv(&pair, 0, 1);
        }
        expect_result(actor_finish_within(waiters[1], WAKE_MS), 0);
        pair_recv(&pair, 2, 1);
        expect_result(actor_finish_within(waiters[2], WAKE_MS), 0);
        actor_bury(waiters[0]);
        waiters[0] = NULL;
        pair_recv(&pair, 3, 1);
        expect_result(actor_finish_within(waiters[3], WAKE_MS), 0);
        pair_recv(&pair, 4, 1);
        close_all(flavour, &pair, waiters);
    }
}

static void test_whoever_wants_many_is_not_overtaken_by_those_who_want_few(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    struct actor *few = actor_start(flavour, pair.ch, ACTOR_SENDER);
    struct actor *many = actor_start(flavour, pair.ch, ACTOR_SENDER);
    pair_send(&pair, 0, 2);
    actor_begin_blocking(many, reserve_for, 2, 20000);
    actor_begin_blocking(few, send_blocking, 2, 0);
    pair_recv(&pair, 0, 1);
    expect_result(actor_finish_within(few, 50), -EINPROGRESS);
    expect_result(tell(pair.tx, send_try, 9), -EAGAIN);
    pair_recv(&pair, 1, 1);
    expect_result(actor_finish_within(many, WAKE_MS), 0);
    expect_result(actor_finish_within(few, 50), -EINPROGRESS);
    expect_result(tell(many, permit_release, 1), 0);
    expect_result(actor_finish_within(few, WAKE_MS), 0);
    pair_recv(&pair, 2, 1);
    actor_end(few);
    actor_end(many);
    pair_close(flavour, &pair);
}

static void test_when_one_who_wants_many_gives_up_the_next_goes_on(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    struct actor *few = actor_start(flavour, pair.ch, ACTOR_SENDER);
    struct actor *many = actor_start(flavour, pair.ch, ACTOR_SENDER);
    pair_send(&pair, 0, 1);
    actor_begin_blocking(many, reserve_for, 2, 2000);
    actor_begin_blocking(few, send_blocking, 1, 0);
    expect_result(actor_finish_within(many, 10000), -ETIMEDOUT);
    expect_result(actor_finish_within(few, WAKE_MS), 0);
    pair_recv(&pair, 0, 2);
    actor_end(few);
    actor_end(many);
    pair_close(flavour, &pair);
}

static void test_all_who_wait_are_refused_by_shutdown_and_what_was_queued_comes(const struct flavour *flavour)
{
    struct actor *waiters[WAITERS];
    struct pair pair = open_full(flavour, 2, waiters);
    child_stop(waiters[1]->pid); /* whoever waits does not keep the end from coming */
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(actor_finish_within(waiters[0], WAKE_MS), -EPIPE);
    pair_recv(&pair, 0, 2);
    expect_result(ask(pair.rx, recv_blocking), -EPIPE);
    child_continue(waiters[1]->pid);
    for (int i = 1; i < WAITERS; i++)
        expect_result(actor_finish_within(waiters[i], WAKE_MS), -EPIPE);
    expect_result(ask(pair.rx, recv_try), -EPIPE);
    close_all(flavour, &pair, waiters);
}

static const struct conformance_case cases[] = {
    CASE(test_places_go_to_senders_in_the_order_in_which_they_came,
         FOR_FAIR | FOR_MANY_SENDERS | WITHOUT_KEEPER_TOO, 0),
    CASE(test_several_places_freed_at_once_go_to_as_many, FOR_FAIR | FOR_MANY_SENDERS, 0),
    CASE(test_nobody_overtakes_one_who_waits_even_if_it_is_stopped,
         FOR_FAIR | FOR_MANY_SENDERS | WITHOUT_KEEPER_TOO, 0),
    CASE(test_one_stopped_while_it_waits_keeps_one_place, FOR_FAIR | FOR_MANY_SENDERS, 0),
    CASE(test_the_place_of_one_who_was_killed_goes_to_the_next,
         FOR_FAIR | FOR_MANY_SENDERS | WITHOUT_KEEPER_TOO, 0),
    CASE(test_whoever_wants_many_is_not_overtaken_by_those_who_want_few, FOR_FAIR | FOR_MANY_SENDERS, 0),
    CASE(test_when_one_who_wants_many_gives_up_the_next_goes_on, FOR_FAIR | FOR_MANY_SENDERS, 0),
    CASE(test_all_who_wait_are_refused_by_shutdown_and_what_was_queued_comes, FOR_FAIR | FOR_MANY_SENDERS, 0),
};

int main(int argc, char **argv)
{
    return suite_run("fair", cases, sizeof cases / sizeof cases[0], argc, argv);
}
