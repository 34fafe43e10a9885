/* SPDX-License-Identifier: Apache-2.0 */
/* Which result wins: message > closed > timed out on receive, closed > sent > full on send, in every form. */
#include <errno.h>

#include "expect.h"
#include "pair.h"
#include "suite.h"

#define MESSAGES 3

/* Calls visit for every way and form; `only_limited` leaves out the forms that wait for ever. */
static void for_each_how(struct pair *pair, int only_limited,
                         void (*visit)(struct pair *pair, int64_t how, int expired))
{
    for (int way = 0; way < WAYS; way++)
        for (int form = 0; form < FORMS; form++)
            if (!only_limited || form_expired((enum form)form) != 0)
                visit(pair, HOW(way, form), form_expired((enum form)form));
}

static void recv_gets_seven(struct pair *pair, int64_t how, int expired)
{
    (void)expired;
    expect_result(tell(pair->tx, send_try, 7), 0);
    expect_result(actor_do(pair->rx, recv_by, 0, how), 7);
}

static void test_recv_gets_a_queued_message_in_every_form_even_with_an_expired_deadline(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, MESSAGES);
    for_each_how(&pair, 0, recv_gets_seven);
    pair_close(flavour, &pair);
}

static void recv_finds_nothing(struct pair *pair, int64_t how, int expired)
{
    expect_result(actor_do(pair->rx, recv_by, 0, how), expired);
}

static void test_recv_on_empty_open_queue_times_out_in_every_limited_form(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, MESSAGES);
    for_each_how(&pair, 1, recv_finds_nothing);
    expect_number(ask(pair.rx, len), 0);
    pair_close(flavour, &pair);
}

static void recv_is_closed(struct pair *pair, int64_t how, int expired)
{
    (void)expired;
    expect_result(actor_do(pair->rx, recv_by, 0, how), -EPIPE);
}

static void test_recv_on_closed_queue_returns_messages_first(const struct flavour *flavour)
{
    static const enum form forms[] = {FORM_BLOCK, FORM_TRY, FORM_TIMEOUT_ZERO, FORM_UNTIL_PAST};
    for (int way = 0; way < WAYS; way++)
        for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
            struct pair pair = pair_open(flavour, MESSAGES);
            pair_send(&pair, 0, MESSAGES);
            expect_result(ask(pair.tx, shutdown_channel), 0);
            for (int i = 0; i < MESSAGES; i++)
                expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, forms[f])), i);
            expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, forms[f])), -EPIPE);
            pair_close(flavour, &pair);
        }
}

static void test_recv_on_drained_queue_is_closed_in_every_form_even_with_an_expired_deadline(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, MESSAGES);
    expect_result(ask(pair.tx, shutdown_channel), 0);
    for_each_how(&pair, 0, recv_is_closed);
    pair_close(flavour, &pair);
}

static void test_recv_is_closed_in_every_form_once_the_last_sender_left(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, MESSAGES);
    expect_result(tell(pair.tx, send_try, 1), 0);
    expect_result(ask(pair.tx, close_sender), 0);
    expect_result(ask(pair.rx, recv_blocking), 1);
    for_each_how(&pair, 0, recv_is_closed);
    pair_close(flavour, &pair);
}

static void send_has_room(struct pair *pair, int64_t how, int expired)
{
    (void)expired;
    expect_result(actor_do(pair->tx, send_by, 9, how), 0);
    expect_result(ask(pair->rx, recv_try), 9);
}

static void test_send_with_room_succeeds_in_every_form_even_with_an_expired_deadline(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, MESSAGES);
    for_each_how(&pair, 0, send_has_room);
    pair_close(flavour, &pair);
}

static void send_finds_it_full(struct pair *pair, int64_t how, int expired)
{
    expect_result(actor_do(pair->tx, send_by, 99, how), expired);
    expect_number(ask(pair->rx, len), MESSAGES);
}

static void test_send_on_full_queue_times_out_in_every_limited_form_and_has_no_effect(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, MESSAGES);
    pair_send(&pair, 0, MESSAGES);
    for_each_how(&pair, 1, send_finds_it_full);
    pair_recv(&pair, 0, MESSAGES);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    pair_close(flavour, &pair);
}

static void send_is_closed(struct pair *pair, int64_t how, int expired)
{
    (void)expired;
    expect_result(actor_do(pair->tx, send_by, 5, how), -EPIPE);
}

static void test_send_on_closed_queue_fails_in_every_form_even_with_room(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, MESSAGES);
    expect_result(ask(pair.rx, shutdown_channel), 0);
    for_each_how(&pair, 0, send_is_closed);
    expect_result(ask(pair.rx, recv_try), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_send_on_closed_full_queue_is_closed_not_full(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, MESSAGES);
    pair_send(&pair, 0, MESSAGES);
    expect_result(ask(pair.rx, shutdown_channel), 0);
    for_each_how(&pair, 0, send_is_closed);
    pair_close(flavour, &pair);
}

static void test_send_is_closed_in_every_form_once_the_last_receiver_left(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, MESSAGES);
    expect_result(ask(pair.rx, close_receiver), 0);
    for_each_how(&pair, 0, send_is_closed);
    pair_close(flavour, &pair);
}

static void test_short_timeout_waits_about_that_long(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, MESSAGES);
    static const enum form forms[] = {FORM_TIMEOUT_SHORT, FORM_UNTIL_SHORT};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        int64_t start = chan_now();
        actor_begin(pair.rx, recv_by, 0, HOW(WAY_COPY, forms[i]));
        expect_result(actor_finish_within(pair.rx, 2000), -ETIMEDOUT);
        expect(chan_now() - start >= 20 * 1000000ll);
    }
    pair_close(flavour, &pair);
}

static void test_blocked_recv_gets_the_message_that_comes_later(const struct flavour *flavour)
{
    static const enum form forms[] = {FORM_BLOCK, FORM_TIMEOUT_HUGE, FORM_UNTIL_FOREVER};
    struct pair pair = pair_open(flavour, MESSAGES);
    for (int way = 0; way < WAYS; way++)
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
            actor_begin_blocking(pair.rx, recv_by, 0, HOW(way, forms[i]));
            expect_result(tell(pair.tx, send_try, 11), 0);
            expect_result(actor_finish_within(pair.rx, 1000), 11);
        }
    pair_close(flavour, &pair);
}

static void test_blocked_send_succeeds_when_room_comes(const struct flavour *flavour)
{
    static const enum form forms[] = {FORM_BLOCK, FORM_TIMEOUT_HUGE, FORM_UNTIL_FOREVER};
    struct pair pair = pair_open(flavour, MESSAGES);
    int64_t sent = 0, received = 0;
    while (sent < MESSAGES)
        expect_result(tell(pair.tx, send_try, sent++), 0);
    for (int way = 0; way < WAYS; way++)
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
            actor_begin_blocking(pair.tx, send_by, sent++, HOW(way, forms[i]));
            expect_result(ask(pair.rx, recv_try), received++);
            expect_result(actor_finish_within(pair.tx, 1000), 0);
        }
    while (received < sent)
        expect_result(ask(pair.rx, recv_try), received++);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_recv_gets_a_queued_message_in_every_form_even_with_an_expired_deadline, 0, 0),
        CASE(test_recv_on_empty_open_queue_times_out_in_every_limited_form, RENDEZVOUS_TOO, 0),
        CASE(test_recv_on_closed_queue_returns_messages_first, 0, 0),
        CASE(test_recv_on_drained_queue_is_closed_in_every_form_even_with_an_expired_deadline, RENDEZVOUS_TOO,
             0),
        CASE(test_recv_is_closed_in_every_form_once_the_last_sender_left, FOR_EPHEMERAL, 0),
        CASE(test_send_with_room_succeeds_in_every_form_even_with_an_expired_deadline, 0, 0),
        CASE(test_send_on_full_queue_times_out_in_every_limited_form_and_has_no_effect, 0, 0),
        CASE(test_send_on_closed_queue_fails_in_every_form_even_with_room, RENDEZVOUS_TOO, 0),
        CASE(test_send_on_closed_full_queue_is_closed_not_full, 0, 0),
        CASE(test_send_is_closed_in_every_form_once_the_last_receiver_left, FOR_EPHEMERAL | RENDEZVOUS_TOO,
             0),
        CASE(test_short_timeout_waits_about_that_long, FOR_FEW | RENDEZVOUS_TOO, 0),
        CASE(test_blocked_recv_gets_the_message_that_comes_later, FOR_FEW | RENDEZVOUS_TOO, 0),
        CASE(test_blocked_send_succeeds_when_room_comes, FOR_FEW, 0),
    };
    return suite_run("results", cases, sizeof cases / sizeof *cases, argc, argv);
}
