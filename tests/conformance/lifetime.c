/* SPDX-License-Identifier: Apache-2.0 */
/* Ephemeral and durable lives: who disconnects what, what is discarded, what comes back, what is removed. */
#include <errno.h>
#include <string.h>

#include "expect.h"
#include "pair.h"
#include "suite.h"

static void test_before_the_first_receiver_sends_queue_up_to_capacity(const struct flavour *flavour)
{
    struct pair pair = {.ch = flavour_create(flavour, 3)};
    pair.tx = actor_start(flavour, pair.ch, ACTOR_SENDER);
    expect_number(chan_is_closed(pair.ch), 0);
    pair_send(&pair, 0, 3);
    expect_result(tell(pair.tx, send_try, 3), -EAGAIN);
    pair.rx = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_recv(&pair, 0, 3);
    pair_close(flavour, &pair);
}

static void test_before_the_first_sender_receivers_wait(const struct flavour *flavour)
{
    struct pair pair = {.ch = flavour_create(flavour, 3)};
    pair.rx = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    pair.tx = actor_start(flavour, pair.ch, ACTOR_SENDER);
    pair_send(&pair, 5, 1);
    expect_result(actor_finish_within(pair.rx, 1000), 5);
    pair_close(flavour, &pair);
}

static void test_queued_messages_are_received_after_the_last_sender_left(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 3);
    actor_end(pair.tx);
    pair.tx = NULL;
    expect_number(chan_is_closed(pair.ch), 1);
    expect_number(chan_is_drained(pair.ch), 0);
    expect_number(chan_len(pair.ch), 3);
    pair_recv(&pair, 0, 3);
    expect_result(ask(pair.rx, recv_blocking), -EPIPE);
    expect_number(chan_is_drained(pair.ch), 1);
    pair_close(flavour, &pair);
}

static void test_one_sender_of_two_leaving_closes_nothing(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_SENDER);
    expect_number(chan_senders(pair.ch), 2);
    actor_end(other);
    expect_number(chan_senders(pair.ch), 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    expect_number(chan_is_closed(pair.ch), 0);
    pair_pass(&pair, 1, 1);
    pair_close(flavour, &pair);
}

static void test_one_receiver_of_two_leaving_closes_nothing(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_send(&pair, 0, 1);
    expect_number(chan_receivers(pair.ch), 2);
    actor_end(other);
    expect_number(chan_receivers(pair.ch), 1);
    expect_number(chan_is_closed(pair.ch), 0);
    pair_send(&pair, 1, 1);
    pair_recv(&pair, 0, 2);
    pair_close(flavour, &pair);
}

static void test_messages_are_discarded_and_counted_when_the_last_receiver_leaves(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 3);
    actor_end(pair.rx);
    pair.rx = NULL;
    expect_result(tell(pair.tx, send_blocking, 3), -EPIPE);
    expect_number(chan_len(pair.ch), 0);
    expect_number(chan_is_closed(pair.ch), 1);
    expect_number(chan_is_drained(pair.ch), 1);
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(pair.ch, &stat), 0);
    expect_number(stat.sent, 3);
    expect_number(stat.received, 0);
    expect_number(stat.discarded, 3);
    expect_number(stat.receivers_gone, 1);
    expect_number(stat.units_used, 0);
    pair_close(flavour, &pair);
}

static void test_messages_are_discarded_when_the_last_receiver_is_killed(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    pair_send(&pair, 0, 3);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 0);
    actor_kill(pair.rx);
    expect_soon(chan_is_closed(pair.ch));
    expect_result(tell(pair.tx, send_blocking, 3), -EPIPE);
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(pair.ch, &stat), 0);
    expect_number(stat.sent, 3);
    expect_number(stat.received + stat.queued + stat.held + stat.orphaned, 0);
    expect_number(stat.discarded, 3);
    actor_bury(pair.rx);
    pair.rx = NULL;
    pair_close(flavour, &pair);
}

static void test_a_disconnected_side_admits_nobody_any_more(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *late = actor_start(flavour, pair.ch, ACTOR_IDLE);
    actor_end(pair.tx);
    expect_result(ask(late, attach_sender), -EPIPE);
    pair.tx = late;
    pair_close(flavour, &pair);
    pair = pair_open(flavour, 3);
    late = actor_start(flavour, pair.ch, ACTOR_IDLE);
    actor_end(pair.rx);
    expect_result(ask(late, attach_receiver), -EPIPE);
    pair.rx = late;
    pair_close(flavour, &pair);
}

static void test_a_side_disconnected_by_death_admits_nobody_any_more(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *late = actor_start(flavour, pair.ch, ACTOR_IDLE);
    actor_kill(pair.tx);
    expect_result(ask(pair.rx, recv_one_second), -EPIPE);
    expect_result(ask(late, attach_sender), -EPIPE);
    actor_bury(pair.tx);
    pair.tx = late;
    pair_close(flavour, &pair);
}

static void test_an_object_is_removed_when_the_last_endpoint_of_all_leaves(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect(flavour_exists());
    actor_end(pair.tx);
    expect(flavour_exists());
    actor_end(pair.rx);
    expect(!flavour_exists());
    pair.tx = pair.rx = NULL;
    pair_close(flavour, &pair);
    pair = pair_open(flavour, 3);
    actor_end(pair.rx);
    expect(flavour_exists());
    actor_end(pair.tx);
    expect(!flavour_exists());
    pair.tx = pair.rx = NULL;
    pair_close(flavour, &pair);
}

static void test_a_channel_that_never_had_an_endpoint_stays(const struct flavour *flavour)
{
    struct chan *ch = flavour_create(flavour, 3);
    chan_close(ch);
    expect(flavour_exists());
    expect_result(chan_open(FLAVOUR_CHANNEL, 0, &ch), 0);
    flavour_finish(flavour, ch);
}

static void test_when_all_endpoints_were_killed_the_next_open_finds_nothing(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct chan *ch = (struct chan *)&pair;
    pair_send(&pair, 0, 2);
    chan_close(pair.ch);
    actor_kill(pair.tx);
    actor_kill(pair.rx);
    expect_result(chan_open(FLAVOUR_CHANNEL, 0, &ch), -ENOENT);
    expect(ch == (struct chan *)&pair);
    expect(!flavour_exists());
    actor_bury(pair.tx);
    actor_bury(pair.rx);
}

static void test_when_all_endpoints_were_killed_the_next_create_replaces_it(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 2);
    struct actor *killed_tx = pair.tx, *killed_rx = pair.rx;
    uint8_t old_id[16], new_id[16];
    chan_id(pair.ch, old_id);
    chan_close(pair.ch);
    actor_kill(killed_tx);
    actor_kill(killed_rx);
    pair = pair_open(flavour, 3);
    chan_id(pair.ch, new_id);
    expect(memcmp(old_id, new_id, sizeof old_id) != 0);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    pair_send(&pair, 0, 3);
    pair_recv(&pair, 0, 3);
    actor_bury(killed_tx);
    actor_bury(killed_rx);
    pair_close(flavour, &pair);
}

static void test_when_all_endpoints_were_killed_open_or_create_makes_a_new_one(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct chan_options options = flavour_options(flavour, 3);
    struct chan *ch;
    chan_close(pair.ch);
    actor_kill(pair.tx);
    actor_kill(pair.rx);
    expect_result(chan_open_or_create(FLAVOUR_CHANNEL, &options, &ch), 0);
    expect_number(chan_is_closed(ch), 0);
    actor_bury(pair.tx);
    actor_bury(pair.rx);
    flavour_finish(flavour, ch);
}

static void test_create_does_not_replace_a_channel_one_of_whose_endpoints_lives(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct chan_options options = flavour_options(flavour, 3);
    struct chan *ch;
    actor_kill(pair.tx);
    expect_result(chan_create(FLAVOUR_CHANNEL, &options, &ch), -EEXIST);
    expect_result(chan_open(FLAVOUR_CHANNEL, 0, &ch), 0);
    expect_number(chan_same(ch, pair.ch), 1);
    chan_close(ch);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static void test_senders_of_a_durable_channel_meet_only_backpressure_without_receivers(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 2);
    actor_end(pair.rx);
    expect_number(chan_receivers(pair.ch), 0);
    expect_number(chan_is_closed(pair.ch), 0);
    pair_send(&pair, 2, 1);
    expect_result(tell(pair.tx, send_try, 3), -EAGAIN);
    actor_begin_blocking(pair.tx, send_blocking, 3, 0);
    pair.rx = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    for (int i = 0; i < 4; i++)
        expect_result(ask(pair.rx, recv_one_second), i);
    expect_result(actor_finish(pair.tx), 0);
    pair_close(flavour, &pair);
}

static void test_receivers_of_a_durable_channel_wait_for_senders_to_come_back(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 1);
    actor_end(pair.tx);
    pair_recv(&pair, 0, 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    pair.tx = actor_start(flavour, pair.ch, ACTOR_SENDER);
    pair_send(&pair, 1, 1);
    expect_result(actor_finish_within(pair.rx, 1000), 1);
    pair_close(flavour, &pair);
}

static void test_messages_of_a_durable_channel_outlive_everybody(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 3);
    actor_end(pair.tx);
    actor_kill(pair.rx);
    actor_bury(pair.rx);
    chan_close(pair.ch);
    expect(flavour_exists());
    expect_result(chan_open(FLAVOUR_CHANNEL, 0, &pair.ch), 0);
    expect_number(chan_len(pair.ch), 3);
    pair.tx = NULL;
    pair.rx = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_recv(&pair, 0, 3);
    pair_close(flavour, &pair);
}

static void test_a_shut_down_durable_channel_is_drained_and_then_closed(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pair_send(&pair, 0, 2);
    expect_result(ask(pair.tx, shutdown_channel), 0);
    actor_end(pair.tx);
    pair.tx = actor_start(flavour, pair.ch, ACTOR_IDLE);
    expect_result(ask(pair.tx, attach_sender), -EPIPE);
    pair_recv(&pair, 0, 2);
    expect_result(ask(pair.rx, recv_blocking), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_who_has_an_unlinked_channel_open_keeps_it(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect_result(chan_unlink(FLAVOUR_CHANNEL), 0);
    expect_result(chan_unlink(FLAVOUR_CHANNEL), -ENOENT);
    pair_pass(&pair, 0, 3);
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(pair.ch, &stat), 0);
    expect_number(stat.unlinked, 1);
    struct chan *second = flavour_create(flavour, 3);
    expect_number(chan_same(second, pair.ch), 0);
    actor_end(pair.tx);
    actor_end(pair.rx);
    chan_close(pair.ch);
    expect(flavour_exists()); /* the old one's end removes only its own name */
    flavour_finish(flavour, second);
}

static void test_handles_keep_the_channel_after_chan_close(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect_result(ask(pair.tx, close_channel), 0);
    expect_result(ask(pair.rx, close_channel), 0);
    pair_pass(&pair, 0, 3);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_before_the_first_receiver_sends_queue_up_to_capacity, 0, 0),
        CASE(test_before_the_first_sender_receivers_wait, 0, 0),
        CASE(test_queued_messages_are_received_after_the_last_sender_left, FOR_EPHEMERAL, 0),
        CASE(test_one_sender_of_two_leaving_closes_nothing, FOR_MANY_SENDERS | RENDEZVOUS_TOO, 0),
        CASE(test_one_receiver_of_two_leaving_closes_nothing, FOR_MANY_RECEIVERS, 0),
        CASE(test_messages_are_discarded_and_counted_when_the_last_receiver_leaves, FOR_EPHEMERAL, 0),
        CASE(test_messages_are_discarded_when_the_last_receiver_is_killed, FOR_EPHEMERAL, 0),
        CASE(test_a_disconnected_side_admits_nobody_any_more, FOR_EPHEMERAL | RENDEZVOUS_TOO, 0),
        CASE(test_a_side_disconnected_by_death_admits_nobody_any_more,
             FOR_EPHEMERAL | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_an_object_is_removed_when_the_last_endpoint_of_all_leaves,
             FOR_EPHEMERAL | FOR_NAMED | RENDEZVOUS_TOO, 0),
        CASE(test_a_channel_that_never_had_an_endpoint_stays, FOR_NAMED | RENDEZVOUS_TOO, 0),
        CASE(test_when_all_endpoints_were_killed_the_next_open_finds_nothing, FOR_EPHEMERAL | FOR_NAMED, 0),
        CASE(test_when_all_endpoints_were_killed_the_next_create_replaces_it, FOR_EPHEMERAL | FOR_NAMED, 0),
        CASE(test_when_all_endpoints_were_killed_open_or_create_makes_a_new_one,
             FOR_EPHEMERAL | FOR_NAMED | RENDEZVOUS_TOO, 0),
        CASE(test_create_does_not_replace_a_channel_one_of_whose_endpoints_lives, FOR_NAMED | RENDEZVOUS_TOO,
             0),
        CASE(test_senders_of_a_durable_channel_meet_only_backpressure_without_receivers, FOR_DURABLE, 0),
        CASE(test_receivers_of_a_durable_channel_wait_for_senders_to_come_back, FOR_DURABLE, 0),
        CASE(test_messages_of_a_durable_channel_outlive_everybody, FOR_DURABLE | FOR_NAMED, 0),
        CASE(test_a_shut_down_durable_channel_is_drained_and_then_closed, FOR_DURABLE, 0),
        CASE(test_who_has_an_unlinked_channel_open_keeps_it, FOR_NAMED | RENDEZVOUS_TOO, 0),
        CASE(test_handles_keep_the_channel_after_chan_close, RENDEZVOUS_TOO, 0),
    };
    return suite_run("lifetime", cases, sizeof cases / sizeof *cases, argc, argv);
}
