/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcasts whose senders wait for the slowest receiver, and what memory and views do in both kinds. */
#include "broadcast.h"

#include <errno.h>

#include "child.h"
#include "expect.h"
#include "suite.h"

#define NOTICED_MS 1000

static void test_the_slowest_receiver_holds_senders_up(const struct flavour *flavour)
{
    static const int64_t capacities[] = {1, 2, 3, 64};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        int64_t n = capacities[i];
        struct audience a = audience_open(flavour, (uint64_t)n, 2);
        audience_send(&a, 0, n);
        expect_number(chan_is_full(a.ch), 1);
        expect_number(chan_available(a.ch), 0);
        for (int form = 0; form < FORMS; form++)
            if (form_expired((enum form)form))
                expect_result(actor_do(a.tx, send_by, n, HOW(WAY_COPY, form)), form_expired((enum form)form));
        audience_recv(&a, 0, 0, n); /* the fast one does not help */
        expect_result(tell(a.tx, send_try, n), -EAGAIN);
        expect_number(chan_len(a.ch), n);
        for (int64_t k = 0; k < n; k++) {
            audience_recv(&a, 1, k, 1);
            expect_number(chan_available(a.ch), 1);
            audience_send(&a, n + k, 1);
            expect_result(tell(a.tx, send_try, 99), -EAGAIN);
        }
        audience_recv(&a, 0, n, n);
        audience_recv(&a, 1, n, n);
        expect_number(chan_len(a.ch), 0);
        audience_close(flavour, &a);
    }
}

static void test_a_blocked_sender_goes_on_when_the_slowest_has_read(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 2);
    struct actor *other = actor_start(flavour, a.ch, ACTOR_SENDER);
    audience_send(&a, 0, 2);
    for (int64_t i = 2; i < 10; i += 2) {
        actor_begin_blocking(a.tx, send_blocking, i, 0);
        actor_begin_blocking(other, send_blocking, i + 1, 0);
        audience_recv(&a, 0, i - 2, 1);
        expect_result(actor_finish_within(a.tx, 20), -EINPROGRESS);
        audience_recv(&a, 1, i - 2, 1);
        audience_recv(&a, 0, i - 1, 1);
        audience_recv(&a, 1, i - 1, 1);
        expect_result(actor_finish_within(a.tx, NOTICED_MS), 0);
        expect_result(actor_finish_within(other, NOTICED_MS), 0);
        /* Which was first is not said: have them in order for the next round. */
        expect_result(ask(a.rx[0], resubscribe), 0);
        expect_result(ask(a.rx[1], resubscribe), 0);
        audience_send(&a, i, 2);
    }
    actor_end(other);
    audience_close(flavour, &a);
}

enum end { CLOSED, KILLED, RESUBSCRIBED };

static void slowest_ends(const struct flavour *flavour, enum end how)
{
    struct audience a = audience_open(flavour, 2, 2);
    audience_send(&a, 0, 2);
    audience_recv(&a, 0, 0, 2);
    actor_begin_blocking(a.tx, send_blocking, 2, 0);
    switch (how) {
    case CLOSED:
        actor_end(a.rx[1]);
        break;
    case KILLED:
        actor_kill(a.rx[1]);
        break;
    case RESUBSCRIBED:
        expect_result(ask(a.rx[1], resubscribe), 0);
        break;
    }
    expect_result(actor_finish_within(a.tx, NOTICED_MS), 0);
    audience_recv(&a, 0, 2, 1);
    if (how == KILLED)
        actor_bury(a.rx[1]);
    if (how != RESUBSCRIBED)
        a.rx[1] = NULL;
    audience_close(flavour, &a);
}

static void test_a_slowest_that_closes_holds_nobody_up(const struct flavour *flavour)
{
    slowest_ends(flavour, CLOSED);
}

static void test_a_slowest_that_dies_holds_nobody_up(const struct flavour *flavour)
{
    slowest_ends(flavour, KILLED);
}

static void test_a_slowest_that_subscribes_anew_holds_nobody_up(const struct flavour *flavour)
{
    slowest_ends(flavour, RESUBSCRIBED);
}

static void test_a_stopped_receiver_holds_senders_up_and_misses_nothing(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 2);
    child_stop(a.rx[1]->pid);
    audience_send(&a, 0, 2);
    audience_recv(&a, 0, 0, 2);
    actor_begin(a.tx, send_blocking, 2, 0);
    expect_result(actor_finish_within(a.tx, 100), -EINPROGRESS);
    child_continue(a.rx[1]->pid);
    audience_recv(&a, 1, 0, 1);
    expect_result(actor_finish_within(a.tx, NOTICED_MS), 0);
    audience_recv(&a, 1, 1, 2);
    audience_close(flavour, &a);
}

static void test_a_stopped_receiver_delays_nobody_where_it_lags(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 2);
    child_stop(a.rx[1]->pid);
    for (int64_t i = 0; i < 10; i++) {
        audience_send(&a, i, 1);
        audience_recv(&a, 0, i, 1);
    }
    child_continue(a.rx[1]->pid);
    expect_result(ask(a.rx[1], recv_try), -EOVERFLOW);
    expect_number(ask(a.rx[1], lagged), 8);
    audience_recv(&a, 1, 8, 2);
    audience_close(flavour, &a);
}

static void test_a_blocked_sender_learns_that_the_last_receiver_is_gone(const struct flavour *flavour)
{
    for (int killed = 0; killed < 2; killed++) {
        struct audience a = audience_open(flavour, 2, 1);
        audience_send(&a, 0, 2);
        actor_begin_blocking(a.tx, send_blocking, 2, 0);
        killed ? actor_kill(a.rx[0]) : actor_end(a.rx[0]);
        expect_result(actor_finish_within(a.tx, NOTICED_MS), -EPIPE);
        if (killed)
            actor_bury(a.rx[0]);
        a.rx[0] = actor_start(flavour, a.ch, ACTOR_RECEIVER);
        audience_send(&a, 3, 2);
        audience_recv(&a, 0, 3, 2);
        audience_close(flavour, &a);
    }
}

static void test_a_newcomer_holds_senders_up_from_its_place_on(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 1);
    audience_send(&a, 0, 1);
    audience_recv(&a, 0, 0, 1);
    a.rx[1] = actor_start(flavour, a.ch, ACTOR_RECEIVER);
    audience_send(&a, 1, 2);
    audience_recv(&a, 0, 1, 2);
    expect_result(tell(a.tx, send_try, 3), -EAGAIN); /* the sender had found room for it before */
    audience_recv(&a, 1, 1, 2);
    audience_close(flavour, &a);
}

static void test_an_open_view_holds_senders_up(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 1);
    audience_send(&a, 0, 2);
    expect_result(actor_do(a.rx[0], view_take, 0, FORM_TRY), 0);
    expect_result(actor_do(a.rx[0], view_take, 1, FORM_TRY), 1);
    expect_result(tell(a.tx, send_try, 2), -EAGAIN);
    expect_result(tell(a.rx[0], view_release, 1), 0); /* the later one first */
    expect_result(tell(a.tx, send_try, 2), -EAGAIN);
    expect_number(tell(a.rx[0], view_is_intact, 0), 1);
    actor_begin_blocking(a.tx, send_blocking, 2, 0);
    expect_result(tell(a.rx[0], view_release, 0), 0);
    expect_result(actor_finish_within(a.tx, NOTICED_MS), 0);
    audience_send(&a, 3, 1);
    audience_recv(&a, 0, 2, 2);
    audience_close(flavour, &a);
}

static void test_a_view_tells_that_it_was_overwritten(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 1);
    audience_send(&a, 0, 1);
    expect_result(actor_do(a.rx[0], view_take, 0, FORM_TRY), 0);
    audience_send(&a, 1, 1);
    expect_number(tell(a.rx[0], view_is_intact, 0), 1);
    audience_send(&a, 2, 1);
    expect_number(tell(a.rx[0], view_is_intact, 0), 0);
    expect_result(actor_do(a.rx[0], recv_try, 0, 0), 1); /* nothing was missed */
    audience_close(flavour, &a);
}

static void test_views_are_limited_and_told_apart(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 8, 0);
    struct party me;
    party_open(&me, flavour, a.ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(view_take(&me, 0, FORM_TRY), -EAGAIN);
    audience_send(&a, 0, 6);
    for (int64_t i = 0; i < 4; i++)
        expect_result(view_take(&me, i, FORM_TRY), i);
    expect_result(view_take(&me, 4, FORM_TRY), -ENOBUFS);
    expect_result(recv_try(&me, 0, 0), 4);
    struct chan_view stale = me.views[2], nothing = {0};
    expect_result(view_release(&me, 2, 0), 0);
    expect_result(chan_release(me.rx, &stale), -EINVAL);
    expect_result(chan_release(me.rx, &nothing), -EINVAL);
    expect_result(chan_view_is_intact(me.rx, &stale), -EINVAL);
    expect_result(view_take(&me, 2, FORM_TRY), 5);
    expect_result(chan_release(me.rx, &stale), -EINVAL); /* its hold is another's */
    party_leave(&me);
    audience_close(flavour, &a);
}

/* The budget holds two of the largest messages. */
static struct audience open_short_of_memory(const struct flavour *flavour, struct chan_options *options)
{
    *options = flavour_options(flavour, 8);
    struct chan_memory memory;
    options->bytes = options->message_size;
    expect_result(chan_memory(options, &memory), 0);
    options->bytes = 2 * memory.units * memory.unit_bytes;
    struct audience a = {.ch = flavour_create_with(flavour, options)};
    return a;
}

static void test_senders_that_do_not_wait_give_up_the_oldest_when_memory_is_short(
    const struct flavour *flavour)
{
    struct chan_options options;
    struct audience a = open_short_of_memory(flavour, &options);
    struct party me;
    struct chan_stat stat = {.size = sizeof stat};
    party_open(&me, flavour, a.ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(attach_sender(&me, 0, 0), 0);
    for (int i = 0; i < 5; i++)
        expect_result(chan_try_send(me.tx, me.buffer, options.message_size), 0);
    expect_result(chan_try_send(me.tx, "small", 5), 0); /* takes no units */
    expect_number(chan_receiver_len(me.rx), 6);
    expect_result(chan_try_recv(me.rx, me.buffer, options.message_size, NULL), -EOVERFLOW);
    expect_number(chan_receiver_lagged(me.rx), 3);
    for (int i = 0; i < 3; i++)
        expect_result(chan_try_recv(me.rx, me.buffer, options.message_size, NULL), 0);
    expect_result(chan_try_recv(me.rx, me.buffer, options.message_size, NULL), -EAGAIN);
    expect_result(chan_stat(a.ch, &stat), 0);
    expect_number(stat.discarded, 3);
    expect_number(stat.queued, 3);
    party_leave(&me);
    audience_close(flavour, &a);
}

static void test_senders_that_wait_are_full_when_memory_is_short(const struct flavour *flavour)
{
    struct chan_options options;
    struct audience a = open_short_of_memory(flavour, &options);
    struct party me;
    party_open(&me, flavour, a.ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(attach_sender(&me, 0, 0), 0);
    for (int lap = 0; lap < 5; lap++) {
        expect_result(chan_try_send(me.tx, me.buffer, options.message_size), 0);
        expect_result(chan_try_send(me.tx, me.buffer, options.message_size), 0);
        expect_result(chan_try_send(me.tx, me.buffer, options.message_size), -EAGAIN);
        expect_result(chan_try_recv(me.rx, me.buffer, options.message_size, NULL), 0);
        expect_result(chan_try_send(me.tx, me.buffer, options.message_size), 0);
        for (int i = 0; i < 2; i++)
            expect_result(chan_try_recv(me.rx, me.buffer, options.message_size, NULL), 0);
        expect_result(chan_try_recv(me.rx, me.buffer, options.message_size, NULL), -EAGAIN);
    }
    party_leave(&me);
    audience_close(flavour, &a);
}

static void test_as_many_of_the_largest_are_kept_unless_told_otherwise(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 5);
    options.bytes = 0;
    struct audience a = {.ch = flavour_create_with(flavour, &options)};
    struct party me;
    party_open(&me, flavour, a.ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(attach_sender(&me, 0, 0), 0);
    for (int lap = 0; lap < 3; lap++) {
        for (int i = 0; i < 5; i++)
            expect_result(chan_try_send(me.tx, me.buffer, options.message_size), 0);
        for (int i = 0; i < 5; i++)
            expect_result(chan_try_recv(me.rx, me.buffer, options.message_size, NULL), 0);
    }
    party_leave(&me);
    audience_close(flavour, &a);
}

static void test_the_policy_is_part_of_what_an_opener_asks_for(const struct flavour *flavour)
{
    struct audience a = audience_open(flavour, 2, 1);
    struct chan_options options = flavour_options(flavour, 2), wrong = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.overflow = CHAN_BLOCK - flavour->overflow;
    expect_result(chan_open_or_create(FLAVOUR_CHANNEL, &options, &ch), -EEXIST);
    options.overflow = flavour->overflow;
    expect_result(chan_open_or_create(FLAVOUR_CHANNEL, &options, &ch), 0);
    struct chan_options as_it_is;
    chan_options_of(ch, &as_it_is);
    expect_number(as_it_is.kind, CHAN_BROADCAST);
    expect_number(as_it_is.overflow, flavour->overflow);
    chan_close(ch);
    wrong.overflow = CHAN_BLOCK;
    expect_result(chan_create("other", &wrong, &ch), -EINVAL); /* a queue overwrites nothing */
    wrong = options;
    wrong.overflow = CHAN_BLOCK + 1;
    expect_result(chan_create("other", &wrong, &ch), -EINVAL);
    wrong = options;
    wrong.max_deliveries = 1;
    expect_result(chan_create("other", &wrong, &ch), -EINVAL);
    audience_close(flavour, &a);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_the_slowest_receiver_holds_senders_up, OF_BLOCK | FOR_MANY | FOR_NAMED, 60),
        CASE(test_a_blocked_sender_goes_on_when_the_slowest_has_read, OF_BLOCK | FOR_MANY, 0),
        CASE(test_a_slowest_that_closes_holds_nobody_up, OF_BLOCK | FOR_MANY, 0),
        CASE(test_a_slowest_that_dies_holds_nobody_up, OF_BLOCK | FOR_MANY | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_slowest_that_subscribes_anew_holds_nobody_up, OF_BLOCK | FOR_MANY, 0),
        CASE(test_a_stopped_receiver_holds_senders_up_and_misses_nothing, OF_BLOCK | FOR_MANY, 0),
        CASE(test_a_stopped_receiver_delays_nobody_where_it_lags, OF_LAG | FOR_MANY, 0),
        CASE(test_a_blocked_sender_learns_that_the_last_receiver_is_gone, OF_BLOCK | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_newcomer_holds_senders_up_from_its_place_on, OF_BLOCK | FOR_MANY, 0),
        CASE(test_an_open_view_holds_senders_up, OF_BLOCK, 0),
        CASE(test_a_view_tells_that_it_was_overwritten, OF_LAG, 0),
        CASE(test_views_are_limited_and_told_apart, OF_BROADCAST, 0),
        CASE(test_senders_that_do_not_wait_give_up_the_oldest_when_memory_is_short, OF_LAG | FOR_LARGE, 0),
        CASE(test_senders_that_wait_are_full_when_memory_is_short, OF_BLOCK | FOR_LARGE, 0),
        CASE(test_as_many_of_the_largest_are_kept_unless_told_otherwise, OF_BROADCAST, 0),
        CASE(test_the_policy_is_part_of_what_an_opener_asks_for, OF_BROADCAST | FOR_NAMED, 0),
    };
    return suite_run("broadcast_gate", cases, sizeof cases / sizeof *cases, argc, argv);
}
