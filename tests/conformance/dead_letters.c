/* SPDX-License-Identifier: Apache-2.0 */
/* Messages delivered too often: the dead-letter channel; what a receiver is told of redelivery; what the counters
 * say of messages that went with a receiver. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "expect.h"
#include "pair.h"
#include "pattern.h"
#include "suite.h"

#define DEAD "dead"

/* ---- steps ---- */

/* The party's own sender into the dead-letter channel: me->tx, which a receiver has no other use for. */
static int64_t use_dead_letters(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    struct chan *dead;
    int result = chan_open(DEAD, 0, &dead);
    if (result)
        return result;
    result = chan_attach_sender(dead, 0, &me->tx);
    chan_close(dead);
    return result ? result : chan_receiver_set_dead_letters(me->rx, me->tx);
}

static int64_t leave_dead_letters(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    chan_close_sender(me->tx);
    me->tx = NULL;
    return 0;
}

static int64_t use_none(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_receiver_set_dead_letters(me->rx, NULL);
}

static int64_t use_itself(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    struct chan_sender *back;
    expect_result(chan_attach_sender(me->ch, 0, &back), 0);
    int result = chan_receiver_set_dead_letters(me->rx, back);
    chan_close_sender(back);
    return result;
}

static int64_t deliveries_told(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_receiver_deliveries(me->rx);
}

/* Processor time that waiting `a` ms for a message takes, in microseconds. */
static int64_t cost_of_waiting(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    struct timespec before, after;
    size_t size;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    expect_result(chan_recv_timeout(me->rx, me->buffer, flavour_largest(me->flavour), &size, a * 1000000),
                  -ETIMEDOUT);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    return (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
}

static int64_t recv_batch_of_two(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    static unsigned char second[1 << 20];
    struct iovec messages[2] = {{me->buffer, flavour_largest(me->flavour)}, {second, sizeof second}};
    return chan_try_recv_many(me->rx, messages, 2);
}

/* Dies in the middle of the second message of a batch: its buffer cannot be written. */
static int64_t die_in_a_batch(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    size_t size = flavour_largest(me->flavour);
    void *wall = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(wall != MAP_FAILED);
    signal(SIGSEGV, SIG_DFL);
    struct iovec messages[2] = {{me->buffer, size}, {wall, size}};
    return chan_try_recv_many(me->rx, messages, 2);
}

/* ---- scenes ---- */

static struct chan_stat stat_of(const struct chan *ch)
{
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(ch, &stat), 0);
    expect_number(stat.sent, stat.received + stat.discarded + stat.dead_lettered + stat.held + stat.orphaned +
                                 stat.queued);
    return stat;
}

static struct pair open_limited(const struct flavour *flavour, uint32_t max_deliveries)
{
    struct chan_options options = flavour_options(flavour, 4);
    options.max_deliveries = max_deliveries;
    return pair_open_with(flavour, &options);
}

static struct chan *create_dead_of(const struct flavour *flavour, uint32_t kind, uint32_t order,
                                   uint64_t messages, uint64_t message_size)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *dead;
    options.kind = kind;
    options.order = order;
    options.messages = messages;
    options.message_size = message_size ? message_size : flavour_largest(flavour);
    options.lifetime = CHAN_DURABLE;
    expect_result(chan_create(DEAD, &options, &dead), 0);
    return dead;
}

static struct chan *create_dead(const struct flavour *flavour, uint64_t messages, uint64_t message_size)
{
    return create_dead_of(flavour, CHAN_QUEUE, CHAN_BARGING, messages, message_size);
}

static void finish_dead(struct chan *dead)
{
    chan_close(dead);
    expect_result(chan_unlink(DEAD), 0);
}

/* A receiver takes the next messages into its hands and is killed. */
static void deliver_to_the_dead(const struct flavour *flavour, const struct pair *pair, int64_t count)
{
    struct actor *victim = actor_start(flavour, pair->ch, ACTOR_RECEIVER);
    for (int64_t i = 0; i < count; i++)
        expect(actor_do(victim, view_take, i, FORM_TRY) >= 0);
    actor_kill(victim);
    struct chan_repair_report report;
    expect_result(chan_repair(pair->ch, 0, &report), 0);
    actor_bury(victim);
}

/* What is in the dead-letter channel, as a sum of 1 << sequence. */
static int64_t dead_letters(const struct flavour *flavour, struct chan *dead)
{
    struct chan_receiver *rx;
    struct chan_view view;
    int64_t seen = 0;
    expect_result(chan_attach_receiver(dead, 0, &rx), 0);
    while (!chan_try_recv_view(rx, &view)) {
        uint32_t sender;
        uint64_t sequence;
        expect(pattern_read(view.data, view.size, &sender, &sequence));
        expect_number(view.size, flavour_size(flavour, sequence));
        seen += 1ll << sequence;
        expect_result(chan_release(rx, &view), 0);
    }
    chan_close_receiver(rx);
    return seen;
}

/* ---- cases ---- */

static void test_a_message_delivered_often_enough_goes_to_the_dead_letter_channel(
    const struct flavour *flavour)
{
    struct pair pair = open_limited(flavour, 2);
    struct chan *dead = create_dead(flavour, 4, 0);
    expect_result(ask(pair.rx, use_dead_letters), 0);
    pair_send(&pair, 3, 1);
    deliver_to_the_dead(flavour, &pair, 1);
    deliver_to_the_dead(flavour, &pair, 1);
    pair_send(&pair, 5, 1);
    pair_recv(&pair, 5, 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    struct chan_stat stat = stat_of(pair.ch);
    expect_number(stat.dead_lettered, 1);
    expect_number(stat.discarded, 0);
    expect_number(stat.redelivered, 1);
    expect_number(stat.received, 1);
    expect_number(stat.orphaned, 0);
    expect_number(dead_letters(flavour, dead), 1 << 3);
    pair_close(flavour, &pair);
    finish_dead(dead);
}

static void test_a_sleeping_receiver_moves_what_the_dead_leave(const struct flavour *flavour)
{
    struct pair pair = open_limited(flavour, 1);
    struct chan *dead = create_dead(flavour, 4, 0);
    expect_result(ask(pair.rx, use_dead_letters), 0);
    struct actor *victim = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_send(&pair, 3, 1);
    expect_result(actor_do(victim, view_take, 0, FORM_TRY), 3);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_kill(victim);
    for (int64_t until = chan_deadline(5000 * 1000000ll); !chan_len(dead) && chan_now() < until;)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    expect_number(dead_letters(flavour, dead), 1 << 3);
    expect_result(tell(pair.tx, send_try, 4), 0);
    expect_result(actor_finish_within(pair.rx, 5000), 4);
    actor_bury(victim);
    pair_close(flavour, &pair);
    finish_dead(dead);
}

static void test_while_the_dead_letter_channel_is_full_its_messages_wait_and_others_pass(
    const struct flavour *flavour)
{
    struct pair pair = open_limited(flavour, 1);
    struct chan *dead = create_dead(flavour, 1, 0);
    expect_result(ask(pair.rx, use_dead_letters), 0);
    pair_send(&pair, 0, 2);
    deliver_to_the_dead(flavour, &pair, 2);
    pair_send(&pair, 2, 4);
    pair_recv(&pair, 2, 4);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    struct chan_stat stat = stat_of(pair.ch);
    expect_number(stat.orphaned, 1);
    expect_number(stat.dead_lettered, 1);
    expect(tell(pair.rx, cost_of_waiting, 400) < 200000);
    expect_result(chan_shutdown(pair.ch), 0);
    expect_result(ask(pair.rx, recv_try), -EAGAIN); /* the end waits too */
    int64_t moved = dead_letters(flavour, dead);
    expect_result(ask(pair.rx, recv_try), -EPIPE);
    moved += dead_letters(flavour, dead);
    expect_number(moved, 3);
    stat = stat_of(pair.ch);
    expect_number(stat.dead_lettered, 2);
    expect_number(stat.discarded, 0);
    pair_close(flavour, &pair);
    finish_dead(dead);
}

static void test_a_dead_letter_channel_whose_places_are_kept_for_others_is_full(const struct flavour *flavour)
{
    struct pair pair = open_limited(flavour, 1);
    struct chan *dead = create_dead_of(flavour, CHAN_QUEUE, CHAN_FAIR, 1, 0);
    struct chan_sender *holder;
    expect_result(chan_attach_sender(dead, 0, &holder), 0);
    expect_result(chan_permit_reserve(holder, 1), 0);
    expect_result(ask(pair.rx, use_dead_letters), 0);
    pair_send(&pair, 0, 1);
    deliver_to_the_dead(flavour, &pair, 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    expect_number(stat_of(pair.ch).given_back, 1); /* by the dead one, and not again and again */
    expect_result(chan_permit_release(holder, 1), 0);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    expect_number(stat_of(pair.ch).dead_lettered, 1);
    chan_close_sender(holder);
    pair_close(flavour, &pair);
    finish_dead(dead);
}

static void test_what_keeps_no_messages_is_no_dead_letter_channel(const struct flavour *flavour)
{
    static const uint32_t kinds[] = {CHAN_RENDEZVOUS, CHAN_WATCH, CHAN_CALL};
    struct pair pair = open_limited(flavour, 1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct chan *dead = create_dead_of(flavour, kinds[i], CHAN_BARGING, i, 0);
        expect_result(ask(pair.rx, use_dead_letters), -EOPNOTSUPP);
        expect_result(ask(pair.rx, leave_dead_letters), 0);
        finish_dead(dead);
    }
    pair_close(flavour, &pair);
}

static void test_what_the_dead_letter_channel_can_never_take_is_discarded(const struct flavour *flavour)
{
    struct pair pair = open_limited(flavour, 1);
    struct chan *dead = create_dead(flavour, 4, flavour_size(flavour, 1) - 1);
    expect_result(ask(pair.rx, use_dead_letters), 0);
    pair_send(&pair, 1, 1);
    deliver_to_the_dead(flavour, &pair, 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    expect_number(stat_of(pair.ch).discarded, 1);
    expect_result(chan_shutdown(dead), 0);
    pair_send(&pair, 0, 1);
    deliver_to_the_dead(flavour, &pair, 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    struct chan_stat stat = stat_of(pair.ch);
    expect_number(stat.discarded, 2);
    expect_number(stat.dead_lettered, 0);
    expect_number(dead_letters(flavour, dead), 0);
    pair_close(flavour, &pair);
    finish_dead(dead);
}

static void test_without_a_dead_letter_channel_any_more_messages_are_discarded_again(
    const struct flavour *flavour)
{
    struct pair pair = open_limited(flavour, 1);
    struct chan *dead = create_dead(flavour, 4, 0);
    expect_result(ask(pair.rx, use_itself), -EINVAL);
    expect_result(ask(pair.rx, use_dead_letters), 0);
    expect_result(ask(pair.rx, use_none), 0);
    pair_send(&pair, 0, 1);
    deliver_to_the_dead(flavour, &pair, 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    expect_number(stat_of(pair.ch).discarded, 1);
    expect_number(dead_letters(flavour, dead), 0);
    pair_close(flavour, &pair);
    finish_dead(dead);
}

static void test_a_channel_without_a_limit_has_no_dead_letters(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    struct chan *dead = create_dead(flavour, 4, 0);
    expect_result(ask(pair.rx, use_dead_letters), -EINVAL);
    pair_close(flavour, &pair);
    finish_dead(dead);
}

static void test_a_copying_receiver_can_tell_a_redelivered_message(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    expect_number(ask(pair.rx, deliveries_told), 0);
    pair_send(&pair, 0, 1);
    deliver_to_the_dead(flavour, &pair, 1);
    pair_send(&pair, 1, 2);
    pair_recv(&pair, 0, 1);
    expect_number(ask(pair.rx, deliveries_told), 2);
    pair_recv(&pair, 1, 1);
    expect_number(ask(pair.rx, deliveries_told), 1);
    deliver_to_the_dead(flavour, &pair, 1);
    pair_send(&pair, 3, 1);
    expect_result(ask(pair.rx, recv_batch_of_two), 2);
    expect_number(ask(pair.rx, deliveries_told), 2);
    pair_close(flavour, &pair);
}

static void test_what_went_with_a_receiver_killed_in_a_batch_is_counted(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    struct actor *victim = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    pair_send(&pair, 0, 3);
    expect_result(ask(victim, recv_try), 0); /* came to its end: not counted */
    actor_begin(victim, die_in_a_batch, 0, 0);
    for (int64_t until = chan_deadline(5000 * 1000000ll); !stat_of(pair.ch).orphaned && chan_now() < until;)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    actor_bury(victim);
    pair_recv(&pair, 2, 1); /* of the batch, the one being copied comes back */
    struct chan_stat stat = stat_of(pair.ch);
    expect_number(stat.received, 3);
    expect_number(stat.unreturned, 1);
    expect_number(stat.redelivered, 1);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_a_message_delivered_often_enough_goes_to_the_dead_letter_channel, FOR_MANY_RECEIVERS, 0),
        CASE(test_a_sleeping_receiver_moves_what_the_dead_leave,
             FOR_MANY_RECEIVERS | FOR_FEW | WITHOUT_KEEPER_TOO, 0),
        CASE(test_while_the_dead_letter_channel_is_full_its_messages_wait_and_others_pass,
             FOR_MANY_RECEIVERS | FOR_FEW, 0),
        CASE(test_a_dead_letter_channel_whose_places_are_kept_for_others_is_full,
             FOR_MANY_RECEIVERS | FOR_FEW, 0),
        CASE(test_what_keeps_no_messages_is_no_dead_letter_channel, FOR_FEW, 0),
        CASE(test_what_the_dead_letter_channel_can_never_take_is_discarded, FOR_MANY_RECEIVERS, 0),
        CASE(test_without_a_dead_letter_channel_any_more_messages_are_discarded_again, FOR_MANY, 0),
        CASE(test_a_channel_without_a_limit_has_no_dead_letters, FOR_FEW, 0),
        CASE(test_a_copying_receiver_can_tell_a_redelivered_message, FOR_MANY_RECEIVERS, 0),
        CASE(test_what_went_with_a_receiver_killed_in_a_batch_is_counted, FOR_MANY_RECEIVERS, 0),
    };
    return suite_run("dead_letters", cases, sizeof cases / sizeof *cases, argc, argv);
}
