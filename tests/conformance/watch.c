/* SPDX-License-Identifier: Apache-2.0 */
/* Watches: every receiver follows the latest value, and nobody waits for anybody. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "expect.h"
#include "pair.h"
#include "pattern.h"
#include "process.h"
#include "suite.h"

#define EMPTY INT64_C(0xe0000) /* what value_of() says of no bytes */

#define NOTICED_MS 1000

/* The number of a value. */
static int64_t value_of(const struct party *me, const void *data, size_t size)
{
    uint32_t sender;
    uint64_t sequence;
    if (!size)
        return EMPTY;
    if (!pattern_read(data, size, &sender, &sequence))
        expect_never("a value of %zu bytes has foreign content", size);
    expect_number(size, flavour_size(me->flavour, sequence));
    return (int64_t)sequence;
}

static size_t compose(struct party *me, int64_t number)
{
    size_t size = flavour_size(me->flavour, (uint64_t)number);
    pattern_write(me->buffer, size, 0, (uint64_t)number);
    return size;
}

/* ---- steps -------------------------------------------------------------------------------------- */

static int64_t borrow(struct party *me, int64_t a, int64_t updates)
{
    size_t size = SIZE_MAX, capacity = flavour_largest(me->flavour);
    (void)a;
    int result = updates ? chan_watch_borrow_and_update(me->rx, me->buffer, capacity, &size)
                         : chan_watch_borrow(me->rx, me->buffer, capacity, &size);
    return result ? result : value_of(me, me->buffer, size);
}

static int64_t update(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return borrow(me, 0, 1);
}

static int64_t version(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return (int64_t)chan_watch_version(me->rx);
}

static int64_t borrow_by_sender(struct party *me, int64_t a, int64_t b)
{
    size_t size;
    (void)a, (void)b;
    int result = chan_watch_sender_borrow(me->tx, me->buffer, flavour_largest(me->flavour), &size);
    return result ? result : value_of(me, me->buffer, size);
}

static int64_t deadline_of(enum form form)
{
    switch (form) {
    case FORM_UNTIL_PAST:
        return chan_now() - 1000000000;
    case FORM_UNTIL_SHORT:
        return chan_deadline(20000000);
    default:
        return CHAN_FOREVER;
    }
}

static int64_t changed(struct party *me, int64_t form, int64_t b)
{
    (void)b;
    switch ((enum form)form) {
    case FORM_BLOCK:
        return chan_watch_changed(me->rx);
    case FORM_TRY:
        return chan_watch_try_changed(me->rx);
    case FORM_TIMEOUT_ZERO:
        return chan_watch_changed_timeout(me->rx, 0);
    case FORM_TIMEOUT_SHORT:
        return chan_watch_changed_timeout(me->rx, 20000000);
    default:
        return chan_watch_changed_until(me->rx, deadline_of((enum form)form));
    }
}

static int64_t has_changed(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_watch_has_changed(me->rx);
}

static int64_t mark_changed(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_watch_mark_changed(me->rx);
}

static int64_t mark_unchanged(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_watch_mark_unchanged(me->rx);
}

/* The wanted value, or a later one. */
struct wanted {
    struct party *me;
    int64_t least;
};

static int is_wanted(const void *value, size_t size, void *arg)
{
    const struct wanted *wanted = arg;
    int64_t number = value_of(wanted->me, value, size);
    return number != EMPTY && number >= wanted->least;
}

static int64_t wait_for(struct party *me, int64_t least, int64_t form)
{
    struct wanted wanted = {me, least};
    struct chan_view view;
    int result;
    switch ((enum form)form) {
    case FORM_BLOCK:
        result = chan_watch_wait_for(me->rx, is_wanted, &wanted, &view);
        break;
    case FORM_TRY:
        result = chan_watch_try_wait_for(me->rx, is_wanted, &wanted, &view);
        break;
    case FORM_TIMEOUT_ZERO:
        result = chan_watch_wait_for_timeout(me->rx, is_wanted, &wanted, &view, 0);
        break;
    case FORM_TIMEOUT_SHORT:
        result = chan_watch_wait_for_timeout(me->rx, is_wanted, &wanted, &view, 20000000);
        break;
    default:
        result = chan_watch_wait_for_until(me->rx, is_wanted, &wanted, &view, deadline_of((enum form)form));
    }
    if (result)
        return result;
    int64_t number = value_of(me, view.data, view.size);
    expect_result(chan_release(me->rx, &view), 0);
    return number;
}

/* The clone takes the place of its original. */
static int64_t become_clone(struct party *me, int64_t a, int64_t b)
{
    struct chan_receiver *clone;
    (void)a, (void)b;
    int result = chan_clone_receiver(me->rx, &clone);
    if (result)
        return result;
    chan_close_receiver(me->rx);
    me->rx = clone;
    return 0;
}

/* Replaces the value by number a, and returns the number of the old one. */
static int64_t replace(struct party *me, int64_t a, int64_t b)
{
    size_t old_size = SIZE_MAX, capacity = flavour_largest(me->flavour);
    unsigned char *old = malloc(capacity);
    (void)b;
    expect(old != NULL);
    size_t size = compose(me, a);
    int result = chan_watch_send_replace(me->tx, me->buffer, size, old, capacity, &old_size);
    int64_t number = result ? result : value_of(me, old, old_size);
    free(old);
    return number;
}

/* What becomes of the value: the next number after it, as said. */
struct change {
    struct party *me;
    int says;
    int64_t by;
};

static int step_on(void *value, size_t *size, size_t capacity, void *arg)
{
    const struct change *change = arg;
    int64_t number = value_of(change->me, value, *size);
    uint64_t next = number == EMPTY ? (uint64_t)change->by : (uint64_t)(number + change->by);
    if (!change->by)
        return change->says;
    *size = flavour_size(change->me->flavour, next);
    expect(*size <= capacity);
    pattern_write(value, *size, 0, next);
    return change->says;
}

static int64_t modify(struct party *me, int64_t says, int64_t by)
{
    struct change change = {me, (int)says, by};
    return chan_watch_send_modify(me->tx, step_on, &change);
}

static int64_t modify_if(struct party *me, int64_t says, int64_t by)
{
    struct change change = {me, (int)says, by};
    return chan_watch_send_if_modified(me->tx, step_on, &change);
}

static int64_t modify_often(struct party *me, int64_t times, int64_t b)
{
    (void)b;
    for (int64_t i = 0; i < times; i++) {
        int64_t result = modify(me, 1, 1);
        if (result)
            return result;
    }
    return 0;
}

static int64_t view_borrow(struct party *me, int64_t place, int64_t updates)
{
    struct chan_view *view = &me->views[place];
    int result =
        updates ? chan_watch_borrow_and_update_view(me->rx, view) : chan_watch_borrow_view(me->rx, view);
    return result ? result : value_of(me, view->data, view->size);
}

/* Still as it was, then released. */
static int64_t view_end(struct party *me, int64_t place, int64_t b)
{
    struct chan_view *view = &me->views[place];
    (void)b;
    int64_t number = value_of(me, view->data, view->size);
    int result = chan_release(me->rx, view);
    return result ? result : number;
}

static int64_t closed(struct party *me, int64_t form, int64_t b)
{
    (void)b;
    switch ((enum form)form) {
    case FORM_BLOCK:
        return chan_wait_closed(me->tx);
    case FORM_TRY:
        return chan_try_wait_closed(me->tx);
    case FORM_TIMEOUT_ZERO:
        return chan_wait_closed_timeout(me->tx, 0);
    case FORM_TIMEOUT_SHORT:
        return chan_wait_closed_timeout(me->tx, 20000000);
    default:
        return chan_wait_closed_until(me->tx, deadline_of((enum form)form));
    }
}

static int64_t nobody_follows(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_watch_is_closed(me->tx);
}

/* Sends a, a + 1 ... as fast as it can, for b milliseconds; returns the last. */
static int64_t stream(struct party *me, int64_t a, int64_t b)
{
    int64_t end = chan_deadline(b * 1000000), number = a;
    while (chan_now() < end) {
        int result = chan_watch_send_replace(me->tx, me->buffer, compose(me, number), NULL, 0, NULL);
        if (result)
            return result;
        number++;
    }
    return number - 1;
}

/* Reads all the while, never going back; returns how often. */
static int64_t follow(struct party *me, int64_t a, int64_t b)
{
    int64_t end = chan_deadline(b * 1000000), times = 0, last = -1;
    (void)a;
    while (chan_now() < end) {
        int64_t number = times % 2 ? view_borrow(me, 0, 0) : borrow(me, 0, times % 4 == 0);
        if (number < 0)
            return number;
        if (number != EMPTY && number < last)
            expect_never("value %lld came after %lld", (long long)number, (long long)last);
        last = number == EMPTY ? last : number;
        if (times++ % 2)
            expect_number(view_end(me, 0, 0), number);
    }
    return times;
}

/* ---- scenes ------------------------------------------------------------------------------------- */

static struct flavour watch_of(const struct flavour *flavour)
{
    struct flavour watch = *flavour;
    watch.kind = CHAN_WATCH;
    return watch;
}

/* Once the dead are repaired: those whom nobody has met yet, too. */
static void expect_sound(struct chan *ch)
{
    char text[200];
    struct chan_repair_report report;
    expect_result(chan_repair(ch, 0, &report), 0);
    if (chan_check(ch, text, sizeof text))
        expect_never("%s", text);
}

/* An actor that sends and one that receives. */
static struct pair begin(struct flavour *watch, const struct flavour *flavour)
{
    *watch = watch_of(flavour);
    return pair_open(watch, 1);
}

static void end(const struct flavour *watch, struct pair *pair)
{
    expect_sound(pair->ch);
    pair_close(watch, pair);
}

static const enum form impatient[] = {FORM_TRY, FORM_TIMEOUT_ZERO, FORM_TIMEOUT_SHORT, FORM_UNTIL_PAST,
                                      FORM_UNTIL_SHORT};
#define IMPATIENT (sizeof impatient / sizeof *impatient)

/* ---- reading ------------------------------------------------------------------------------------ */

static void test_a_receiver_has_seen_what_was_there_when_it_came(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    expect_number(ask(pair.rx, borrow), EMPTY);
    expect_number(ask(pair.rx, version), 0);
    expect_result(ask(pair.rx, has_changed), 0);
    expect_result(tell(pair.tx, send_try, 1), 0);
    expect_result(ask(pair.rx, has_changed), 1);
    if (watch.receivers == CHAN_MANY) {
        struct actor *later = actor_start(&watch, pair.ch, ACTOR_RECEIVER);
        expect_result(ask(later, has_changed), 0);
        expect_number(ask(later, borrow), 1);
        expect_number(ask(later, version), 1);
        actor_end(later);
    }
    end(&watch, &pair);
}

static void test_borrow_marks_nothing_and_borrow_and_update_does(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    expect_result(tell(pair.tx, send_try, 5), 0);
    expect_number(ask(pair.rx, borrow), 5);
    expect_result(ask(pair.rx, has_changed), 1);
    expect_number(actor_do(pair.rx, view_borrow, 0, 0), 5);
    expect_number(ask(pair.rx, view_end), 5);
    expect_result(ask(pair.rx, has_changed), 1);
    expect_number(ask(pair.rx, update), 5);
    expect_result(ask(pair.rx, has_changed), 0);
    expect_result(tell(pair.tx, send_try, 6), 0);
    expect_number(actor_do(pair.rx, view_borrow, 0, 1), 6);
    expect_result(ask(pair.rx, has_changed), 0);
    expect_number(ask(pair.rx, view_end), 6);
    end(&watch, &pair);
}

static void test_a_receiver_gets_the_latest_value_and_misses_others(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    pair_send(&pair, 1, 9);
    expect_result(ask(pair.rx, recv_try), 9);
    expect_number(ask(pair.rx, version), 9);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    expect_number(ask(pair.rx, borrow), 9);
    for (int way = 0; way < WAYS; way++) {
        expect_result(actor_do(pair.tx, send_by, 20 + way, HOW(way, FORM_TRY)), 0);
        expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, FORM_TRY)), 20 + way);
        for (size_t i = 0; i < IMPATIENT; i++)
            expect_result(actor_do(pair.rx, recv_by, 0, HOW(way, impatient[i])), form_expired(impatient[i]));
    }
    end(&watch, &pair);
}

static void test_an_equal_value_is_a_change(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    for (int i = 0; i < 3; i++) {
        expect_result(tell(pair.tx, send_try, 7), 0);
        expect_result(tell(pair.rx, changed, FORM_TRY), 0);
        expect_result(tell(pair.rx, changed, FORM_TRY), -EAGAIN);
    }
    end(&watch, &pair);
}

static void test_changed_waits_in_all_forms(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    for (size_t i = 0; i < IMPATIENT; i++)
        expect_result(tell(pair.rx, changed, impatient[i]), form_expired(impatient[i]));
    for (size_t i = 0; i < IMPATIENT; i++) { /* an expired deadline does not hide a change */
        expect_result(tell(pair.tx, send_try, (int64_t)i), 0);
        expect_result(tell(pair.rx, changed, impatient[i]), 0);
    }
    actor_begin_blocking(pair.rx, changed, FORM_BLOCK, 0);
    expect_result(tell(pair.tx, send_try, 10), 0);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), 0);
    expect_number(ask(pair.rx, borrow), 10);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    expect_result(tell(pair.tx, send_try, 11), 0);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), 11);
    actor_begin_blocking(pair.rx, changed, FORM_UNTIL_FOREVER, 0);
    expect_number(tell(pair.tx, replace, 12), 11);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), 0);
    end(&watch, &pair);
}

static void test_every_sleeping_receiver_is_woken_by_one_send(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    struct actor *more[3];
    for (int i = 0; i < 3; i++) {
        more[i] = actor_start(&watch, pair.ch, ACTOR_RECEIVER);
        actor_begin_blocking(more[i], recv_blocking, 0, 0);
    }
    expect_result(tell(pair.tx, send_try, 3), 0);
    for (int i = 0; i < 3; i++)
        expect_result(actor_finish_within(more[i], NOTICED_MS), 3);
    for (int i = 0; i < 3; i++)
        actor_end(more[i]);
    end(&watch, &pair);
}

static void test_wait_for_begins_with_the_current_value(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    expect_result(tell(pair.tx, send_try, 5), 0);
    expect_number(ask(pair.rx, update), 5);
    expect_number(actor_do(pair.rx, wait_for, 5, FORM_TRY), 5);
    for (size_t i = 0; i < IMPATIENT; i++)
        expect_result(actor_do(pair.rx, wait_for, 6, impatient[i]), form_expired(impatient[i]));
    actor_begin_blocking(pair.rx, wait_for, 8, FORM_BLOCK);
    pair_send(&pair, 6, 2);
    expect_result(actor_finish_within(pair.rx, 50), -EINPROGRESS);
    expect_result(tell(pair.tx, send_try, 9), 0);
    expect_number(actor_finish_within(pair.rx, NOTICED_MS), 9);
    expect_result(ask(pair.rx, has_changed), 0);
    actor_begin_blocking(pair.rx, wait_for, 100, FORM_UNTIL_FOREVER);
    expect_result(ask(pair.tx, shutdown_channel), 0);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    expect_number(actor_do(pair.rx, wait_for, 9, FORM_BLOCK), 9);
    end(&watch, &pair);
}

static void test_marks_can_be_set_by_hand(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    for (int i = 0; i < 2; i++)
        expect_result(ask(pair.rx, mark_changed), 0);
    expect_result(ask(pair.rx, has_changed), 1);
    expect_result(tell(pair.rx, changed, FORM_TRY), 0);
    expect_result(tell(pair.rx, changed, FORM_TRY), -EAGAIN);
    expect_result(tell(pair.tx, send_try, 1), 0);
    expect_result(ask(pair.rx, mark_unchanged), 0);
    expect_result(ask(pair.rx, has_changed), 0);
    end(&watch, &pair);
}

static void test_a_clone_inherits_what_is_not_seen(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    expect_result(tell(pair.tx, send_try, 1), 0);
    expect_result(ask(pair.rx, become_clone), 0);
    expect_result(ask(pair.rx, has_changed), 1);
    expect_number(ask(pair.rx, update), 1);
    expect_result(ask(pair.rx, become_clone), 0);
    expect_result(ask(pair.rx, has_changed), 0);
    end(&watch, &pair);
}

static void test_views_stay_as_they_are(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    for (int i = 0; i < 4; i++) {
        expect_result(tell(pair.tx, send_try, i), 0);
        expect_number(
            i % 2 ? actor_do(pair.rx, view_borrow, i, 1) : actor_do(pair.rx, view_take, i, FORM_TRY), i);
    }
    expect_result(actor_do(pair.rx, view_borrow, 4, 0), -ENOBUFS);
    pair_send(&pair, 10, 50);
    expect_number(ask(pair.rx, borrow), 59);
    for (int i = 0; i < 4; i++)
        expect_number(tell(pair.rx, view_end, i), i);
    expect_number(actor_do(pair.rx, view_borrow, 4, 0), 59);
    expect_number(tell(pair.rx, view_end, 4), 59);
    end(&watch, &pair);
}

static void test_a_value_that_does_not_fit_stays_unseen(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    struct party me;
    party_open(&me, &watch, pair.ch);
    if (watch.receivers == CHAN_MANY) {
        size_t size = 0;
        expect_result(attach_receiver(&me, 0, 0), 0);
        expect_result(tell(pair.tx, send_try, 3), 0);
        expect_result(chan_try_recv(me.rx, me.buffer, 1, &size), -EMSGSIZE);
        expect_number(size, flavour_size(&watch, 3));
        expect_result(chan_watch_borrow_and_update(me.rx, me.buffer, size - 1, NULL), -EMSGSIZE);
        expect_result(chan_watch_has_changed(me.rx), 1);
        expect_result(chan_try_recv(me.rx, me.buffer, size, NULL), 0);
    }
    party_leave(&me);
    end(&watch, &pair);
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void test_send_stores_nothing_without_receivers_and_replace_does(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    expect_result(tell(pair.tx, send_try, 1), 0);
    expect_number(ask(pair.tx, nobody_follows), 0);
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_number(ask(pair.tx, nobody_follows), 1);
    for (int way = 0; way < WAYS; way++)
        for (int form = 0; form < FORMS; form++)
            expect_result(actor_do(pair.tx, send_by, 2, HOW(way, form)), -EPIPE);
    expect_number(ask(pair.tx, borrow_by_sender), 1);
    expect_number(tell(pair.tx, replace, 3), 1);
    expect_number(ask(pair.tx, borrow_by_sender), 3);
    expect_result(ask(pair.rx, attach_receiver), 0); /* which opens it again */
    expect_number(ask(pair.rx, borrow), 3);
    expect_number(ask(pair.rx, version), 2);
    expect_result(tell(pair.tx, send_try, 4), 0);
    expect_result(ask(pair.rx, recv_try), 4);
    end(&watch, &pair);
}

static void test_replace_gives_the_old_value_or_does_nothing(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    struct party me;
    party_open(&me, &watch, pair.ch);
    expect_number(tell(pair.tx, replace, 1), EMPTY);
    expect_number(tell(pair.tx, replace, 2), 1);
    if (watch.senders == CHAN_MANY) {
        char old[4];
        size_t size = 0;
        expect_result(attach_sender(&me, 0, 0), 0);
        expect_result(chan_watch_send_replace(me.tx, "x", 1, old, sizeof old, &size), -EMSGSIZE);
        expect_number(size, flavour_size(&watch, 2));
        expect_result(chan_watch_send_replace(me.tx, me.buffer, flavour_largest(&watch) + 1, NULL, 0, NULL),
                      -EMSGSIZE);
        expect_number(ask(pair.tx, borrow_by_sender), 2);
        expect_result(chan_watch_send_replace(me.tx, me.buffer, compose(&me, 3), NULL, 0, NULL), 0);
        expect_number(ask(pair.rx, borrow), 3);
        expect_number(ask(pair.rx, version), 3);
    }
    party_leave(&me);
    end(&watch, &pair);
}

static void test_modify_says_what_becomes_of_the_value(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    expect_result(actor_do(pair.tx, modify, 1, 10), 0);
    expect_result(ask(pair.rx, recv_try), 10);
    expect_result(actor_do(pair.tx, modify_if, 1, 5), 1);
    expect_result(ask(pair.rx, recv_try), 15);
    /* Silently: it can be read, and is no change. */
    actor_begin_blocking(pair.rx, changed, FORM_BLOCK, 0);
    expect_result(actor_do(pair.tx, modify_if, 0, -5), 0);
    expect_result(actor_finish_within(pair.rx, 50), -EINPROGRESS);
    expect_result(actor_do(pair.tx, modify_if, 1, 5), 1);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), 0);
    expect_result(actor_do(pair.tx, modify_if, 0, 1), 0);
    expect_result(ask(pair.rx, has_changed), 0);
    expect_number(ask(pair.rx, borrow), 16);
    expect_number(ask(pair.rx, version), 3);
    /* Nothing different, and an error of one's own. */
    expect_result(actor_do(pair.tx, modify_if, 0, 0), 0);
    expect_result(actor_do(pair.tx, modify_if, -EAGAIN, 3), -EAGAIN);
    expect_result(actor_do(pair.tx, modify, -ENOENT, 3), -ENOENT);
    expect_number(ask(pair.rx, borrow), 16);
    /* modify() makes it new all the same. */
    expect_result(actor_do(pair.tx, modify, 0, 0), 0);
    expect_result(ask(pair.rx, recv_try), 16);
    expect_number(ask(pair.rx, version), 4);
    /* Neither needs a receiver. */
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_result(actor_do(pair.tx, modify, 1, 1), 0);
    expect_result(actor_do(pair.tx, modify_if, 1, 1), 1);
    expect_number(ask(pair.tx, borrow_by_sender), 18);
    end(&watch, &pair);
}

static void test_changes_of_several_processes_add_up(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    struct actor *other = actor_start(&watch, pair.ch, ACTOR_SENDER);
    expect_result(actor_do(pair.tx, modify, 1, 1), 0);
    actor_begin(other, modify_often, 1000, 0);
    expect_result(tell(pair.tx, modify_often, 1000), 0);
    expect_result(actor_finish(other), 0);
    expect_number(ask(pair.rx, update), 2001);
    expect_number(ask(pair.rx, version), 2001);
    actor_end(other);
    end(&watch, &pair);
}

static void test_loans_are_committed_as_values(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    for (int i = 0; i < 4; i++)
        expect_result(actor_do(pair.tx, loan_reserve, i, i), 0);
    expect_result(actor_do(pair.tx, loan_reserve, 4, 4), -ENOBUFS);
    pair_send(&pair, 10, 20);
    for (int i = 3; i >= 1; i--) {
        expect_result(tell(pair.tx, loan_commit, i), 0);
        expect_result(ask(pair.rx, recv_try), i);
    }
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_result(tell(pair.tx, loan_commit, 0), -EPIPE);
    expect_result(tell(pair.tx, loan_abort, 0), 0);
    end(&watch, &pair);
}

/* ---- beginning and end -------------------------------------------------------------------------- */

static void test_a_watch_may_begin_with_a_value(const struct flavour *flavour)
{
    struct flavour watch = watch_of(flavour);
    struct chan_options options = flavour_options(&watch, 1);
    size_t size = flavour_size(&watch, 77);
    unsigned char *initial = malloc(size);
    expect(initial != NULL);
    pattern_write(initial, size, 0, 77);
    options.initial = initial;
    options.initial_size = size;
    struct pair pair = pair_open_with(&watch, &options);
    free(initial);
    expect_number(ask(pair.rx, borrow), 77);
    expect_number(ask(pair.rx, version), 0);
    expect_result(ask(pair.rx, has_changed), 0);
    expect_number(tell(pair.tx, replace, 1), 77);
    expect_number(ask(pair.rx, version), 0);
    expect_result(ask(pair.rx, recv_try), 1);
    expect_number(ask(pair.rx, version), 1);
    end(&watch, &pair);
}

static void test_the_last_sender_leaves_the_value(const struct flavour *flavour)
{
    for (int killed = 0; killed < 2; killed++) {
        struct flavour watch;
        struct pair pair = begin(&watch, flavour);
        bool ends = watch.lifetime == CHAN_EPHEMERAL;
        expect_result(tell(pair.tx, send_try, 1), 0);
        expect_result(tell(pair.rx, changed, FORM_TRY), 0);
        if (ends)
            actor_begin_blocking(pair.rx, changed, FORM_BLOCK, 0);
        else
            expect_result(tell(pair.rx, changed, FORM_TRY), -EAGAIN);
        expect_result(tell(pair.tx, send_try, 2), 0);
        if (ends) {
            expect_result(actor_finish_within(pair.rx, NOTICED_MS), 0);
            actor_begin_blocking(pair.rx, changed, FORM_BLOCK, 0);
        }
        if (killed)
            actor_kill(pair.tx);
        else
            actor_end(pair.tx);
        if (ends) {
            expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
            expect_result(ask(pair.rx, has_changed), -EPIPE);
            expect_result(ask(pair.rx, mark_changed), 0);
            expect_result(ask(pair.rx, has_changed), -EPIPE);
            expect_result(tell(pair.rx, changed, FORM_BLOCK), 0);
            expect_result(tell(pair.rx, changed, FORM_BLOCK), -EPIPE);
            expect_result(ask(pair.rx, recv_blocking), -EPIPE);
        } else {
            expect_result(tell(pair.rx, changed, FORM_TRY), 0);
            expect_result(tell(pair.rx, changed, FORM_TRY), -EAGAIN);
        }
        expect_number(ask(pair.rx, borrow), 2);
        if (killed)
            actor_bury(pair.tx);
        pair.tx = NULL;
        end(&watch, &pair);
    }
}

static void test_a_durable_watch_outlives_all_processes(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    for (int round = 1; round < 6; round++) {
        expect_result(tell(pair.tx, send_try, round), 0);
        actor_kill(pair.tx);
        actor_bury(pair.tx);
        actor_kill(pair.rx);
        actor_bury(pair.rx);
        pair.rx = actor_start(&watch, pair.ch, ACTOR_RECEIVER);
        expect_number(ask(pair.rx, borrow), round);
        expect_number(ask(pair.rx, version), round);
        pair.tx = actor_start(&watch, pair.ch, ACTOR_SENDER);
        expect_number(ask(pair.tx, borrow_by_sender), round);
    }
    end(&watch, &pair);
}

static void test_a_shut_down_watch_takes_no_more(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    expect_result(tell(pair.tx, send_try, 1), 0);
    expect_result(ask(pair.rx, shutdown_channel), 0);
    expect_result(tell(pair.tx, send_try, 2), -EPIPE);
    expect_result(tell(pair.tx, replace, 2), -EPIPE);
    expect_result(actor_do(pair.tx, modify, 1, 1), -EPIPE);
    expect_result(tell(pair.tx, closed, FORM_BLOCK), 0);
    expect_result(ask(pair.rx, has_changed), -EPIPE);
    expect_result(ask(pair.rx, recv_blocking), 1);
    expect_result(ask(pair.rx, recv_blocking), -EPIPE);
    expect_number(ask(pair.rx, borrow), 1);
    end(&watch, &pair);
}

static void test_senders_learn_that_nobody_follows(const struct flavour *flavour)
{
    for (int killed = 0; killed < 2; killed++) {
        struct flavour watch;
        struct pair pair = begin(&watch, flavour);
        for (size_t i = 0; i < IMPATIENT; i++)
            expect_result(tell(pair.tx, closed, impatient[i]), form_expired(impatient[i]));
        actor_begin_blocking(pair.tx, closed, FORM_BLOCK, 0);
        if (killed)
            actor_kill(pair.rx);
        else
            actor_end(pair.rx);
        expect_result(actor_finish_within(pair.tx, NOTICED_MS), 0);
        expect_number(ask(pair.tx, nobody_follows), 1);
        if (killed)
            actor_bury(pair.rx);
        pair.rx = actor_start(&watch, pair.ch, ACTOR_RECEIVER);
        expect_number(ask(pair.tx, nobody_follows), 0);
        expect_result(tell(pair.tx, closed, FORM_TRY), -EAGAIN);
        end(&watch, &pair);
    }
}

/* ---- the others --------------------------------------------------------------------------------- */

static void test_a_stream_of_values_starves_no_reader_and_tears_nothing(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    struct actor *sender = actor_start(&watch, pair.ch, ACTOR_SENDER);
    struct actor *receiver = actor_start(&watch, pair.ch, ACTOR_RECEIVER);
    actor_begin(pair.tx, modify_often, 300, 0);
    expect_result(actor_finish(pair.tx), 0);
    actor_begin(receiver, follow, 0, 300);
    actor_begin(pair.rx, follow, 0, 300);
    actor_begin(pair.tx, stream, 1000, 300);
    expect(actor_finish(pair.tx) > 1000);
    expect(actor_finish(receiver) > 0);
    expect(actor_finish(pair.rx) > 0);
    actor_end(sender);
    actor_end(receiver);
    end(&watch, &pair);
}

/* Each with as many views as it may have. */
static void test_stopped_and_dead_readers_delay_nobody(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    struct actor *readers[4];
    for (int i = 0; i < 4; i++) {
        readers[i] = actor_start(&watch, pair.ch, ACTOR_RECEIVER);
        for (int place = 0; place < 4; place++) {
            expect_result(tell(pair.tx, send_try, i * 4 + place), 0);
            expect_number(actor_do(readers[i], view_borrow, place, 0), i * 4 + place);
        }
    }
    child_stop(readers[0]->pid);
    child_stop(readers[1]->pid);
    actor_kill(readers[2]);
    pair_send(&pair, 100, 500);
    expect_number(ask(pair.rx, borrow), 599);
    actor_bury(readers[2]);
    child_continue(readers[0]->pid);
    child_continue(readers[1]->pid);
    for (int i = 0; i < 4; i++)
        for (int place = 0; i != 2 && place < 4; place++)
            expect_number(tell(readers[i], view_end, place), i * 4 + place);
    pair_send(&pair, 700, 500);
    expect_number(ask(pair.rx, borrow), 1199);
    for (int i = 0; i < 4; i++)
        if (i != 2)
            actor_end(readers[i]);
    end(&watch, &pair);
}

/* There is memory for the first four values, and no more. */
static void test_memory_comes_back_when_nobody_reads(const struct flavour *flavour)
{
    struct flavour watch = watch_of(flavour);
    struct chan_options options = flavour_options(&watch, 1);
    options.bytes = 8 * UINT64_C(4096); /* values 0 to 3 take 1, 3, 2 and 2 units */
    struct pair pair = pair_open_with(&watch, &options);
    for (int i = 0; i < 4; i++) {
        expect_result(tell(pair.tx, send_try, i), 0);
        expect_number(actor_do(pair.rx, view_borrow, i, 0), i);
    }
    expect_result(tell(pair.tx, send_try, 4), -EAGAIN);
    actor_begin_blocking(pair.tx, send_blocking, 4, 0);
    expect_number(tell(pair.rx, view_end, 1), 1);
    expect_result(actor_finish_within(pair.tx, NOTICED_MS), 0);
    expect_number(ask(pair.rx, borrow), 4);
    expect_result(tell(pair.tx, send_try, 5), -EAGAIN);
    actor_kill(pair.rx);
    actor_bury(pair.rx);
    pair.rx = actor_start(&watch, pair.ch, ACTOR_RECEIVER);
    pair_send(&pair, 6, 100);
    expect_number(ask(pair.rx, borrow), 105);
    end(&watch, &pair);
}

static void test_what_a_watch_is_not(const struct flavour *flavour)
{
    struct flavour watch = watch_of(flavour);
    struct chan_options options = flavour_options(&watch, 2);
    struct chan *ch;
    expect_result(chan_create_anonymous(&options, &ch), -EINVAL);
    options = flavour_options(&watch, 1);
    options.holds = 7;
    expect_result(chan_create_anonymous(&options, &ch), -EINVAL);
    options = flavour_options(&watch, 1);
    options.max_deliveries = 3;
    expect_result(chan_create_anonymous(&options, &ch), -EINVAL);
    options = flavour_options(&watch, 1);
    options.initial = "";
    options.initial_size = (size_t)options.message_size + 1;
    expect_result(chan_create_anonymous(&options, &ch), -EINVAL);
    options = flavour_options(flavour, 1);
    options.initial = "";
    options.initial_size = 1;
    expect_result(chan_create_anonymous(&options, &ch), -EINVAL);
    struct pair pair = pair_open(flavour, 1);
    expect_result(ask(pair.rx, borrow), -EOPNOTSUPP);
    expect_result(ask(pair.rx, has_changed), -EOPNOTSUPP);
    expect_result(tell(pair.rx, changed, FORM_TRY), -EOPNOTSUPP);
    expect_result(tell(pair.rx, wait_for, 1), -EOPNOTSUPP);
    expect_result(ask(pair.rx, mark_changed), -EOPNOTSUPP);
    expect_result(tell(pair.tx, replace, 1), -EOPNOTSUPP);
    expect_result(actor_do(pair.tx, modify, 1, 1), -EOPNOTSUPP);
    expect_result(ask(pair.tx, nobody_follows), -EOPNOTSUPP);
    expect_result(ask(pair.tx, borrow_by_sender), -EOPNOTSUPP);
    pair_close(flavour, &pair);
}

static void test_the_value_can_be_looked_at_from_outside(const struct flavour *flavour)
{
    struct flavour watch;
    struct pair pair = begin(&watch, flavour);
    struct party me;
    struct chan_peek_info info;
    uint64_t position = 0;
    party_open(&me, &watch, pair.ch);
    pair_send(&pair, 1, 5);
    expect_result(chan_peek(pair.ch, &position, me.buffer, flavour_largest(&watch), &info), 0);
    expect_number(value_of(&me, me.buffer, info.size), 5);
    expect_number(info.position, 5);
    expect_number(info.skipped, 5);
    expect_number(position, 6);
    expect_result(chan_peek(pair.ch, &position, me.buffer, flavour_largest(&watch), &info), -EAGAIN);
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(ask(pair.rx, recv_try), 5);
    expect_result(chan_stat(pair.ch, &stat), 0);
    expect_number(stat.sent, 5);
    expect_number(stat.received, 1);
    expect_number(stat.queued, 0);
    expect_number(chan_is_full(pair.ch), 0);
    party_leave(&me);
    end(&watch, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_a_receiver_has_seen_what_was_there_when_it_came, OF_ITS_OWN_KIND, 0),
        CASE(test_borrow_marks_nothing_and_borrow_and_update_does, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_a_receiver_gets_the_latest_value_and_misses_others, OF_ITS_OWN_KIND, 0),
        CASE(test_an_equal_value_is_a_change, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_changed_waits_in_all_forms, FOR_FEW | WITHOUT_KEEPER_TOO | OF_ITS_OWN_KIND, 0),
        CASE(test_every_sleeping_receiver_is_woken_by_one_send,
             FOR_MANY_RECEIVERS | FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_wait_for_begins_with_the_current_value, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_marks_can_be_set_by_hand, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_a_clone_inherits_what_is_not_seen, FOR_MANY_RECEIVERS | OF_ITS_OWN_KIND, 0),
        CASE(test_views_stay_as_they_are, OF_ITS_OWN_KIND, 0),
        CASE(test_a_value_that_does_not_fit_stays_unseen, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_send_stores_nothing_without_receivers_and_replace_does, OF_ITS_OWN_KIND, 0),
        CASE(test_replace_gives_the_old_value_or_does_nothing, OF_ITS_OWN_KIND, 0),
        CASE(test_modify_says_what_becomes_of_the_value, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_changes_of_several_processes_add_up, FOR_MANY_SENDERS | FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_loans_are_committed_as_values, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_a_watch_may_begin_with_a_value, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_the_last_sender_leaves_the_value, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_a_durable_watch_outlives_all_processes, FOR_DURABLE | OF_ITS_OWN_KIND, 0),
        CASE(test_a_shut_down_watch_takes_no_more, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_senders_learn_that_nobody_follows, FOR_FEW | WITHOUT_KEEPER_TOO | OF_ITS_OWN_KIND, 0),
        CASE(test_a_stream_of_values_starves_no_reader_and_tears_nothing, FOR_MANY | OF_ITS_OWN_KIND, 0),
        CASE(test_stopped_and_dead_readers_delay_nobody, FOR_MANY | OF_ITS_OWN_KIND, 0),
        CASE(test_memory_comes_back_when_nobody_reads, FOR_LARGE | FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_what_a_watch_is_not, FOR_FEW | OF_ITS_OWN_KIND, 0),
        CASE(test_the_value_can_be_looked_at_from_outside, FOR_FEW | OF_ITS_OWN_KIND, 0),
    };
    return suite_run("watch", cases, sizeof cases / sizeof *cases, argc, argv);
}
