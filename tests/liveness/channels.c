/* SPDX-License-Identifier: Apache-2.0 */
/* A process with endpoints on many channels dies: on each of them its peers learn of it in time. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "process.h"
#include "suite.h"

#include <shmchan.h>

#define CHANNELS 24
#define ROUNDS 5
#define NOTICED_MS 1000

static struct chan *channels[CHANNELS];

static void create_channels(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.messages = 4;
    options.message_size = 64;
    options.endpoints = 4;
    for (int i = 0; i < CHANNELS; i++)
        expect_result(chan_create_anonymous(&options, &channels[i]), 0);
}

/* On all channels; returns by being killed. */
static int64_t send_on_all(void *argument)
{
    const int *ready = argument;
    for (int i = 0; i < CHANNELS; i++) {
        struct chan_sender *tx;
        expect_result(chan_attach_sender(channels[i], 0, &tx), 0);
    }
    expect(write(*ready, "", 1) == 1);
    for (;;)
        pause();
}

struct listener {
    pthread_t thread;
    struct chan_receiver *rx;
    int64_t ended_ns;
};

static void *listen_to_the_end(void *argument)
{
    struct listener *listener = argument;
    char byte;
    expect_result(chan_recv(listener->rx, &byte, sizeof byte, NULL), -EPIPE);
    listener->ended_ns = chan_now();
    return NULL;
}

/* One process listens to all channels, and has one keeper for them. Returns when the last listener learned of
 * the end. */
static int64_t listen_to_all(void *argument)
{
    const int *ready = argument;
    struct listener listeners[CHANNELS];
    int64_t last = 0;
    for (int i = 0; i < CHANNELS; i++) {
        expect_result(chan_attach_receiver(channels[i], CHAN_NO_SPIN, &listeners[i].rx), 0);
        expect(pthread_create(&listeners[i].thread, NULL, listen_to_the_end, &listeners[i]) == 0);
    }
    process_sleep_ms(50); /* until all sleep */
    expect(write(*ready, "", 1) == 1);
    for (int i = 0; i < CHANNELS; i++) {
        expect(pthread_join(listeners[i].thread, NULL) == 0);
        chan_close_receiver(listeners[i].rx);
        last = listeners[i].ended_ns > last ? listeners[i].ended_ns : last;
    }
    return last;
}

static void test_a_death_is_noticed_on_each_channel_that_the_dead_one_had(void)
{
    int ready[2];
    char byte;
    expect(pipe(ready) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        struct child sender, listener;
        create_channels();
        child_spawn(&sender, send_on_all, &ready[1]);
        expect(read(ready[0], &byte, 1) == 1);
        child_spawn(&listener, listen_to_all, &ready[1]);
        expect(read(ready[0], &byte, 1) == 1);
        int64_t killed = chan_now();
        child_kill(&sender);
        int64_t gone = chan_now();
        expect(child_finishes_within(&listener, NOTICED_MS));
        int64_t took = child_finish(&listener) - gone;
        dprintf(STDOUT_FILENO, "    gone %lld us after SIGKILL; noticed on all channels %lld us later\n",
                (long long)(gone - killed) / 1000, (long long)took / 1000);
        child_reap(&sender);
        for (int i = 0; i < CHANNELS; i++)
            chan_close(channels[i]);
    }
    close(ready[0]);
    close(ready[1]);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_a_death_is_noticed_on_each_channel_that_the_dead_one_had, 30),
    };
    return suite_run_plain("channels", cases, sizeof cases / sizeof *cases, argc, argv);
}
