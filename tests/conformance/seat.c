/* SPDX-License-Identifier: Apache-2.0 */
/* Who may attach: the one seat of CHAN_ONE, the table of endpoints, clones, and room again after close and
 * death. */
#include <errno.h>
#include <pthread.h>

#include "expect.h"
#include "pair.h"
#include "suite.h"

static void test_the_one_senders_seat_is_taken_once(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_IDLE);
    expect_result(ask(other, attach_sender), -EBUSY);
    expect_result(ask(pair.tx, attach_sender), -EBUSY);
    pair_pass(&pair, 0, 1);
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_the_one_receivers_seat_is_taken_once(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_IDLE);
    expect_result(ask(other, attach_receiver), -EBUSY);
    expect_result(ask(pair.rx, attach_receiver), -EBUSY);
    pair_pass(&pair, 0, 1);
    actor_end(other);
    pair_close(flavour, &pair);
}

/* Durable, since an ephemeral channel's empty seat is disconnected for good. */
static void test_a_seat_is_free_again_after_close(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_IDLE);
    expect_result(ask(pair.tx, close_sender), 0);
    expect_result(ask(other, attach_sender), 0);
    expect_result(ask(pair.tx, attach_sender), flavour->senders == CHAN_ONE ? -EBUSY : 0);
    expect_result(tell(other, send_try, 1), 0);
    pair_recv(&pair, 1, 1);
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_result(ask(other, attach_receiver), 0);
    expect_result(tell(other, send_try, 2), 0);
    expect_result(ask(other, recv_try), 2);
    actor_end(other);
    pair_close(flavour, &pair);
}

static void test_a_seat_is_free_again_after_kill(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 2);
    for (int round = 0; round < 5; round++) {
        actor_kill(pair.tx);
        struct actor *next = actor_start(flavour, pair.ch, ACTOR_SENDER); /* the dead one is not yet reaped */
        actor_bury(pair.tx);
        pair.tx = next;
        actor_kill(pair.rx);
        next = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
        actor_bury(pair.rx);
        pair.rx = next;
    }
    pair_send(&pair, 2, 1);
    pair_recv(&pair, 0, 3);
    pair_close(flavour, &pair);
}

#define ENDPOINTS 4

static struct chan *small_table(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 3);
    options.endpoints = ENDPOINTS;
    return flavour_create_with(flavour, &options);
}

static void test_one_endpoint_more_than_the_table_holds_is_refused_until_one_leaves(
    const struct flavour *flavour)
{
    struct chan *ch = small_table(flavour);
    struct actor *actors[ENDPOINTS], *late = actor_start(flavour, ch, ACTOR_IDLE);
    for (int i = 0; i < ENDPOINTS; i++)
        actors[i] = actor_start(flavour, ch, i % 2 ? ACTOR_SENDER : ACTOR_RECEIVER);
    for (int round = 0; round < 3; round++) {
        expect_result(ask(late, attach_sender), -EUSERS);
        expect_result(ask(late, attach_receiver), -EUSERS);
        expect_number(chan_senders(ch) + chan_receivers(ch), ENDPOINTS);
        actor_end(actors[round]);
        actors[round] = actor_start(flavour, ch, round % 2 ? ACTOR_SENDER : ACTOR_RECEIVER);
    }
    expect_result(tell(actors[1], send_try, 3), 0);
    expect_result(ask(actors[0], recv_try), 3);
    for (int i = 0; i < ENDPOINTS; i++)
        actor_end(actors[i]);
    actor_end(late);
    flavour_finish(flavour, ch);
}

static void test_the_table_has_room_again_after_kills(const struct flavour *flavour)
{
    struct chan *ch = small_table(flavour);
    struct actor *actors[ENDPOINTS];
    for (int i = 0; i < ENDPOINTS; i++)
        actors[i] = actor_start(flavour, ch, i % 2 ? ACTOR_SENDER : ACTOR_RECEIVER);
    for (int round = 0; round < 12; round++) {
        int i = round % ENDPOINTS;
        actor_kill(actors[i]);
        struct actor *next = actor_start(flavour, ch, i % 2 ? ACTOR_SENDER : ACTOR_RECEIVER);
        actor_bury(actors[i]);
        actors[i] = next;
    }
    expect_number(chan_senders(ch) + chan_receivers(ch), ENDPOINTS);
    expect_result(tell(actors[1], send_try, 3), 0);
    expect_result(ask(actors[0], recv_try), 3);
    for (int i = 0; i < ENDPOINTS; i++)
        actor_end(actors[i]);
    flavour_finish(flavour, ch);
}

static void test_a_failed_attach_leaves_no_trace(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    for (int i = 0; i < 200; i++) {
        expect_result(ask(pair.rx, attach_sender), -EBUSY);
        if (flavour->receivers == CHAN_ONE)
            expect_result(ask(pair.tx, attach_receiver), -EBUSY);
    }
    expect_number(chan_senders(pair.ch), 1);
    expect_number(chan_receivers(pair.ch), 1);
    pair_close(flavour, &pair);
}

/* A table that was used many times over keeps all its blocks. */
static void test_attaching_and_leaving_for_ever_loses_no_capacity(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 2);
    options.endpoints = 3;
    struct pair pair = pair_open_with(flavour, &options);
    struct party visitor;
    party_open(&visitor, flavour, pair.ch);
    for (int i = 0; i < 300; i++) {
        if (flavour->receivers == CHAN_MANY && i % 2) {
            expect_result(attach_receiver(&visitor, 0, 0), 0);
            expect_result(close_receiver(&visitor, 0, 0), 0);
        } else {
            expect_result(attach_sender(&visitor, 0, 0), 0);
            expect_result(loan_reserve(&visitor, 0, 1), 0);
            expect_result(close_sender(&visitor, 0, 0), 0);
        }
    }
    party_leave(&visitor);
    pair_send(&pair, 0, 2);
    expect_result(tell(pair.tx, send_try, 2), -EAGAIN);
    pair_recv(&pair, 0, 2);
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(pair.ch, &stat), 0);
    expect_number(stat.units_used, 0);
    pair_close(flavour, &pair);
}

struct other_thread {
    const struct flavour *flavour;
    struct chan_sender *tx;
    struct chan_receiver *rx;
};

static void *clone_and_use(void *argument)
{
    struct other_thread *other = argument;
    struct party me;
    party_open(&me, other->flavour, chan_of_sender(other->tx));
    expect_result(chan_clone_sender(other->tx, &me.tx), 0);
    expect_result(chan_clone_receiver(other->rx, &me.rx), 0);
    for (int64_t i = 0; i < 20; i++) {
        expect_result(send_blocking(&me, i, 0), 0);
        expect_result(recv_blocking(&me, 0, 0), i);
    }
    party_leave(&me);
    return NULL;
}

static void test_a_clone_made_in_another_thread_counts_and_works(const struct flavour *flavour)
{
    struct chan *ch = flavour_create(flavour, 3);
    struct other_thread other = {.flavour = flavour};
    pthread_t thread;
    expect_result(chan_attach_sender(ch, 0, &other.tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &other.rx), 0);
    expect(pthread_create(&thread, NULL, clone_and_use, &other) == 0);
    expect(pthread_join(thread, NULL) == 0);
    expect_number(chan_senders(ch), 1);
    expect_number(chan_receivers(ch), 1);
    struct chan_sender *clone;
    expect_result(chan_clone_sender(other.tx, &clone), 0);
    expect_number(chan_senders(ch), 2);
    chan_close_sender(other.tx);
    expect_number(chan_is_closed(ch), 0); /* the clone keeps the side connected */
    expect_result(chan_try_send(clone, "x", 1), 0);
    chan_close_sender(clone);
    chan_close_receiver(other.rx);
    flavour_finish(flavour, ch);
}

static void test_a_clone_of_the_one_sender_or_receiver_finds_the_seat_taken(const struct flavour *flavour)
{
    struct chan *ch = flavour_create(flavour, 3);
    struct chan_sender *tx, *tx_clone = NULL;
    struct chan_receiver *rx, *rx_clone = NULL;
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_clone_sender(tx, &tx_clone), flavour->senders == CHAN_ONE ? -EBUSY : 0);
    expect_result(chan_clone_receiver(rx, &rx_clone), flavour->receivers == CHAN_ONE ? -EBUSY : 0);
    chan_close_sender(tx_clone);
    chan_close_receiver(rx_clone);
    chan_close_sender(tx);
    chan_close_receiver(rx);
    flavour_finish(flavour, ch);
}

static void *attach_in_thread(void *argument)
{
    struct other_thread *other = argument;
    expect_result(chan_attach_sender(chan_of_receiver(other->rx), 0, &other->tx), 0);
    return NULL;
}

static void test_a_handle_outlives_the_thread_that_attached_it(const struct flavour *flavour)
{
    struct chan *ch = flavour_create(flavour, 3);
    struct other_thread other = {.flavour = flavour};
    struct party me;
    pthread_t thread;
    party_open(&me, flavour, ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    other.rx = me.rx;
    expect(pthread_create(&thread, NULL, attach_in_thread, &other) == 0);
    expect(pthread_join(thread, NULL) == 0);
    me.tx = other.tx;
    struct actor *onlooker = actor_start(flavour, ch, ACTOR_IDLE);
    expect_result(recv_by(&me, 0, HOW(WAY_COPY, FORM_TIMEOUT_SHORT)), -ETIMEDOUT);
    expect_number(ask(onlooker, senders), 1); /* the end of a thread is not the end of its process */
    expect_result(send_try(&me, 1, 0), 0);
    expect_result(recv_try(&me, 0, 0), 1);
    actor_end(onlooker);
    party_leave(&me);
    flavour_finish(flavour, ch);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_the_one_senders_seat_is_taken_once, FOR_ONE_SENDER | RENDEZVOUS_TOO, 0),
        CASE(test_the_one_receivers_seat_is_taken_once, FOR_ONE_RECEIVER | RENDEZVOUS_TOO, 0),
        CASE(test_a_seat_is_free_again_after_close, FOR_DURABLE, 0),
        CASE(test_a_seat_is_free_again_after_kill, FOR_DURABLE | WITHOUT_KEEPER_TOO, 0),
        CASE(test_one_endpoint_more_than_the_table_holds_is_refused_until_one_leaves, FOR_MANY, 0),
        CASE(test_the_table_has_room_again_after_kills, FOR_MANY | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_failed_attach_leaves_no_trace, FOR_ONE_SENDER | RENDEZVOUS_TOO, 0),
        CASE(test_attaching_and_leaving_for_ever_loses_no_capacity, FOR_MANY_SENDERS, 0),
        CASE(test_a_clone_made_in_another_thread_counts_and_works, FOR_MANY, 0),
        CASE(test_a_clone_of_the_one_sender_or_receiver_finds_the_seat_taken, RENDEZVOUS_TOO, 0),
        CASE(test_a_handle_outlives_the_thread_that_attached_it, 0, 0),
    };
    return suite_run("seat", cases, sizeof cases / sizeof *cases, argc, argv);
}
