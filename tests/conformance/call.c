/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: each request is answered to its caller, or its caller learns at once that it will not be. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "child.h"
#include "pair.h"
#include "pattern.h"
#include "process.h"
#include "suite.h"

#define NOTICED_MS 1000 /* promised are 10 ms; a loaded machine may take longer to run anybody at all */
#define SHORT_NS INT64_C(20000000)
#define SECOND_NS INT64_C(1000000000)

/* Request number n has its size and contents, and so has the answer to it, which is message n + ANSWER. */
#define ANSWER 100000

/* What an actor's process has open. */
static struct chan_ticket tickets[PARTY_HOLDS];
static struct chan_reply_address addresses[PARTY_HOLDS];

static struct flavour call_of(const struct flavour *flavour)
{
    struct flavour of = *flavour;
    of.kind = CHAN_CALL;
    return of;
}

static size_t compose(struct party *me, int64_t number)
{
    size_t size = flavour_size(me->flavour, (uint64_t)number);
    pattern_write(me->buffer, size, 0, (uint64_t)number);
    return size;
}

/* The number of what is there, or the error. */
static int64_t read_back(const void *data, size_t size, int result)
{
    uint32_t sender;
    uint64_t number;
    if (result)
        return result;
    expect(pattern_read(data, size, &sender, &number));
    return (int64_t)number;
}

/* ---- steps of callers ---- */

/* Call with request a, for at most b nanoseconds if b > 0; returns the number of the answer. */
static int64_t call(struct party *me, int64_t a, int64_t b)
{
    size_t capacity = flavour_largest(me->flavour), got = 0;
    size_t size = compose(me, a);
    void *answer = malloc(capacity);
    expect(answer != NULL);
    int result = b > 0 ? chan_call_timeout(me->tx, me->buffer, size, answer, capacity, &got, b)
                       : chan_call(me->tx, me->buffer, size, answer, capacity, &got);
    int64_t number = read_back(answer, got, result);
    free(answer);
    return number;
}

/* Start call a, whose ticket is number b. */
static int64_t start(struct party *me, int64_t a, int64_t b)
{
    return chan_try_call_start(me->tx, me->buffer, compose(me, a), &tickets[b]);
}

/* Finish the call of ticket a in form b. */
static int64_t finish(struct party *me, int64_t a, int64_t b)
{
    size_t capacity = flavour_largest(me->flavour), size = 0;
    struct chan_ticket *t = &tickets[a];
    int result;
    switch ((enum form)b) {
    case FORM_BLOCK:
        result = chan_call_finish(me->tx, t, me->buffer, capacity, &size);
        break;
    case FORM_TRY:
        result = chan_try_call_finish(me->tx, t, me->buffer, capacity, &size);
        break;
    case FORM_UNTIL_SHORT:
        result = chan_call_finish_until(me->tx, t, me->buffer, capacity, &size, chan_deadline(SHORT_NS));
        break;
    case FORM_UNTIL_PAST:
        result = chan_call_finish_until(me->tx, t, me->buffer, capacity, &size, 1);
        break;
    case FORM_TIMEOUT_ZERO:
        result = chan_call_finish_timeout(me->tx, t, me->buffer, capacity, &size, 0);
        break;
    default:
        result = chan_call_finish_timeout(me->tx, t, me->buffer, capacity, &size, SHORT_NS);
    }
    return read_back(me->buffer, size, result);
}

static int64_t cancel(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return chan_call_cancel(me->tx, &tickets[a]);
}

static int64_t is_no_ticket(struct party *me, int64_t a, int64_t b)
{
    static const struct chan_ticket none;
    (void)me, (void)b;
    return !memcmp(&tickets[a], &none, sizeof none);
}

/* ---- steps of servers ---- */

/* Take a request into view a, waiting if b; returns its number. */
static int64_t take(struct party *me, int64_t a, int64_t b)
{
    struct chan_view *view = &me->views[a];
    int result = b ? chan_recv_view(me->rx, view) : chan_try_recv_view(me->rx, view);
    if (!result)
        expect_result(chan_reply_address_of(me->rx, view, &addresses[a]), 0);
    return read_back(view->data, view->size, result);
}

static int64_t reply_in(struct party *me, struct chan_view *view, const void *data, size_t size,
                        enum form form)
{
    switch (form) {
    case FORM_TRY:
        return chan_try_reply(me->rx, view, data, size);
    case FORM_BLOCK:
        return chan_reply(me->rx, view, data, size);
    case FORM_UNTIL_PAST:
        return chan_reply_until(me->rx, view, data, size, 1);
    default:
        return chan_reply_timeout(me->rx, view, data, size, SHORT_NS);
    }
}

/* Answer the request in view a, in form b. */
static int64_t reply(struct party *me, int64_t a, int64_t b)
{
    uint32_t sender;
    uint64_t number;
    struct chan_view *view = &me->views[a];
    if (!view->data)
        return chan_reply(me->rx, view, NULL, 0);
    expect(pattern_read(view->data, view->size, &sender, &number));
    size_t size = compose(me, (int64_t)number + ANSWER);
    return reply_in(me, view, me->buffer, size, (enum form)b);
}

/* The same by its address, with answer number b. */
static int64_t reply_by_address(struct party *me, int64_t a, int64_t b)
{
    return chan_reply_to(me->rx, &addresses[a], me->buffer, compose(me, b));
}

static int64_t release(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return chan_release(me->rx, &me->views[a]);
}

static int64_t is_awaited(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return chan_reply_is_awaited(me->rx, &addresses[a]);
}

/* Serves until the channel ends; returns how many it answered. */
static int64_t serve(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    int64_t served = 0, result;
    while ((result = take(me, 0, 1)) >= 0)
        served += reply(me, 0, FORM_BLOCK) == 0;
    return result == -EPIPE ? served : result;
}

/* Makes `a` calls and checks each answer. */
static int64_t call_many(struct party *me, int64_t a, int64_t b)
{
    for (int64_t i = 0; i < a; i++)
        expect_result(call(me, b + i, 0), b + i + ANSWER);
    return a;
}

/* ---- cases ---- */

static void expect_quiet(struct chan *ch)
{
    char text[200];
    struct chan_stat stat = {.size = sizeof stat};
    struct chan_repair_report report;
    expect_result(chan_repair(ch, 0, &report), 0); /* whoever was killed may not have been met yet */
    expect_result(chan_stat(ch, &stat), 0);
    expect_number(stat.units_used, 0);
    expect_number(stat.calls_open, 0);
    expect_number(stat.answers_unread, 0);
    if (chan_check(ch, text, sizeof text))
        expect_never("chan_check: %s", text);
}

static void test_a_call_is_answered_to_its_caller(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 3);
    for (int64_t i = 0; i < 40; i++) {
        actor_begin(pair.tx, call, i, 0);
        expect_result(actor_do(pair.rx, take, 0, 1), i);
        expect_number(tell(pair.rx, is_awaited, 0), 1);
        expect_result(actor_do(pair.rx, reply, 0, FORM_BLOCK), 0);
        expect_result(actor_finish(pair.tx), i + ANSWER);
    }
    expect_quiet(pair.ch);
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(pair.ch, &stat), 0);
    expect_number(stat.sent, 40);
    expect_number(stat.received, 40);
    expect_number(stat.answered, 40);
    expect_number(stat.finished, 40);
    expect_number(stat.unreturned, 0);
    pair_close(&of, &pair);
}

#define CALLERS 3
#define SERVERS 2
#define CALLS 300

static void test_many_callers_and_servers_each_get_their_own_answers(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct chan *ch = flavour_create(&of, 4);
    struct actor *callers[CALLERS], *servers[SERVERS];
    int64_t served = 0;
    for (int i = 0; i < SERVERS; i++) {
        servers[i] = actor_start(&of, ch, ACTOR_RECEIVER);
        actor_begin(servers[i], serve, 0, 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = actor_start(&of, ch, ACTOR_SENDER);
        actor_begin(callers[i], call_many, CALLS, i * 1000);
    }
    for (int i = 0; i < CALLERS; i++)
        expect_number(actor_finish(callers[i]), CALLS);
    expect_result(chan_shutdown(ch), 0);
    for (int i = 0; i < SERVERS; i++) {
        served += actor_finish(servers[i]);
        actor_end(servers[i]);
    }
    expect_number(served, CALLERS * CALLS);
    expect_quiet(ch);
    for (int i = 0; i < CALLERS; i++)
        actor_end(callers[i]);
    flavour_finish(&of, ch);
}

static void test_calls_of_one_caller_are_answered_in_any_order(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 4);
    for (int round = 0; round < 5; round++) {
        for (int64_t i = 0; i < 4; i++)
            expect_result(actor_do(pair.tx, start, 10 * round + i, i), 0);
        expect_result(actor_do(pair.tx, start, 99, 4), -ENOBUFS);
        for (int64_t i = 0; i < 4; i++)
            expect_result(actor_do(pair.rx, take, i, 0), 10 * round + i);
        expect_result(actor_do(pair.tx, finish, 2, FORM_TRY), -EAGAIN);
        for (int64_t i = 3; i >= 0; i--)
            expect_result(actor_do(pair.rx, reply, i, FORM_TRY), 0);
        for (int64_t i = 0; i < 4; i++)
            expect_result(actor_do(pair.tx, finish, (i + 2) % 4, FORM_BLOCK),
                          10 * round + (i + 2) % 4 + ANSWER);
        expect_quiet(pair.ch);
    }
    pair_close(&of, &pair);
}

static void test_waiting_for_an_answer_in_vain_leaves_the_call_open(const struct flavour *flavour)
{
    static const enum form forms[] = {FORM_TRY, FORM_TIMEOUT_ZERO, FORM_TIMEOUT_SHORT, FORM_UNTIL_SHORT,
                                      FORM_UNTIL_PAST};
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    expect_result(actor_do(pair.tx, start, 5, 0), 0);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        expect_result(actor_do(pair.tx, finish, 0, forms[i]), form_expired(forms[i]));
    expect_result(actor_do(pair.rx, take, 0, 0), 5);
    expect_result(actor_do(pair.rx, reply, 0, FORM_UNTIL_PAST), 0); /* it need not wait */
    expect_number(tell(pair.tx, is_no_ticket, 0), 0);
    expect_result(actor_do(pair.tx, finish, 0, FORM_UNTIL_PAST), 5 + ANSWER);
    expect_number(tell(pair.tx, is_no_ticket, 0), 1);
    expect_result(actor_do(pair.tx, finish, 0, FORM_TRY), -EINVAL);
    pair_close(&of, &pair);
}

static void test_an_answer_given_before_the_server_ended_is_read(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    for (int killed = 0; killed < 2; killed++) {
        struct pair pair = pair_open(&of, 2);
        expect_result(actor_do(pair.tx, start, 1, 0), 0);
        expect_result(actor_do(pair.rx, take, 0, 0), 1);
        expect_result(actor_do(pair.rx, reply, 0, FORM_BLOCK), 0);
        if (killed) {
            actor_kill(pair.rx);
            actor_bury(pair.rx);
        } else {
            actor_end(pair.rx);
        }
        pair.rx = NULL;
        process_sleep_ms(30);
        expect_result(actor_do(pair.tx, finish, 0, FORM_TRY), 1 + ANSWER);
        pair_close(&of, &pair);
    }
}

static uint64_t unreturned_of(struct chan *ch)
{
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(ch, &stat), 0);
    return stat.unreturned;
}

static void caller_learns(const struct flavour *of, int killed, int asleep, int others)
{
    struct pair pair = pair_open(of, 2);
    struct actor *other = others ? actor_start(of, pair.ch, ACTOR_RECEIVER) : NULL;
    if (asleep)
        actor_begin_blocking(pair.tx, call, 1, 0);
    else
        expect_result(actor_do(pair.tx, start, 1, 0), 0);
    expect_result(actor_do(pair.rx, take, 0, 0), 1);
    int64_t moment = chan_now();
    if (killed)
        actor_kill(pair.rx);
    else
        expect_result(ask(pair.rx, close_receiver), 0);
    if (!asleep)
        actor_begin(pair.tx, finish, 0, FORM_BLOCK);
    expect_result(actor_finish_within(pair.tx, NOTICED_MS), -EPIPE);
    expect_soon(unreturned_of(pair.ch) ==
                (uint64_t)killed); /* the caller may learn before the repair is over */
    dprintf(1, "    the caller learned of it after %lld us\n", (long long)(chan_now() - moment) / 1000);
    if (other) {
        expect_result(actor_do(other, take, 0, 0), -EAGAIN); /* it is not delivered again */
        expect_quiet(pair.ch);
        actor_end(other);
    }
    if (killed) {
        actor_bury(pair.rx);
        pair.rx = NULL;
    }
    pair_close(of, &pair);
}

static void test_a_caller_learns_that_its_server_was_killed(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    caller_learns(&of, 1, 1, 1);
    caller_learns(&of, 1, 0, 1);
}

static void test_a_caller_learns_that_its_server_closed(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    caller_learns(&of, 0, 1, 1);
    caller_learns(&of, 0, 0, 1);
}

static void test_a_caller_learns_that_its_last_server_is_gone(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    caller_learns(&of, 1, 1, 0);
    caller_learns(&of, 0, 1, 0);
}

static void test_a_call_still_queued_ends_with_the_last_server(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    actor_begin_blocking(pair.tx, call, 1, 0);
    actor_kill(pair.rx);
    expect_result(actor_finish_within(pair.tx, NOTICED_MS), -EPIPE);
    actor_bury(pair.rx);
    pair.rx = NULL;
    expect_result(actor_do(pair.tx, call, 1, 0), -EPIPE);
    pair_close(&of, &pair);
}

static void test_releasing_a_request_ends_its_call_unanswered(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    actor_begin_blocking(pair.tx, call, 1, 0);
    expect_result(actor_do(pair.rx, take, 0, 0), 1);
    expect_result(tell(pair.rx, release, 0), 0);
    expect_result(actor_finish_within(pair.tx, NOTICED_MS), -EPIPE);
    expect_result(actor_do(pair.rx, reply_by_address, 0, 7), -EPIPE);
    expect_quiet(pair.ch);
    pair_close(&of, &pair);
}

static void test_a_durable_call_waits_for_servers_to_come_back(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    actor_end(pair.rx);
    actor_begin_blocking(pair.tx, call, 1, 0);
    pair.rx = actor_start(&of, pair.ch, ACTOR_RECEIVER);
    expect_result(actor_do(pair.rx, take, 0, 0), 1);
    expect_result(actor_do(pair.rx, reply, 0, FORM_BLOCK), 0);
    expect_result(actor_finish_within(pair.tx, NOTICED_MS), 1 + ANSWER);
    pair_close(&of, &pair);
}

enum leaving { CANCELS, TIMES_OUT, CLOSES, IS_KILLED, WAYS_TO_LEAVE };

static void test_the_server_learns_that_its_caller_is_gone(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    for (int leaving = 0; leaving < WAYS_TO_LEAVE; leaving++) {
        struct pair pair = pair_open(&of, 2);
        struct actor *other = actor_start(&of, pair.ch, ACTOR_SENDER);
        if (leaving == TIMES_OUT)
            expect_result(actor_do(pair.tx, call, 1, SHORT_NS), -ETIMEDOUT);
        else
            expect_result(actor_do(pair.tx, start, 1, 0), 0);
        expect_result(actor_do(pair.rx, take, 0, 0), 1);
        if (leaving == CANCELS)
            expect_result(tell(pair.tx, cancel, 0), 0);
        if (leaving == CLOSES)
            expect_result(ask(pair.tx, close_sender), 0);
        if (leaving == IS_KILLED) {
            actor_kill(pair.tx);
            actor_bury(pair.tx);
            pair.tx = NULL;
            expect_soon(chan_senders(pair.ch) == 1);
        }
        expect_soon(tell(pair.rx, is_awaited, 0) == 0);
        expect_result(actor_do(pair.rx, reply, 0, FORM_BLOCK), -EPIPE);
        expect_result(actor_do(pair.rx, reply, 0, FORM_BLOCK), -EINVAL); /* it is released */
        /* Nothing of it is left to others. */
        actor_begin(other, call, 2, 0);
        expect_result(actor_do(pair.rx, take, 0, 1), 2);
        expect_result(actor_do(pair.rx, reply, 0, FORM_BLOCK), 0);
        expect_result(actor_finish(other), 2 + ANSWER);
        expect_quiet(pair.ch);
        actor_end(other);
        pair_close(&of, &pair);
    }
}

static void test_a_second_answer_is_refused(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    expect_result(actor_do(pair.tx, start, 1, 0), 0);
    expect_result(actor_do(pair.rx, take, 0, 0), 1);
    expect_result(actor_do(pair.rx, reply_by_address, 0, 7), 0);
    expect_result(actor_do(pair.rx, reply_by_address, 0, 8), -EPIPE);
    expect_result(actor_do(pair.rx, reply, 0, FORM_BLOCK), -EPIPE);
    expect_result(actor_do(pair.tx, finish, 0, FORM_BLOCK), 7);
    expect_result(actor_do(pair.rx, reply_by_address, 0, 9), -EPIPE);
    expect_quiet(pair.ch);
    pair_close(&of, &pair);
}

static void test_a_stale_address_reaches_no_later_call(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    expect_result(actor_do(pair.tx, start, 1, 0), 0);
    expect_result(actor_do(pair.rx, take, 0, 0), 1);
    /* The same place of the same caller, then the same record of another. */
    for (int round = 0; round < 40; round++) {
        expect_result(tell(pair.tx, cancel, 0), 0);
        if (round % 4 == 3) {
            actor_end(pair.tx);
            pair.tx = actor_start(&of, pair.ch, ACTOR_SENDER);
        }
        expect_result(actor_do(pair.tx, start, 2, 0), 0);
        expect_result(actor_do(pair.rx, reply_by_address, 0, 7), -EPIPE);
        expect_result(actor_do(pair.rx, take, 1, 0), 2);
        expect_result(tell(pair.rx, release, 1), 0);
        expect_result(actor_do(pair.tx, finish, 0, FORM_TRY), -EPIPE);
        expect_result(actor_do(pair.tx, start, 3, 0), 0);
        expect_result(actor_do(pair.rx, take, 1, 0), 3);
        expect_result(tell(pair.rx, release, 1), 0);
    }
    pair_close(&of, &pair);
}

static int64_t finish_too_small(struct party *me, int64_t a, int64_t b)
{
    size_t size = 0;
    unsigned char guard[2] = {0x5a, 0x5a};
    (void)b;
    expect_result(chan_call_finish(me->tx, &tickets[a], guard, 1, &size), -EMSGSIZE);
    expect_number(guard[1], 0x5a);
    return (int64_t)size;
}

static void test_a_buffer_too_small_tells_the_size_and_the_answer_stays(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    expect_result(actor_do(pair.tx, start, 1, 0), 0);
    expect_result(actor_do(pair.rx, take, 0, 0), 1);
    expect_result(actor_do(pair.rx, reply, 0, FORM_BLOCK), 0);
    for (int i = 0; i < 3; i++)
        expect_number(tell(pair.tx, finish_too_small, 0), (int64_t)flavour_size(&of, 1 + ANSWER));
    expect_result(actor_do(pair.tx, finish, 0, FORM_TRY), 1 + ANSWER);
    expect_quiet(pair.ch);
    pair_close(&of, &pair);
}

/* An answer of a bytes to view 0. */
static int64_t reply_sized(struct party *me, int64_t a, int64_t b)
{
    char *data = calloc(1, (size_t)a + 1);
    (void)b;
    expect(data != NULL);
    int64_t result = chan_reply(me->rx, &me->views[0], data, (size_t)a);
    free(data);
    return result;
}

static int64_t finish_sized(struct party *me, int64_t a, int64_t b)
{
    size_t size = SIZE_MAX;
    (void)b;
    int result = chan_call_finish(me->tx, &tickets[a], me->buffer, flavour_largest(me->flavour), &size);
    return result ? result : (int64_t)size;
}

static void test_answers_have_any_size_up_to_the_largest(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    int64_t largest = (int64_t)flavour_largest(&of);
    const int64_t sizes[] = {0, 1, 8, 15, 16, 17, largest - 1, largest};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        expect_result(actor_do(pair.tx, start, 1, 0), 0);
        expect_result(actor_do(pair.rx, take, 0, 0), 1);
        expect_result(tell(pair.rx, reply_sized, largest + 1), -EMSGSIZE); /* and the request is still open */
        expect_result(tell(pair.rx, reply_sized, sizes[i]), 0);
        expect_number(tell(pair.tx, finish_sized, 0), sizes[i]);
    }
    expect_quiet(pair.ch);
    pair_close(&of, &pair);
}

static int64_t use_what_it_has_not(struct party *me, int64_t a, int64_t b)
{
    struct iovec one = {me->buffer, 8};
    struct chan_loan loan;
    size_t size;
    (void)a, (void)b;
    if (me->tx) {
        expect_result(chan_try_send(me->tx, me->buffer, 8), -EOPNOTSUPP);
        expect_result(chan_send(me->tx, me->buffer, 8), -EOPNOTSUPP);
        expect_result(chan_try_send_many(me->tx, &one, 1), -EOPNOTSUPP);
        expect_result(chan_reserve(me->tx, 8, &loan), 0);
        expect_result(chan_commit(me->tx, &loan, 8), -EOPNOTSUPP);
        expect_result(chan_abort(me->tx, &loan), 0);
    } else {
        expect_result(chan_try_recv(me->rx, me->buffer, 8, &size), -EOPNOTSUPP);
        expect_result(chan_try_recv_many(me->rx, &one, 1), -EOPNOTSUPP);
        expect_result(chan_receiver_set_dead_letters(me->rx, NULL), -EOPNOTSUPP);
    }
    return 0;
}

static int64_t call_over_a_queue(struct party *me, int64_t a, int64_t b)
{
    struct chan_ticket ticket = {0};
    struct chan_view view = {0};
    (void)a, (void)b;
    if (me->tx) {
        expect_result(chan_call(me->tx, "x", 1, NULL, 0, NULL), -EOPNOTSUPP);
        expect_result(chan_try_call_start(me->tx, "x", 1, &ticket), -EOPNOTSUPP);
        expect_result(chan_call_cancel(me->tx, &ticket), -EOPNOTSUPP);
    } else {
        expect_result(chan_reply(me->rx, &view, "x", 1), -EOPNOTSUPP);
    }
    return 0;
}

static void test_what_a_kind_does_not_have_is_not_supported(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    expect_result(ask(pair.tx, use_what_it_has_not), 0);
    expect_result(ask(pair.rx, use_what_it_has_not), 0);
    expect_quiet(pair.ch);
    pair_close(&of, &pair);
    pair = pair_open(flavour, 2);
    expect_result(ask(pair.tx, call_over_a_queue), 0);
    expect_result(ask(pair.rx, call_over_a_queue), 0);
    pair_close(flavour, &pair);
}

/* A loan as the request. */
static int64_t start_with_loan(struct party *me, int64_t a, int64_t b)
{
    struct chan_loan loan;
    size_t size = compose(me, a);
    expect_result(chan_reserve(me->tx, size, &loan), 0);
    memcpy(loan.data, me->buffer, size);
    int result = chan_call_commit(me->tx, &loan, size, &tickets[b]);
    expect(result || !loan.data);
    return result;
}

static void test_a_loan_can_be_the_request(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    expect_result(actor_do(pair.tx, start_with_loan, 1, 0), 0);
    expect_result(actor_do(pair.rx, take, 0, 0), 1);
    expect_result(actor_do(pair.rx, reply, 0, FORM_BLOCK), 0);
    expect_result(actor_do(pair.tx, finish, 0, FORM_BLOCK), 1 + ANSWER);
    expect_quiet(pair.ch);
    pair_close(&of, &pair);
}

static void test_where_it_is_allowed_a_request_goes_to_another_server(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct chan_options options = flavour_options(&of, 2);
    options.max_deliveries = 2;
    struct pair pair = pair_open_with(&of, &options);
    struct actor *second = actor_start(&of, pair.ch, ACTOR_RECEIVER);
    struct actor *third = actor_start(&of, pair.ch, ACTOR_RECEIVER);
    expect_result(actor_do(pair.tx, start, 1, 0), 0);
    expect_result(actor_do(pair.tx, start, 2, 1), 0);
    expect_result(actor_do(pair.rx, take, 0, 0), 1);
    expect_result(actor_do(pair.rx, take, 1, 0), 2);
    expect_result(actor_do(pair.rx, reply, 1, FORM_BLOCK), 0);
    actor_begin_blocking(second, take, 0, 1);
    actor_kill(pair.rx);
    expect_result(actor_finish_within(second, NOTICED_MS), 1);
    expect_result(tell(second, view_deliveries, 0), 2);
    expect_result(actor_do(pair.tx, finish, 1, FORM_TRY), 2 + ANSWER);
    expect_result(actor_do(pair.tx, finish, 0, FORM_TRY), -EAGAIN);
    actor_kill(second); /* that was the last time */
    actor_begin(pair.tx, finish, 0, FORM_BLOCK);
    expect_result(actor_finish_within(pair.tx, NOTICED_MS), -EPIPE);
    expect_result(actor_do(third, take, 0, 0), -EAGAIN);
    expect_quiet(pair.ch);
    actor_bury(pair.rx);
    actor_bury(second);
    pair.rx = third;
    pair_close(&of, &pair);
}

static void test_a_stopped_server_is_not_dead_and_holds_up_its_own_call_only(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    struct actor *other = actor_start(&of, pair.ch, ACTOR_RECEIVER);
    expect_result(actor_do(pair.tx, start, 1, 0), 0);
    expect_result(actor_do(pair.rx, take, 0, 0), 1);
    child_stop(pair.rx->pid);
    actor_begin(other, serve, 0, 0);
    expect_result(actor_do(pair.tx, call, 2, 0), 2 + ANSWER);
    process_sleep_ms(100);
    expect_result(actor_do(pair.tx, finish, 0, FORM_TRY), -EAGAIN);
    child_continue(pair.rx->pid);
    expect_result(actor_do(pair.rx, reply, 0, FORM_BLOCK), 0);
    expect_result(actor_do(pair.tx, finish, 0, FORM_BLOCK), 1 + ANSWER);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_number(actor_finish(other), 1);
    actor_end(other);
    pair_close(&of, &pair);
}

static void test_a_call_refused_by_shutdown_and_one_before_it_answered(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    expect_result(actor_do(pair.tx, start, 1, 0), 0);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(actor_do(pair.tx, start, 2, 1), -EPIPE);
    expect_result(actor_do(pair.rx, take, 0, 0), 1);
    expect_result(actor_do(pair.rx, reply, 0, FORM_BLOCK), 0);
    expect_result(actor_do(pair.rx, take, 0, 0), -EPIPE);
    expect_result(actor_do(pair.tx, finish, 0, FORM_BLOCK), 1 + ANSWER);
    expect_quiet(pair.ch);
    pair_close(&of, &pair);
}

/* Large answers: while nobody reads them there is no memory for more, and requests do not use theirs up. */
static void test_servers_wait_for_memory_that_unread_answers_have(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct chan_options options = flavour_options(&of, 4);
    options.bytes = 2 * options.message_size; /* for each direction */
    struct pair pair = pair_open_with(&of, &options);
    int64_t largest = (int64_t)options.message_size;
    expect_result(actor_do(pair.tx, start, 1, 0), 0);
    expect_result(actor_do(pair.rx, take, 0, 0), 1);
    expect_result(tell(pair.rx, reply_sized, largest), 0);
    expect_result(actor_do(pair.tx, start, 2, 1), 0);
    expect_result(actor_do(pair.rx, take, 0, 0), 2);
    expect_result(tell(pair.rx, reply_sized, largest), 0);
    expect_result(actor_do(pair.tx, start, 3, 2), 0);
    expect_result(actor_do(pair.rx, take, 0, 0), 3);
    expect_result(actor_do(pair.rx, reply, 0, FORM_TRY), -EAGAIN);
    expect_result(actor_do(pair.rx, reply, 0, FORM_TIMEOUT_SHORT), -ETIMEDOUT);
    actor_begin_blocking(pair.rx, reply, 0, FORM_BLOCK);
    expect_number(tell(pair.tx, finish_sized, 1), largest);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), 0);
    expect_result(actor_do(pair.tx, finish, 2, FORM_BLOCK), 3 + ANSWER);
    expect_result(tell(pair.tx, cancel, 0), 0); /* an unread answer is dropped with its memory */
    expect_quiet(pair.ch);
    pair_close(&of, &pair);
}

struct answerer {
    struct chan_receiver *rx;
    struct chan_reply_address to;
};

static void *answer_from_another_thread(void *argument)
{
    struct answerer *a = argument;
    expect_result(chan_reply_to(a->rx, &a->to, "answer", 6), 0);
    return NULL;
}

static void test_an_answer_may_come_from_another_thread_with_its_own_receiver(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct chan *ch = flavour_create(&of, 2);
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_ticket ticket;
    struct chan_view view;
    struct answerer other;
    pthread_t thread;
    char text[16];
    size_t size;
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_clone_receiver(rx, &other.rx), 0);
    expect_result(chan_call_start(tx, "request", 7, &ticket), 0);
    expect_result(chan_recv_view(rx, &view), 0);
    expect_result(chan_reply_address_of(rx, &view, &other.to), 0);
    expect(pthread_create(&thread, NULL, answer_from_another_thread, &other) == 0);
    expect_result(chan_call_finish(tx, &ticket, text, sizeof text, &size), 0);
    expect(size == 6 && !memcmp(text, "answer", 6));
    expect(pthread_join(thread, NULL) == 0);
    expect_result(chan_release(rx, &view), 0);
    chan_close_receiver(other.rx);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    flavour_finish(&of, ch);
}

static void *cancel_from_another_thread(void *argument)
{
    process_sleep_ms(30);
    expect_result(chan_cancel_sender(argument), 0);
    return NULL;
}

static int64_t cancel_soon(struct party *me, int64_t a, int64_t b)
{
    pthread_t thread;
    expect(pthread_create(&thread, NULL, cancel_from_another_thread, me->tx) == 0);
    int64_t result = finish(me, a, b);
    expect(pthread_join(thread, NULL) == 0);
    return result;
}

static void test_waiting_for_an_answer_can_be_cancelled_by_another_thread(const struct flavour *flavour)
{
    struct flavour of = call_of(flavour);
    struct pair pair = pair_open(&of, 2);
    expect_result(actor_do(pair.tx, start, 1, 0), 0);
    actor_begin(pair.tx, cancel_soon, 0, FORM_BLOCK);
    expect_result(actor_finish_within(pair.tx, NOTICED_MS), -ECANCELED);
    expect_result(actor_do(pair.rx, take, 0, 0), 1);
    expect_result(actor_do(pair.rx, reply, 0, FORM_BLOCK), 0);
    expect_result(actor_do(pair.tx, finish, 0, FORM_TRY), 1 + ANSWER);
    pair_close(&of, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_a_call_is_answered_to_its_caller, OF_ITS_OWN_KIND, 0),
        CASE(test_many_callers_and_servers_each_get_their_own_answers, FOR_MANY | OF_ITS_OWN_KIND, 60),
        CASE(test_calls_of_one_caller_are_answered_in_any_order, OF_ITS_OWN_KIND, 0),
        CASE(test_waiting_for_an_answer_in_vain_leaves_the_call_open, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_an_answer_given_before_the_server_ended_is_read, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_a_caller_learns_that_its_server_was_killed,
             FOR_MANY_RECEIVERS | WITHOUT_KEEPER_TOO | OF_ITS_OWN_KIND, 0),
        CASE(test_a_caller_learns_that_its_server_closed,
             FOR_MANY_RECEIVERS | WITHOUT_KEEPER_TOO | OF_ITS_OWN_KIND, 0),
        CASE(test_a_caller_learns_that_its_last_server_is_gone,
             FOR_EPHEMERAL | WITHOUT_KEEPER_TOO | OF_ITS_OWN_KIND, 0),
        CASE(test_a_call_still_queued_ends_with_the_last_server,
             FOR_EPHEMERAL | WITHOUT_KEEPER_TOO | OF_ITS_OWN_KIND, 0),
        CASE(test_releasing_a_request_ends_its_call_unanswered, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_a_durable_call_waits_for_servers_to_come_back, FOR_DURABLE | OF_ITS_OWN_KIND, 0),
        CASE(test_the_server_learns_that_its_caller_is_gone, FOR_MANY_SENDERS | OF_ITS_OWN_KIND, 0),
        CASE(test_a_second_answer_is_refused, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_a_stale_address_reaches_no_later_call, FOR_DURABLE | OF_ITS_OWN_KIND, 0),
        CASE(test_a_buffer_too_small_tells_the_size_and_the_answer_stays, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_answers_have_any_size_up_to_the_largest, OF_ITS_OWN_KIND, 0),
        CASE(test_what_a_kind_does_not_have_is_not_supported, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_a_loan_can_be_the_request, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_where_it_is_allowed_a_request_goes_to_another_server, FOR_MANY_RECEIVERS | OF_ITS_OWN_KIND,
             0),
        CASE(test_a_stopped_server_is_not_dead_and_holds_up_its_own_call_only,
             FOR_MANY_RECEIVERS | OF_ITS_OWN_KIND, 0),
        CASE(test_a_call_refused_by_shutdown_and_one_before_it_answered, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_servers_wait_for_memory_that_unread_answers_have, FOR_LARGE | OF_ITS_OWN_KIND, 0),
        CASE(test_an_answer_may_come_from_another_thread_with_its_own_receiver,
             FOR_MANY_RECEIVERS | FOR_INLINE | OF_ITS_OWN_KIND, 0),
        CASE(test_waiting_for_an_answer_can_be_cancelled_by_another_thread, FOR_FEW | OF_ITS_OWN_KIND, 0),
    };
    return suite_run("call", cases, sizeof cases / sizeof *cases, argc, argv);
}
