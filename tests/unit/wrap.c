/* SPDX-License-Identifier: Apache-2.0 */
/* The ring near the end of its turns: words are set as they would be after years, and the queue must not
 * notice. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "shm/cell.h"
#include "src/handle.h"

/* Laps that a ring cell's turn can tell apart: the turn has 63 - block_bits bits, of which one says full. */
static uint64_t last_lap(const struct geometry *g)
{
    return (UINT64_C(1) << (62 - g->block_bits)) - 1;
}

/* Make the empty, fresh channel one whose ring has come to the beginning of `lap`. */
static void set_lap(struct chan *ch, uint64_t lap)
{
    const struct segment *s = &ch->segment;
    const struct geometry *g = &s->g;
    for (uint64_t i = 0; i < g->messages; i++) {
        uint64_t block = cell_block(g, load_relaxed(seg_ring_cell(s, i)));
        store_relaxed(seg_ring_cell(s, i), cell_word(g, 2 * lap, block));
    }
    store_relaxed(&seg_hot(s)->tail_hint, lap << g->index_bits);
    store_relaxed(&seg_hot(s)->head_hint, lap << g->index_bits);
}

/* Turns of the hold cells run with the exchanges, too. */
static void set_hold_turns(struct chan *ch, uint64_t before_the_end)
{
    const struct segment *s = &ch->segment;
    const struct geometry *g = &s->g;
    uint64_t last = (UINT64_C(1) << (63 - g->block_bits)) - 4; /* SPARE */
    for (uint32_t record = 0; record < g->endpoints; record++)
        for (uint32_t hold = 0; hold < 2 * g->role_cells; hold++) {
            atomic_u64 *cell = &seg_record(s, record)->holds[hold];
            store_relaxed(cell, cell_word(g, last - 4 * before_the_end, cell_block(g, load_relaxed(cell))));
        }
}

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
    set_lap(queue->ch, last_lap(&queue->ch->segment.g) - laps_before_the_end);
    set_hold_turns(queue->ch, laps_before_the_end);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_and_empty_stay_exact_across_the_end_of_turns),
        cmocka_unit_test(test_a_queue_never_empty_crosses_the_end_of_turns_in_order),
        cmocka_unit_test(test_one_who_attaches_after_the_end_of_turns_finds_his_place),
        cmocka_unit_test(test_a_shutdown_at_the_end_of_turns_drains_and_closes),
        cmocka_unit_test(test_views_cross_the_end_of_turns),
    };
    return cmocka_run_group_tests_name("wrap", tests, NULL, NULL);
}
