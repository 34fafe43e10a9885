/* SPDX-License-Identifier: Apache-2.0 */
/* Waiters: what they say to sleep on is changed by all that is to end the sleep. */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "suite.h"

#define NAME "c"
#define MS INT64_C(1000000)

/* Less than the 1.25 s after which a sleeper looks around by itself. */
#define SOON (1000 * MS)

static struct chan *create(uint64_t messages)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.messages = messages;
    options.message_size = 8;
    options.endpoints = 8;
    expect_result(chan_create(NAME, &options, &ch), 0);
    return ch;
}

/* As a program would sleep; until its end only if that is near. */
static void sleep_on(const struct chan_sleep *sleep)
{
    int64_t until = sleep->until_ns;
    struct timespec limit = {until / 1000000000, until % 1000000000};
    (void)syscall(SYS_futex, sleep->word, FUTEX_WAIT_BITSET, sleep->value, &limit, NULL,
                  FUTEX_BITSET_MATCH_ANY);
}

static int receive(void *rx)
{
    return chan_try_recv(rx, &(uint64_t){0}, sizeof(uint64_t), NULL);
}

static int send(void *tx)
{
    return chan_try_send(tx, "x", 1);
}

/* What the attempt says in the end, or -ETIMEDOUT. */
static int wait_for(struct chan_waiter *w, int (*attempt)(void *), void *argument)
{
    struct chan_sleep sleep;
    int64_t end = chan_deadline(SOON);
    int result;
    while ((result = chan_waiter_try(w, attempt, argument, &sleep)) == -EAGAIN) {
        if (chan_now() >= end)
            return -ETIMEDOUT;
        sleep_on(&sleep);
    }
    return chan_now() < end ? result : -ETIMEDOUT;
}

struct errand {
    bool receives, dies;
};

/* Once somebody waits. */
static int64_t run_errand(void *argument)
{
    const struct errand *e = argument;
    struct chan *ch;
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;
    expect_result(chan_open(NAME, 0, &ch), 0);
    expect_result(e->receives ? chan_attach_receiver(ch, 0, &rx) : chan_attach_sender(ch, 0, &tx), 0);
    for (uint32_t waiting = 0, number = 0; !waiting; number = (number + 1) % 8) {
        struct chan_endpoint_stat stat = {.size = sizeof stat};
        waiting = chan_endpoint_stat(ch, number, &stat) ? 0 : stat.waits_for;
    }
    if (e->dies)
        raise(SIGKILL);
    expect_result(e->receives ? receive(rx) : send(tx), 0);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
    return 0;
}

static void test_a_waiter_is_woken_by_a_message_and_by_the_end(void)
{
    struct errand errand = {0};
    struct child child;
    struct chan_receiver *rx;
    struct chan_waiter *w;
    struct chan *ch = create(1);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_waiter_of_receiver(rx, &w), 0);
    child_spawn(&child, run_errand, &errand);
    expect_result(wait_for(w, receive, rx), 0);
    expect_result(wait_for(w, receive, rx), -EPIPE);
    expect_number(child_finish(&child), 0);
    chan_waiter_close(w);
    chan_close_receiver(rx);
    chan_close(ch);
}

static void test_a_waiter_is_woken_by_a_death(void)
{
    struct errand errand = {.dies = true};
    struct child child;
    struct chan_receiver *rx;
    struct chan_waiter *w;
    struct chan *ch = create(1);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_waiter_of_receiver(rx, &w), 0);
    child_spawn(&child, run_errand, &errand);
    while (!chan_senders(ch))
        ;
    expect_result(wait_for(w, receive, rx), -EPIPE);
    child_reap(&child);
    chan_waiter_close(w);
    chan_close_receiver(rx);
    chan_close(ch);
}

static void test_a_waiter_is_woken_by_room(void)
{
    struct errand errand = {.receives = true};
    struct child child;
    struct chan_sender *tx;
    struct chan_receiver *rx; /* keeps it open */
    struct chan_waiter *w;
    struct chan *ch = create(1);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_waiter_of_sender(tx, &w), 0);
    expect_result(wait_for(w, send, tx), 0);
    child_spawn(&child, run_errand, &errand);
    expect_result(wait_for(w, send, tx), 0);
    expect_number(child_finish(&child), 0);
    chan_waiter_close(w);
    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
}

static void test_what_is_there_needs_no_sleep(void)
{
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_waiter *w;
    struct chan_sleep sleep = {.value = 77};
    struct chan *ch = create(1);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_waiter_of_receiver(rx, &w), 0);
    expect_result(send(tx), 0);
    expect_result(chan_waiter_try(w, NULL, NULL, &sleep), 0); /* a look takes nothing */
    expect_result(chan_waiter_try(w, receive, rx, &sleep), 0);
    expect_number(sleep.value, 77);
    expect_result(chan_waiter_try(w, NULL, NULL, &sleep), -EAGAIN);
    expect(sleep.until_ns > 0 && sleep.until_ns <= chan_now() + 8 * MS);
    expect_number(*sleep.word, sleep.value);
    expect_result(send(tx), 0);
    expect(*sleep.word != sleep.value);
    chan_waiter_close(w);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

/* After 8 ms, since the one who has woken it for nothing, or has not seen it fall asleep, may have been stopped, and then
 * less and less often. */
static void test_who_falls_asleep_looks_again_soon(void)
{
    static const int64_t expected_ms[] = {8, 32, 128, 512};
    struct chan_sender *tx;
    struct chan_receiver *rx, *other;
    struct chan_waiter *w;
    struct chan_sleep sleep;
    struct chan *ch = create(2);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_attach_receiver(ch, 0, &other), 0);
    expect_result(chan_waiter_of_receiver(rx, &w), 0);
    expect_result(chan_waiter_try(w, receive, rx, &sleep), -EAGAIN);
    expect_result(send(tx), 0);
    expect_result(receive(other), 0); /* before the waiter could */
    /* When it has first slept it looks for the dead, and is to do so again 1.25 s later, however short its sleeps are. */
    int64_t looks_ns = CHAN_FOREVER;
    for (int i = 0; i < 4; i++) {
        int64_t before = chan_now();
        int64_t least_ns = before + expected_ms[i] * MS < looks_ns ? before + expected_ms[i] * MS : looks_ns;
        expect_result(chan_waiter_try(w, receive, rx, &sleep), -EAGAIN);
        expect(sleep.until_ns >= least_ns && sleep.until_ns <= chan_now() + expected_ms[i] * MS);
        if (i == 1)
            looks_ns = before + 1250 * MS;
        while (chan_now() < sleep.until_ns)
            sleep_on(&sleep);
    }
    expect_result(chan_waiter_try(w, receive, rx, &sleep), -EAGAIN);
    expect(sleep.until_ns - chan_now() <= (1250 - 8 - 32 - 128 - 512) * MS);
    expect_result(send(tx), 0);
    expect_result(chan_waiter_try(w, receive, rx, &sleep), 0);
    expect_result(chan_waiter_try(w, receive, rx, &sleep), -EAGAIN);
    expect(sleep.until_ns - chan_now() <= expected_ms[0] * MS);
    chan_waiter_close(w);
    chan_close_receiver(rx);
    chan_close_receiver(other);
    chan_close_sender(tx);
    chan_close(ch);
}

static int64_t use_what_was_inherited(void *argument)
{
    struct chan_sleep sleep;
    expect_result(chan_waiter_try(argument, NULL, NULL, &sleep), -ECHILD);
    chan_waiter_withdraw(argument);
    chan_waiter_close(argument);
    return 0;
}

static void test_waiters_belong_to_their_process(void)
{
    struct child child;
    struct chan_receiver *rx;
    struct chan_waiter *w;
    struct chan_sleep sleep;
    struct chan *ch = create(1);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_waiter_of_receiver(rx, &w), 0);
    expect_result(chan_waiter_try(w, NULL, NULL, &sleep), -EAGAIN);
    child_spawn(&child, use_what_was_inherited, w);
    expect_number(child_finish(&child), 0);
    expect_number(*sleep.word, sleep.value);
    expect_result(chan_waiter_of_receiver(NULL, &w), -EINVAL);
    expect_result(chan_waiter_of_sender(NULL, &w), -EINVAL);
    expect_result(chan_waiter_try(NULL, NULL, NULL, &sleep), -EINVAL);
    expect_result(chan_waiter_try(w, NULL, NULL, NULL), -EINVAL);
    chan_waiter_close(w);
    chan_waiter_close(NULL);
    chan_close_receiver(rx);
    chan_close(ch);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_a_waiter_is_woken_by_a_message_and_by_the_end, 20),
        PLAIN(test_a_waiter_is_woken_by_a_death, 20),
        PLAIN(test_a_waiter_is_woken_by_room, 20),
        PLAIN(test_what_is_there_needs_no_sleep, 20),
        PLAIN(test_who_falls_asleep_looks_again_soon, 20),
        PLAIN(test_waiters_belong_to_their_process, 20),
    };
    return suite_run_plain("waiter", cases, sizeof cases / sizeof *cases, argc, argv);
}
