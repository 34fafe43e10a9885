/* SPDX-License-Identifier: Apache-2.0 */
/* Select against peers that steal, close and sleep at the same moment. SHMCHAN_SELECT_ROUNDS=100000 for a long run: of
 * each so many rounds, some minutes. */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "load.h"
#include "suite.h"

#define MS INT64_C(1000000)

#define STEALS load_rounds(100000)
#define CLOSINGS load_rounds(10000)
#define PASSINGS load_rounds(100)

/* A queue of this process and a child's; each opens its own side. */
struct line {
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
};

static void create(const char *name, uint64_t messages)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.messages = messages;
    options.message_size = 8;
    options.endpoints = 16;
    expect_result(chan_create(name, &options, &ch), 0);
    chan_close(ch);
}

static struct line open_line(const char *name, bool sends, bool receives)
{
    struct line l = {0};
    expect_result(chan_open(name, 0, &l.ch), 0);
    if (sends)
        expect_result(chan_attach_sender(l.ch, 0, &l.tx), 0);
    if (receives)
        expect_result(chan_attach_receiver(l.ch, 0, &l.rx), 0);
    return l;
}

static void close_line(struct line *l)
{
    chan_close_sender(l->tx);
    chan_close_receiver(l->rx);
    chan_close(l->ch);
}

static void signal_to(struct line *l)
{
    expect_result(chan_send(l->tx, "", 0), 0);
}

static void await(struct line *l)
{
    expect_result(chan_recv(l->rx, NULL, 0, NULL), 0);
}

/* Takes the message that is there, if any. */
static void drain(struct line *l)
{
    int result = chan_try_recv(l->rx, NULL, 0, NULL);
    expect(!result || result == -EAGAIN);
}

/* Puts a message into `second` before it takes the one in `first`: at every moment one of them has one. */
static int64_t put_there_and_steal_here(void *argument)
{
    (void)argument;
    struct line first = open_line("first", true, true), second = open_line("second", true, true);
    struct line start = open_line("start", false, true), done = open_line("done", true, false);
    for (int round = 0, rounds = STEALS; round < rounds; round++) {
        await(&start);
        signal_to(&second);
        drain(&first);
        signal_to(&done);
    }
    close_line(&first);
    close_line(&second);
    close_line(&start);
    close_line(&done);
    return 0;
}

static void test_select_never_says_that_none_is_ready_while_one_always_is(void)
{
    static const char *const names[] = {"first", "second", "start", "done"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        create(names[i], 2);
    struct line first = open_line("first", true, true), second = open_line("second", false, true);
    struct line start = open_line("start", true, false), done = open_line("done", false, true);
    struct chan_select *sel;
    struct chan_selected selected;
    struct child child;
    expect_result(chan_select_create(0, &sel), 0);
    expect_number(chan_select_recv(sel, first.rx), 0);
    expect_number(chan_select_recv(sel, second.rx), 1);
    child_spawn(&child, put_there_and_steal_here, NULL);
    for (int round = 0, rounds = STEALS; round < rounds; round++) {
        signal_to(&first);
        signal_to(&start);
        expect_result(round % 2 ? chan_try_select(sel, &selected) : chan_select_timeout(sel, &selected, 0),
                      0);
        expect_result(selected.result, 0);
        expect_result(chan_release(selected.index ? second.rx : first.rx, &selected.view), 0);
        await(&done);
        drain(&first);
        drain(&second);
    }
    expect_number(child_finish(&child), 0);
    chan_select_close(sel);
    close_line(&first);
    close_line(&second);
    close_line(&start);
    close_line(&done);
}

/* Closes one channel before it takes the message in the other. What is closed stays closed: of that one there is a new
 * one in each round. */
static int64_t close_there_and_steal_here(void *argument)
{
    (void)argument;
    struct line first = open_line("first", true, true);
    struct line start = open_line("start", false, true), done = open_line("done", true, false);
    for (int round = 0, rounds = CLOSINGS; round < rounds; round++) {
        await(&start);
        struct line second = open_line("second", true, false);
        signal_to(&first);
        signal_to(&done);
        await(&start);
        close_line(&second);
        drain(&first);
        signal_to(&done);
    }
    close_line(&first);
    close_line(&start);
    close_line(&done);
    return 0;
}

static void test_a_channel_just_closed_is_ready_when_the_other_ones_message_is_stolen(void)
{
    create("first", 1);
    create("start", 1);
    create("done", 1);
    struct line first = open_line("first", false, true);
    struct line start = open_line("start", true, false), done = open_line("done", false, true);
    struct child child;
    child_spawn(&child, close_there_and_steal_here, NULL);
    for (int round = 0, rounds = CLOSINGS; round < rounds; round++) {
        struct chan_select *sel;
        struct chan_selected selected;
        create("second", 1);
        struct line second = open_line("second", false, true);
        expect_result(chan_select_create(0, &sel), 0);
        expect_number(chan_select_recv(sel, first.rx), 0);
        expect_number(chan_select_recv(sel, second.rx), 1);
        signal_to(&start);
        await(&done);
        signal_to(&start);
        expect_result(chan_try_select(sel, &selected), 0);
        expect_result(selected.result, selected.index ? -EPIPE : 0);
        if (selected.index == 0)
            expect_result(chan_release(first.rx, &selected.view), 0);
        await(&done);
        chan_select_close(sel);
        close_line(&second);
    }
    expect_number(child_finish(&child), 0);
    close_line(&first);
    close_line(&start);
    close_line(&done);
}

/* Two selectors sleep on both channels before a receiver sleeps on the second. The wake-ups for two messages of the
 * first and one of the second may then all come to the selectors, who take the first two and nothing else: the receiver
 * has to hear of the third from them. */
#define SELECTORS 2

struct selector {
    struct line first, second, go;
    struct chan_select *sel;
};

static void share_a_processor(void)
{
    cpu_set_t allowed, one;
    expect(!sched_getaffinity(0, sizeof allowed, &allowed));
    CPU_ZERO(&one);
    for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            CPU_SET(cpu, &one);
    expect(!sched_setaffinity(0, sizeof one, &one));
}

static int64_t select_once_for_each_go(void *argument)
{
    (void)argument;
    const struct sched_param none = {0};
    expect(!sched_setscheduler(0, SCHED_BATCH, &none)); /* no preemption of who wakes it */
    struct selector s = {open_line("first", false, true), open_line("second", false, true),
                         open_line("go", false, true), NULL};
    expect_result(chan_select_create(CHAN_SELECT_BIASED, &s.sel), 0);
    expect_number(chan_select_recv(s.sel, s.first.rx), 0);
    expect_number(chan_select_recv(s.sel, s.second.rx), 1);
    for (;;) {
        struct chan_selected selected;
        expect_result(chan_select(s.sel, &selected), 0);
        expect_number(selected.index, 0);
        if (selected.result == -EPIPE)
            break;
        expect_result(selected.result, 0);
        expect_result(chan_release(s.first.rx, &selected.view), 0);
        await(&s.go);
    }
    chan_select_close(s.sel);
    close_line(&s.first);
    close_line(&s.second);
    close_line(&s.go);
    return 0;
}

static uint32_t sleepers_on(const struct line *l)
{
    uint32_t sleepers = 0;
    for (uint32_t number = 0; number < 16; number++) {
        struct chan_endpoint_stat stat = {.size = sizeof stat};
        sleepers += !chan_endpoint_stat(l->ch, number, &stat) && stat.waits_for == CHAN_WAITS_FOR_MESSAGE;
    }
    return sleepers;
}

static int64_t receive_second(void *argument)
{
    (void)argument;
    struct line second = open_line("second", false, true), done = open_line("done", true, false);
    for (int round = 0, rounds = PASSINGS; round < rounds; round++) {
        while (sleepers_on(&second) < SELECTORS)
            usleep(500);
        await(&second);
        signal_to(&done);
    }
    close_line(&second);
    close_line(&done);
    return 0;
}

/* Less than the 1.25 s after which a sleeper looks around by itself; in turns, however long each is, since in some of that
 * time the machine may let nobody run. */
static int await_soon(const struct line *l)
{
    int result = -ETIMEDOUT;
    for (int ms = 0; ms < 1000 && result == -ETIMEDOUT; ms += 10)
        result = chan_recv_timeout(l->rx, NULL, 0, NULL, 10 * MS);
    return result;
}

static void test_a_wake_up_for_what_a_selector_does_not_take_is_passed_on(void)
{
    static const char *const names[] = {"first", "second", "go", "done"};
    struct child children[SELECTORS + 1];
    share_a_processor();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        create(names[i], 2);
    struct line first = open_line("first", true, false), second = open_line("second", true, false);
    struct line go = open_line("go", true, false), done = open_line("done", false, true);
    for (int i = 0; i < SELECTORS; i++)
        child_spawn(&children[i], select_once_for_each_go, NULL);
    child_spawn(&children[SELECTORS], receive_second, NULL);
    for (int round = 0, rounds = PASSINGS; round < rounds; round++) {
        while (sleepers_on(&second) < SELECTORS + 1)
            usleep(500);
        for (int i = 0; i < SELECTORS; i++)
            signal_to(&first);
        signal_to(&second);
        expect_result(await_soon(&done), 0);
        while (chan_len(first.ch))
            usleep(500);
        for (int i = 0; i < SELECTORS; i++)
            signal_to(&go);
    }
    close_line(&first);
    for (int i = 0; i <= SELECTORS; i++)
        expect_number(child_finish(&children[i]), 0);
    close_line(&second);
    close_line(&go);
    close_line(&done);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_select_never_says_that_none_is_ready_while_one_always_is, 3600),
        PLAIN(test_a_channel_just_closed_is_ready_when_the_other_ones_message_is_stolen, 3600),
        PLAIN(test_a_wake_up_for_what_a_selector_does_not_take_is_passed_on, 3600),
    };
    return suite_run_plain("stress_select", cases, sizeof cases / sizeof *cases, argc, argv);
}
