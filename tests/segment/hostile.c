/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile process scribbles over a live channel: calls may fail or lose messages, but end, and nobody
 * crashes. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "exercise.h"
#include "expect.h"
#include "suite.h"

#define SECOND 1000000000ll
#define LARGE 8192 /* the largest message: in payload units */
#define SMALL 200  /* in its block */
#define CALL_NS (20 * 1000000ll)
#define PLAY_NS (2 * SECOND)
/* A call of 20 ms that works for longer, or has not ended by then, has hung; a busy machine takes its time. */
#define WORKING_NS (2 * SECOND)
#define LATEST_NS (10 * SECOND)

/* Where to scribble, and how much. */
#define AT_BLOCKS_AT 144    /* of the header, as docs/format.md has it */
#define BLOCKS ((size_t)-1) /* from where they begin */
#define ALL ((size_t)-1 / 2)

struct stage {
    struct chan *ch;
    uint32_t kind;
    size_t message_size;
    int64_t end;
    size_t scribble_from, scribble_bytes; /* where in the object */
};

/* By the clock, and of this process's work. */
struct moment {
    int64_t ns, worked_ns;
};

static struct moment moment(void)
{
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (struct moment){chan_now(), cpu.tv_sec * SECOND + cpu.tv_nsec};
}

static void expect_in_time(struct moment start)
{
    struct moment end = moment();
    int64_t took = end.ns - start.ns, worked = end.worked_ns - start.worked_ns;
    if (took > LATEST_NS || worked > WORKING_NS)
        expect_never("a call of 20 ms took %lld ms, and worked for %lld ms", (long long)took / 1000000,
                     (long long)worked / 1000000);
}

static int change(void *value, size_t *size, size_t capacity, void *arg)
{
    (void)arg;
    *size = *size < capacity ? *size + 1 : 0;
    memset(value, 'x', *size);
    return *size % 2;
}

/* What only a watch has. */
static int write_watch(struct chan_sender *tx, int i, unsigned char *bytes, size_t capacity)
{
    struct chan_loan loan;
    size_t size = 0;
    int result = chan_reserve_timeout(tx, LARGE, &loan, CALL_NS); /* else they wait for memory */
    if (result || (result = chan_abort(tx, &loan)))
        return result;
    if (i % 3 == 0)
        return chan_watch_send_if_modified(tx, change, NULL) < 0 ? -EAGAIN : 0;
    result = i % 3 == 1 ? chan_watch_send_replace(tx, bytes, 100, bytes, capacity, &size)
                        : chan_watch_sender_borrow(tx, bytes, capacity, &size);
    expect(result < 0 || size <= capacity);
    return result;
}

static int is_long(const void *value, size_t size, void *arg)
{
    (void)arg;
    return size && ((const unsigned char *)value)[size - 1] & 1;
}

static int read_watch(struct chan_receiver *rx, int i, unsigned char *bytes, size_t capacity)
{
    struct chan_view view;
    size_t size = 0;
    int result = i % 2 ? chan_watch_wait_for_timeout(rx, is_long, NULL, &view, CALL_NS)
                       : chan_watch_borrow(rx, bytes, capacity, &size);
    expect(result < 0 || size <= capacity);
    return result || !(i % 2) ? result : chan_release(rx, &view);
}

/* Each victim sends or receives until the time is over, re-attaching when it is told that all is lost. */

static int64_t be_sender(void *argument)
{
    const struct stage *stage = argument;
    static unsigned char bytes[LARGE * 11 / 10];
    int64_t sent = 0;
    unsigned seed = (unsigned)getpid();
    while (chan_now() < stage->end) {
        struct chan_sender *tx;
        int result = chan_attach_sender(stage->ch, 0, &tx);
        expect_documented(result);
        if (result < 0)
            continue;
        for (int i = 0; i < 200 && chan_now() < stage->end; i++) {
            struct moment start = moment();
            struct chan_loan loan;
            size_t size = (size_t)rand_r(&seed) % (stage->message_size * 11 / 10);
            int64_t batch = 0;
            if (stage->kind == CHAN_WATCH && i % 2) {
                result = write_watch(tx, i, bytes, sizeof bytes);
            } else if (i % 5 == 0) {
                batch = exercise_send_many(tx, stage->message_size, CALL_NS, &seed);
                result = batch < 0 ? (int)batch : 0;
            } else if (i % 3) {
                result = chan_send_timeout(tx, bytes, size, CALL_NS);
            } else {
                result = chan_reserve_timeout(tx, size, &loan, CALL_NS);
                if (result == 0) {
                    memset(loan.data, i, loan.size);
                    result = chan_commit_timeout(tx, &loan, loan.size, CALL_NS);
                    if (result < 0)
                        expect_documented(chan_abort(tx, &loan));
                }
            }
            expect_documented(result);
            expect_in_time(start);
            sent += batch > 0 ? batch : result == 0;
            if (result == -EPIPE || result == -EBADMSG)
                break;
        }
        chan_close_sender(tx);
    }
    return sent;
}

static int64_t be_receiver(void *argument)
{
    const struct stage *stage = argument;
    static unsigned char bytes[9000];
    int64_t received = 0;
    unsigned seed = (unsigned)getpid();
    while (chan_now() < stage->end) {
        struct chan_receiver *rx;
        int result = chan_attach_receiver(stage->ch, 0, &rx);
        expect_documented(result);
        if (result < 0)
            continue;
        for (int i = 0; i < 200 && chan_now() < stage->end; i++) {
            struct moment start = moment();
            struct chan_view view;
            size_t size = 0;
            int64_t batch = 0;
            if (stage->kind == CHAN_WATCH && i % 2) {
                result = read_watch(rx, i, bytes, sizeof bytes);
            } else if (i % 5 == 0) {
                batch = exercise_recv_many(rx, stage->message_size, CALL_NS, &seed);
                result = batch < 0 ? (int)batch : 0;
            } else if (i % 3) {
                result = chan_recv_timeout(rx, bytes, sizeof bytes, &size, CALL_NS);
                expect(result < 0 || size <= stage->message_size);
            } else {
                result = chan_recv_view_timeout(rx, &view, CALL_NS);
                if (result == 0) {
                    expect(view.size <= stage->message_size);
                    memcpy(bytes, view.data, view.size);
                    expect_documented(chan_release(rx, &view));
                }
            }
            expect_documented(result);
            expect_in_time(start);
            received += batch > 0 ? batch : result == 0;
            if (result == -EPIPE || result == -EBADMSG)
                break;
        }
        chan_close_receiver(rx);
    }
    return received;
}

static int64_t be_caller(void *argument)
{
    const struct stage *stage = argument;
    static unsigned char bytes[9000];
    int64_t answered = 0;
    unsigned seed = (unsigned)getpid();
    while (chan_now() < stage->end) {
        struct chan_sender *tx;
        int result = chan_attach_sender(stage->ch, 0, &tx);
        expect_documented(result);
        if (result < 0)
            continue;
        for (int i = 0; i < 200 && chan_now() < stage->end; i++) {
            struct moment start = moment();
            struct chan_ticket ticket = {0};
            size_t size = (size_t)rand_r(&seed) % sizeof bytes, got = 0;
            if (i % 3) {
                result = chan_call_timeout(tx, bytes, size, bytes, sizeof bytes, &got, CALL_NS);
            } else {
                result = chan_call_start_timeout(tx, bytes, size, &ticket, CALL_NS);
                if (result == 0)
                    result = chan_try_call_finish(tx, &ticket, bytes, sizeof bytes, &got);
                if (result < 0)
                    (void)chan_call_cancel(tx, &ticket);
            }
            expect(result < 0 || got <= sizeof bytes);
            expect_documented(result);
            expect_in_time(start);
            answered += result == 0;
            if (result == -EPIPE || result == -EBADMSG)
                break;
        }
        chan_close_sender(tx);
    }
    return answered;
}

static int64_t be_server(void *argument)
{
    const struct stage *stage = argument;
    static unsigned char bytes[9000];
    int64_t served = 0;
    unsigned seed = (unsigned)getpid();
    while (chan_now() < stage->end) {
        struct chan_receiver *rx;
        int result = chan_attach_receiver(stage->ch, 0, &rx);
        expect_documented(result);
        if (result < 0)
            continue;
        for (int i = 0; i < 200 && chan_now() < stage->end; i++) {
            struct moment start = moment();
            struct chan_view view;
            result = chan_recv_view_timeout(rx, &view, CALL_NS);
            if (result == 0) {
                expect(view.size <= sizeof bytes);
                memcpy(bytes, view.data, view.size);
                size_t size = (size_t)rand_r(&seed) % sizeof bytes;
                result = i % 4 ? chan_reply_timeout(rx, &view, bytes, size, CALL_NS) : -EAGAIN;
                served += result == 0;
                if (view.data)
                    expect_documented(chan_release(rx, &view));
            }
            expect_documented(result);
            expect_in_time(start);
            if (result == -EBADMSG)
                break;
        }
        chan_close_receiver(rx);
    }
    return served;
}

static int64_t be_onlooker(void *argument)
{
    const struct stage *stage = argument;
    int64_t looks = 0;
    struct chan *ch;
    while (chan_now() < stage->end) {
        struct chan_repair_report healed;
        struct moment start = moment();
        int result = chan_open_fd(chan_fd(stage->ch), CHAN_READ_ONLY, &ch);
        expect_documented(result);
        if (result == 0) {
            exercise_read_only(ch);
            chan_close(ch);
        }
        expect_documented(chan_repair(stage->ch, 0, &healed));
        expect_in_time(start);
        looks++;
    }
    return looks;
}

/* Writes what tends to hurt: small numbers, all bits, single bits flipped, words from elsewhere in the
 * object. */
static int64_t be_hostile(void *argument)
{
    const struct stage *stage = argument;
    struct stat object;
    expect(fstat(chan_fd(stage->ch), &object) == 0);
    size_t bytes = (size_t)object.st_size;
    _Atomic uint64_t *words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, chan_fd(stage->ch), 0);
    expect((void *)words != MAP_FAILED);
    size_t from = stage->scribble_from / 8, count = stage->scribble_bytes / 8;
    if (from + count > bytes / 8)
        count = bytes / 8 - from;
    unsigned seed = 99;
    int64_t writes = 0;
    for (; chan_now() < stage->end; writes++) {
        _Atomic uint64_t *word = &words[from + (size_t)rand_r(&seed) % count];
        uint64_t dice = (uint64_t)rand_r(&seed);
        switch (dice % 5) {
        case 0:
            *word = dice >> 3 & 0xff;
            break;
        case 1:
            *word = UINT64_MAX;
            break;
        case 2:
            *word ^= UINT64_C(1) << (dice >> 3) % 64;
            break;
        case 3:
            *word = words[(size_t)rand_r(&seed) % (bytes / 8)];
            break;
        default:
            *word = (uint64_t)rand_r(&seed) << 32 | (uint64_t)rand_r(&seed);
        }
        if (writes % 64 == 0)
            usleep(20);
    }
    munmap((void *)words, bytes);
    return writes;
}

static void play(struct stage stage, uint32_t overflow, uint32_t flags)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    bool calls = stage.kind == CHAN_CALL;
    int64_t (*const sender)(void *) = calls ? be_caller : be_sender;
    int64_t (*const receiver)(void *) = calls ? be_server : be_receiver;
    int64_t (*const parts[])(void *) = {sender, sender, receiver, receiver, be_onlooker, be_hostile};
    enum { PARTS = sizeof parts / sizeof *parts };
    struct child children[PARTS];
    options.kind = stage.kind;
    options.overflow = overflow;
    options.messages = stage.kind == CHAN_WATCH ? 1 : 8;
    options.message_size = stage.message_size;
    options.endpoints = 8;
    options.lifetime = CHAN_DURABLE;
    options.flags = flags;
    expect_result(chan_create_anonymous(&options, &stage.ch), 0);
    if (stage.scribble_from == BLOCKS) {
        uint64_t blocks_at = 0;
        expect(pread(chan_fd(stage.ch), &blocks_at, sizeof blocks_at, AT_BLOCKS_AT) == sizeof blocks_at);
        stage.scribble_from = (size_t)blocks_at;
    }
    stage.end = chan_deadline(PLAY_NS);
    for (int i = 0; i < PARTS; i++)
        child_spawn(&children[i], parts[i], &stage);
    int64_t results[PARTS];
    for (int i = 0; i < PARTS; i++)
        results[i] = child_finish(&children[i]);
    int64_t late = chan_now() - stage.end;
    dprintf(STDOUT_FILENO,
            "    sent %lld, received %lld, looks %lld, scribbles %lld, the last ended %lld ms late\n",
            (long long)(results[0] + results[1]), (long long)(results[2] + results[3]), (long long)results[4],
            (long long)results[5], (long long)late / 1000000);
    expect(late < 2 * LATEST_NS);
    chan_close(stage.ch);
}

static void play_in(uint32_t kind, uint32_t overflow, size_t from, size_t bytes, uint32_t flags)
{
    struct stage stage = {
        .kind = kind, .message_size = LARGE, .scribble_from = from, .scribble_bytes = bytes};
    play(stage, overflow, flags);
}

/* Queues of small messages have ways of their own. */
static void play_in_queues(size_t from, size_t bytes, uint32_t flags)
{
    struct stage stage = {.kind = CHAN_QUEUE, .scribble_from = from, .scribble_bytes = bytes};
    stage.message_size = LARGE;
    play(stage, 0, flags);
    stage.message_size = SMALL;
    play(stage, 0, flags);
}

static void test_scribbling_over_a_broadcast_crashes_and_hangs_nobody(void)
{
    play_in(CHAN_BROADCAST, CHAN_LAG, 0, ALL, 0);
    play_in(CHAN_BROADCAST, CHAN_LAG, 1024, 16384, 0);
    play_in(CHAN_BROADCAST, CHAN_BLOCK, 1024, 16384, CHAN_NO_KEEPER);
}

static void test_scribbling_over_a_growable_queue_crashes_and_hangs_nobody(void)
{
    play_in(CHAN_GROWABLE, 0, 0, ALL, 0);
    play_in(CHAN_GROWABLE, 0, 1024, 16384, 0);
}

static void test_scribbling_anywhere_crashes_and_hangs_nobody(void)
{
    play_in_queues(0, ALL, 0);
}

static void test_scribbling_over_the_hot_words_crashes_and_hangs_nobody(void)
{
    play_in_queues(1024, 3072, 0);
}

static void test_scribbling_over_records_and_cells_crashes_and_hangs_nobody(void)
{
    play_in_queues(4096, 12288, 0);
}

/* What holds them together stays sound, so that there are always new ones; elsewhere it ends soon. */
static void test_scribbling_over_messages_crashes_and_hangs_nobody(void)
{
    play_in_queues(BLOCKS, ALL, 0);
}

static void test_scribbling_without_keepers_crashes_and_hangs_nobody(void)
{
    play_in_queues(1024, 16384, CHAN_NO_KEEPER);
}

static void test_scribbling_over_the_header_hurts_no_one_who_is_attached(void)
{
    play_in_queues(0, 1024, 0);
}

static void test_scribbling_over_a_watch_crashes_and_hangs_nobody(void)
{
    play_in(CHAN_WATCH, 0, 0, ALL, 0);
    play_in(CHAN_WATCH, 0, 1024, 16384, 0);
}

static void test_scribbling_over_calls_crashes_and_hangs_nobody(void)
{
    play_in(CHAN_CALL, CHAN_LAG, 0, ALL, 0);
    play_in(CHAN_CALL, CHAN_LAG, 4096, 12288, 0);
    play_in(CHAN_CALL, CHAN_LAG, 4096, 12288, CHAN_NO_KEEPER);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_scribbling_anywhere_crashes_and_hangs_nobody, 30),
        PLAIN(test_scribbling_over_the_hot_words_crashes_and_hangs_nobody, 30),
        PLAIN(test_scribbling_over_records_and_cells_crashes_and_hangs_nobody, 30),
        PLAIN(test_scribbling_over_messages_crashes_and_hangs_nobody, 30),
        PLAIN(test_scribbling_without_keepers_crashes_and_hangs_nobody, 30),
        PLAIN(test_scribbling_over_a_broadcast_crashes_and_hangs_nobody, 40),
        PLAIN(test_scribbling_over_a_growable_queue_crashes_and_hangs_nobody, 40),
        PLAIN(test_scribbling_over_a_watch_crashes_and_hangs_nobody, 30),
        PLAIN(test_scribbling_over_calls_crashes_and_hangs_nobody, 60),
        PLAIN(test_scribbling_over_the_header_hurts_no_one_who_is_attached, 30),
    };
    return suite_run_plain("hostile", cases, sizeof cases / sizeof *cases, argc, argv);
}
