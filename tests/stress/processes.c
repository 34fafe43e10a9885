/* SPDX-License-Identifier: Apache-2.0 */
/* Processes, two and many, move messages of mixed sizes in every mode: exactly once, in order, content
 * verified.
 *
 * SHMCHAN_STRESS_MESSAGES says how many over all scenes together; the default suits a test run. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "load.h"
#include "suite.h"

#define DEFAULT_MESSAGES 1000000u
#define MOST 22

struct scene {
    uint32_t senders, receivers;
    uint64_t capacity; /* 0: a rendezvous channel */
    enum load_way way;
    uint32_t seat;    /* CHAN_ONE where a side has one endpoint, or CHAN_MANY */
    uint64_t percent; /* of all messages */
    uint32_t flags;
};

struct worker {
    const struct load *load;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    uint32_t number;
};

static int64_t work(void *argument)
{
    struct worker *me = argument;
    if (me->tx) {
        expect_result(chan_adopt_sender(me->tx), 0);
        load_send(me->load, me->tx, me->number);
        chan_close_sender(me->tx);
        return 0;
    }
    expect_result(chan_adopt_receiver(me->rx), 0);
    int64_t received = (int64_t)load_recv(me->load, me->rx);
    chan_close_receiver(me->rx);
    return received;
}

/* Prepared before the fork, so that nobody is disconnected however the processes come to run. */
static void start(struct chan *ch, const struct load *load, struct child *children)
{
    for (uint32_t i = 0; i < load->senders + load->receivers; i++) {
        struct worker worker = {.load = load, .number = i};
        if (i < load->senders)
            expect_result(chan_prepare_sender(ch, 0, &worker.tx), 0);
        else
            expect_result(chan_prepare_receiver(ch, 0, &worker.rx), 0);
        child_spawn(&children[i], work, &worker);
        chan_close_sender(worker.tx);
        chan_close_receiver(worker.rx);
    }
}

static void expect_left_clean(const struct chan *ch, uint64_t messages)
{
    char text[256];
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(ch, &stat), 0);
    expect_number(stat.sent, messages);
    expect_number(stat.received, messages);
    expect_number(stat.discarded + stat.held + stat.orphaned + stat.queued + stat.units_used, 0);
    if (chan_check(ch, text, sizeof text) != 0)
        expect_never("chan_check: %s", text);
}

static void play(const struct scene *scene)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.kind = scene->capacity ? CHAN_QUEUE : CHAN_RENDEZVOUS;
    options.messages = scene->capacity;
    options.message_size = 1 << 20;
    options.bytes = 16 << 20;
    options.endpoints = 2 * MOST;
    options.senders = scene->senders == 1 ? scene->seat : CHAN_MANY;
    options.receivers = scene->receivers == 1 ? scene->seat : CHAN_MANY;
    options.flags = scene->flags;
    struct load load = {.senders = scene->senders, .receivers = scene->receivers, .way = scene->way};
    load.largest = options.message_size;
    load.messages = load_messages(DEFAULT_MESSAGES) * scene->percent / 100 / scene->senders;
    load.account = account_open(load.senders, load.messages);
    struct child children[2 * MOST];
    struct chan *ch;
    expect_result(chan_create("stress", &options, &ch), 0);
    int64_t begin = chan_now();
    start(ch, &load, children);
    int64_t received = 0;
    for (uint32_t i = 0; i < load.senders + load.receivers; i++)
        received += child_finish(&children[i]);
    double seconds = (double)(chan_now() - begin) / 1e9;
    dprintf(STDOUT_FILENO, "    %lld messages in %.2f s\n", (long long)received, seconds);
    account_settle(load.account);
    expect_number(received, load.senders * load.messages);
    expect_left_clean(ch, load.senders * load.messages);
    account_close(load.account);
    chan_close(ch);
}

#define SCENE(name, ...)                                                                                     \
    static void name(void)                                                                                   \
    {                                                                                                        \
        static const struct scene scene = {__VA_ARGS__};                                                     \
        play(&scene);                                                                                        \
    }

SCENE(test_one_to_one_seats_taken_by_copy, 1, 1, 64, LOAD_COPY, CHAN_ONE, 16, 0)
SCENE(test_one_to_one_seats_taken_in_batches, 1, 1, 64, LOAD_BATCH, CHAN_ONE, 12, 0)
SCENE(test_one_to_one_seats_taken_in_place, 1, 1, 64, LOAD_IN_PLACE, CHAN_ONE, 12, 0)
SCENE(test_one_to_one_by_any_way_mixed, 1, 1, 1000, LOAD_MIXED, CHAN_MANY, 10, 0)
SCENE(test_one_to_eight_in_batches, 1, 8, 64, LOAD_BATCH, CHAN_ONE, 8, 0)
SCENE(test_eight_to_one_in_place, 8, 1, 64, LOAD_IN_PLACE, CHAN_ONE, 8, 0)
SCENE(test_eight_to_eight_by_copy, 8, 8, 64, LOAD_COPY, CHAN_MANY, 8, 0)
SCENE(test_eight_to_eight_in_batches, 8, 8, 1000, LOAD_BATCH, CHAN_MANY, 8, 0)
SCENE(test_eight_to_eight_in_place, 8, 8, 5, LOAD_IN_PLACE, CHAN_MANY, 6, 0)
SCENE(test_eight_to_eight_by_any_way_mixed, 8, 8, 64, LOAD_MIXED, CHAN_MANY, 8, 0)
SCENE(test_eight_to_eight_through_a_queue_of_one, 8, 8, 1, LOAD_MIXED, CHAN_MANY, 2, 0)
SCENE(test_two_to_two_without_keeper, 2, 2, 3, LOAD_MIXED, CHAN_MANY, 2, CHAN_NO_KEEPER)
SCENE(test_one_to_one_without_any_room, 1, 1, 0, LOAD_MIXED, CHAN_ONE, 2, 0)
SCENE(test_two_to_two_without_any_room_without_keeper, 2, 2, 0, LOAD_MIXED, CHAN_MANY, 1, CHAN_NO_KEEPER)
SCENE(test_twenty_two_to_twenty_two_without_any_room, 22, 22, 0, LOAD_MIXED, CHAN_MANY, 2, 0)

int main(int argc, char **argv)
{
    unsigned seconds = (unsigned)(120 + load_messages(DEFAULT_MESSAGES) / 10000);
    const struct plain_case cases[] = {
        PLAIN(test_one_to_one_seats_taken_by_copy, seconds),
        PLAIN(test_one_to_one_seats_taken_in_batches, seconds),
        PLAIN(test_one_to_one_seats_taken_in_place, seconds),
        PLAIN(test_one_to_one_by_any_way_mixed, seconds),
        PLAIN(test_one_to_eight_in_batches, seconds),
        PLAIN(test_eight_to_one_in_place, seconds),
        PLAIN(test_eight_to_eight_by_copy, seconds),
        PLAIN(test_eight_to_eight_in_batches, seconds),
        PLAIN(test_eight_to_eight_in_place, seconds),
        PLAIN(test_eight_to_eight_by_any_way_mixed, seconds),
        PLAIN(test_eight_to_eight_through_a_queue_of_one, seconds),
        PLAIN(test_two_to_two_without_keeper, seconds),
        PLAIN(test_one_to_one_without_any_room, seconds),
        PLAIN(test_two_to_two_without_any_room_without_keeper, seconds),
        PLAIN(test_twenty_two_to_twenty_two_without_any_room, seconds),
    };
    return suite_run_plain("stress_processes", cases, sizeof cases / sizeof *cases, argc, argv);
}
