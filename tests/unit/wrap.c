/* SPDX-License-Identifier: Apache-2.0 */
/* The ring near the end of its turns: words are set as they would be after years, and the queue must not
 * notice. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "wraps.h"

struct queue {
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    uint64_t sent, received;
};

static void open_queue(struct queue *queue, uint64_t messages, uint64_t laps_before_the_end)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    *queue = (struct queue){0};
    options.messages = messages;
    options.message_size = 8;
    options.endpoints = 4;
    options.holds = 2;
    assert_int_equal(chan_create_anonymous(&options, &queue->ch), 0);
    wraps_set(queue->ch, laps_before_the_end);
    assert_int_equal(chan_attach_sender(queue->ch, 0, &queue->tx), 0);
    assert_int_equal(chan_attach_receiver(queue->ch, 0, &queue->rx), 0);
}

static void close_queue(struct queue *queue)
{
    chan_close_sender(queue->tx);
    chan_close_receiver(queue->rx);
    chan_close(queue->ch);
}

static void put(struct queue *queue)
{
    assert_int_equal(chan_try_send(queue->tx, &queue->sent, sizeof queue->sent), 0);
    queue->sent++;
}

static void take(struct queue *queue)
{
    uint64_t got;
    size_t size;
    assert_int_equal(chan_try_recv(queue->rx, &got, sizeof got, &size), 0);
    assert_int_equal(size, sizeof got);
    assert_int_equal(got, queue->received);
    queue->received++;
}

static void expect_full(struct queue *queue)
{
    assert_int_equal(chan_try_send(queue->tx, "", 0), -EAGAIN);
    assert_int_equal(chan_len(queue->ch), chan_capacity(queue->ch));
    assert_int_equal(chan_is_full(queue->ch), 1);
}

static void expect_empty(struct queue *queue)
{
    uint64_t got;
    assert_int_equal(chan_try_recv(queue->rx, &got, sizeof got, NULL), -EAGAIN);
    assert_int_equal(chan_len(queue->ch), 0);
    assert_int_equal(chan_is_empty(queue->ch), 1);
}

static void expect_sound(const struct queue *queue)
{
    char text[200] = "";
    if (chan_check(queue->ch, text, sizeof text) != 0)
        fail_msg("chan_check: %s", text);
}

static void test_full_and_empty_stay_exact_across_the_end_of_turns(void **state)
{
    static const uint64_t capacities[] = {1, 2, 3, 8, 17};
    (void)state;
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct queue queue;
        open_queue(&queue, capacities[i], 3);
        for (int lap = 0; lap < 8; lap++) {
            for (uint64_t k = 0; k < capacities[i]; k++)
                put(&queue);
            expect_full(&queue);
            for (uint64_t k = 0; k < capacities[i]; k++)
                take(&queue);
            expect_empty(&queue);
        }
        expect_sound(&queue);
        close_queue(&queue);
    }
}

static void test_a_queue_never_empty_crosses_the_end_of_turns_in_order(void **state)
{
    (void)state;
    for (uint64_t capacity = 2; capacity < 20; capacity += 3) {
        struct queue queue;
        open_queue(&queue, capacity, 3);
        put(&queue);
        for (uint64_t k = 0; k < capacity * 8; k++) {
            put(&queue);
            take(&queue);
        }
        assert_int_equal(chan_len(queue.ch), 1);
        take(&queue);
        expect_empty(&queue);
        close_queue(&queue);
    }
}

static void test_one_who_attaches_after_the_end_of_turns_finds_his_place(void **state)
{
    (void)state;
    for (uint64_t laps = 0; laps < 4; laps++) {
        struct queue queue;
        struct chan_sender *late_tx;
        struct chan_receiver *late_rx;
        open_queue(&queue, 3, laps);
        for (int k = 0; k < 10; k++) {
            put(&queue);
            if (k >= 2)
                take(&queue);
        }
        assert_int_equal(chan_clone_sender(queue.tx, &late_tx), 0);
        assert_int_equal(chan_clone_receiver(queue.rx, &late_rx), 0);
        chan_close_sender(queue.tx);
        chan_close_receiver(queue.rx);
        queue.tx = late_tx;
        queue.rx = late_rx;
        put(&queue);
        expect_full(&queue);
        for (int k = 0; k < 3; k++)
            take(&queue);
        expect_empty(&queue);
        close_queue(&queue);
    }
}

static void test_a_shutdown_at_the_end_of_turns_drains_and_closes(void **state)
{
    (void)state;
    for (uint64_t sent = 0; sent < 16; sent++)
        for (uint64_t left = 0; left <= 3 && left <= sent; left++) {
            struct queue queue;
            uint64_t got;
            open_queue(&queue, 3, 2);
            for (uint64_t k = 0; k < sent; k++) {
                if (queue.sent - queue.received == 3)
                    take(&queue);
                put(&queue);
            }
            while (queue.sent - queue.received > left)
                take(&queue);
            assert_int_equal(chan_shutdown(queue.ch), 0);
            assert_int_equal(chan_try_send(queue.tx, "", 0), -EPIPE);
            while (queue.received < queue.sent)
                take(&queue);
            assert_int_equal(chan_try_recv(queue.rx, &got, sizeof got, NULL), -EPIPE);
            close_queue(&queue);
        }
}

static void test_views_cross_the_end_of_turns(void **state)
{
    struct queue queue;
    struct chan_view view;
    (void)state;
    open_queue(&queue, 2, 2);
    put(&queue);
    assert_int_equal(chan_try_recv_view(queue.rx, &view), 0);
    uint64_t held = queue.received++;
    for (int k = 0; k < 30; k++) {
        put(&queue);
        take(&queue);
    }
    assert_memory_equal(view.data, &held, sizeof held);
    assert_int_equal(chan_release(queue.rx, &view), 0);
    expect_empty(&queue);
    expect_sound(&queue);
    close_queue(&queue);
}

/* Every course of `steps` puts and takes, from every place before the end of turns: bit i of `course` says
 * whether step i puts. Those that do not fit say so, and change nothing. */
static void run_course(uint64_t capacity, uint64_t before, unsigned course, unsigned steps)
{
    struct queue queue;
    open_queue(&queue, capacity, 1);
    for (uint64_t k = 0; k < before; k++) {
        put(&queue);
        take(&queue);
    }
    for (unsigned i = 0; i < steps; i++) {
        uint64_t length = queue.sent - queue.received;
        assert_int_equal(chan_len(queue.ch), length);
        if (course >> i & 1 && length == capacity)
            expect_full(&queue);
        else if (course >> i & 1)
            put(&queue);
        else if (length == 0)
            expect_empty(&queue);
        else
            take(&queue);
    }
    expect_sound(&queue);
    close_queue(&queue);
}

static void test_every_short_course_across_the_end_of_turns(void **state)
{
    (void)state;
    for (uint64_t capacity = 1; capacity <= 3; capacity++)
        for (uint64_t before = 0; before <= 2 * capacity; before++)
            for (unsigned course = 0; course < 1u << 9; course++)
                run_course(capacity, before, course, 9);
}

/* One that has looked on since before the end still finds its place. */
static void test_one_who_slept_through_the_end_of_turns_finds_his_place(void **state)
{
    (void)state;
    for (uint64_t capacity = 1; capacity <= 4; capacity++)
        for (uint64_t passed = 0; passed <= 6 * capacity; passed++) {
            struct queue queue;
            struct chan_sender *slow_tx, *tx;
            struct chan_receiver *slow_rx, *rx;
            open_queue(&queue, capacity, 1);
            assert_int_equal(chan_clone_sender(queue.tx, &slow_tx), 0);
            assert_int_equal(chan_clone_receiver(queue.rx, &slow_rx), 0);
            for (uint64_t k = 0; k < passed; k++) {
                put(&queue);
                take(&queue);
            }
            tx = queue.tx, rx = queue.rx;
            queue.tx = slow_tx, queue.rx = slow_rx;
            expect_empty(&queue);
            for (uint64_t k = 0; k < capacity; k++)
                put(&queue);
            expect_full(&queue);
            while (queue.received < queue.sent)
                take(&queue);
            chan_close_sender(tx);
            chan_close_receiver(rx);
            close_queue(&queue);
        }
}

/* What one gives back is taken by another, over and over, while every word that counts it wraps. */
static void test_redelivery_across_the_end_of_turns(void **state)
{
    (void)state;
    for (uint64_t laps = 0; laps < 4; laps++) {
        struct queue queue;
        open_queue(&queue, 2, laps);
        put(&queue);
        for (uint32_t k = 1; k < 12; k++) {
            struct chan_view view;
            struct chan_receiver *giver;
            assert_int_equal(chan_clone_receiver(queue.rx, &giver), 0);
            assert_int_equal(chan_try_recv_view(giver, &view), 0);
            assert_int_equal(view.deliveries, k);
            chan_close_receiver(giver);
            assert_int_equal(chan_len(queue.ch), 1);
        }
        take(&queue);
        expect_empty(&queue);
        expect_sound(&queue);
        close_queue(&queue);
    }
}

/* Payload units carry the tag of their extent, which wraps; 0 is a tag like any other. */
static void test_large_messages_across_the_end_of_tags(void **state)
{
    static unsigned char message[10000], got[sizeof message];
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    size_t size;
    (void)state;
    options.messages = 2;
    options.message_size = sizeof message;
    options.endpoints = 2;
    assert_int_equal(chan_create_anonymous(&options, &ch), 0);
    wraps_set(ch, 2);
    assert_int_equal(chan_attach_sender(ch, 0, &tx), 0);
    assert_int_equal(chan_attach_receiver(ch, 0, &rx), 0);
    for (int k = 0; k < 40; k++) {
        memset(message, k, sizeof message);
        assert_int_equal(chan_try_send(tx, message, sizeof message), 0);
        assert_int_equal(chan_try_send(tx, message, sizeof message), 0);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(chan_try_recv(rx, got, sizeof got, &size), 0);
            assert_int_equal(size, sizeof message);
            assert_memory_equal(got, message, sizeof message);
        }
    }
    expect_sound(&(struct queue){.ch = ch});
    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_and_empty_stay_exact_across_the_end_of_turns),
        cmocka_unit_test(test_a_queue_never_empty_crosses_the_end_of_turns_in_order),
        cmocka_unit_test(test_one_who_attaches_after_the_end_of_turns_finds_his_place),
        cmocka_unit_test(test_a_shutdown_at_the_end_of_turns_drains_and_closes),
        cmocka_unit_test(test_views_cross_the_end_of_turns),
        cmocka_unit_test(test_every_short_course_across_the_end_of_turns),
        cmocka_unit_test(test_one_who_slept_through_the_end_of_turns_finds_his_place),
        cmocka_unit_test(test_redelivery_across_the_end_of_turns),
        cmocka_unit_test(test_large_messages_across_the_end_of_tags),
    };
    return cmocka_run_group_tests_name("wrap", tests, NULL, NULL);
}
