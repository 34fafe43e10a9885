/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of one process, each with a clone, share a channel. It runs in one process alone, for
 * ThreadSanitizer. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"
#include "load.h"

#define DEFAULT_MESSAGES 100000u
#define MOST 4
#define SECONDS 280 /* then SIGALRM ends a hanging process */

struct worker {
    pthread_t thread;
    const struct load *load;
    const struct chan_sender *tx; /* to be cloned */
    const struct chan_receiver *rx;
    uint32_t number;
    uint64_t received;
};

static void *send_by_clone(void *argument)
{
    struct worker *me = argument;
    struct chan_sender *tx;
    expect_result(chan_clone_sender(me->tx, &tx), 0);
    load_send(me->load, tx, me->number);
    chan_close_sender(tx);
    return NULL;
}

static void *recv_by_clone(void *argument)
{
    struct worker *me = argument;
    struct chan_receiver *rx;
    expect_result(chan_clone_receiver(me->rx, &rx), 0);
    me->received = load_recv(me->load, rx);
    chan_close_receiver(rx);
    return NULL;
}

static void play(uint32_t senders, uint32_t receivers, uint64_t capacity, enum load_way way, uint32_t flags)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.messages = capacity;
    options.message_size = 40000;
    options.endpoints = 2 * MOST + 2;
    options.flags = flags;
    struct load load = {
        .senders = senders, .receivers = receivers, .way = way, .largest = options.message_size};
    load.messages = load_messages(DEFAULT_MESSAGES) / 5 / senders;
    load.account = account_open(senders, load.messages);
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct worker workers[2 * MOST];
    expect_result(chan_create_anonymous(&options, &ch), 0);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    for (uint32_t i = 0; i < senders + receivers; i++) {
        workers[i] = (struct worker){.load = &load, .tx = tx, .rx = rx, .number = i};
        void *(*body)(void *) = i < senders ? send_by_clone : recv_by_clone;
        expect(pthread_create(&workers[i].thread, NULL, body, &workers[i]) == 0);
    }
    uint64_t received = 0;
    for (uint32_t i = 0; i < senders + receivers; i++) {
        expect(pthread_join(workers[i].thread, NULL) == 0);
        if (i + 1 == senders)
            chan_close_sender(tx); /* the last of the senders: receivers see the end */
        received += workers[i].received;
    }
    chan_close_receiver(rx);
    account_settle(load.account);
    expect_number(received, senders * load.messages);
    account_close(load.account);
    chan_close(ch);
}

static void test_four_threads_to_four_by_copy(void **state)
{
    (void)state;
    play(4, 4, 64, LOAD_COPY, 0);
}

static void test_four_threads_to_four_in_batches(void **state)
{
    (void)state;
    play(4, 4, 64, LOAD_BATCH, 0);
}

static void test_four_threads_to_four_in_place(void **state)
{
    (void)state;
    play(4, 4, 7, LOAD_IN_PLACE, 0);
}

static void test_one_thread_to_one_by_any_way_mixed(void **state)
{
    (void)state;
    play(1, 1, 3, LOAD_MIXED, CHAN_NO_KEEPER);
}

static void test_two_threads_to_two_through_a_queue_of_one(void **state)
{
    (void)state;
    play(2, 2, 1, LOAD_MIXED, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_threads_to_four_by_copy),
        cmocka_unit_test(test_four_threads_to_four_in_batches),
        cmocka_unit_test(test_four_threads_to_four_in_place),
        cmocka_unit_test(test_one_thread_to_one_by_any_way_mixed),
        cmocka_unit_test(test_two_threads_to_two_through_a_queue_of_one),
    };
    alarm(SECONDS);
    return cmocka_run_group_tests_name("stress_threads", tests, NULL, NULL);
}
