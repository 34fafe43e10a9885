/* SPDX-License-Identifier: Apache-2.0 */
/* How many messages a channel should hold: the formula, its edges, and what does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <shmchan.h>

static void test_known_plans(void **state)
{
    (void)state;
    assert_true(chan_plan_messages(10000, 8000, 2000) == 4096);
    assert_true(chan_plan_messages(100, 200, 5000) == 64);
    assert_true(chan_plan_messages(1000, 999, 1000) == 64);
    assert_true(chan_plan_messages(2000, 1000, 500) == 512);
}

static void test_fast_receivers_and_short_bursts_take_the_least(void **state)
{
    (void)state;
    assert_true(chan_plan_messages(0, 0, 0) == 64);
    assert_true(chan_plan_messages(7, 7, UINT64_MAX) == 64);
    assert_true(chan_plan_messages(0, UINT64_MAX, UINT64_MAX) == 64);
    assert_true(chan_plan_messages(UINT64_MAX, 0, 0) == 64);
}

static void test_a_power_of_two_is_kept_and_one_more_takes_the_next(void **state)
{
    (void)state;
    for (uint64_t messages = 64; messages <= UINT64_C(1) << 40; messages *= 2) {
        assert_true(chan_plan_messages(messages, 0, 1000) == messages);
        assert_true(chan_plan_messages(messages + 1, 1, 1000) == messages);
        assert_true(chan_plan_messages(messages + 1, 0, 1000) == 2 * messages);
        assert_true(chan_plan_messages(messages + 1, 0, 999) == messages);
    }
}

static void test_what_does_not_fit_saturates(void **state)
{
    const uint64_t most = UINT64_C(1) << 55; /* the power of two at or above UINT64_MAX / 1000 */
    (void)state;
    assert_true(chan_plan_messages(UINT64_MAX, 0, UINT64_MAX) == most);
    assert_true(chan_plan_messages(UINT64_MAX, 0, 2) == most);
    assert_true(chan_plan_messages(2, 0, UINT64_MAX) == most);
    assert_true(chan_plan_messages(UINT64_MAX, 0, 1) == most);
    assert_true(chan_plan_messages(UINT64_MAX, UINT64_MAX - 1, UINT64_MAX) == most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_plans),
        cmocka_unit_test(test_fast_receivers_and_short_bursts_take_the_least),
        cmocka_unit_test(test_a_power_of_two_is_kept_and_one_more_takes_the_next),
        cmocka_unit_test(test_what_does_not_fit_saturates),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
