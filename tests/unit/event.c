/* SPDX-License-Identifier: Apache-2.0 */
/* Futex and event: sleeping until woken or late, never through a change, and no bit left where nobody
 * sleeps. */
#include "shm/event.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include <shmchan.h>

#include "shm/futex.h"

#define MILLISECOND INT64_C(1000000)

static void test_waiting_ends_at_the_deadline(void **state)
{
    atomic_u32 word = 7;
    (void)state;
    int64_t begin = chan_now();
    assert_int_equal(chan__futex_wait(&word, 7, begin + 20 * MILLISECOND), -ETIMEDOUT);
    assert_true(chan_now() - begin >= 20 * MILLISECOND);
    assert_int_equal(chan__futex_wait(&word, 7, begin), -ETIMEDOUT);
    assert_int_equal(chan__futex_wait(&word, 7, 0), -ETIMEDOUT);
}

static void test_waiting_for_another_value_returns_at_once(void **state)
{
    atomic_u32 word = 7;
    (void)state;
    assert_int_equal(chan__futex_wait(&word, 8, INT64_MAX), 0);
}

static void test_errno_is_left_alone(void **state)
{
    atomic_u32 word = 7;
    (void)state;
    errno = 1234;
    (void)chan__futex_wait(&word, 7, 0);
    (void)chan__futex_wait(&word, 8, INT64_MAX);
    (void)chan__futex_wake(&word, 1);
    assert_int_equal(errno, 1234);
}

static void test_with_no_sleeper_a_notification_changes_nothing(void **state)
{
    atomic_u32 event = 100;
    (void)state;
    chan__event_notify(&event, 1);
    chan__event_notify_after_store(&event, 1);
    assert_int_equal(event, 100);
}

static void test_preparing_sets_the_bit_and_a_change_after_it_is_not_slept_through(void **state)
{
    atomic_u32 event = 100;
    (void)state;
    uint32_t key = chan__event_prepare(&event);
    assert_int_equal(event, 100 | EVENT_SLEEPERS);
    chan__event_notify(&event, 1);
    assert_int_equal(chan__event_wait(&event, key, INT64_MAX), 0);
}

static void test_a_bit_left_behind_by_the_dead_is_cleared_by_the_next_waker(void **state)
{
    atomic_u32 event = 100;
    (void)state;
    (void)chan__event_prepare(&event);
    chan__event_notify(&event, 1);
    assert_int_equal(event & EVENT_SLEEPERS, 0);
    uint32_t now = event;
    chan__event_notify(&event, 1);
    assert_int_equal(event, now);
}

static void test_who_prepares_keeps_the_bit_from_one_who_was_stopped_clearing_it(void **state)
{
    atomic_u32 event = 100 | EVENT_SLEEPERS | EVENT_CLEARING;
    (void)state;
    assert_int_equal(chan__event_prepare(&event), 100 | EVENT_SLEEPERS);
    assert_int_equal(event, 100 | EVENT_SLEEPERS);
}

static void test_a_notice_after_a_warning_wakes_again_only_if_somebody_has_prepared_since(void **state)
{
    atomic_u32 event =
        100 | EVENT_SLEEPERS | EVENT_CLEARING; /* after a warning that woke as many as it could */
    uint32_t warned = event;
    (void)state;
    chan__event_notify_warned(&event, warned, 1);
    assert_int_equal(event, warned);
    uint32_t key = chan__event_prepare(&event);
    chan__event_notify_warned(&event, warned, 1);
    assert_int_not_equal(event, key);
    event = 100 | EVENT_SLEEPERS;
    chan__event_notify_warned(&event, 0, 1); /* there was no warning */
    assert_int_not_equal(event, 100 | EVENT_SLEEPERS);
}

static void test_the_sequence_wraps_around(void **state)
{
    atomic_u32 event = 0u - EVENT_STEP; /* the last sequence, no sleeper */
    (void)state;
    uint32_t key = chan__event_prepare(&event);
    assert_int_equal(key, (0u - EVENT_STEP) | EVENT_SLEEPERS);
    chan__event_notify_all(&event);
    assert_int_not_equal(event, key);
    assert_int_equal(chan__event_wait(&event, key, INT64_MAX), 0);
}

/* Sleepers wait for `goal` to be raised; the event tells them. */
#define SLEEPERS 4

struct stage {
    atomic_u32 event;
    atomic_u32 goal, late;
};

static void *sleep_for_goals(void *argument)
{
    struct stage *stage = argument;
    for (uint32_t seen = 0; seen < 2000;) {
        uint32_t key = chan__event_prepare(&stage->event);
        uint32_t goal = load_seq_cst(&stage->goal);
        if (goal != seen) {
            seen = goal;
            continue;
        }
        if (chan__event_wait(&stage->event, key, chan_deadline(2000 * MILLISECOND)) == -ETIMEDOUT)
            stage->late++;
    }
    return NULL;
}

static void test_no_change_is_slept_through_by_any_sleeper(void **state)
{
    struct stage stage = {0};
    pthread_t threads[SLEEPERS];
    (void)state;
    for (int i = 0; i < SLEEPERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sleep_for_goals, &stage), 0);
    for (int i = 0; i < 2000; i++) {
        if (i % 50 == 0) {
            struct timespec pause = {.tv_nsec = 300000}; /* let them go to sleep */
            nanosleep(&pause, NULL);
        }
        atomic_fetch_add(&stage.goal, 1);
        chan__event_notify(&stage.event, INT_MAX);
    }
    for (int i = 0; i < SLEEPERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(stage.late, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting_ends_at_the_deadline),
        cmocka_unit_test(test_waiting_for_another_value_returns_at_once),
        cmocka_unit_test(test_errno_is_left_alone),
        cmocka_unit_test(test_with_no_sleeper_a_notification_changes_nothing),
        cmocka_unit_test(test_preparing_sets_the_bit_and_a_change_after_it_is_not_slept_through),
        cmocka_unit_test(test_a_bit_left_behind_by_the_dead_is_cleared_by_the_next_waker),
        cmocka_unit_test(test_who_prepares_keeps_the_bit_from_one_who_was_stopped_clearing_it),
        cmocka_unit_test(test_a_notice_after_a_warning_wakes_again_only_if_somebody_has_prepared_since),
        cmocka_unit_test(test_the_sequence_wraps_around),
        cmocka_unit_test(test_no_change_is_slept_through_by_any_sleeper),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
