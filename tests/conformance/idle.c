/* SPDX-License-Identifier: Apache-2.0 */
/* An idle process costs nothing: blocked, with a keeper, it wakes less than once a second. */
#include <stdio.h>
#include <unistd.h>

#include "expect.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

#define WATCHED_MS 6000

/* Wake-ups of both processes of the pair, all threads, while nothing happens. */
static void watch(const struct pair *pair)
{
    process_sleep_ms(
        1000); /* until everybody has gone to sleep, and the keepers have looked after the set-up */
    int64_t begin = chan_now();
    int64_t before_tx = process_wakeups(pair->tx->pid), before_rx = process_wakeups(pair->rx->pid);
    process_sleep_ms(WATCHED_MS);
    int64_t tx = process_wakeups(pair->tx->pid) - before_tx, rx = process_wakeups(pair->rx->pid) - before_rx;
    int64_t watched_ms = (chan_now() - begin) / 1000000;
    dprintf(STDOUT_FILENO, "    wake-ups in %lld ms: sender's process %lld, receiver's %lld\n",
            (long long)watched_ms, (long long)tx, (long long)rx);
    expect(tx * 1000 < watched_ms);
    expect(rx * 1000 < watched_ms);
}

static void test_an_idle_blocked_receiver_wakes_less_than_once_a_second(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    watch(&pair);
    pair_send(&pair, 1, 1);
    expect_result(actor_finish_within(pair.rx, 1000), 1);
    pair_close(flavour, &pair);
}

static void test_an_idle_blocked_sender_wakes_less_than_once_a_second(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    pair_send(&pair, 0, 2);
    actor_begin_blocking(pair.tx, send_blocking, 2, 0);
    watch(&pair);
    pair_recv(&pair, 0, 1);
    expect_result(actor_finish_within(pair.tx, 1000), 0);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_an_idle_blocked_receiver_wakes_less_than_once_a_second, FOR_MANY | FOR_NAMED | FOR_INLINE,
             0),
        CASE(test_an_idle_blocked_sender_wakes_less_than_once_a_second, FOR_MANY | FOR_NAMED | FOR_INLINE, 0),
    };
    return suite_run("idle", cases, sizeof cases / sizeof *cases, argc, argv);
}
