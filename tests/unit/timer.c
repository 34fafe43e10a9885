/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: when their messages are due, and who gets them. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include <shmchan.h>

#define MS INT64_C(1000000)

static struct chan_timer *after(int64_t delay_ns)
{
    struct chan_timer *timer;
    assert_int_equal(chan_timer_after(delay_ns, &timer), 0);
    return timer;
}

static struct chan_timer *at(int64_t when_ns)
{
    struct chan_timer *timer;
    assert_int_equal(chan_timer_at(when_ns, &timer), 0);
    return timer;
}

static struct chan_timer *every(int64_t period_ns)
{
    struct chan_timer *timer;
    assert_int_equal(chan_timer_every(period_ns, &timer), 0);
    return timer;
}

static void test_before_its_time_there_is_no_message(void **state)
{
    (void)state;
    int64_t before = chan_now(), due = 0;
    struct chan_timer *timer = after(3600 * 1000 * MS);
    assert_true(chan_timer_due(timer) >= before + 3600 * 1000 * MS);
    assert_int_equal(chan_timer_try_recv(timer, &due), -EAGAIN);
    assert_int_equal(chan_timer_recv_timeout(timer, &due, 0), -ETIMEDOUT);
    assert_int_equal(chan_timer_recv_timeout(timer, &due, 5 * MS), -ETIMEDOUT);
    assert_int_equal(due, 0);
    chan_timer_close(timer);
}

static void test_after_gives_one_message_when_its_time_has_come(void **state)
{
    (void)state;
    int64_t before = chan_now(), due = 0;
    struct chan_timer *timer = after(50 * MS);
    assert_true(chan_timer_due(timer) >= before + 50 * MS);
    int64_t expected = chan_timer_due(timer);
    assert_int_equal(chan_timer_recv(timer, &due), 0);
    assert_true(chan_now() >= expected);
    assert_int_equal(due, expected);
    assert_int_equal(chan_timer_try_recv(timer, &due), -EAGAIN);
    assert_int_equal(chan_timer_due(timer), CHAN_FOREVER);
    assert_int_equal(chan_timer_recv_timeout(timer, &due, 5 * MS), -ETIMEDOUT);
    chan_timer_close(timer);
}

static void test_the_message_is_when_it_was_due_not_when_it_was_read(void **state)
{
    (void)state;
    int64_t due, then = chan_now() - 5 * MS;
    struct chan_timer *timer = at(then);
    assert_int_equal(chan_timer_try_recv(timer, &due), 0);
    assert_int_equal(due, then);
    chan_timer_close(timer);
    timer = at(INT64_MIN);
    assert_int_equal(chan_timer_recv_until(timer, &due, INT64_MIN), 0);
    assert_int_equal(due, INT64_MIN);
    chan_timer_close(timer);
}

static void test_what_does_not_fit_is_never(void **state)
{
    static const int64_t delays[] = {INT64_MAX, INT64_MAX - 1};
    (void)state;
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        struct chan_timer *timer = after(delays[i]);
        assert_int_equal(chan_timer_due(timer), CHAN_FOREVER);
        int64_t before = chan_now();
        assert_int_equal(chan_timer_recv_timeout(timer, NULL, 10 * MS), -ETIMEDOUT);
        assert_true(chan_now() >= before + 10 * MS);
        chan_timer_close(timer);
        timer = every(delays[i]);
        assert_int_equal(chan_timer_due(timer), CHAN_FOREVER);
        chan_timer_close(timer);
    }
}

static void test_ticks_that_nobody_read_become_one(void **state)
{
    (void)state;
    int64_t due, first;
    struct chan_timer *timer = every(100 * MS);
    first = chan_timer_due(timer);
    usleep(350000);
    assert_int_equal(chan_timer_try_recv(timer, &due), 0);
    assert_int_equal(due, first);
    int64_t next = chan_timer_due(timer);
    int result = chan_timer_try_recv(timer, &due);
    assert_true(result == -EAGAIN || chan_now() >= next); /* unless it has taken that long to get here */
    assert_true(next >= first + 350 * MS);
    chan_timer_close(timer);
}

static void test_a_tick_read_late_sets_the_next_a_period_after_reading(void **state)
{
    (void)state;
    struct chan_timer *timer = every(10 * MS);
    usleep(25000);
    int64_t before = chan_now();
    assert_int_equal(chan_timer_recv(timer, NULL), 0);
    assert_true(chan_timer_due(timer) >= before + 10 * MS);
    chan_timer_close(timer);
}

static void test_a_reader_that_waits_keeps_the_beat(void **state)
{
    (void)state;
    struct chan_timer *timer = every(20 * MS);
    int64_t due, first = chan_timer_due(timer);
    for (int64_t i = 0; i < 10; i++) {
        int64_t now = chan_now();
        assert_int_equal(chan_timer_recv(timer, &due), 0);
        if (now < due - 10 * MS) /* it was there in time, and waited */
            assert_int_equal(chan_timer_due(timer), due + 20 * MS);
    }
    assert_true(due >= first + 180 * MS);
    chan_timer_close(timer);
}

static void test_a_period_of_nothing_is_always_due(void **state)
{
    (void)state;
    struct chan_timer *timer = every(0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(chan_timer_try_recv(timer, NULL), 0);
    chan_timer_close(timer);
}

static atomic_uint taken;

static void *count_what_is_taken(void *timer)
{
    if (!chan_timer_recv_timeout(timer, NULL, 50 * MS))
        atomic_fetch_add(&taken, 1);
    return NULL;
}

static void test_a_message_goes_to_one_of_several_readers(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct chan_timer *timer = after(2 * MS);
        atomic_store(&taken, 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, count_what_is_taken, timer), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(atomic_load(&taken), 1);
        chan_timer_close(timer);
    }
}

static void test_misuse_is_refused(void **state)
{
    struct chan_timer *timer;
    (void)state;
    assert_int_equal(chan_timer_after(0, NULL), -EINVAL);
    assert_int_equal(chan_timer_at(0, NULL), -EINVAL);
    assert_int_equal(chan_timer_every(0, NULL), -EINVAL);
    assert_int_equal(chan_timer_every(-1, &timer), -EINVAL);
    assert_int_equal(chan_timer_recv(NULL, NULL), -EINVAL);
    assert_int_equal(chan_timer_try_recv(NULL, NULL), -EINVAL);
    chan_timer_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_its_time_there_is_no_message),
        cmocka_unit_test(test_after_gives_one_message_when_its_time_has_come),
        cmocka_unit_test(test_the_message_is_when_it_was_due_not_when_it_was_read),
        cmocka_unit_test(test_what_does_not_fit_is_never),
        cmocka_unit_test(test_ticks_that_nobody_read_become_one),
        cmocka_unit_test(test_a_tick_read_late_sets_the_next_a_period_after_reading),
        cmocka_unit_test(test_a_reader_that_waits_keeps_the_beat),
        cmocka_unit_test(test_a_period_of_nothing_is_always_due),
        cmocka_unit_test(test_a_message_goes_to_one_of_several_readers),
        cmocka_unit_test(test_misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
