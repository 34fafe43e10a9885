/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors for event loops, and waiters, where the system refuses what they are made of: an error that says so,
 * nothing half made, and all of it as soon as it is to be had. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "process.h"
#include "refusal.h"
#include "suite.h"

#define MS INT64_C(1000000)

/* Less than the 1.25 s after which a sleeper looks around by itself, and the 2 s of a descriptor. */
#define SOON_MS 1000

/* Long enough for the poller to have fallen asleep. */
#define A_MOMENT_MS 60

/* A caller and its server, which have every descriptor between them that there is. */
struct ends {
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
};

enum { OF_RECEIVER, OF_SENDER, OF_CLOSE, OF_CALLER, DESCRIPTORS };

static struct ends open_ends(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct ends e;
    options.kind = CHAN_CALL;
    options.messages = 1;
    options.message_size = 8;
    options.endpoints = 4;
    expect_result(chan_create_anonymous(&options, &e.ch), 0);
    expect_result(chan_attach_sender(e.ch, 0, &e.tx), 0);
    expect_result(chan_attach_receiver(e.ch, 0, &e.rx), 0);
    return e;
}

static void close_ends(struct ends *e)
{
    chan_close_receiver(e->rx);
    chan_close_sender(e->tx);
    chan_close(e->ch);
}

static int descriptor(const struct ends *e, int which)
{
    switch (which) {
    case OF_RECEIVER:
        return chan_receiver_fd(e->rx);
    case OF_SENDER:
        return chan_sender_fd(e->tx);
    case OF_CLOSE:
        return chan_sender_closed_fd(e->tx);
    default:
        return chan_caller_fd(e->tx);
    }
}

static bool is_readable_within(const struct ends *e, int which, int milliseconds)
{
    struct pollfd polled = {.fd = descriptor(e, which), .events = POLLIN};
    expect(polled.fd >= 0);
    int ready = process_poll(&polled, milliseconds);
    expect(ready >= 0);
    return ready == 1;
}

static int look(const struct ends *e, int which)
{
    switch (which) {
    case OF_RECEIVER:
        return chan_receiver_ready(e->rx);
    case OF_SENDER:
        return chan_sender_ready(e->tx);
    case OF_CLOSE:
        return chan_try_wait_closed(e->tx);
    default:
        return chan_caller_ready(e->tx);
    }
}

/* It may have been time to look around. */
static void expect_unreadable(const struct ends *e, int which)
{
    expect_result(look(e, which), -EAGAIN);
    expect(!is_readable_within(e, which, 0));
}

static void expect_told(const struct ends *e, int which)
{
    expect(is_readable_within(e, which, SOON_MS));
}

/* Each descriptor is unreadable and then told of what it stands for, by a poller that is asleep. Closes the receiver. */
static void expect_all_are_told(struct ends *e)
{
    struct chan_ticket ticket, another;
    struct chan_view request;
    char answer[8];
    int result;
    expect_unreadable(e, OF_RECEIVER);
    expect_unreadable(e, OF_CALLER);
    expect_unreadable(e, OF_CLOSE);
    process_sleep_ms(A_MOMENT_MS);
    expect_result(chan_try_call_start(e->tx, "q", 1, &ticket), 0);
    expect_told(e, OF_RECEIVER);
    expect_result(chan_try_call_start(e->tx, "q", 1, &another), -EAGAIN);
    expect_unreadable(e, OF_SENDER);
    process_sleep_ms(A_MOMENT_MS);
    expect_result(chan_try_recv_view(e->rx, &request), 0);
    expect_told(e, OF_SENDER);
    process_sleep_ms(A_MOMENT_MS);
    expect_result(chan_reply(e->rx, &request, "a", 1), 0);
    expect_told(e, OF_CALLER);
    while ((result = chan_try_call_finish(e->tx, &ticket, answer, sizeof answer, NULL)) == -EAGAIN)
        expect_told(e, OF_CALLER);
    expect_result(result, 0);
    process_sleep_ms(A_MOMENT_MS);
    chan_close_receiver(e->rx);
    e->rx = NULL;
    expect_told(e, OF_CLOSE);
}

/* ---- refused for as long as it lasts ---- */

/* Something that one thread of a process is refused, and its others are not. */
struct refusal {
    step *refuse;
    int64_t error;
    int promised;
    struct ends *ends;
};

static void *ask_in_vain(void *argument)
{
    const struct refusal *r = argument;
    int descriptors = process_descriptors(), threads = process_threads(getpid());
    if (r->refuse(NULL, r->error, 0) < 0)
        skip_test("seccomp filters are not allowed here");
    for (int i = 0; i < DESCRIPTORS; i++)
        expect_result(descriptor(r->ends, i), r->promised);
    expect_number(process_descriptors(), descriptors);
    expect_number(process_threads(getpid()), threads);
    expect_result(chan_receiver_ready(r->ends->rx), -EAGAIN);
    return NULL;
}

/* Before there is any, and again once all have been closed. */
static void expect_refused(step *refuse, int error, int promised)
{
    for (int round = 0; round < 2; round++) {
        struct ends e = open_ends();
        struct refusal refusal = {refuse, error, promised, &e};
        int descriptors = process_descriptors(), threads = process_threads(getpid());
        pthread_t refused;
        expect(!pthread_create(&refused, NULL, ask_in_vain, &refusal));
        expect(!pthread_join(refused, NULL));
        expect_all_are_told(&e);
        expect_number(process_descriptors(), descriptors + DESCRIPTORS - 1);
        chan_close_sender(e.tx);
        e.tx = NULL;
        while (process_threads(getpid()) > threads) /* the kernel has them for a moment more */
            process_sleep_ms(1);
        close_ends(&e);
    }
}

static void test_a_refused_eventfd_is_said_so_and_leaves_nothing(void)
{
    expect_refused(refuse_eventfds, ENFILE, -ENFILE);
    expect_refused(refuse_eventfds, EPERM, -EPERM);
}

static void test_a_refused_thread_is_said_so_and_leaves_nothing(void)
{
    expect_refused(refuse_threads, 0, -ENOMEM);
}

/* Returns the limit that was. */
static struct rlimit allow_more_descriptors(int count)
{
    struct rlimit before, limit;
    int fds[DESCRIPTORS + 1];
    for (int i = 0; i <= count; i++) {
        fds[i] = dup(STDERR_FILENO);
        expect(fds[i] >= 0);
    }
    for (int i = 0; i <= count; i++)
        close(fds[i]);
    expect(!getrlimit(RLIMIT_NOFILE, &before));
    limit = before;
    limit.rlim_cur = (rlim_t)fds[count];
    expect(!setrlimit(RLIMIT_NOFILE, &limit));
    return before;
}

static void test_at_the_limit_of_descriptors_there_are_those_that_fit(void)
{
    for (int allowed = 0; allowed < DESCRIPTORS; allowed++) {
        struct ends e = open_ends();
        int descriptors = process_descriptors(), fds[DESCRIPTORS];
        struct rlimit unlimited = allow_more_descriptors(allowed);
        for (int i = 0; i < DESCRIPTORS; i++) {
            fds[i] = descriptor(&e, i);
            expect(i < allowed ? fds[i] >= 0 : fds[i] == -EMFILE);
        }
        expect(!setrlimit(RLIMIT_NOFILE, &unlimited));
        expect_number(process_descriptors(), descriptors + allowed);
        for (int i = 0; i < allowed; i++)
            expect_number(descriptor(&e, i), fds[i]);
        expect_all_are_told(&e);
        close_ends(&e);
    }
}

/* ---- refused for good: in children ---- */

static int64_t cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000 * MS + used.tv_nsec;
}

#define WATCHED_MS 800

/* Waiting, it wakes no more often than that, nor spins. In one of two rounds it may be time to look around. */
static void expect_idle(const struct ends *e, int64_t often)
{
    int64_t least = INT64_MAX;
    for (int round = 0; round < 2; round++) {
        expect_unreadable(e, OF_RECEIVER);
        expect_unreadable(e, OF_CLOSE);
        process_sleep_ms(A_MOMENT_MS);
        int64_t cpu = cpu_ns(), before = process_wakeups(getpid());
        process_sleep_ms(WATCHED_MS);
        int64_t wakeups = process_wakeups(getpid()) - before;
        expect(cpu_ns() - cpu < WATCHED_MS * MS / 8);
        least = wakeups < least ? wakeups : least;
    }
    expect(least < often);
}

#define PAIRS 5

static int64_t be_told_without_waitv(void *error)
{
    struct ends ends[PAIRS];
    if (refuse_waitv(NULL, *(int *)error, 0) < 0)
        skip_test("seccomp filters are not allowed here");
    int descriptors = process_descriptors();
    for (int i = 0; i < PAIRS; i++) {
        ends[i] = open_ends();
        expect_unreadable(&ends[i], OF_RECEIVER);
        expect_unreadable(&ends[i], OF_CLOSE);
    }
    for (int i = PAIRS; i-- > 1;)
        expect_all_are_told(&ends[i]);
    expect_idle(&ends[0], WATCHED_MS / 40); /* who looks does so every 20 ms */
    for (int i = 0; i < PAIRS; i++)
        close_ends(&ends[i]);
    expect_number(process_descriptors(), descriptors);
    return 0;
}

static void test_without_futex_waitv_descriptors_are_told(void)
{
    static int errors[] = {ENOSYS, EPERM};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct child child;
        child_spawn(&child, be_told_without_waitv, &errors[i]);
        expect_number(child_finish(&child), 0);
    }
}

/* What the first descriptor needs has been started when no more can be. */
static int64_t be_told_without_more_threads(void *unused)
{
    (void)unused;
    if (refuse_waitv(NULL, ENOSYS, 0) < 0)
        skip_test("seccomp filters are not allowed here");
    struct ends e = open_ends(), idle = open_ends();
    int threads = process_threads(getpid());
    expect_unreadable(&e, OF_RECEIVER);
    while (process_threads(getpid()) < threads + 2) /* the poller, and one that sleeps on a word for it */
        process_sleep_ms(1);
    expect_result(refuse_threads_to_all(NULL, 0, 0), 0);
    expect_all_are_told(&e);
    expect_idle(&idle, WATCHED_MS / 2);
    close_ends(&e);
    close_ends(&idle);
    return 0;
}

static void test_where_nobody_can_sleep_on_a_word_descriptors_are_told(void)
{
    struct child child;
    child_spawn(&child, be_told_without_more_threads, NULL);
    expect_number(child_finish(&child), 0);
}

/* Once somebody waits. */
static int64_t send_to_a_sleeper(void *inherited)
{
    struct chan *ch = inherited;
    struct chan_sender *tx;
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    for (uint32_t waiting = 0, number = 0; !waiting; number = (number + 1) % 4) {
        struct chan_endpoint_stat stat = {.size = sizeof stat};
        waiting = chan_endpoint_stat(ch, number, &stat) ? 0 : stat.waits_for;
    }
    expect_result(chan_try_send(tx, "x", 1), 0);
    chan_close_sender(tx);
    return 0;
}

static int take(void *rx)
{
    char buffer[8];
    return chan_try_recv(rx, buffer, sizeof buffer, NULL);
}

static void *wait_with_nothing(void *rx)
{
    struct rlimit unlimited = allow_more_descriptors(0);
    if (refuse_eventfds(NULL, EPERM, 0) < 0 || refuse_threads(NULL, 0, 0) < 0 ||
        refuse_waitv(NULL, EPERM, 0) < 0)
        skip_test("seccomp filters are not allowed here");
    struct chan_waiter *w;
    struct chan_sleep sleep;
    int64_t end = chan_deadline(SOON_MS * MS);
    int result;
    expect_result(chan_waiter_of_receiver(rx, &w), 0);
    while ((result = chan_waiter_try(w, take, rx, &sleep)) == -EAGAIN) {
        struct timespec limit = {end / 1000000000, end % 1000000000};
        expect(chan_now() < end);
        (void)syscall(SYS_futex, sleep.word, FUTEX_WAIT_BITSET, sleep.value, &limit, NULL,
                      FUTEX_BITSET_MATCH_ANY);
    }
    expect_result(result, 0);
    chan_waiter_close(w);
    expect(!setrlimit(RLIMIT_NOFILE, &unlimited));
    return NULL;
}

static void test_waiters_need_no_more_than_memory_and_a_futex(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan_receiver *rx;
    struct chan *ch;
    struct child child;
    pthread_t waiting;
    options.endpoints = 4;
    expect_result(chan_create_anonymous(&options, &ch), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    child_spawn(&child, send_to_a_sleeper, ch);
    expect(!pthread_create(&waiting, NULL, wait_with_nothing, rx));
    expect(!pthread_join(waiting, NULL));
    expect_number(child_finish(&child), 0);
    chan_close_receiver(rx);
    chan_close(ch);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_a_refused_eventfd_is_said_so_and_leaves_nothing, 20),
        PLAIN(test_a_refused_thread_is_said_so_and_leaves_nothing, 20),
        PLAIN(test_at_the_limit_of_descriptors_there_are_those_that_fit, 20),
        PLAIN(test_without_futex_waitv_descriptors_are_told, 30),
        PLAIN(test_where_nobody_can_sleep_on_a_word_descriptors_are_told, 20),
        PLAIN(test_waiters_need_no_more_than_memory_and_a_futex, 20),
    };
    return suite_run_plain("pollables", cases, sizeof cases / sizeof *cases, argc, argv);
}
