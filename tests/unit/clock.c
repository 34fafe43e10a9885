/* SPDX-License-Identifier: Apache-2.0 */
/* Time: deadlines from timeouts, at the edges of what fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include <shmchan.h>

static void test_now_is_the_monotonic_clock(void **state)
{
    struct timespec before, after;
    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &before);
    int64_t now = chan_now();
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(now >= before.tv_sec * INT64_C(1000000000) + before.tv_nsec);
    assert_true(now <= after.tv_sec * INT64_C(1000000000) + after.tv_nsec);
}

static void test_a_deadline_lies_the_timeout_ahead(void **state)
{
    (void)state;
    for (int64_t timeout = 1; timeout < INT64_C(1) << 60; timeout *= 7) {
        int64_t before = chan_now(), deadline = chan_deadline(timeout), after = chan_now();
        assert_true(deadline >= before + timeout);
        assert_true(deadline <= after + timeout);
    }
}

static void test_a_timeout_of_nothing_or_less_is_now(void **state)
{
    static const int64_t timeouts[] = {0, -1, -1000000000, INT64_MIN, INT64_MIN + 1};
    (void)state;
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        int64_t before = chan_now(), deadline = chan_deadline(timeouts[i]), after = chan_now();
        assert_true(deadline >= before && deadline <= after);
    }
}

static void test_what_does_not_fit_is_for_ever(void **state)
{
    (void)state;
    assert_true(chan_deadline(INT64_MAX) == CHAN_FOREVER);
    assert_true(chan_deadline(INT64_MAX - 1) == CHAN_FOREVER);
    assert_true(chan_deadline(INT64_MAX - chan_now() + 1000) == CHAN_FOREVER);
    int64_t fits = INT64_MAX - chan_now() - INT64_C(60000000000);
    assert_true(chan_deadline(fits) < CHAN_FOREVER);
    assert_true(chan_deadline(fits) > fits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_now_is_the_monotonic_clock),
        cmocka_unit_test(test_a_deadline_lies_the_timeout_ahead),
        cmocka_unit_test(test_a_timeout_of_nothing_or_less_is_now),
        cmocka_unit_test(test_what_does_not_fit_is_for_ever),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
