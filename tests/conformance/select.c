/* SPDX-License-Identifier: Apache-2.0 */
/* Select: one of several operations takes effect, and who sleeps on many channels misses none. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "suite.h"

#define CHANNELS 3
#define MS INT64_C(1000000)

/* Less than the 1.25 s after which a sleeper looks around by itself. */
#define SOON (1000 * MS)

/* Channels c0, c1, ... with a sender and a receiver of this process each. */
struct scene {
    struct chan *ch[CHANNELS];
    struct chan_sender *tx[CHANNELS];
    struct chan_receiver *rx[CHANNELS];
    struct chan_select *sel;
};

static void channel_name(char *name, size_t size, int number)
{
    snprintf(name, size, "c%d", number);
}

static struct scene scene_open(uint64_t messages, uint32_t flags)
{
    struct scene s;
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.messages = messages;
    options.message_size = 8;
    for (int i = 0; i < CHANNELS; i++) {
        char name[16];
        channel_name(name, sizeof name, i);
        expect_result(chan_create(name, &options, &s.ch[i]), 0);
        expect_result(chan_attach_sender(s.ch[i], 0, &s.tx[i]), 0);
        expect_result(chan_attach_receiver(s.ch[i], 0, &s.rx[i]), 0);
    }
    expect_result(chan_select_create(flags, &s.sel), 0);
    return s;
}

static void scene_close(struct scene *s)
{
    chan_select_close(s->sel);
    for (int i = 0; i < CHANNELS; i++) {
        chan_close_sender(s->tx[i]);
        chan_close_receiver(s->rx[i]);
        chan_close(s->ch[i]);
    }
}

static void add_receivers(struct scene *s)
{
    for (int i = 0; i < CHANNELS; i++)
        expect_number(chan_select_recv(s->sel, s->rx[i]), i);
}

static void put(struct chan_sender *tx, uint32_t message)
{
    expect_result(chan_try_send(tx, &message, sizeof message), 0);
}

static int64_t taken(struct chan_receiver *rx)
{
    uint32_t message;
    int result = chan_try_recv(rx, &message, sizeof message, NULL);
    return result ? result : (int64_t)message;
}

static uint32_t message_of(const struct chan_selected *selected)
{
    uint32_t message;
    expect_result(selected->result, 0);
    expect_number(selected->view.size, sizeof message);
    memcpy(&message, selected->view.data, sizeof message);
    return message;
}

/* Selects a receive, and acknowledges its message. */
static void expect_received(struct scene *s, int index, uint32_t message)
{
    struct chan_selected selected;
    expect_result(chan_select_timeout(s->sel, &selected, SOON), 0);
    expect_number(selected.index, index);
    expect_number(message_of(&selected), message);
    expect_result(chan_release(s->rx[index], &selected.view), 0);
}

/* Children act on a channel of a number, a moment after they were born. */
struct errand {
    int number;
    uint32_t message;
};

static void open_sender(int number, struct chan **ch, struct chan_sender **tx)
{
    char name[16];
    channel_name(name, sizeof name, number);
    expect_result(chan_open(name, 0, ch), 0);
    expect_result(chan_attach_sender(*ch, 0, tx), 0);
}

static int64_t send_later(void *argument)
{
    const struct errand *e = argument;
    struct chan *ch;
    struct chan_sender *tx;
    open_sender(e->number, &ch, &tx);
    usleep(30000);
    put(tx, e->message);
    chan_close_sender(tx);
    chan_close(ch);
    return 0;
}

static int64_t receive_later(void *argument)
{
    const struct errand *e = argument;
    struct chan *ch;
    struct chan_receiver *rx;
    char name[16];
    channel_name(name, sizeof name, e->number);
    expect_result(chan_open(name, 0, &ch), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    usleep(30000);
    int64_t message = taken(rx);
    chan_close_receiver(rx);
    chan_close(ch);
    return message;
}

static void test_the_channel_that_has_a_message_is_selected(void)
{
    struct scene s = scene_open(2, 0);
    add_receivers(&s);
    for (int i = 0; i < CHANNELS; i++) {
        put(s.tx[i], 7);
        expect_received(&s, i, 7);
        expect_result(taken(s.rx[i]), -EAGAIN);
    }
    scene_close(&s);
}

static void test_select_sleeps_until_a_message_comes_on_any_channel(void)
{
    struct scene s = scene_open(2, 0);
    add_receivers(&s);
    for (int i = 0; i < CHANNELS; i++) {
        struct errand errand = {i, 40 + (uint32_t)i};
        struct child child;
        child_spawn(&child, send_later, &errand);
        expect_received(&s, i, errand.message);
        expect_number(child_finish(&child), 0);
    }
    scene_close(&s);
}

static void test_exactly_one_operation_takes_effect(void)
{
    struct scene s = scene_open(1, 0);
    struct chan_selected selected;
    uint32_t message = 9;
    put(s.tx[0], 1);
    expect_number(chan_select_recv(s.sel, s.rx[0]), 0);
    expect_number(chan_select_send(s.sel, s.tx[1], &message, sizeof message), 1);
    for (int round = 0; round < 50; round++) {
        expect_result(chan_select(s.sel, &selected), 0);
        expect_result(selected.result, 0);
        if (selected.index == 0) {
            expect_number(chan_len(s.ch[1]), 0);
            expect_number(message_of(&selected), 1);
            expect_result(chan_give_back(s.rx[0], &selected.view), 0);
        } else {
            expect_number(chan_len(s.ch[0]), 1);
            expect_number(taken(s.rx[1]), 9);
        }
    }
    scene_close(&s);
}

static void test_a_send_waits_for_room_and_reads_its_message_then(void)
{
    struct scene s = scene_open(1, 0);
    struct errand errand = {.number = 1};
    struct chan_selected selected;
    struct child child;
    uint32_t message = 9;
    put(s.tx[1], 1);
    expect_number(chan_select_recv(s.sel, s.rx[0]), 0);
    expect_number(chan_select_send(s.sel, s.tx[1], &message, sizeof message), 1);
    expect_result(chan_try_select(s.sel, &selected), -EAGAIN);
    message = 10;
    child_spawn(&child, receive_later, &errand);
    expect_result(chan_select_timeout(s.sel, &selected, SOON), 0);
    expect_number(selected.index, 1);
    expect_result(selected.result, 0);
    expect_number(child_finish(&child), 1);
    expect_number(taken(s.rx[1]), 10);
    message = 11;
    uint32_t other = 12;
    expect_result(chan_select_set_message(s.sel, 1, &other, sizeof other), 0);
    expect_result(chan_try_select(s.sel, &selected), 0);
    expect_number(taken(s.rx[1]), 12);
    expect_result(chan_select_set_message(s.sel, 0, &other, sizeof other), -EINVAL);
    scene_close(&s);
}

static void test_a_closed_channel_is_ready_until_it_is_removed(void)
{
    struct scene s = scene_open(1, CHAN_SELECT_BIASED);
    struct chan_selected selected;
    uint32_t message = 1;
    add_receivers(&s);
    expect_number(chan_select_send(s.sel, s.tx[2], &message, sizeof message), 3);
    put(s.tx[0], 5);
    expect_result(chan_shutdown(s.ch[0]), 0);
    expect_received(&s, 0, 5); /* what was sent comes first */
    for (int i = 0; i < 3; i++) {
        expect_result(chan_select(s.sel, &selected), 0);
        expect_number(selected.index, 0);
        expect_result(selected.result, -EPIPE);
    }
    expect_result(chan_select_remove(s.sel, 0), 0);
    expect_result(chan_shutdown(s.ch[2]), 0);
    expect_result(chan_select_disable(s.sel, 2), 0);
    expect_result(chan_select(s.sel, &selected), 0);
    expect_number(selected.index, 3); /* a send on a closed channel */
    expect_result(selected.result, -EPIPE);
    scene_close(&s);
}

static int64_t close_later(void *argument)
{
    const struct errand *e = argument;
    struct chan *ch;
    struct chan_sender *tx;
    open_sender(e->number, &ch, &tx);
    usleep(100000);
    raise(SIGKILL);
    return 0;
}

static void test_the_death_of_the_last_sender_wakes_select(void)
{
    struct scene s = scene_open(1, 0);
    struct errand errand = {.number = 1};
    struct chan_selected selected;
    struct child child;
    add_receivers(&s);
    child_spawn(&child, close_later, &errand);
    while (chan_senders(s.ch[1]) < 2)
        usleep(1000);
    chan_close_sender(s.tx[1]);
    s.tx[1] = NULL;
    expect_result(chan_select_timeout(s.sel, &selected, SOON), 0);
    expect_number(selected.index, 1);
    expect_result(selected.result, -EPIPE);
    child_reap(&child);
    scene_close(&s);
}

static void test_nothing_to_wait_for_is_a_result_of_its_own(void)
{
    struct scene s = scene_open(1, 0);
    struct chan_selected selected;
    expect_result(chan_select(s.sel, &selected), -ENODATA);
    expect_result(chan_try_select(s.sel, &selected), -ENODATA);
    expect_result(chan_select_timeout(s.sel, &selected, 1000 * SOON), -ENODATA);
    expect_result(chan_ready(s.sel), -ENODATA);
    add_receivers(&s);
    expect_result(chan_select_remove(s.sel, 1), 0);
    expect_result(chan_select_disable(s.sel, 0), 0);
    expect_result(chan_select_disable(s.sel, 2), 0);
    put(s.tx[0], 1);
    expect_result(chan_select(s.sel, &selected), -ENODATA);
    expect_result(chan_select_enable(s.sel, 0), 0);
    expect_received(&s, 0, 1);
    expect_result(chan_select_enable(s.sel, 1), -EINVAL);
    scene_close(&s);
}

static void test_indices_are_not_used_again(void)
{
    struct scene s = scene_open(1, 0);
    add_receivers(&s);
    expect_result(chan_select_remove(s.sel, CHANNELS - 1), 0);
    expect_result(chan_select_remove(s.sel, CHANNELS - 1), -EINVAL);
    expect_result(chan_select_remove(s.sel, -1), -EINVAL);
    expect_result(chan_select_remove(s.sel, 99), -EINVAL);
    for (int i = 0; i < 20; i++) /* the same handle again and again */
        expect_number(chan_select_recv(s.sel, s.rx[2]), CHANNELS + i);
    put(s.tx[2], 3);
    struct chan_selected selected;
    expect_result(chan_select(s.sel, &selected), 0);
    expect(selected.index >= CHANNELS);
    expect_number(message_of(&selected), 3);
    expect_result(chan_try_select(s.sel, &selected), -EAGAIN);
    scene_close(&s);
}

static void test_deadlines_end_only_waiting(void)
{
    struct scene s = scene_open(1, 0);
    struct chan_selected selected;
    add_receivers(&s);
    expect_result(chan_select_timeout(s.sel, &selected, 0), -ETIMEDOUT);
    expect_result(chan_select_until(s.sel, &selected, -1), -ETIMEDOUT);
    int64_t before = chan_now();
    expect_result(chan_select_timeout(s.sel, &selected, 30 * MS), -ETIMEDOUT);
    expect_result(chan_ready_timeout(s.sel, 30 * MS), -ETIMEDOUT);
    expect(chan_now() - before >= 60 * MS);
    put(s.tx[1], 1);
    expect_number(chan_ready_timeout(s.sel, -5), 1);
    expect_result(chan_select_until(s.sel, &selected, 0), 0);
    expect_number(selected.index, 1);
    expect_result(chan_release(s.rx[1], &selected.view), 0);
    scene_close(&s);
}

static void test_ready_reserves_nothing(void)
{
    struct scene s = scene_open(1, 0);
    struct errand errand = {2, 8};
    struct child child;
    add_receivers(&s);
    expect_result(chan_try_ready(s.sel), -EAGAIN);
    child_spawn(&child, send_later, &errand);
    expect_number(chan_ready_timeout(s.sel, SOON), 2);
    expect_number(chan_try_ready(s.sel), 2);
    expect_number(taken(s.rx[2]), 8);
    expect_result(chan_try_ready(s.sel), -EAGAIN);
    expect_number(child_finish(&child), 0);
    scene_close(&s);
}

static void count_selections(struct scene *s, uint32_t *counts, int rounds)
{
    for (int i = 0; i < CHANNELS; i++)
        put(s->tx[i], 0);
    for (int round = 0; round < rounds; round++) {
        struct chan_selected selected;
        expect_result(chan_select(s->sel, &selected), 0);
        counts[selected.index]++;
        expect_result(chan_release(s->rx[selected.index], &selected.view), 0);
        put(s->tx[selected.index], 0);
    }
}

static void test_each_of_the_ready_ones_gets_half_its_share_at_least(void)
{
    enum { ROUNDS = 10000 };
    struct scene s = scene_open(1, 0);
    uint32_t counts[CHANNELS + 2] = {0};
    add_receivers(&s);
    /* Others that are never ready take no share with them. */
    struct chan_timer *never;
    expect_result(chan_timer_at(CHAN_FOREVER, &never), 0);
    for (int i = 0; i < 2; i++)
        expect_number(chan_select_timer(s.sel, never), CHANNELS + i);
    count_selections(&s, counts, ROUNDS);
    for (int i = 0; i < CHANNELS; i++)
        expect(counts[i] >= ROUNDS / (2 * CHANNELS));
    chan_timer_close(never);
    scene_close(&s);
}

static void test_a_biased_select_takes_the_lowest_index(void)
{
    struct scene s = scene_open(1, CHAN_SELECT_BIASED);
    uint32_t counts[CHANNELS] = {0};
    add_receivers(&s);
    count_selections(&s, counts, 100);
    expect_number(counts[0], 100);
    expect_number(taken(s.rx[0]), 0);
    expect_received(&s, 1, 0);
    scene_close(&s);
}

static void test_timers_are_operations(void)
{
    struct scene s = scene_open(1, 0);
    struct chan_selected selected;
    struct chan_timer *after, *every;
    add_receivers(&s);
    int64_t before = chan_now();
    expect_result(chan_timer_after(50 * MS, &after), 0);
    expect_number(chan_select_timer(s.sel, after), CHANNELS);
    int64_t due = chan_timer_due(after);
    expect_result(chan_try_select(s.sel, &selected), -EAGAIN);
    expect_result(chan_select(s.sel, &selected), 0);
    expect_number(selected.index, CHANNELS);
    expect_number(selected.due_ns, due);
    expect(chan_now() - before >= 50 * MS);
    expect_result(chan_select_timeout(s.sel, &selected, 20 * MS), -ETIMEDOUT); /* once only */
    expect_result(chan_timer_every(5 * MS, &every), 0);
    expect_number(chan_select_timer(s.sel, every), CHANNELS + 1);
    for (int i = 0; i < 5; i++) {
        expect_result(chan_select(s.sel, &selected), 0);
        expect_number(selected.index, CHANNELS + 1);
    }
    chan_timer_close(after);
    chan_timer_close(every);
    scene_close(&s);
}

static int64_t write_later(void *argument)
{
    usleep(30000);
    return write(*(int *)argument, "x", 1);
}

static void test_descriptors_are_operations(void)
{
    struct scene s = scene_open(1, 0);
    struct chan_selected selected;
    struct child child;
    int fds[2];
    char byte;
    expect(!pipe(fds));
    add_receivers(&s);
    expect_number(chan_select_fd(s.sel, fds[0], POLLIN), CHANNELS);
    for (int round = 0; round < 3; round++) {
        expect_result(chan_try_select(s.sel, &selected), -EAGAIN);
        child_spawn(&child, write_later, &fds[1]);
        expect_result(chan_select_timeout(s.sel, &selected, SOON), 0);
        expect_number(selected.index, CHANNELS);
        expect_number(selected.revents, POLLIN);
        expect(read(fds[0], &byte, 1) == 1);
        expect_number(child_finish(&child), 1);
        struct errand errand = {round, 5}; /* and channels beside it */
        child_spawn(&child, send_later, &errand);
        expect_received(&s, round, 5);
        expect_number(child_finish(&child), 0);
    }
    close(fds[0]);
    close(fds[1]);
    scene_close(&s);
}

static void test_a_message_given_back_comes_again_as_if_for_the_first_time(void)
{
    struct scene s = scene_open(3, 0);
    struct chan_selected selected;
    struct chan_view view;
    add_receivers(&s);
    put(s.tx[0], 1);
    put(s.tx[0], 2);
    for (int i = 0; i < 10; i++) {
        expect_result(chan_select(s.sel, &selected), 0);
        expect_number(message_of(&selected), 1);
        expect_number(selected.view.deliveries, 1);
        expect_result(chan_give_back(s.rx[0], &selected.view), 0);
        expect_result(chan_give_back(s.rx[0], &selected.view), -EINVAL);
        expect_number(chan_len(s.ch[0]), 2);
    }
    expect_result(chan_try_recv_view(s.rx[0], &view), 0);
    expect_number(view.deliveries, 1);
    expect_result(chan_release(s.rx[0], &view), 0);
    expect_number(taken(s.rx[0]), 2);
    scene_close(&s);
}

static int64_t select_and_be_killed(void *argument)
{
    (void)argument;
    struct chan_select *sel;
    struct chan_selected selected;
    struct chan *ch;
    struct chan_receiver *rx;
    expect_result(chan_open("c1", 0, &ch), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_select_create(0, &sel), 0);
    expect_number(chan_select_recv(sel, rx), 0);
    expect_result(chan_select(sel, &selected), 0);
    raise(SIGKILL);
    return 0;
}

static void test_what_a_killed_selector_had_selected_goes_to_another(void)
{
    struct scene s = scene_open(1, 0);
    struct child child;
    child_spawn(&child, select_and_be_killed, NULL);
    while (chan_receivers(s.ch[1]) < 2)
        usleep(1000);
    usleep(20000);
    put(s.tx[1], 6);
    child_wait_zombie(child.pid);
    add_receivers(&s);
    expect_received(&s, 1, 6);
    child_reap(&child);
    scene_close(&s);
}

static int64_t select_a_permit_and_be_killed(void *argument)
{
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_select *sel;
    struct chan_selected selected;
    (void)argument;
    open_sender(9, &ch, &tx);
    expect_result(chan_select_create(0, &sel), 0);
    expect_number(chan_select_permit(sel, tx), 0);
    expect_result(chan_select_timeout(sel, &selected, SOON), 0);
    expect_number(chan_permits(tx), 1);
    raise(SIGKILL);
    return 0;
}

/* The place first, then the message, or none. */
static void test_a_selected_permit_is_used_given_back_or_freed_by_death(void)
{
    struct scene s = scene_open(1, 0);
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_selected selected;
    struct child child;
    options.messages = 1;
    options.message_size = 8;
    options.order = CHAN_FAIR;
    expect_result(chan_create("c9", &options, &ch), 0);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_select_permit(s.sel, s.tx[0]), -EOPNOTSUPP);
    expect_number(chan_select_permit(s.sel, tx), 0);
    expect_result(chan_select(s.sel, &selected), 0);
    expect_result(selected.result, 0);
    expect_number(chan_permits(tx), 1);
    expect_result(chan_try_select(s.sel, &selected), -EAGAIN);
    expect_result(chan_permit_send(tx, "x", 1), 0);
    expect_result(chan_select_timeout(s.sel, &selected, 2 * MS), -ETIMEDOUT);
    char byte;
    expect_result(chan_recv(rx, &byte, sizeof byte, NULL), 0);
    expect_result(chan_select(s.sel, &selected), 0);
    expect_result(chan_permit_release(tx, 1), 0);
    child_spawn(&child, select_a_permit_and_be_killed, NULL);
    child_wait_zombie(child.pid);
    expect_result(chan_select_timeout(s.sel, &selected, SOON), 0);
    expect_number(chan_permits(tx), 1);
    expect_result(chan_shutdown(ch), 0);
    expect_result(chan_select(s.sel, &selected), 0);
    expect_result(selected.result, -EPIPE);
    child_reap(&child);
    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
    scene_close(&s);
}

static void *cancel_later(void *sel)
{
    usleep(30000);
    expect_result(chan_select_cancel(sel), 0);
    return NULL;
}

static void test_a_select_can_be_cancelled(void)
{
    struct scene s = scene_open(1, 0);
    struct chan_selected selected;
    pthread_t thread;
    add_receivers(&s);
    expect(!pthread_create(&thread, NULL, cancel_later, s.sel));
    expect_result(chan_select_timeout(s.sel, &selected, SOON), -ECANCELED);
    expect(!pthread_join(thread, NULL));
    expect_result(chan_select_timeout(s.sel, &selected, 10 * MS), -ETIMEDOUT);
    scene_close(&s);
}

static int64_t use_inherited(void *argument)
{
    struct scene *s = argument;
    struct chan_selected selected;
    expect_result(chan_select(s->sel, &selected), -ECHILD);
    expect_result(chan_ready(s->sel), -ECHILD);
    expect_result(chan_select_cancel(s->sel), -ECHILD);
    chan_select_close(s->sel);
    return 0;
}

static void test_a_child_cannot_use_an_inherited_select(void)
{
    struct scene s = scene_open(1, 0);
    struct child child;
    add_receivers(&s);
    child_spawn(&child, use_inherited, &s);
    expect_number(child_finish(&child), 0);
    scene_close(&s);
}

static void test_misuse_is_refused(void)
{
    struct scene s = scene_open(1, 0);
    struct chan_select *sel;
    struct chan_selected selected;
    struct chan_view view = {0};
    expect_result(chan_select_create(0x80, &sel), -EINVAL);
    expect_result(chan_select_create(0, NULL), -EINVAL);
    expect_result(chan_select_recv(s.sel, NULL), -EINVAL);
    expect_result(chan_select_send(s.sel, NULL, "", 0), -EINVAL);
    expect_result(chan_select_send(s.sel, s.tx[0], NULL, 1), -EINVAL);
    expect_result(chan_select_timer(s.sel, NULL), -EINVAL);
    expect_result(chan_select_fd(s.sel, -1, POLLIN), -EINVAL);
    expect_result(chan_select(NULL, &selected), -EINVAL);
    expect_result(chan_select(s.sel, NULL), -EINVAL);
    expect_result(chan_select_cancel(NULL), -EINVAL);
    expect_result(chan_give_back(s.rx[0], &view), -EINVAL);
    expect_result(chan_give_back(NULL, &view), -EINVAL);
    chan_select_close(NULL);
    scene_close(&s);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_the_channel_that_has_a_message_is_selected, 20),
        PLAIN(test_select_sleeps_until_a_message_comes_on_any_channel, 20),
        PLAIN(test_exactly_one_operation_takes_effect, 20),
        PLAIN(test_a_send_waits_for_room_and_reads_its_message_then, 20),
        PLAIN(test_a_closed_channel_is_ready_until_it_is_removed, 20),
        PLAIN(test_the_death_of_the_last_sender_wakes_select, 20),
        PLAIN(test_nothing_to_wait_for_is_a_result_of_its_own, 20),
        PLAIN(test_indices_are_not_used_again, 20),
        PLAIN(test_deadlines_end_only_waiting, 20),
        PLAIN(test_ready_reserves_nothing, 20),
        PLAIN(test_each_of_the_ready_ones_gets_half_its_share_at_least, 20),
        PLAIN(test_a_biased_select_takes_the_lowest_index, 20),
        PLAIN(test_timers_are_operations, 20),
        PLAIN(test_descriptors_are_operations, 20),
        PLAIN(test_a_message_given_back_comes_again_as_if_for_the_first_time, 20),
        PLAIN(test_what_a_killed_selector_had_selected_goes_to_another, 20),
        PLAIN(test_a_selected_permit_is_used_given_back_or_freed_by_death, 20),
        PLAIN(test_a_select_can_be_cancelled, 20),
        PLAIN(test_a_child_cannot_use_an_inherited_select, 20),
        PLAIN(test_misuse_is_refused, 20),
    };
    return suite_run_plain("select", cases, sizeof cases / sizeof *cases, argc, argv);
}
