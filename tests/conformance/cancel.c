/* SPDX-License-Identifier: Apache-2.0 */
/* Calls cancelled by another thread of their process. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "expect.h"
#include "pair.h"
#include "suite.h"

/* Less than the 1.25 s after which a sleeper looks around by itself. */
#define SOON_MS 1000

static int64_t cancel_sender(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_cancel_sender(me->tx);
}

static int64_t cancel_receiver(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_cancel_receiver(me->rx);
}

/* A second thread of the party, which waits until the party's endpoint waits, and then cancels. */
struct canceller {
    struct party *party;
    step *cancel;
    uint32_t number;
};

static void *cancel_once_it_waits(void *argument)
{
    struct canceller *c = argument;
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    do
        expect(!chan_endpoint_stat(c->party->ch, c->number, &stat));
    while (stat.waits_for == CHAN_WAITS_FOR_NOTHING);
    expect_result(c->cancel(c->party, 0, 0), 0);
    return NULL;
}

static int64_t cancelled(struct canceller *c, step *what, int64_t a, int64_t b)
{
    pthread_t thread;
    expect(!pthread_create(&thread, NULL, cancel_once_it_waits, c));
    int64_t result = what(c->party, a, b);
    expect(!pthread_join(thread, NULL));
    return result;
}

static int64_t recv_and_be_cancelled(struct party *me, int64_t a, int64_t b)
{
    struct canceller c = {me, cancel_receiver, chan_receiver_number(me->rx)};
    return cancelled(&c, recv_by, a, b);
}

static int64_t send_and_be_cancelled(struct party *me, int64_t a, int64_t b)
{
    struct canceller c = {me, cancel_sender, chan_sender_number(me->tx)};
    return cancelled(&c, send_by, a, b);
}

static int64_t wait_closed(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_wait_closed(me->tx);
}

static int64_t wait_closed_and_be_cancelled(struct party *me, int64_t a, int64_t b)
{
    struct canceller c = {me, cancel_sender, chan_sender_number(me->tx)};
    return cancelled(&c, wait_closed, a, b);
}

static const enum form waiting_forms[] = {FORM_BLOCK, FORM_TIMEOUT_HUGE, FORM_UNTIL_FOREVER};

static void test_waiting_for_the_end_is_cancelled_too(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    actor_begin(pair.tx, wait_closed_and_be_cancelled, 0, 0);
    expect_result(actor_finish_within(pair.tx, SOON_MS), -ECANCELED);
    pair_send(&pair, 0, 1);
    pair_recv(&pair, 0, 1);
    pair_close(flavour, &pair);
}

static void test_a_cancelled_receive_leaves_the_next_message_to_the_next_receive(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    for (int way = 0; way < WAYS; way++) {
        actor_begin(pair.rx, recv_and_be_cancelled, 0, HOW(way, waiting_forms[way]));
        expect_result(actor_finish_within(pair.rx, SOON_MS), -ECANCELED);
        pair_send(&pair, way, 1);
        pair_recv(&pair, way, 1);
    }
    pair_close(flavour, &pair);
}

static void test_a_cancelled_send_has_sent_nothing(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    for (int way = 0; way < WAYS; way++) {
        pair_send(&pair, way, 1);
        actor_begin(pair.tx, send_and_be_cancelled, 99, HOW(way, waiting_forms[way]));
        expect_result(actor_finish_within(pair.tx, SOON_MS), -ECANCELED);
        pair_recv(&pair, way, 1);
        expect_result(ask(pair.rx, recv_try), -EAGAIN);
    }
    pair_close(flavour, &pair);
}

static void test_without_a_call_the_next_one_that_would_wait_is_cancelled_once(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    expect_result(ask(pair.rx, cancel_receiver), 0);
    expect_result(ask(pair.rx, cancel_receiver), 0);
    pair_send(&pair, 0, 1);
    pair_recv(&pair, 0, 1); /* need not wait */
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    expect_result(ask(pair.rx, recv_blocking), -ECANCELED);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    pair_send(&pair, 1, 1);
    expect_result(actor_finish_within(pair.rx, SOON_MS), 1);
    expect_result(ask(pair.tx, cancel_sender), 0);
    pair_send(&pair, 2, 1);
    expect_result(tell(pair.tx, send_try, 3), -EAGAIN);
    expect_result(tell(pair.tx, send_blocking, 3), -ECANCELED);
    actor_begin_blocking(pair.tx, send_blocking, 3, 0);
    pair_recv(&pair, 2, 1);
    expect_result(actor_finish_within(pair.tx, SOON_MS), 0);
    pair_close(flavour, &pair);
}

static void test_the_end_of_the_channel_comes_before_cancelling(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    expect_result(ask(pair.rx, cancel_receiver), 0);
    expect_result(ask(pair.tx, shutdown_channel), 0);
    expect_result(ask(pair.rx, recv_blocking), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_others_that_wait_are_not_cancelled(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    actor_begin_blocking(other, recv_blocking, 0, 0);
    actor_begin(pair.rx, recv_and_be_cancelled, 0, HOW(WAY_COPY, FORM_BLOCK));
    expect_result(actor_finish_within(pair.rx, SOON_MS), -ECANCELED);
    expect_result(actor_finish_within(other, 50), -EINPROGRESS);
    pair_send(&pair, 0, 1);
    expect_result(actor_finish_within(other, SOON_MS), 0);
    actor_end(other);
    pair_close(flavour, &pair);
}

static atomic_bool racing;
static pthread_t canceller;

static void *cancel_all_the_time(void *party)
{
    while (atomic_load(&racing))
        expect_result(cancel_receiver(party, 0, 0), 0);
    return NULL;
}

static int64_t recv_cancelled_from_now_on(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    atomic_store(&racing, true);
    expect(!pthread_create(&canceller, NULL, cancel_all_the_time, me));
    return recv_blocking(me, 0, 0);
}

/* Receives messages 0 .. a-1. */
static int64_t recv_while_cancelled(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    for (int64_t next = 0; next < a;) {
        int64_t got = recv_blocking(me, 0, 0);
        if (got != -ECANCELED)
            expect_result(got, next++);
    }
    atomic_store(&racing, false);
    expect(!pthread_join(canceller, NULL));
    return 0;
}

static void test_no_message_is_lost_to_calls_that_are_cancelled_all_the_time(const struct flavour *flavour)
{
    enum { MESSAGES = 300 };
    struct pair pair = pair_open(flavour, 2);
    expect_result(ask(pair.rx, recv_cancelled_from_now_on), -ECANCELED); /* there is nothing yet */
    actor_begin(pair.rx, recv_while_cancelled, MESSAGES, 0);
    for (int64_t i = 0; i < MESSAGES; i++) {
        expect_result(tell(pair.tx, send_blocking, i), 0);
        if (i % 10 == 0)
            usleep(1000);
    }
    expect_result(actor_finish(pair.rx), 0);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_waiting_for_the_end_is_cancelled_too, 0, 0),
        CASE(test_a_cancelled_receive_leaves_the_next_message_to_the_next_receive,
             FOR_FEW | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_cancelled_send_has_sent_nothing, FOR_FEW | WITHOUT_KEEPER_TOO, 0),
        CASE(test_without_a_call_the_next_one_that_would_wait_is_cancelled_once, FOR_FEW, 0),
        CASE(test_the_end_of_the_channel_comes_before_cancelling, FOR_FEW | RENDEZVOUS_TOO, 0),
        CASE(test_others_that_wait_are_not_cancelled, FOR_MANY_RECEIVERS | FOR_FEW, 0),
        CASE(test_no_message_is_lost_to_calls_that_are_cancelled_all_the_time, FOR_FEW, 60),
    };
    return suite_run("cancel", cases, sizeof cases / sizeof *cases, argc, argv);
}
