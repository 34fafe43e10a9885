/* SPDX-License-Identifier: Apache-2.0 */
/* Select over more channels than one system call takes, and where the system call is refused. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "process.h"
#include "refusal.h"
#include "suite.h"

#define MS INT64_C(1000000)

/* Less than the 1.25 s after which a sleeper looks around by itself. */
#define SOON (1000 * MS)

#define CHANNELS_MAX 300

static struct chan *channels[CHANNELS_MAX];
static struct chan_receiver *receiving[CHANNELS_MAX];
static struct chan_select *sel;

static void open_all(int count)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.messages = 1;
    options.message_size = 8;
    options.endpoints = 4;
    options.lifetime = CHAN_DURABLE;
    expect_result(chan_select_create(0, &sel), 0);
    for (int i = 0; i < count; i++) {
        expect_result(chan_create_anonymous(&options, &channels[i]), 0);
        expect_result(chan_attach_receiver(channels[i], 0, &receiving[i]), 0);
        expect_number(chan_select_recv(sel, receiving[i]), i);
    }
}

static void close_all(int count)
{
    chan_select_close(sel);
    for (int i = 0; i < count; i++) {
        chan_close_receiver(receiving[i]);
        chan_close(channels[i]);
    }
}

/* A child that inherited the channels sends into the one of this number. */
static int64_t send_later(void *number)
{
    struct chan_sender *tx;
    expect_result(chan_attach_sender(channels[*(int *)number], 0, &tx), 0);
    usleep(50000);
    expect_result(chan_try_send(tx, "x", 1), 0);
    chan_close_sender(tx);
    return 0;
}

static void expect_woken_by(int number)
{
    struct chan_selected selected;
    struct child child;
    child_spawn(&child, send_later, &number);
    expect_result(chan_select_timeout(sel, &selected, SOON), 0);
    expect_number(selected.index, number);
    expect_result(chan_release(receiving[number], &selected.view), 0);
    expect_number(child_finish(&child), 0);
}

static int64_t cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000 * MS + used.tv_nsec;
}

/* An eighth of a processor, where one that polls would take all of it, or a good part. */
static void expect_idle_while_waiting(void)
{
    struct chan_selected selected;
    int64_t before = cpu_ns();
    expect_result(chan_select_timeout(sel, &selected, 800 * MS), -ETIMEDOUT);
    expect(cpu_ns() - before < 100 * MS);
}

static int64_t wait_on(int count)
{
    int numbers[] = {0, count / 2, count - 1};
    int fds[2];
    char byte = 'x';
    open_all(count);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        expect_woken_by(numbers[i]);
    expect_idle_while_waiting();
    expect(!pipe(fds));
    expect_number(chan_select_fd(sel, fds[0], POLLIN), count);
    expect_woken_by(count - 1);
    struct chan_selected selected;
    expect(write(fds[1], &byte, 1) == 1);
    expect_result(chan_select_timeout(sel, &selected, SOON), 0);
    expect_number(selected.index, count);
    close(fds[0]);
    close(fds[1]);
    close_all(count);
    return 0;
}

static void test_up_to_128_channels_wake_select(void)
{
    expect_number(wait_on(1), 0);
    expect_number(wait_on(127), 0);
    expect_number(wait_on(128), 0);
}

static void test_more_channels_than_one_call_takes_wake_select(void)
{
    expect_number(wait_on(129), 0);
    expect_number(wait_on(CHANNELS_MAX), 0);
}

static int64_t wait_where_it_is_missing(void *argument)
{
    (void)argument;
    int64_t result = refuse_waitv(NULL, ENOSYS, 0);
    return result ? result : wait_on(20);
}

static int64_t wait_where_it_is_forbidden(void *argument)
{
    (void)argument;
    int64_t result = refuse_waitv(NULL, EPERM, 0);
    return result ? result : wait_on(3);
}

/* In a child, so that only it is refused the call. */
static void test_without_the_call_select_is_woken_too(void)
{
    struct child child;
    child_spawn(&child, wait_where_it_is_missing, NULL);
    expect_number(child_finish(&child), 0);
    child_spawn(&child, wait_where_it_is_forbidden, NULL);
    expect_number(child_finish(&child), 0);
}

/* ---- on one queue, each in a process of its own ---- */

#define SELECTS 4
#define SETTLED_MS 200
#define WATCHED_MS 500

static int64_t take_all_without_the_call(void *inherited)
{
    struct chan_receiver *rx;
    struct chan_selected selected;
    expect_number(refuse_waitv(NULL, EPERM, 0), 0);
    expect_result(chan_attach_receiver(inherited, 0, &rx), 0);
    expect_result(chan_select_create(0, &sel), 0);
    expect_number(chan_select_recv(sel, rx), 0);
    do {
        expect_result(chan_select(sel, &selected), 0);
        if (!selected.result)
            expect_result(chan_release(rx, &selected.view), 0);
    } while (!selected.result);
    expect_result(selected.result, -EPIPE);
    chan_select_close(sel);
    chan_close_receiver(rx);
    return 0;
}

static int64_t wakeups_of_all(const struct child *children)
{
    int64_t sum = 0;
    for (int i = 0; i < SELECTS; i++)
        sum += process_wakeups(children[i].pid);
    return sum;
}

static uint32_t count_waiting(struct chan *ch)
{
    uint32_t waiting = 0;
    for (uint32_t number = 0; number < 2 * SELECTS; number++) {
        struct chan_endpoint_stat stat = {.size = sizeof stat};
        waiting += !chan_endpoint_stat(ch, number, &stat) && stat.waits_for == CHAN_WAITS_FOR_MESSAGE;
    }
    return waiting;
}

/* Who ends a sleep wakes its own helpers, and those of the others, which sleep on the same word. */
static void test_without_the_call_idle_selects_do_not_wake_one_another(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan_sender *tx;
    struct chan *ch;
    struct child children[SELECTS];
    options.endpoints = 2 * SELECTS;
    expect_result(chan_create_anonymous(&options, &ch), 0);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    for (int i = 0; i < SELECTS; i++)
        child_spawn(&children[i], take_all_without_the_call, ch);
    while (count_waiting(ch) < SELECTS)
        process_sleep_ms(1);
    expect_result(chan_try_send(tx, "x", 1), 0); /* wakes one of them */
    process_sleep_ms(SETTLED_MS);
    int64_t before = wakeups_of_all(children);
    process_sleep_ms(WATCHED_MS);
    expect(wakeups_of_all(children) - before <
           25 * SELECTS); /* a look around is some; for ever, hundreds each */
    chan_close_sender(tx);
    for (int i = 0; i < SELECTS; i++)
        expect_number(child_finish(&children[i]), 0);
    chan_close(ch);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_up_to_128_channels_wake_select, 60),
        PLAIN(test_more_channels_than_one_call_takes_wake_select, 60),
        PLAIN(test_without_the_call_select_is_woken_too, 60),
        PLAIN(test_without_the_call_idle_selects_do_not_wake_one_another, 20),
    };
    return suite_run_plain("select_many", cases, sizeof cases / sizeof *cases, argc, argv);
}
