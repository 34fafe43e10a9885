/* SPDX-License-Identifier: Apache-2.0 */
/* Selects on rendezvous channels: they meet each other, whoever else they wait for, and nobody meets himself. */
#include <errno.h>
#include <pthread.h>
#include <shmchan/inspect.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "process.h"
#include "suite.h"

#define CHANNELS 5
#define MS INT64_C(1000000)

/* Less than the 1.25 s after which a sleeper looks around by itself. */
#define SOON (1000 * MS)
#define AT_LAST (10000 * MS)

/* Rendezvous channels c0, c1, ... and what one caller has there. */
struct caller {
    struct chan *ch[CHANNELS];
    struct chan_sender *tx[CHANNELS];
    struct chan_receiver *rx[CHANNELS];
    struct chan_select *sel;
};

static void channel_name(char name[16], int number)
{
    snprintf(name, 16, "c%d", number);
}

static void create_channels(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.kind = CHAN_RENDEZVOUS;
    options.message_size = 64;
    options.lifetime = CHAN_DURABLE;
    for (int i = 0; i < CHANNELS; i++) {
        char name[16];
        struct chan *ch;
        channel_name(name, i);
        expect_result(chan_create(name, &options, &ch), 0);
        chan_close(ch);
    }
}

static void remove_channels(void)
{
    for (int i = 0; i < CHANNELS; i++) {
        char name[16];
        channel_name(name, i);
        expect_result(chan_unlink(name), 0);
    }
}

static struct caller caller_open(uint32_t flags)
{
    struct caller c;
    for (int i = 0; i < CHANNELS; i++) {
        char name[16];
        channel_name(name, i);
        expect_result(chan_open(name, 0, &c.ch[i]), 0);
        expect_result(chan_attach_sender(c.ch[i], 0, &c.tx[i]), 0);
        expect_result(chan_attach_receiver(c.ch[i], 0, &c.rx[i]), 0);
    }
    expect_result(chan_select_create(flags, &c.sel), 0);
    return c;
}

static void caller_close(struct caller *c)
{
    chan_select_close(c->sel);
    for (int i = 0; i < CHANNELS; i++) {
        chan_close_sender(c->tx[i]);
        chan_close_receiver(c->rx[i]);
        chan_close(c->ch[i]);
    }
}

/* What a select is about: channels to send to, and to receive from. */
struct plan {
    const char *sends, *receives; /* their numbers */
    uint32_t flags, rounds;
};

static uint32_t own_message;

/* Operations of the plan, and the channel of each. */
static int add_operations(struct caller *c, const struct plan *plan, int channel[2 * CHANNELS])
{
    int count = 0;
    for (const char *at = plan->sends; *at; at++, count++) {
        channel[count] = *at - '0';
        expect_number(chan_select_send(c->sel, c->tx[*at - '0'], &own_message, sizeof own_message), count);
    }
    for (const char *at = plan->receives; *at; at++, count++) {
        channel[count] = *at - '0';
        expect_number(chan_select_recv(c->sel, c->rx[*at - '0']), count);
    }
    return count;
}

/* Select as often as that. The sum of what was received, and in the upper half that of what was sent. */
static int64_t select_often(void *argument)
{
    const struct plan *plan = argument;
    struct caller c = caller_open(plan->flags);
    int channel[2 * CHANNELS];
    int64_t sent = 0, received = 0;
    add_operations(&c, plan, channel);
    for (uint32_t round = 0; round < plan->rounds; round++) {
        struct chan_selected selected;
        uint32_t message;
        own_message = round + 1;
        expect_result(chan_select_timeout(c.sel, &selected, AT_LAST), 0);
        expect_result(selected.result, 0);
        if ((size_t)selected.index < strlen(plan->sends)) {
            sent += own_message;
            continue;
        }
        expect_number(selected.view.size, sizeof message);
        memcpy(&message, selected.view.data, sizeof message);
        received += message;
        expect_result(chan_release(c.rx[channel[selected.index]], &selected.view), 0);
    }
    caller_close(&c);
    return sent << 32 | received;
}

static int64_t sent_of(int64_t sums)
{
    return sums >> 32;
}

static int64_t received_of(int64_t sums)
{
    return (uint32_t)sums;
}

/* Two processes, each with its plan: what one has sent the other has received. */
static void meet_now(const struct plan *one, const struct plan *other)
{
    struct plan plans[] = {*one, *other};
    struct child children[2];
    int64_t sums[2];
    for (int i = 0; i < 2; i++)
        child_spawn(&children[i], select_often, &plans[i]);
    for (int i = 0; i < 2; i++)
        sums[i] = child_finish(&children[i]);
    for (int i = 0; i < 2; i++)
        expect_number(sent_of(sums[i]), received_of(sums[1 - i]));
    int64_t all = (int64_t)one->rounds * (one->rounds + 1);
    expect_number(sent_of(sums[0]) + received_of(sums[0]) + sent_of(sums[1]) + received_of(sums[1]), all);
}

static void meet(const struct plan *one, const struct plan *other)
{
    create_channels();
    meet_now(one, other);
    remove_channels();
}

#define ROUNDS 2000u

static void test_two_selects_meet(void)
{
    meet(&(struct plan){"0", "", 0, ROUNDS}, &(struct plan){"", "0", 0, ROUNDS});
}

static void test_selects_with_several_channels_meet_on_the_one_they_share(void)
{
    meet(&(struct plan){"01", "", 0, ROUNDS}, &(struct plan){"", "12", 0, ROUNDS});
}

static void test_selects_that_cross_meet_once(void)
{
    meet(&(struct plan){"0", "1", 0, ROUNDS}, &(struct plan){"1", "0", 0, ROUNDS});
}

static void test_biased_selects_that_cross_meet_too(void)
{
    meet(&(struct plan){"0", "1", CHAN_SELECT_BIASED, ROUNDS},
         &(struct plan){"1", "0", CHAN_SELECT_BIASED, ROUNDS});
}

static void test_selects_with_both_sides_of_one_channel_meet(void)
{
    meet(&(struct plan){"0", "0", 0, ROUNDS}, &(struct plan){"0", "0", 0, ROUNDS});
}

static void *select_in_a_thread(void *plan)
{
    static int64_t sums[2];
    static atomic_int threads;
    int64_t *sum = &sums[atomic_fetch_add(&threads, 1)];
    struct plan *p = plan;
    struct caller c = caller_open(0);
    struct chan_selected selected;
    int channel[2 * CHANNELS];
    int count = add_operations(&c, p, channel);
    expect_number(count, 2);
    for (uint32_t round = 0; round < p->rounds; round++) {
        expect_result(chan_select_timeout(c.sel, &selected, AT_LAST), 0);
        expect_result(selected.result, 0);
        *sum += selected.index;
        if (selected.index == 1)
            expect_result(chan_release(c.rx[0], &selected.view), 0);
    }
    caller_close(&c);
    return sum;
}

static void test_two_threads_of_one_process_meet(void)
{
    struct plan plan = {.sends = "0", .receives = "0", .rounds = ROUNDS};
    pthread_t threads[2];
    void *received[2];
    create_channels();
    for (int i = 0; i < 2; i++)
        expect(!pthread_create(&threads[i], NULL, select_in_a_thread, &plan));
    for (int i = 0; i < 2; i++)
        expect(!pthread_join(threads[i], &received[i]));
    expect_number(*(int64_t *)received[0] + *(int64_t *)received[1], ROUNDS);
    remove_channels();
}

static struct chan_stat stat_of(const struct caller *c, int number)
{
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(c->ch[number], &stat), 0);
    return stat;
}

static int64_t cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000 * MS + used.tv_nsec;
}

/* Nor does it go on seeing itself, and looking again. */
static void test_a_select_does_not_meet_itself(void)
{
    struct chan_selected selected;
    int channel[2 * CHANNELS];
    create_channels();
    struct caller c = caller_open(0);
    add_operations(&c, &(struct plan){.sends = "01", .receives = "01"}, channel);
    for (int round = 0; round < 20; round++) {
        expect_result(chan_try_select(c.sel, &selected), -EAGAIN);
        expect_result(chan_select_timeout(c.sel, &selected, 3 * MS), -ETIMEDOUT);
        expect_result(chan_ready_timeout(c.sel, 3 * MS), -ETIMEDOUT);
    }
    int64_t before = cpu_ns();
    expect_result(chan_select_timeout(c.sel, &selected, 400 * MS), -ETIMEDOUT);
    expect(cpu_ns() - before < 50 * MS);
    for (int i = 0; i < 2; i++) {
        struct chan_stat stat = stat_of(&c, i);
        expect_number(stat.sent + stat.offers + stat.demands + stat.held, 0);
    }
    caller_close(&c);
    remove_channels();
}

/* Offers and demands that are shown on a channel. */
static uint32_t shown_on(const struct caller *c, int number)
{
    struct chan_stat stat = stat_of(c, number);
    return stat.offers + stat.demands;
}

/* A process that selects once, with these operations, and has begun to wait. Returns the channel on which it shows
 * something; nobody else shows anything on its channels. */
static int spawn_waiting(struct child *child, const char *sends, const char *receives,
                         const struct caller *watcher)
{
    struct plan plan = {.sends = sends, .receives = receives, .rounds = 1};
    char channels[2 * CHANNELS + 1];
    snprintf(channels, sizeof channels, "%s%s", sends, receives);
    child_spawn(child, select_often, &plan);
    for (;;) {
        for (const char *at = channels; *at; at++)
            if (shown_on(watcher, *at - '0'))
                return *at - '0';
        usleep(500);
    }
}

static void end(struct child *child)
{
    child_kill(child);
    child_reap(child);
}

static void test_a_select_that_waits_is_met_by_who_tries(void)
{
    struct child child;
    uint32_t message = 5;
    create_channels();
    struct caller c = caller_open(0);
    (void)spawn_waiting(&child, "", "0", &c);
    expect_result(chan_try_send(c.tx[0], &message, sizeof message), 0);
    expect_number(received_of(child_finish(&child)), 5);
    (void)spawn_waiting(&child, "1", "", &c);
    expect_result(chan_try_recv(c.rx[1], &message, sizeof message, NULL), 0);
    expect_number(message, 1);
    expect_number(sent_of(child_finish(&child)), 1);
    caller_close(&c);
    remove_channels();
}

static void test_who_waits_for_a_select_to_be_ready_meets_it(void)
{
    struct child child;
    uint32_t message = 5;
    create_channels();
    struct caller c = caller_open(0);
    while (spawn_waiting(&child, "", "01", &c) != 0) /* where nobody is going to meet it */
        end(&child);
    expect_number(chan_select_send(c.sel, c.tx[1], &message, sizeof message), 0);
    expect_number(chan_ready_timeout(c.sel, SOON), 0);
    expect_result(chan_try_send(c.tx[1], &message, sizeof message), 0);
    expect_number(received_of(child_finish(&child)), 5);
    caller_close(&c);
    remove_channels();
}

/* As it is stopped it shows something on its second channel, and waits on the first, too. */
static void spawn_stopped(struct child *child, const char *sends, const char *receives,
                          const struct caller *watcher)
{
    int second = (*sends ? sends : receives)[1] - '0';
    while (spawn_waiting(child, sends, receives, watcher) != second)
        end(child);
    child_stop(child->pid);
    expect_number(shown_on(watcher, second), 1);
}

/* One sends on 0 or 1, one receives on 1 or 2, and nobody else goes on. On 0 and 2 stopped ones wait, to whom they might
 * turn in vain for ever. */
static void test_stopped_selects_keep_no_two_others_apart(void)
{
    struct child stopped[2];
    create_channels();
    struct caller c = caller_open(0);
    spawn_stopped(&stopped[0], "", "03", &c);
    spawn_stopped(&stopped[1], "24", "", &c);
    meet_now(&(struct plan){"01", "", 0, 200}, &(struct plan){"", "12", 0, 200});
    for (int i = 0; i < 2; i++)
        end(&stopped[i]);
    caller_close(&c);
    remove_channels();
}

static void test_what_was_shown_is_withdrawn_when_the_call_ends(void)
{
    struct chan_selected selected;
    int channel[2 * CHANNELS];
    uint32_t message;
    create_channels();
    struct caller c = caller_open(0), other = caller_open(0);
    add_operations(&c, &(struct plan){.sends = "0", .receives = "1"}, channel);
    for (int round = 0; round < 10; round++) {
        expect_result(chan_select_timeout(c.sel, &selected, MS), -ETIMEDOUT);
        expect_result(chan_try_recv(other.rx[0], &message, sizeof message, NULL), -EAGAIN);
        expect_result(chan_try_send(other.tx[1], &message, 1), -EAGAIN);
        expect_number(stat_of(&c, 0).offers + stat_of(&c, 1).demands, 0);
    }
    caller_close(&c);
    caller_close(&other);
    remove_channels();
}

static int64_t receive_one(void *argument)
{
    struct caller c = caller_open(0);
    uint32_t message = 0;
    (void)argument;
    expect_result(chan_recv_timeout(c.rx[0], &message, sizeof message, NULL, AT_LAST), 0);
    caller_close(&c);
    return message;
}

/* It looks for messages given back before it sleeps; this one comes afterwards. */
static void test_a_message_given_back_goes_to_one_who_waits(void)
{
    struct child child;
    struct chan_view view;
    struct child sender;
    create_channels();
    struct caller c = caller_open(0);
    (void)spawn_waiting(&sender, "0", "", &c);
    expect_result(chan_try_recv_view(c.rx[0], &view), 0);
    expect_number(sent_of(child_finish(&sender)), 1);
    child_spawn(&child, receive_one, NULL);
    while (!shown_on(&c, 0) || process_state(child.pid) != 'S')
        usleep(500);
    expect_result(chan_give_back(c.rx[0], &view), 0);
    expect(child_finishes_within(&child, SOON / MS));
    expect_number(child_finish(&child), 1);
    caller_close(&c);
    remove_channels();
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_two_selects_meet, 60),
        PLAIN(test_selects_with_several_channels_meet_on_the_one_they_share, 60),
        PLAIN(test_selects_that_cross_meet_once, 60),
        PLAIN(test_biased_selects_that_cross_meet_too, 60),
        PLAIN(test_selects_with_both_sides_of_one_channel_meet, 60),
        PLAIN(test_two_threads_of_one_process_meet, 60),
        PLAIN(test_a_select_does_not_meet_itself, 20),
        PLAIN(test_a_select_that_waits_is_met_by_who_tries, 20),
        PLAIN(test_who_waits_for_a_select_to_be_ready_meets_it, 20),
        PLAIN(test_stopped_selects_keep_no_two_others_apart, 60),
        PLAIN(test_what_was_shown_is_withdrawn_when_the_call_ends, 20),
        PLAIN(test_a_message_given_back_goes_to_one_who_waits, 20),
    };
    return suite_run_plain("select_rendezvous", cases, sizeof cases / sizeof *cases, argc, argv);
}
