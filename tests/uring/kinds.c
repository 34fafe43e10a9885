/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of channel is waited for on a ring, on both sides, against peers in another process that block.
 * */
#include "loop.h"

#include <errno.h>
#include <string.h>

#define NAME "c"
#define MESSAGES 3000u

struct subject {
    uint32_t kind, order, overflow;
    uint64_t capacity;
};

static struct chan *create(const struct subject *of)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.kind = of->kind;
    options.order = of->order;
    options.overflow = of->overflow;
    options.messages = of->capacity;
    options.message_size = 8;
    options.endpoints = 8;
    expect_result(chan_create(NAME, &options, &ch), 0);
    return ch;
}

/* ---- a receiver on a ring ---- */

static int send_one(const struct subject *of, struct chan_sender *tx, uint32_t message)
{
    uint32_t answer = 0;
    int result;
    if (of->kind != CHAN_CALL)
        return chan_send(tx, &message, sizeof message);
    result = chan_call(tx, &message, sizeof message, &answer, sizeof answer, NULL);
    expect_number(answer, message + 1);
    return result;
}

static int64_t send_all(void *argument)
{
    const struct subject *of = argument;
    uint32_t count = of->kind == CHAN_ONESHOT ? 1 : MESSAGES;
    struct chan *ch;
    struct chan_sender *tx = loop_sender(NAME, &ch);
    loop_until_waiting(ch, CHAN_WAITS_FOR_MESSAGE, 1);
    for (uint32_t i = 1; i <= count; i++)
        expect_result(send_one(of, tx, i), 0);
    chan_close_sender(tx);
    chan_close(ch);
    return 0;
}

/* The message's number, or the error: -EOVERFLOW also if it was overwritten while it was read. A request is answered. */
static int64_t take(const struct subject *of, struct chan_uring *u, struct chan_receiver *rx)
{
    struct chan_view view;
    uint32_t message;
    int result = chan_uring_recv_view(u, &view);
    if (result)
        return result;
    expect_number(view.size, sizeof message);
    memcpy(&message, view.data, sizeof message);
    bool intact = chan_view_is_intact(rx, &view) == 1;
    uint32_t answer = message + 1;
    expect_result(
        of->kind == CHAN_CALL ? chan_reply(rx, &view, &answer, sizeof answer) : chan_release(rx, &view), 0);
    return intact ? (int64_t)message : -EOVERFLOW;
}

/* All of them in their order; or, where messages are overwritten, some of them and the last. */
static void receive_on_a_ring(const struct subject *of, bool all)
{
    struct io_uring ring;
    struct chan_receiver *rx;
    struct chan_uring *u;
    struct child child;
    int64_t result, last = 0;
    loop_open(&ring);
    struct chan *ch = create(of);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_uring_of_receiver(&ring, rx, 1, &u), 0);
    expect_result(chan_uring_arm(u), 0);
    child_spawn(&child, send_all, (void *)(uintptr_t)of);
    do {
        expect_result(loop_wait(&ring, u, SOON), 0);
        while ((result = take(of, u, rx)) > 0 || result == -EOVERFLOW) {
            if (result == -EOVERFLOW)
                continue;
            expect(all ? result == last + 1 : result > last);
            last = result;
        }
    } while (result == -EAGAIN);
    expect_result(result, -EPIPE);
    expect_number(last, of->kind == CHAN_ONESHOT ? 1 : MESSAGES);
    expect_number(child_finish(&child), 0);
    chan_uring_close(u);
    io_uring_queue_exit(&ring);
    chan_close_receiver(rx);
    chan_close(ch);
}

static void test_a_queues_messages_come(void)
{
    receive_on_a_ring(&(struct subject){.kind = CHAN_QUEUE, .capacity = 2}, true);
}

static void test_a_fair_queues_messages_come(void)
{
    receive_on_a_ring(&(struct subject){.kind = CHAN_QUEUE, .order = CHAN_FAIR, .capacity = 2}, true);
}

static void test_a_broadcasts_messages_come(void)
{
    receive_on_a_ring(&(struct subject){.kind = CHAN_BROADCAST, .overflow = CHAN_LAG, .capacity = 2}, false);
    receive_on_a_ring(&(struct subject){.kind = CHAN_BROADCAST, .overflow = CHAN_BLOCK, .capacity = 2}, true);
}

static void test_a_watchs_values_come(void)
{
    receive_on_a_ring(&(struct subject){.kind = CHAN_WATCH}, false);
}

static void test_a_oneshots_message_comes(void)
{
    receive_on_a_ring(&(struct subject){.kind = CHAN_ONESHOT}, true);
}

static void test_requests_come(void)
{
    receive_on_a_ring(&(struct subject){.kind = CHAN_CALL, .capacity = 2}, true);
}

static void test_offers_of_a_rendezvous_come(void)
{
    receive_on_a_ring(&(struct subject){.kind = CHAN_RENDEZVOUS}, true);
}

/* ---- a sender on a ring ---- */

static int64_t receive_all(void *argument)
{
    const struct subject *of = argument;
    struct chan *ch;
    struct chan_receiver *rx = loop_receiver(NAME, &ch);
    for (uint32_t i = 1; i <= MESSAGES; i++) {
        uint32_t message;
        struct chan_view view;
        expect_result(chan_recv_view(rx, &view), 0);
        expect_number(view.size, sizeof message);
        memcpy(&message, view.data, sizeof message);
        expect_number(message, i);
        expect_result(of->kind == CHAN_CALL ? chan_reply(rx, &view, NULL, 0) : chan_release(rx, &view), 0);
    }
    chan_close_receiver(rx);
    chan_close(ch);
    return 0;
}

/* A request that is started, and given up: it is the room that is waited for here. */
struct request {
    struct chan_sender *tx;
    uint32_t message;
    struct chan_ticket ticket;
};

static int start_call(void *argument)
{
    struct request *r = argument;
    return chan_try_call_start(r->tx, &r->message, sizeof r->message, &r->ticket);
}

static int put(const struct subject *of, struct chan_uring *u, struct chan_sender *tx, uint32_t message)
{
    struct request request = {.tx = tx, .message = message};
    int result;
    if (of->kind != CHAN_CALL)
        return chan_uring_send(u, &message, sizeof message);
    result = chan_uring_try(u, start_call, &request);
    if (!result)
        expect_result(chan_call_finish(tx, &request.ticket, NULL, 0, NULL), 0);
    return result;
}

static void send_on_a_ring(const struct subject *of)
{
    struct io_uring ring;
    struct chan_sender *tx;
    struct chan_uring *u;
    struct child child;
    uint32_t waits = 0;
    int result = 0;
    loop_open(&ring);
    struct chan *ch = create(of);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_uring_of_sender(&ring, tx, 1, &u), 0);
    child_spawn(&child, receive_all, (void *)(uintptr_t)of);
    while (!chan_receivers(ch))
        ;
    for (uint32_t i = 1; i <= MESSAGES; i += !result) {
        result = put(of, u, tx, i);
        if (!result)
            continue;
        expect_result(result, -EAGAIN);
        expect_result(loop_wait(&ring, u, SOON), 0);
        waits++;
    }
    expect(waits > 0 || of->kind == CHAN_CALL);
    expect_number(child_finish(&child), 0);
    chan_uring_close(u);
    io_uring_queue_exit(&ring);
    chan_close_sender(tx);
    chan_close(ch);
}

static void test_a_queues_room_comes(void)
{
    send_on_a_ring(&(struct subject){.kind = CHAN_QUEUE, .capacity = 2});
}

static void test_a_fair_queues_room_comes(void)
{
    send_on_a_ring(&(struct subject){.kind = CHAN_QUEUE, .order = CHAN_FAIR, .capacity = 2});
}

static void test_a_broadcasts_room_comes(void)
{
    send_on_a_ring(&(struct subject){.kind = CHAN_BROADCAST, .overflow = CHAN_BLOCK, .capacity = 2});
}

static void test_room_for_a_request_comes(void)
{
    send_on_a_ring(&(struct subject){.kind = CHAN_CALL, .capacity = 1});
}

static void test_demands_of_a_rendezvous_come(void)
{
    send_on_a_ring(&(struct subject){.kind = CHAN_RENDEZVOUS});
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_a_queues_messages_come, 60),      PLAIN(test_a_fair_queues_messages_come, 60),
        PLAIN(test_a_broadcasts_messages_come, 60),  PLAIN(test_a_watchs_values_come, 60),
        PLAIN(test_a_oneshots_message_comes, 60),    PLAIN(test_requests_come, 60),
        PLAIN(test_offers_of_a_rendezvous_come, 60), PLAIN(test_a_queues_room_comes, 60),
        PLAIN(test_a_fair_queues_room_comes, 60),    PLAIN(test_a_broadcasts_room_comes, 60),
        PLAIN(test_room_for_a_request_comes, 60),    PLAIN(test_demands_of_a_rendezvous_come, 60),
    };
    return suite_run_plain("uring_kinds", cases, sizeof cases / sizeof *cases, argc, argv);
}
