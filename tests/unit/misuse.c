/* SPDX-License-Identifier: Apache-2.0 */
/* Checked builds notice a handle that two threads use at the same moment. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <shmchan.h>

static void *wait_for_a_message(void *rx)
{
    static int result;
    char byte;
    result = chan_recv(rx, &byte, sizeof byte, NULL);
    return &result;
}

static uint32_t waits_for(struct chan_receiver *rx)
{
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    assert_int_equal(chan_endpoint_stat(chan_of_receiver(rx), chan_receiver_number(rx), &stat), 0);
    return stat.waits_for;
}

static void test_a_call_while_another_thread_is_in_one_is_refused_and_harms_nothing(void **state)
{
    (void)state;
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    pthread_t waiter;
    void *result;
    char byte;
    assert_int_equal(chan_create_anonymous(NULL, &ch), 0);
    assert_int_equal(chan_attach_sender(ch, 0, &tx), 0);
    assert_int_equal(chan_attach_receiver(ch, 0, &rx), 0);
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_a_message, rx), 0);
    while (waits_for(rx) != CHAN_WAITS_FOR_MESSAGE)
        ;
    assert_int_equal(chan_try_recv(rx, &byte, sizeof byte, NULL), -EINVAL);
    assert_int_equal(chan_send(tx, "x", 1), 0);
    assert_int_equal(pthread_join(waiter, &result), 0);
    assert_int_equal(*(int *)result, 0);
    assert_int_equal(chan_try_recv(rx, &byte, sizeof byte, NULL), -EAGAIN);
    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_while_another_thread_is_in_one_is_refused_and_harms_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
