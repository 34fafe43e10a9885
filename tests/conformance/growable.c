/* SPDX-License-Identifier: Apache-2.0 */
/* Growable queues: no send waits below the ceiling, memory is committed when messages need it and given back once they
 * are drained, and where there is none it is an error and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "sandbox.h"
#include "suite.h"

#ifndef MADV_POPULATE_WRITE /* C libraries older than Linux 5.14; the number is the kernel's */
#define MADV_POPULATE_WRITE 23
#endif

#define CEILING 4000u
#define SIZE 100u

/* A queue, and both its ends here. */
struct subject {
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_memory memory;
    uint64_t sent, received; /* numbers of the next messages */
};

static struct chan_options growable_options(uint64_t messages, uint64_t size)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.kind = CHAN_GROWABLE;
    options.messages = messages;
    options.message_size = size;
    options.endpoints = 8;
    return options;
}

/* A memfd: its blocks are pages of memory and nothing else. */
static struct subject open_with(const struct chan_options *options)
{
    struct subject s = {0};
    expect_result(chan_memory(options, &s.memory), 0);
    expect_result(chan_create_anonymous(options, &s.ch), 0);
    expect_result(chan_attach_sender(s.ch, 0, &s.tx), 0);
    expect_result(chan_attach_receiver(s.ch, 0, &s.rx), 0);
    return s;
}

static struct subject open_subject(void)
{
    struct chan_options options = growable_options(CEILING, SIZE);
    return open_with(&options);
}

static void expect_sound(const struct subject *s)
{
    char text[256];
    if (chan_check(s->ch, text, sizeof text))
        expect_never("chan_check: %s", text);
}

static void close_subject(struct subject *s)
{
    expect_sound(s);
    chan_close_sender(s->tx);
    chan_close_receiver(s->rx);
    chan_close(s->ch);
}

static struct chan_stat stat_of(const struct subject *s)
{
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(s->ch, &stat), 0);
    return stat;
}

static void compose(unsigned char *message, uint64_t number)
{
    memset(message, (int)(number % 251), SIZE);
    memcpy(message, &number, sizeof number);
}

static int try_send(struct subject *s)
{
    unsigned char message[SIZE];
    compose(message, s->sent);
    int result = chan_try_send(s->tx, message, sizeof message);
    s->sent += !result;
    return result;
}

static void expect_next(struct subject *s, const void *message, size_t size)
{
    unsigned char expected[SIZE];
    compose(expected, s->received++);
    expect_number(size, sizeof expected);
    expect(!memcmp(message, expected, sizeof expected));
}

static int try_recv(struct subject *s)
{
    unsigned char message[SIZE];
    size_t size;
    int result = chan_try_recv(s->rx, message, sizeof message, &size);
    if (!result)
        expect_next(s, message, size);
    return result;
}

static void send_all(struct subject *s, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        expect_result(try_send(s), 0);
}

static void recv_all(struct subject *s, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        expect_result(try_recv(s), 0);
}

/* As at creation: neither promised nor there. */
static void expect_given_back(const struct subject *s)
{
    struct chan_stat stat = stat_of(s);
    expect_number(stat.committed_bytes, s->memory.fixed_bytes);
    expect(stat.resident_bytes <= s->memory.fixed_bytes);
}

static void test_below_the_ceiling_no_send_waits_and_at_it_the_queue_is_full(void)
{
    struct subject s = open_subject();
    for (int lap = 0; lap < 3; lap++) {
        for (uint64_t i = 0; i < CEILING; i++) {
            expect_number(chan_available(s.ch), CEILING - i);
            expect_result(try_send(&s), 0);
        }
        expect_result(try_send(&s), -EAGAIN);
        expect_result(chan_send_timeout(s.tx, "", 1, 1000000), -ETIMEDOUT);
        expect(chan_is_full(s.ch));
        expect_sound(&s);
        expect_result(try_recv(&s), 0);
        expect_result(try_send(&s), 0);
        expect_result(try_send(&s), -EAGAIN);
        recv_all(&s, CEILING);
        expect_result(try_recv(&s), -EAGAIN);
    }
    close_subject(&s);
}

static void test_what_is_committed_follows_what_is_queued(void)
{
    struct subject s = open_subject();
    expect(s.memory.step_bytes > 0);
    expect(s.memory.fixed_bytes + 10 * s.memory.step_bytes < s.memory.total_bytes);
    expect_given_back(&s);
    for (int lap = 0; lap < 3; lap++) {
        send_all(&s, CEILING / 2);
        struct chan_stat half = stat_of(&s);
        expect(half.committed_bytes >= s.memory.fixed_bytes + CEILING / 2 * SIZE - s.memory.step_bytes);
        expect(half.resident_bytes >= half.committed_bytes);
        send_all(&s, CEILING / 2);
        expect(stat_of(&s).resident_bytes >= half.resident_bytes + CEILING / 2 * SIZE);
        recv_all(&s, CEILING);
        expect_given_back(&s);
    }
    close_subject(&s);
}

static void test_a_short_queue_stays_in_the_first_step(void)
{
    struct subject s = open_subject();
    send_all(&s, 10);
    for (int i = 0; i < 10000; i++) {
        send_all(&s, 1);
        recv_all(&s, 1);
    }
    expect_number(stat_of(&s).committed_bytes, s.memory.fixed_bytes);
    recv_all(&s, 10);
    close_subject(&s);
}

/* The other ways to take the last message. */
static void take_by_batches(struct subject *s)
{
    static unsigned char buffers[64][SIZE];
    struct iovec messages[64];
    while (s->received < s->sent) {
        for (int i = 0; i < 64; i++)
            messages[i] = (struct iovec){buffers[i], SIZE};
        ssize_t count = chan_try_recv_many(s->rx, messages, 64);
        expect(count > 0);
        for (ssize_t i = 0; i < count; i++)
            expect_next(s, buffers[i], messages[i].iov_len);
    }
}

static void take_by_drain(struct subject *s)
{
    static unsigned char buffers[CEILING][SIZE];
    static struct iovec messages[CEILING];
    for (uint64_t i = 0; i < CEILING; i++)
        messages[i] = (struct iovec){buffers[i], SIZE};
    ssize_t count = chan_drain(s->rx, messages, CEILING);
    expect_number(count, s->sent - s->received);
    for (ssize_t i = 0; i < count; i++)
        expect_next(s, buffers[i], messages[i].iov_len);
}

static void take_by_views(struct subject *s)
{
    struct chan_view view;
    while (s->received < s->sent) {
        expect_result(chan_try_recv_view(s->rx, &view), 0);
        expect_next(s, view.data, view.size);
        expect_result(chan_release(s->rx, &view), 0);
    }
}

static void take_as_bytes(struct subject *s)
{
    unsigned char message[SIZE];
    while (s->received < s->sent) {
        expect_number(chan_try_read(s->rx, message, SIZE / 3), SIZE / 3);
        expect_number(chan_try_read(s->rx, message + SIZE / 3, SIZE - SIZE / 3), SIZE - SIZE / 3);
        expect_next(s, message, SIZE);
    }
}

static void test_memory_is_given_back_however_the_last_message_is_taken(void)
{
    static void (*const takes[])(struct subject *) = {take_by_batches, take_by_drain, take_by_views,
                                                      take_as_bytes};
    struct subject s = open_subject();
    for (size_t i = 0; i < sizeof takes / sizeof *takes; i++) {
        send_all(&s, CEILING);
        takes[i](&s);
        expect_given_back(&s);
    }
    close_subject(&s);
}

static void test_memory_is_given_back_when_the_last_receiver_leaves(void)
{
    struct subject s = open_subject();
    send_all(&s, CEILING);
    chan_close_receiver(s.rx);
    s.rx = NULL;
    expect_number(stat_of(&s).discarded, CEILING);
    expect_given_back(&s);
    close_subject(&s);
}

static void test_memory_of_loans_is_given_back_when_they_are_dropped(void)
{
    struct chan_options options = growable_options(4, 1 << 20);
    struct subject s = open_with(&options);
    struct chan_loan loans[3]; /* each takes a step, the first of them the one that is always there */
    expect_number(s.memory.step_bytes, 1 << 20);
    for (int i = 0; i < 3; i++) {
        expect_result(chan_try_reserve(s.tx, 1 << 20, &loans[i]), 0);
        memset(loans[i].data, 1, 1 << 20);
    }
    expect(stat_of(&s).resident_bytes >= s.memory.fixed_bytes + (2 << 20));
    expect_result(chan_abort(s.tx, &loans[1]), 0);
    expect_number(stat_of(&s).committed_bytes, s.memory.fixed_bytes + (1 << 20));
    chan_close_sender(s.tx); /* with the others */
    s.tx = NULL;
    expect_given_back(&s);
    close_subject(&s);
}

static void test_a_view_keeps_its_step_and_no_other(void)
{
    struct subject s = open_subject();
    struct chan_view view;
    send_all(&s, CEILING);
    recv_all(&s, CEILING / 2);
    expect_result(chan_try_recv_view(s.rx, &view), 0);
    s.received++;
    recv_all(&s, CEILING / 2 - 1);
    expect_number(stat_of(&s).committed_bytes, s.memory.fixed_bytes + s.memory.step_bytes);
    s.received = CEILING / 2;
    expect_next(&s, view.data, view.size);
    s.received = s.sent;
    expect_result(chan_release(s.rx, &view), 0);
    expect_given_back(&s);
    close_subject(&s);
}

/* Takes all but `a` messages, and then one to look at. */
struct holder {
    const struct subject *s;
    uint64_t leaves;
    int ready;
};

static int64_t hold_one(void *argument)
{
    const struct holder *holder = argument;
    struct chan_receiver *rx;
    struct chan_view view;
    unsigned char message[SIZE];
    expect_result(chan_attach_receiver(holder->s->ch, 0, &rx), 0);
    while (chan_len(holder->s->ch) > holder->leaves)
        expect_result(chan_try_recv(rx, message, sizeof message, NULL), 0);
    expect_result(chan_try_recv_view(rx, &view), 0);
    expect_number(write(holder->ready, "", 1), 1);
    pause();
    return 0;
}

static struct child start_holder(const struct subject *s, uint64_t leaves)
{
    int ends[2];
    char byte;
    struct child child;
    expect(!pipe(ends));
    struct holder holder = {s, leaves, ends[1]};
    child_spawn(&child, hold_one, &holder);
    expect_number(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
    return child;
}

static void test_a_stopped_receiver_keeps_the_step_of_its_view_and_no_other(void)
{
    struct subject s = open_subject();
    send_all(&s, CEILING);
    struct child holder = start_holder(&s, CEILING / 2);
    child_stop(holder.pid);
    s.received = CEILING / 2 + 1;
    recv_all(&s, CEILING / 2 - 1);
    expect_number(stat_of(&s).committed_bytes, s.memory.fixed_bytes + s.memory.step_bytes);
    child_kill(&holder);
    s.received = CEILING / 2;
    unsigned char message[SIZE];
    size_t size;
    expect_result(chan_recv(s.rx, message, sizeof message, &size), 0); /* it comes back */
    expect_next(&s, message, size);
    expect_given_back(&s);
    child_reap(&holder);
    close_subject(&s);
}

/* Killed with the last message: whoever receives it then gives back what the dead one did not. */
static void test_what_a_killed_receiver_left_is_given_back_by_the_next(void)
{
    struct subject s = open_subject();
    send_all(&s, CEILING);
    struct child holder = start_holder(&s, 1);
    child_kill(&holder);
    s.received = CEILING - 1;
    unsigned char message[SIZE];
    size_t size;
    expect_result(chan_recv(s.rx, message, sizeof message, &size), 0);
    expect_next(&s, message, size);
    expect_given_back(&s);
    child_reap(&holder);
    close_subject(&s);
}

static void test_looking_at_messages_commits_nothing(void)
{
    struct subject s = open_subject();
    send_all(&s, CEILING);
    uint64_t before = stat_of(&s).resident_bytes;
    for (uint64_t position = 0; position < CEILING;) {
        unsigned char message[SIZE];
        struct chan_peek_info info;
        expect_result(chan_peek(s.ch, &position, message, sizeof message, &info), 0);
        expect_next(&s, message, info.size);
    }
    expect_number(stat_of(&s).resident_bytes, before);
    s.received = 0;
    recv_all(&s, CEILING);
    expect_given_back(&s);
    close_subject(&s);
}

static void test_prefaulting_commits_no_more_than_creation_does(void)
{
    struct chan_options options = growable_options(CEILING, SIZE);
    options.flags = CHAN_PREFAULT | CHAN_HUGE_PAGES;
    struct subject s = open_with(&options);
    expect_given_back(&s);
    close_subject(&s);
}

/* Not before Linux 5.14, where it takes a descriptor to commit memory. */
static bool can_populate(void)
{
    void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(page != MAP_FAILED);
    bool can = !madvise(page, 1, MADV_POPULATE_WRITE);
    munmap(page, 1);
    return can;
}

static void test_it_grows_without_descriptors(void)
{
    struct subject s = open_subject();
    int fd = chan_fd(s.ch), kept = dup(fd);
    close(fd);
    if (can_populate()) {
        send_all(&s, CEILING);
    } else {
        while (!try_send(&s))
            expect(s.sent < CEILING);
        expect_result(try_send(&s), -EBADF);
    }
    recv_all(&s, s.sent);
    expect_number(dup2(kept, fd), fd);
    close(kept);
    expect_given_back(&s);
    send_all(&s, CEILING);
    recv_all(&s, CEILING);
    expect_given_back(&s);
    close_subject(&s);
}

static void test_messages_of_many_sizes_come_whole(void)
{
    enum { LARGEST = 300000 };
    struct chan_options options = growable_options(64, LARGEST);
    struct subject s = open_with(&options);
    unsigned char *message = malloc(LARGEST);
    expect(message != NULL);
    for (uint64_t lap = 0; lap < 6; lap++) {
        for (uint64_t i = 0; i < 64; i++) {
            memset(message, (int)(lap + i), LARGEST);
            expect_result(chan_try_send(s.tx, message, (size_t)(i * 7919 * (lap + 1) % LARGEST)), 0);
        }
        for (uint64_t i = 0; i < 64; i++) {
            size_t size;
            expect_result(chan_try_recv(s.rx, message, LARGEST, &size), 0);
            expect_number(size, i * 7919 * (lap + 1) % LARGEST);
            for (size_t at = 0; at < size; at++)
                if (message[at] != (unsigned char)(lap + i))
                    expect_never("byte %zu of message %lu is another's", at, i);
        }
        expect_given_back(&s);
    }
    free(message);
    close_subject(&s);
}

/* A file system of 1 MiB in the place of the sandbox's directory, seen by this process and its children only. */
static void mount_small(void)
{
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", sandbox_directory(), "tmpfs", 0, "size=1m,mode=700"))
        skip_test("mounting a small tmpfs needs the right to mount");
}

static int fill_up(const char *path)
{
    static const char page[4096];
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    expect(fd >= 0);
    while (write(fd, page, sizeof page) > 0)
        ;
    expect_number(errno, ENOSPC);
    return fd;
}

static void open_named(struct subject *s, const struct chan_options *options)
{
    expect_result(chan_memory(options, &s->memory), 0);
    expect_result(chan_create("small", options, &s->ch), 0);
    expect_result(chan_attach_sender(s->ch, 0, &s->tx), 0);
    expect_result(chan_attach_receiver(s->ch, 0, &s->rx), 0);
}

static void test_a_full_file_system_is_an_error_until_there_is_room(void)
{
    mount_small();
    char filler[256];
    snprintf(filler, sizeof filler, "%s/filler", sandbox_directory());
    struct subject s = {0};
    struct chan_options options = growable_options(3000, SIZE);
    open_named(&s, &options);
    int fd = fill_up(filler);
    while (!try_send(&s))
        expect(s.sent <= options.messages);
    expect(s.sent >= s.memory.step_bytes / 2 / SIZE); /* the first step was there */
    unsigned char message[SIZE];
    compose(message, s.sent);
    expect_result(chan_send(s.tx, message, sizeof message),
                  -ENOSPC); /* and does not wait for what may never come */
    expect_number(stat_of(&s).committed_bytes, s.memory.fixed_bytes);
    expect_sound(&s);
    uint64_t fitted = s.sent;
    recv_all(&s, fitted);
    send_all(&s, fitted); /* what is committed stays usable */
    expect(!ftruncate(fd, 0));
    send_all(&s, 1000);
    close(fd);
    fd = fill_up(filler); /* the first page missing is in the middle of a step */
    while (!try_send(&s))
        expect(s.sent <= 2 * options.messages);
    expect_result(try_send(&s), -ENOSPC);
    recv_all(&s, s.sent - s.received);
    struct chan_stat stat = stat_of(&s);
    expect_number(stat.committed_bytes, s.memory.fixed_bytes);
    expect(stat.resident_bytes <= s.memory.fixed_bytes);
    close(fd);
    expect(!unlink(filler));
    close_subject(&s);
}

static void test_the_ceiling_is_a_share_of_what_is_free(void)
{
    mount_small();
    struct subject s = {0};
    struct chan_options options = growable_options(0, SIZE), got;
    open_named(&s, &options);
    chan_options_of(s.ch, &got);
    expect(got.messages > 400 && got.messages < 1048576 / 8 / (SIZE + 72));
    struct chan *again;
    char filler[256];
    snprintf(filler, sizeof filler, "%s/filler", sandbox_directory());
    close(fill_up(filler));
    expect_result(chan_open_or_create("small", &options, &again), 0); /* whatever is free by now */
    chan_close(again);
    expect(!unlink(filler));
    close_subject(&s);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_below_the_ceiling_no_send_waits_and_at_it_the_queue_is_full, 0),
        PLAIN(test_what_is_committed_follows_what_is_queued, 0),
        PLAIN(test_a_short_queue_stays_in_the_first_step, 0),
        PLAIN(test_memory_is_given_back_however_the_last_message_is_taken, 0),
        PLAIN(test_memory_is_given_back_when_the_last_receiver_leaves, 0),
        PLAIN(test_memory_of_loans_is_given_back_when_they_are_dropped, 0),
        PLAIN(test_a_view_keeps_its_step_and_no_other, 0),
        PLAIN(test_a_stopped_receiver_keeps_the_step_of_its_view_and_no_other, 0),
        PLAIN(test_what_a_killed_receiver_left_is_given_back_by_the_next, 0),
        PLAIN(test_looking_at_messages_commits_nothing, 0),
        PLAIN(test_prefaulting_commits_no_more_than_creation_does, 0),
        PLAIN(test_it_grows_without_descriptors, 0),
        PLAIN(test_messages_of_many_sizes_come_whole, 0),
        PLAIN(test_a_full_file_system_is_an_error_until_there_is_room, 0),
        PLAIN(test_the_ceiling_is_a_share_of_what_is_free, 0),
    };
    return suite_run_plain("growable", cases, sizeof cases / sizeof *cases, argc, argv);
}
