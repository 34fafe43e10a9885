/* SPDX-License-Identifier: Apache-2.0 */
/* The byte-stream face: a channel read and written as a pipe is. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "expect.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

#define SHORT_NS 20000000
#define NOTICED_MS 1000

/* The byte at each place of the one stream that all cases send. */
static unsigned char byte_at(uint64_t place)
{
    return (unsigned char)(place * 31 + (place >> 8) * 7 + (place >> 15));
}

/* How long a call may wait, beside how many bytes it is about: b of the steps below. */
enum wait { WAIT_FOREVER, WAIT_NOT, WAIT_TIME, WAIT_UNTIL, WAITS };
#define BYTES(count, wait) ((int64_t)(count)*WAITS + (wait))

/* Writes the stream from place a on; the result of the write. */
static int64_t write_from(struct party *me, int64_t a, int64_t b)
{
    size_t size = (size_t)(b / WAITS);
    unsigned char *data = malloc(size + 1);
    expect(data != NULL);
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at((uint64_t)a + i);
    ssize_t result = b % WAITS == WAIT_FOREVER ? chan_write(me->tx, data, size)
                     : b % WAITS == WAIT_NOT   ? chan_try_write(me->tx, data, size)
                     : b % WAITS == WAIT_TIME  ? chan_write_timeout(me->tx, data, size, SHORT_NS)
                                              : chan_write_until(me->tx, data, size, chan_deadline(SHORT_NS));
    free(data);
    return result;
}

/* Reads from it, where it has come to place a; the result of the read, whose bytes are verified. */
static int64_t read_from(struct party *me, int64_t a, int64_t b)
{
    size_t size = (size_t)(b / WAITS);
    unsigned char *data = malloc(size + 1);
    expect(data != NULL);
    memset(data, 0x5a, size + 1);
    ssize_t result = b % WAITS == WAIT_FOREVER ? chan_read(me->rx, data, size)
                     : b % WAITS == WAIT_NOT   ? chan_try_read(me->rx, data, size)
                     : b % WAITS == WAIT_TIME  ? chan_read_timeout(me->rx, data, size, SHORT_NS)
                                               : chan_read_until(me->rx, data, size, chan_deadline(SHORT_NS));
    expect(result <= (ssize_t)size);
    for (ssize_t i = 0; i < result; i++)
        expect_number(data[i], byte_at((uint64_t)(a + i)));
    for (size_t i = result > 0 ? (size_t)result : 0; i <= size; i++)
        expect(data[i] == 0x5a);
    free(data);
    return result;
}

#define write_now(actor, from, count) actor_do(actor, write_from, from, BYTES(count, WAIT_NOT))
#define read_now(actor, from, count) actor_do(actor, read_from, from, BYTES(count, WAIT_NOT))

static int64_t send_empty(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_try_send(me->tx, "", 0);
}

/* The whole stream of a bytes, in pieces of irregular sizes. */
static int64_t write_all(struct party *me, int64_t a, int64_t b)
{
    int64_t largest = 3 * (int64_t)flavour_largest(me->flavour);
    for (int64_t at = 0, size; at < a; at += size) {
        size = (at * 7919 + b) % largest;
        size = size < a - at ? size : a - at;
        expect_number(write_from(me, at, BYTES(size, WAIT_FOREVER)), size);
        if (size == 0)
            expect_result(write_from(me, at, BYTES(size = 1, WAIT_FOREVER)), 1);
    }
    chan_close_sender(me->tx);
    me->tx = NULL;
    return 0;
}

/* Reads up to the end, in pieces of irregular sizes; how many bytes there were. */
static int64_t read_all(struct party *me, int64_t a, int64_t b)
{
    int64_t largest = 2 * (int64_t)flavour_largest(me->flavour);
    for (int64_t got; (got = read_from(me, a, BYTES(1 + (a * 104729 + b) % largest, WAIT_FOREVER))) != 0;
         a += got)
        expect(got > 0);
    return a;
}

static void end_of_writers(const struct flavour *flavour, struct pair *pair)
{
    if (flavour->lifetime == CHAN_DURABLE)
        expect_result(chan_shutdown(pair->ch), 0);
    else
        expect_result(ask(pair->tx, close_sender), 0);
}

static void test_writes_of_any_size_are_read_in_pieces_of_any_size(const struct flavour *flavour)
{
    int64_t bytes = 60 * (int64_t)flavour_largest(flavour);
    for (int64_t seed = 0; seed < 4; seed++) {
        struct pair pair = pair_open(flavour, 3);
        actor_begin(pair.rx, read_all, 0, seed);
        expect_result(actor_do(pair.tx, write_all, bytes, seed), 0);
        if (flavour->lifetime == CHAN_DURABLE)
            expect_result(chan_shutdown(pair.ch), 0);
        expect_number(actor_finish(pair.rx), bytes);
        pair_close(flavour, &pair);
    }
}

static void test_after_the_last_writer_the_rest_is_read_and_then_the_end_again_and_again(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect_number(write_now(pair.tx, 0, 10), 10);
    expect_number(write_now(pair.tx, 10, 1), 1);
    end_of_writers(flavour, &pair);
    expect_number(actor_do(pair.rx, read_from, 0, BYTES(4, WAIT_FOREVER)), 4);
    expect_number(actor_do(pair.rx, read_from, 4, BYTES(100, WAIT_FOREVER)), 7);
    expect_number(ask(pair.rx, is_terminated), 0);
    for (int wait = 0; wait < WAITS; wait++)
        expect_number(actor_do(pair.rx, read_from, 11, BYTES(100, wait)), 0);
    expect_number(ask(pair.rx, is_terminated), 1);
    pair_close(flavour, &pair);
}

static void test_a_blocked_read_ends_when_the_last_writer_is_killed(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    expect_number(write_now(pair.tx, 0, 10), 10);
    expect_number(read_now(pair.rx, 0, 10), 10);
    actor_begin_blocking(pair.rx, read_from, 10, BYTES(10, WAIT_FOREVER));
    actor_kill(pair.tx);
    expect_number(actor_finish_within(pair.rx, NOTICED_MS), 0);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static void test_writing_without_a_reader_is_an_error_and_no_signal(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    expect_number(write_now(pair.tx, 0, 10), 10);
    if (flavour->lifetime == CHAN_DURABLE)
        expect_result(chan_shutdown(pair.ch), 0);
    else
        expect_result(ask(pair.rx, close_receiver), 0);
    for (int wait = 0; wait < WAITS; wait++)
        expect_result(actor_do(pair.tx, write_from, 10, BYTES(10, wait)), -EPIPE);
    pair_close(flavour, &pair);
}

static void test_a_blocked_write_ends_with_what_it_has_written_when_the_last_reader_is_killed(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    int64_t largest = (int64_t)flavour_largest(flavour);
    actor_begin_blocking(pair.tx, write_from, 0, BYTES(5 * largest, WAIT_FOREVER));
    actor_kill(pair.rx);
    expect_number(actor_finish_within(pair.tx, NOTICED_MS), 2 * largest);
    expect_result(write_now(pair.tx, 0, 1), -EPIPE);
    actor_bury(pair.rx);
    pair.rx = NULL;
    pair_close(flavour, &pair);
}

static void test_one_read_takes_the_whole_messages_that_are_there_and_fit(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 8);
    for (int64_t i = 0; i < 7; i++)
        expect_number(write_now(pair.tx, 5 * i, 5), 5);
    expect_number(read_now(pair.rx, 0, 16), 15); /* a fourth would not be whole */
    expect_number(chan_len(pair.ch), 4);
    expect_number(read_now(pair.rx, 15, 1000), 20);
    expect_result(read_now(pair.rx, 35, 1000), -EAGAIN);
    pair_close(flavour, &pair);
}

static void test_a_message_larger_than_the_read_is_read_in_parts(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 8);
    int64_t size = (int64_t)flavour_largest(flavour), at = 0;
    expect_number(write_now(pair.tx, 0, size), size);
    expect_number(write_now(pair.tx, size, 3), 3);
    for (; at + 7 < size; at += 7) {
        expect_number(read_now(pair.rx, at, 7), 7);
        if (at == 0)
            expect_number(chan_len(pair.ch), 1); /* it has been taken */
    }
    expect_number(read_now(pair.rx, at, size), size - at + 3); /* its end, and what comes after */
    expect_result(read_now(pair.rx, size + 3, 1), -EAGAIN);
    pair_close(flavour, &pair);
}

static void test_a_large_write_is_cut_at_the_largest_message(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    int64_t largest = (int64_t)flavour_largest(flavour);
    expect_number(write_now(pair.tx, 0, largest), largest);
    expect_number(chan_len(pair.ch), 1);
    expect_number(write_now(pair.tx, largest, 2 * largest + 1), 2 * largest + 1);
    expect_number(chan_len(pair.ch), 4);
    expect_number(read_now(pair.rx, 0, 4 * largest), 3 * largest + 1);
    pair_close(flavour, &pair);
}

static void test_a_write_without_room_is_whole_or_not_at_all_up_to_the_largest_message(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    int64_t largest = (int64_t)flavour_largest(flavour);
    expect_number(write_now(pair.tx, 0, 5 * largest), 2 * largest);
    expect_result(write_now(pair.tx, 2 * largest, largest), -EAGAIN);
    for (int wait = WAIT_TIME; wait <= WAIT_UNTIL; wait++)
        expect_result(actor_do(pair.tx, write_from, 2 * largest, BYTES(1, wait)), -ETIMEDOUT);
    expect_number(read_now(pair.rx, 0, largest), largest);
    expect_number(actor_do(pair.tx, write_from, 2 * largest, BYTES(2 * largest, WAIT_TIME)), largest);
    expect_number(read_now(pair.rx, largest, 3 * largest), 2 * largest);
    pair_close(flavour, &pair);
}

static void test_a_blocked_write_goes_on_as_room_is_made(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    int64_t largest = (int64_t)flavour_largest(flavour);
    actor_begin(pair.tx, write_from, 0, BYTES(40 * largest, WAIT_FOREVER));
    for (int64_t at = 0; at < 40 * largest; at += largest)
        expect_number(actor_do(pair.rx, read_from, at, BYTES(largest, WAIT_FOREVER)), largest);
    expect_number(actor_finish(pair.tx), 40 * largest);
    pair_close(flavour, &pair);
}

static void test_reads_of_nothing_there_wait_as_told(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    expect_result(read_now(pair.rx, 0, 5), -EAGAIN);
    for (int wait = WAIT_TIME; wait <= WAIT_UNTIL; wait++)
        expect_result(actor_do(pair.rx, read_from, 0, BYTES(5, wait)), -ETIMEDOUT);
    actor_begin_blocking(pair.rx, read_from, 0, BYTES(5, WAIT_FOREVER));
    expect_number(write_now(pair.tx, 0, 3), 3);
    expect_number(actor_finish(pair.rx), 3);
    pair_close(flavour, &pair);
}

static void test_empty_messages_are_neither_the_end_nor_anything(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    expect_result(ask(pair.tx, send_empty), 0);
    expect_number(write_now(pair.tx, 0, 3), 3);
    expect_result(ask(pair.tx, send_empty), 0);
    expect_number(write_now(pair.tx, 3, 4), 4);
    expect_number(read_now(pair.rx, 0, 100), 7);
    expect_result(ask(pair.tx, send_empty), 0);
    expect_result(read_now(pair.rx, 7, 100), -EAGAIN);
    expect_number(chan_len(pair.ch), 0);
    actor_begin_blocking(pair.rx, read_from, 7, BYTES(100, WAIT_FOREVER));
    expect_result(ask(pair.tx, send_empty), 0);
    process_sleep_ms(20);
    expect_number(write_now(pair.tx, 7, 2), 2);
    expect_number(actor_finish(pair.rx), 2);
    pair_close(flavour, &pair);
}

static void test_a_writer_blocked_behind_empty_messages_goes_on(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    for (int64_t i = 0; i < 20; i++) {
        expect_result(ask(pair.tx, send_empty), 0);
        actor_begin_blocking(pair.tx, write_from, i, BYTES(1, WAIT_FOREVER));
        expect_number(actor_do(pair.rx, read_from, i, BYTES(1, WAIT_FOREVER)), 1);
        expect_number(actor_finish(pair.tx), 1);
    }
    pair_close(flavour, &pair);
}

/* However many there are, a call that is not to wait comes to an end; the next one goes on. */
static void test_a_flood_of_empty_messages_holds_up_no_call_that_is_not_to_wait(const struct flavour *flavour)
{
    enum { MESSAGES = 5000 };
    struct pair pair = pair_open(flavour, MESSAGES + 1);
    for (int i = 0; i < MESSAGES; i++)
        expect_result(ask(pair.tx, send_empty), 0);
    expect_number(write_now(pair.tx, 0, 5), 5);
    for (int wait = WAIT_NOT; wait < WAITS; wait++) {
        uint64_t before = chan_len(pair.ch);
        int64_t result = actor_do(pair.rx, read_from, 0, BYTES(10, wait));
        expect(wait == WAIT_NOT ? result == -EAGAIN : result == -ETIMEDOUT || result == 5);
        expect(chan_len(pair.ch) < before);
        if (result == 5)
            break;
        expect(chan_len(pair.ch) > 0);
    }
    pair_close(flavour, &pair);
}

static void test_reading_or_writing_nothing_is_done_at_once_and_has_no_effect(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 1);
    expect_number(actor_do(pair.rx, read_from, 0, BYTES(0, WAIT_FOREVER)), 0);
    expect_number(write_now(pair.tx, 0, 10), 10);
    expect_number(actor_do(pair.tx, write_from, 0, BYTES(0, WAIT_FOREVER)), 0); /* though it is full */
    expect_number(actor_do(pair.rx, read_from, 0, BYTES(0, WAIT_FOREVER)), 0);
    expect_number(chan_len(pair.ch), 1);
    expect_number(read_now(pair.rx, 0, 10), 10);
    pair_close(flavour, &pair);
}

/* A record of a writer: its number all over. Read by records, mixed ones show. */
static int64_t write_records(struct party *me, int64_t a, int64_t b)
{
    size_t size = flavour_largest(me->flavour);
    for (int64_t i = 0; i < b; i++) {
        memset(me->buffer, (int)a, size);
        expect_number(chan_write(me->tx, me->buffer, size), size);
    }
    return 0;
}

static void test_writes_up_to_the_largest_message_are_never_mixed(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_SENDER);
    size_t size = flavour_largest(flavour), got = 0;
    struct party me;
    party_open(&me, flavour, pair.ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    actor_end(pair.rx);
    pair.rx = NULL;
    actor_begin(pair.tx, write_records, 1, 200);
    actor_begin(other, write_records, 2, 200);
    unsigned char *bytes = me.buffer;
    for (unsigned record = 0, of_first = 0; record < 400; record++, got = 0) {
        while (got < size) { /* in three reads */
            ssize_t part =
                chan_read(me.rx, bytes + got, size - got < size / 3 + 1 ? size - got : size / 3 + 1);
            expect(part > 0);
            got += (size_t)part;
        }
        expect(bytes[0] == 1 || bytes[0] == 2);
        expect(memcmp(bytes, bytes + 1, size - 1) == 0);
        of_first += bytes[0] == 1;
        expect(record < 399 || of_first == 200);
    }
    expect_result(actor_finish(pair.tx), 0);
    expect_result(actor_finish(other), 0);
    actor_end(other);
    party_leave(&me);
    pair_close(flavour, &pair);
}

static bool has_come_back(const struct chan *ch)
{
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(ch, &stat), 0);
    return stat.orphaned;
}

static void test_after_a_killed_reader_the_next_begins_with_the_message_it_was_within(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    struct actor *next = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    for (int64_t i = 0; i < 4; i++)
        expect_number(write_now(pair.tx, 10 * i, 10), 10);
    expect_number(read_now(pair.rx, 0, 10), 10);
    expect_number(read_now(pair.rx, 10, 4), 4);
    actor_kill(pair.rx);
    expect_soon(has_come_back(pair.ch));
    expect_number(read_now(next, 10, 10), 10); /* from its beginning, before what comes after it */
    expect_number(read_now(next, 20, 100), 20);
    expect_result(read_now(next, 40, 1), -EAGAIN);
    actor_bury(pair.rx);
    pair.rx = NULL;
    actor_end(next);
    pair_close(flavour, &pair);
}

static void test_closing_within_a_message_gives_it_back_whole(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    struct actor *next = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    expect_number(write_now(pair.tx, 0, 10), 10);
    expect_number(read_now(pair.rx, 0, 9), 9);
    expect_result(read_now(next, 0, 10), -EAGAIN);
    expect_result(ask(pair.rx, close_receiver), 0);
    expect_number(read_now(next, 0, 10), 10);
    actor_end(next);
    pair_close(flavour, &pair);
}

static void test_a_killed_writer_has_written_whole_messages(const struct flavour *flavour)
{
    int64_t largest = (int64_t)flavour_largest(flavour);
    for (int round = 0; round < 8; round++) {
        struct pair pair = pair_open(flavour, 4);
        actor_begin(pair.tx, write_from, 0, BYTES(1000 * largest, WAIT_FOREVER));
        int64_t at = 0;
        for (int i = 0; i < 30 * round; i++)
            at += actor_do(pair.rx, read_from, at, BYTES(largest, WAIT_FOREVER));
        actor_kill(pair.tx);
        if (flavour->lifetime == CHAN_DURABLE)
            expect_result(chan_shutdown(pair.ch), 0);
        int64_t end = actor_do(pair.rx, read_all, at, 0);
        expect(end >= at);
        expect_number(end % largest, 0);
        actor_bury(pair.tx);
        pair.tx = NULL;
        pair_close(flavour, &pair);
    }
}

static void test_two_readers_get_whole_messages(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    for (int64_t i = 0; i < 3; i++)
        expect_number(write_now(pair.tx, 10 * i, 10), 10);
    expect_number(read_now(pair.rx, 0, 5), 5);
    expect_number(read_now(other, 10, 10), 10);
    expect_number(read_now(pair.rx, 5, 5), 5);
    expect_number(read_now(other, 20, 10), 10);
    actor_end(other);
    pair_close(flavour, &pair);
}

/* Holds all views that it may, then reads: -ENOBUFS while only a part would fit. */
static int64_t read_with_all_views_open(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    struct chan_view views[4];
    unsigned char bytes[10];
    for (int i = 0; i < 4; i++)
        expect_result(chan_try_recv_view(me->rx, &views[i]), 0);
    expect_result(chan_try_read(me->rx, bytes, 9), -ENOBUFS);
    expect_number(chan_try_read(me->rx, bytes, 10), 10);
    expect_result(chan_release(me->rx, &views[0]), 0);
    expect_number(chan_try_read(me->rx, bytes, 9), 9);
    expect_result(chan_try_recv_view(me->rx, &views[0]), -ENOBUFS); /* the read has one */
    expect_number(chan_try_read(me->rx, bytes, 1), 1);
    expect_result(chan_try_recv_view(me->rx, &views[0]), 0);
    for (int i = 0; i < 4; i++)
        expect_result(chan_release(me->rx, &views[i]), 0);
    return 0;
}

static void test_a_part_that_is_held_is_one_of_the_views(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 8);
    for (int64_t i = 0; i < 7; i++)
        expect_number(write_now(pair.tx, 10 * i, 10), 10);
    expect_result(ask(pair.rx, read_with_all_views_open), 0);
    pair_close(flavour, &pair);
}

static int64_t read_and_receive(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    unsigned char bytes[100];
    size_t size;
    expect_number(chan_try_read(me->rx, bytes, 4), 4);
    expect_result(chan_try_recv(me->rx, bytes, sizeof bytes, &size), 0); /* the next message */
    expect_number(size, 10);
    expect_number(bytes[0], byte_at(10));
    expect_number(chan_try_read(me->rx, bytes, 100), 16); /* the rest of the first, and the third */
    expect_number(bytes[0], byte_at(4));
    expect_number(bytes[6], byte_at(20));
    expect_number(chan_receiver_deliveries(me->rx), 1);
    return 0;
}

static void test_reads_and_receives_may_be_mixed(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 8);
    for (int64_t i = 0; i < 3; i++)
        expect_number(write_now(pair.tx, 10 * i, 10), 10);
    expect_result(ask(pair.rx, read_and_receive), 0);
    pair_close(flavour, &pair);
}

static void test_what_was_read_is_counted_as_received(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 8);
    struct chan_stat stat = {.size = sizeof stat};
    for (int64_t i = 0; i < 4; i++)
        expect_number(write_now(pair.tx, 10 * i, 10), 10);
    expect_number(read_now(pair.rx, 0, 25), 20);
    expect_number(read_now(pair.rx, 20, 5), 5);
    expect_result(chan_stat(pair.ch, &stat), 0);
    expect_number(stat.received, 2);
    expect_number(stat.held, 1);
    expect_number(stat.queued, 1);
    expect_number(stat.unreturned, 0);
    expect_number(read_now(pair.rx, 25, 100), 15);
    expect_result(chan_stat(pair.ch, &stat), 0);
    expect_number(stat.received, 4);
    expect_number(stat.received_bytes, 40);
    expect_number(stat.unreturned, 0);
    pair_close(flavour, &pair);
}

static int64_t use_inherited(void *argument)
{
    struct party *me = argument;
    char byte;
    expect_result(chan_read(me->rx, &byte, 1), -ECHILD);
    expect_result(chan_write(me->tx, &byte, 1), -ECHILD);
    return 0;
}

static void test_a_child_can_neither_read_nor_write_what_it_inherited(const struct flavour *flavour)
{
    struct party me;
    struct child child;
    struct chan *ch = flavour_create(flavour, 3);
    char bytes[8];
    party_open(&me, flavour, ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(attach_sender(&me, 0, 0), 0);
    expect_number(chan_write(me.tx, "abcdef", 6), 6);
    expect_number(chan_read(me.rx, bytes, 2), 2);
    child_spawn(&child, use_inherited, &me);
    expect_number(child_finish(&child), 0);
    expect_number(chan_read(me.rx, bytes, 8), 4);
    expect(memcmp(bytes, "cdef", 4) == 0);
    expect_result(chan_read(NULL, bytes, 1), -EINVAL);
    expect_result(chan_read(me.rx, NULL, 1), -EINVAL);
    expect_result(chan_write(NULL, bytes, 1), -EINVAL);
    expect_result(chan_write(me.tx, NULL, 1), -EINVAL);
    party_leave(&me);
    flavour_finish(flavour, ch);
}

static void test_a_channel_of_empty_messages_is_no_stream(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 3);
    options.message_size = 0;
    options.bytes = 0;
    struct pair pair = pair_open_with(flavour, &options);
    expect_result(write_now(pair.tx, 0, 1), -EMSGSIZE);
    expect_number(write_now(pair.tx, 0, 0), 0);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_writes_of_any_size_are_read_in_pieces_of_any_size, FOR_FEW, 60),
        CASE(test_after_the_last_writer_the_rest_is_read_and_then_the_end_again_and_again, 0, 0),
        CASE(test_a_blocked_read_ends_when_the_last_writer_is_killed, FOR_EPHEMERAL, 0),
        CASE(test_writing_without_a_reader_is_an_error_and_no_signal, 0, 0),
        CASE(test_a_blocked_write_ends_with_what_it_has_written_when_the_last_reader_is_killed, FOR_EPHEMERAL,
             0),
        CASE(test_one_read_takes_the_whole_messages_that_are_there_and_fit, 0, 0),
        CASE(test_a_message_larger_than_the_read_is_read_in_parts, 0, 0),
        CASE(test_a_large_write_is_cut_at_the_largest_message, 0, 0),
        CASE(test_a_write_without_room_is_whole_or_not_at_all_up_to_the_largest_message, 0, 0),
        CASE(test_a_blocked_write_goes_on_as_room_is_made, 0, 0),
        CASE(test_reads_of_nothing_there_wait_as_told, 0, 0),
        CASE(test_empty_messages_are_neither_the_end_nor_anything, FOR_INLINE, 0),
        CASE(test_a_writer_blocked_behind_empty_messages_goes_on, FOR_FEW, 0),
        CASE(test_a_flood_of_empty_messages_holds_up_no_call_that_is_not_to_wait, FOR_INLINE | FOR_FEW, 0),
        CASE(test_reading_or_writing_nothing_is_done_at_once_and_has_no_effect, 0, 0),
        CASE(test_writes_up_to_the_largest_message_are_never_mixed, FOR_MANY | FOR_FEW, 0),
        CASE(test_after_a_killed_reader_the_next_begins_with_the_message_it_was_within, FOR_MANY_RECEIVERS,
             0),
        CASE(test_closing_within_a_message_gives_it_back_whole, FOR_MANY_RECEIVERS, 0),
        CASE(test_a_killed_writer_has_written_whole_messages, FOR_FEW, 60),
        CASE(test_two_readers_get_whole_messages, FOR_MANY_RECEIVERS, 0),
        CASE(test_a_part_that_is_held_is_one_of_the_views, 0, 0),
        CASE(test_reads_and_receives_may_be_mixed, 0, 0),
        CASE(test_what_was_read_is_counted_as_received, 0, 0),
        CASE(test_a_child_can_neither_read_nor_write_what_it_inherited, 0, 0),
        CASE(test_a_channel_of_empty_messages_is_no_stream, FOR_INLINE, 0),
    };
    return suite_run("stream", cases, sizeof cases / sizeof *cases, argc, argv);
}
