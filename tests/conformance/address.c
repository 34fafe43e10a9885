/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses in messages: a channel is opened by its address or found gone, and a prepared endpoint's place moves to
 * whoever attaches by its address. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "expect.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

#define NOTICED_MS 1000 /* promised are 10 ms; a loaded machine may take longer to run anybody at all */

static struct chan_options options_of(uint32_t kind)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.kind = kind;
    options.message_size = sizeof(struct chan_address);
    options.endpoints = 4;
    return options;
}

/* What an actor's process has opened by addresses, or made to be sent. */
static struct chan *made, *opened;
static struct chan_sender *tx_at;
static struct chan_receiver *rx_at;
static struct chan_sender *prepared_tx;
static struct chan_receiver *prepared_rx;

static int64_t send_address(struct party *me, const struct chan_address *address)
{
    return chan_try_send(me->tx, address, sizeof *address);
}

static int64_t recv_address(struct party *me, struct chan_address *address)
{
    size_t size;
    int result = chan_recv_timeout(me->rx, address, sizeof *address, &size, INT64_C(1000000000));
    expect(result || size == sizeof *address);
    return result;
}

/* Make a channel of kind a, with a name if b, and send its address. */
static int64_t make_and_send(struct party *me, int64_t a, int64_t b)
{
    struct chan_options options = options_of((uint32_t)a);
    struct chan_address address;
    int result = b ? chan_create("addressed", &options, &made) : chan_create_anonymous(&options, &made);
    if (result)
        return result;
    expect_result(chan_address_of(made, &address), 0);
    return send_address(me, &address);
}

/* Make an endpoint of role a for whoever gets its address, and send that. */
static int64_t prepare_and_send(struct party *me, int64_t a, int64_t b)
{
    struct chan_address address;
    (void)b;
    if (a == CHAN_ROLE_SENDER) {
        expect_result(chan_prepare_sender(made, 0, &prepared_tx), 0);
        expect_result(chan_address_of_sender(prepared_tx, &address), 0);
    } else {
        expect_result(chan_prepare_receiver(made, 0, &prepared_rx), 0);
        expect_result(chan_address_of_receiver(prepared_rx, &address), 0);
    }
    return send_address(me, &address);
}

static int64_t withdraw(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    chan_close_sender(prepared_tx);
    chan_close_receiver(prepared_rx);
    prepared_tx = NULL;
    prepared_rx = NULL;
    return 0;
}

static struct chan_address received; /* the last address, also for a second use */

static int64_t receive(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return recv_address(me, &received);
}

static int64_t open_received(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)b;
    return chan_open_address(&received, (uint32_t)a, &opened);
}

static int64_t attach_at(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)b;
    return a == CHAN_ROLE_SENDER ? chan_attach_sender_at(&received, 0, 0, &tx_at)
                                 : chan_attach_receiver_at(&received, 0, 0, &rx_at);
}

static int64_t attach_made(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)b;
    return a == CHAN_ROLE_SENDER ? chan_attach_sender(made, 0, &tx_at)
                                 : chan_attach_receiver(made, 0, &rx_at);
}

static int64_t use_sender(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)b;
    return chan_try_send(tx_at, &a, sizeof a);
}

static int64_t use_receiver(struct party *me, int64_t a, int64_t b)
{
    int64_t got;
    (void)me, (void)b;
    int result = a ? chan_recv(rx_at, &got, sizeof got, NULL) : chan_try_recv(rx_at, &got, sizeof got, NULL);
    return result ? result : got;
}

static int64_t endpoints_of_made(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)b;
    return a == CHAN_ROLE_SENDER ? chan_senders(made) : chan_receivers(made);
}

static int64_t let_go(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    chan_close_sender(tx_at);
    chan_close_receiver(rx_at);
    chan_close(opened);
    chan_close(made);
    tx_at = NULL;
    rx_at = NULL;
    opened = made = NULL;
    return 0;
}

/* ---- cases ---- */

static struct flavour carrier(const struct flavour *flavour)
{
    struct flavour of = *flavour;
    of.large = 0;
    return of;
}

static struct pair open_carrier(const struct flavour *of)
{
    struct chan_options options = options_of(CHAN_QUEUE);
    options.lifetime = of->lifetime;
    options.senders = of->senders;
    options.receivers = of->receivers;
    return pair_open_with(of, &options);
}

/* The reply goes where the message says: no name is agreed upon before. */
static void test_an_answer_comes_over_the_oneshot_whose_address_was_sent(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    for (int named = 0; named < 2; named++) {
        struct pair pair = open_carrier(&of);
        expect_result(actor_do(pair.tx, make_and_send, CHAN_ONESHOT, named), 0);
        expect_result(tell(pair.tx, attach_made, CHAN_ROLE_RECEIVER), 0);
        expect_result(ask(pair.rx, receive), 0);
        expect_result(tell(pair.rx, attach_at, CHAN_ROLE_SENDER), 0);
        actor_begin(pair.tx, use_receiver, 1, 0);
        expect_result(tell(pair.rx, use_sender, 42), 0);
        expect_result(actor_finish_within(pair.tx, NOTICED_MS), 42);
        expect_result(ask(pair.rx, let_go), 0);
        expect_result(ask(pair.tx, let_go), 0);
        pair_close(&of, &pair);
    }
}

static void test_another_channel_of_the_same_name_is_not_taken_for_it(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    struct pair pair = open_carrier(&of);
    expect_result(actor_do(pair.tx, make_and_send, CHAN_QUEUE, 1), 0);
    expect_result(ask(pair.rx, receive), 0);
    expect_result(tell(pair.rx, open_received, 0), 0);
    expect_result(ask(pair.rx, let_go), 0);
    expect_result(chan_unlink("addressed"), 0);
    expect_result(tell(pair.rx, open_received, 0), -ENOENT);
    struct chan_options options = options_of(CHAN_QUEUE);
    struct chan *another;
    expect_result(chan_create("addressed", &options, &another), 0);
    expect_result(tell(pair.rx, open_received, 0), -ENOENT);
    expect_result(tell(pair.rx, attach_at, CHAN_ROLE_SENDER), -ENOENT);
    expect_number(chan_senders(another), 0);
    chan_close(another);
    expect_result(chan_unlink("addressed"), 0);
    expect_result(ask(pair.tx, let_go), 0);
    pair_close(&of, &pair);
}

static void test_a_channel_without_a_name_goes_with_the_process_that_has_it(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    for (int killed = 0; killed < 2; killed++) {
        struct pair pair = open_carrier(&of);
        expect_result(actor_do(pair.tx, make_and_send, CHAN_QUEUE, 0), 0);
        expect_result(ask(pair.rx, receive), 0);
        expect_result(tell(pair.rx, open_received, CHAN_READ_ONLY), 0);
        expect_result(ask(pair.rx, let_go), 0);
        if (killed)
            actor_kill(pair.tx);
        else
            expect_result(ask(pair.tx, let_go), 0);
        expect_result(tell(pair.rx, open_received, 0), -ENOENT);
        if (killed) {
            actor_bury(pair.tx);
            pair.tx = NULL;
        }
        expect_result(tell(pair.rx, open_received, 0), -ENOENT);
        pair_close(&of, &pair);
    }
}

static void test_an_address_is_the_same_after_being_printed(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    struct chan *ch = flavour_create(&of, 2), *again;
    struct chan_address address, parsed;
    char text[CHAN_ADDRESS_TEXT_MAX], tiny[20];
    expect_result(chan_address_of(ch, &address), 0);
    expect_result(chan_address_text(&address, text, sizeof text), 0);
    expect(!strpbrk(text, " \t\n"));
    expect_result(chan_address_parse(text, &parsed), 0);
    expect(!memcmp(&address, &parsed, sizeof address));
    expect_result(chan_open_address(&parsed, 0, &again), 0);
    expect_number(chan_same(ch, again), 1);
    chan_close(again);
    expect_result(chan_address_text(&address, tiny, sizeof tiny), -EMSGSIZE);
    /* Cut off anywhere, or with a letter changed, it is no address or not this one's. */
    for (size_t length = strlen(text); length--;) {
        char other[CHAN_ADDRESS_TEXT_MAX];
        memcpy(other, text, sizeof other);
        other[length] = '!';
        expect_result(chan_address_parse(other, &parsed), -EINVAL);
        other[length] = '\0';
        if (!chan_address_parse(other, &parsed))
            expect(chan_open_address(&parsed, 0, &again) < 0);
    }
    flavour_finish(&of, ch);
}

static void test_what_is_no_address_opens_nothing(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    struct chan *ch = flavour_create(&of, 2), *other = NULL;
    struct chan_address address, wrong;
    char text[CHAN_ADDRESS_TEXT_MAX];
    memset(&wrong, 0, sizeof wrong);
    expect_result(chan_open_address(&wrong, 0, &other), -EINVAL);
    memset(&wrong, 0xff, sizeof wrong);
    expect_result(chan_open_address(&wrong, 0, &other), -EINVAL);
    expect_result(chan_address_text(&wrong, text, sizeof text), -EINVAL);
    expect_result(chan_address_of(ch, &address), 0);
    /* The number of another channel; and descriptors that lead to something else, here of this process. */
    wrong = address;
    ((uint8_t *)&wrong)[8] ^= 1;
    expect_result(chan_open_address(&wrong, 0, &other), -ENOENT);
    for (int fd = 0; of.anonymous && fd < 20; fd++) {
        if (fd == chan_fd(ch))
            continue;
        wrong = address;
        memcpy((uint8_t *)&wrong + 24, &fd, sizeof fd);
        expect_result(chan_open_address(&wrong, 0, &other), -ENOENT);
    }
    expect(other == NULL);
    flavour_finish(&of, ch);
}

/* A side that has only an endpoint on its way is connected, and stays so while it moves. */
static void test_a_prepared_endpoint_counts_on_its_way_and_moves_to_who_attaches(
    const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    for (int named = 0; named < 2; named++) {
        struct pair pair = open_carrier(&of);
        struct chan_address unused;
        expect_result(actor_do(pair.tx, make_and_send, CHAN_QUEUE, named), 0);
        expect_result(recv_address(&(struct party){.rx = NULL}, &unused), -EINVAL);
        expect_result(ask(pair.rx, receive), 0);
        expect_result(tell(pair.tx, attach_made, CHAN_ROLE_RECEIVER), 0);
        expect_result(tell(pair.tx, prepare_and_send, CHAN_ROLE_SENDER), 0);
        expect_number(tell(pair.tx, endpoints_of_made, CHAN_ROLE_SENDER), 1);
        expect_result(tell(pair.tx, use_receiver, 0), -EAGAIN);
        expect_result(ask(pair.rx, receive), 0);
        expect_result(tell(pair.rx, attach_at, CHAN_ROLE_RECEIVER), -EINVAL);
        expect_result(tell(pair.rx, attach_at, CHAN_ROLE_SENDER), 0);
        expect_number(tell(pair.tx, endpoints_of_made, CHAN_ROLE_SENDER), 1);
        expect_result(ask(pair.tx, withdraw), 0); /* there is nothing to withdraw any more */
        process_sleep_ms(20);
        expect_number(tell(pair.tx, endpoints_of_made, CHAN_ROLE_SENDER), 1);
        expect_result(tell(pair.rx, use_sender, 17), 0);
        expect_result(tell(pair.tx, use_receiver, 0), 17);
        expect_result(ask(pair.rx, let_go), 0);
        expect_result(tell(pair.tx, use_receiver, 1), -EPIPE);
        expect_result(ask(pair.tx, let_go), 0);
        pair_close(&of, &pair);
    }
}

static void test_a_prepared_endpoint_is_handed_over_once(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    struct pair pair = open_carrier(&of);
    expect_result(actor_do(pair.tx, make_and_send, CHAN_QUEUE, 1), 0);
    expect_result(ask(pair.rx, receive), 0);
    expect_result(tell(pair.tx, attach_made, CHAN_ROLE_SENDER), 0);
    expect_result(tell(pair.tx, prepare_and_send, CHAN_ROLE_RECEIVER), 0);
    expect_result(ask(pair.rx, receive), 0);
    expect_result(tell(pair.rx, attach_at, CHAN_ROLE_RECEIVER), 0);
    struct chan_receiver *first = rx_at; /* of this process: untouched */
    expect(first == NULL);
    expect_result(tell(pair.rx, attach_at, CHAN_ROLE_RECEIVER), -ENOENT);
    expect_number(tell(pair.tx, endpoints_of_made, CHAN_ROLE_RECEIVER), 1);
    expect_result(tell(pair.tx, use_sender, 3), 0);
    expect_result(tell(pair.rx, use_receiver, 0), 3);
    expect_result(ask(pair.rx, let_go), 0);
    expect_result(ask(pair.tx, withdraw), 0);
    expect_result(ask(pair.tx, let_go), 0);
    pair_close(&of, &pair);
}

static void test_a_prepared_endpoint_that_is_withdrawn_is_gone(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    struct pair pair = open_carrier(&of);
    expect_result(actor_do(pair.tx, make_and_send, CHAN_QUEUE, 1), 0);
    expect_result(ask(pair.rx, receive), 0);
    expect_result(tell(pair.tx, attach_made, CHAN_ROLE_RECEIVER), 0);
    expect_result(tell(pair.tx, prepare_and_send, CHAN_ROLE_SENDER), 0);
    expect_result(ask(pair.tx, withdraw), 0);
    actor_begin(pair.tx, use_receiver, 1, 0);
    expect_result(actor_finish_within(pair.tx, NOTICED_MS), -EPIPE);
    expect_result(ask(pair.rx, receive), 0);
    expect_result(tell(pair.rx, attach_at, CHAN_ROLE_SENDER), -EPIPE); /* nobody can any more */
    expect_result(ask(pair.tx, let_go), 0);
    pair_close(&of, &pair);
}

static void test_a_prepared_endpoint_goes_with_the_process_that_prepared_it(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    struct pair pair = open_carrier(&of);
    expect_result(actor_do(pair.tx, make_and_send, CHAN_QUEUE, 1), 0);
    expect_result(ask(pair.rx, receive), 0);
    expect_result(tell(pair.rx, attach_at, CHAN_ROLE_RECEIVER), 0);
    expect_result(tell(pair.tx, prepare_and_send, CHAN_ROLE_SENDER), 0);
    expect_result(tell(pair.rx, use_receiver, 0), -EAGAIN);
    actor_begin_blocking(pair.rx, use_receiver, 1, 0);
    actor_kill(pair.tx);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    actor_bury(pair.tx);
    pair.tx = NULL;
    expect_result(ask(pair.rx, let_go), 0);
    pair_close(&of, &pair);
}

/* ---- leases ---- */

#define LEASE_NS INT64_C(1000000000)
#define SOON_NS INT64_C(20000000)
#define LAPSED_MS 10000 /* promised to whoever waits are 1.25 s after the end */

static int64_t make(struct party *me, int64_t a, int64_t b)
{
    struct chan_options options = options_of(CHAN_QUEUE);
    (void)me, (void)a, (void)b;
    return chan_create("addressed", &options, &made);
}

static int64_t lend(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)b;
    int64_t until = a == CHAN_FOREVER ? a : chan_deadline(a);
    return prepared_tx ? chan_lease_sender(prepared_tx, until) : chan_lease_receiver(prepared_rx, until);
}

static int64_t adopt(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    return prepared_tx ? chan_adopt_sender(prepared_tx) : chan_adopt_receiver(prepared_rx);
}

static int64_t deaths_in_made(struct party *me, int64_t a, int64_t b)
{
    struct chan_stat stat = {.size = sizeof stat};
    char text[200];
    (void)me, (void)a, (void)b;
    expect_result(chan_stat(made, &stat), 0);
    expect_number(chan_check(made, text, sizeof text), 0);
    return (int64_t)stat.deaths;
}

static int64_t view_address(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_try_recv_view(me->rx, &me->views[0]);
}

static int64_t send_another(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_try_send(me->tx, "another", 7);
}

/* Ways in which a message ends without anybody attaching by it. */
enum fate {
    WITH_LAST_RECEIVER,
    WITH_ITS_RECEIVER,
    DELIVERED_TOO_OFTEN,
    OVERWRITTEN,
    RECEIVED_IN_VAIN,
    FATES
};

static struct pair open_carrier_for(const struct flavour *of, enum fate fate)
{
    struct chan_options options = options_of(fate == OVERWRITTEN ? CHAN_BROADCAST : CHAN_QUEUE);
    options.lifetime = of->lifetime;
    options.messages = 1;
    options.max_deliveries = fate == DELIVERED_TOO_OFTEN;
    return pair_open_with(of, &options);
}

static void meet(struct pair *pair, enum fate fate)
{
    if (fate == WITH_ITS_RECEIVER || fate == RECEIVED_IN_VAIN)
        expect_result(ask(pair->rx, receive), 0);
    if (fate == DELIVERED_TOO_OFTEN)
        expect_result(ask(pair->rx, view_address), 0);
    if (fate == OVERWRITTEN)
        expect_result(ask(pair->tx, send_another), 0);
    if (fate == OVERWRITTEN || fate == RECEIVED_IN_VAIN)
        return;
    if (fate == WITH_LAST_RECEIVER) {
        actor_end(pair->rx);
    } else {
        actor_kill(pair->rx);
        actor_bury(pair->rx);
    }
    pair->rx = NULL;
}

static void test_what_a_message_carried_is_released_when_its_lease_ends(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    for (int fate = 0; fate < FATES; fate++) {
        struct pair pair = open_carrier_for(&of, (enum fate)fate);
        expect_result(ask(pair.tx, make), 0);
        expect_result(tell(pair.tx, attach_made, CHAN_ROLE_RECEIVER), 0);
        expect_result(tell(pair.tx, prepare_and_send, CHAN_ROLE_SENDER), 0);
        meet(&pair, (enum fate)fate);
        expect_number(tell(pair.tx, endpoints_of_made, CHAN_ROLE_SENDER), 1);
        expect_result(tell(pair.tx, use_receiver, 0), -EAGAIN);
        expect_number(ask(pair.tx, deaths_in_made), 0);
        expect_result(tell(pair.tx, lend, SOON_NS), 0);
        actor_begin(pair.tx, use_receiver, 1, 0);
        expect_result(actor_finish_within(pair.tx, LAPSED_MS), -EPIPE);
        expect_number(tell(pair.tx, endpoints_of_made, CHAN_ROLE_SENDER), 0);
        expect_number(ask(pair.tx, deaths_in_made), 1);
        expect_result(ask(pair.tx, withdraw), 0);
        expect_number(ask(pair.tx, deaths_in_made), 1);
        expect_result(ask(pair.tx, let_go), 0);
        pair_close(&of, &pair);
    }
}

/* Neither attaching, nor adopting, nor another lease brings it back; its record is free for others in the end. */
static void test_a_lease_ends_once_and_for_all(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    struct pair pair = open_carrier(&of);
    expect_result(actor_do(pair.tx, make_and_send, CHAN_QUEUE, 1), 0);
    expect_result(ask(pair.rx, receive), 0);
    expect_result(tell(pair.tx, attach_made, CHAN_ROLE_SENDER), 0);
    for (int64_t role = CHAN_ROLE_SENDER; role <= CHAN_ROLE_RECEIVER; role++) {
        if (role == CHAN_ROLE_RECEIVER) /* somebody who keeps that side open */
            expect_result(tell(pair.tx, attach_made, CHAN_ROLE_RECEIVER), 0);
        expect_result(tell(pair.tx, prepare_and_send, role), 0);
        expect_result(ask(pair.rx, receive), 0);
        expect_result(tell(pair.tx, lend, 0), 0);
        expect_result(tell(pair.rx, attach_at, role), -ENOENT);
        expect_result(tell(pair.tx, lend, CHAN_FOREVER), -ENOENT);
        expect_result(ask(pair.tx, adopt), -ENOENT);
        expect_result(tell(pair.rx, attach_at, role), -ENOENT);
        expect_number(tell(pair.tx, endpoints_of_made, role), 1);
        expect_number(ask(pair.tx, deaths_in_made), role);
        expect_result(ask(pair.tx, withdraw), 0);
    }
    /* All records are there: two are left for the prepared one and its successor. */
    expect_result(tell(pair.tx, prepare_and_send, CHAN_ROLE_SENDER), 0);
    expect_result(ask(pair.rx, receive), 0);
    expect_result(tell(pair.rx, attach_at, CHAN_ROLE_SENDER), 0);
    expect_result(ask(pair.rx, let_go), 0);
    expect_result(ask(pair.tx, withdraw), 0);
    expect_result(ask(pair.tx, let_go), 0);
    pair_close(&of, &pair);
}

/* Nobody has looked at it since: the time alone says so. */
static void test_a_lease_that_nobody_saw_end_has_ended(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    for (int adopted = 0; adopted < 2; adopted++) {
        struct chan *ch = flavour_create(&of, 2);
        struct chan_sender *tx;
        expect_result(chan_prepare_sender(ch, 0, &tx), 0);
        int64_t until = chan_deadline(SOON_NS);
        expect_result(chan_lease_sender(tx, until), 0);
        while (chan_now() < until)
            process_sleep_ms(1);
        expect_result(adopted ? chan_adopt_sender(tx) : chan_lease_sender(tx, CHAN_FOREVER), -ENOENT);
        expect_result(chan_lease_sender(tx, chan_deadline(LEASE_NS)), -ENOENT);
        chan_close_sender(tx);
        flavour_finish(&of, ch);
    }
}

#define BRIEFLY_NS INT64_C(5000000)

static int receive_briefly(struct chan_receiver *rx)
{
    char buffer[64];
    return chan_recv_timeout(rx, buffer, sizeof buffer, NULL, BRIEFLY_NS);
}

/* -ETIMEDOUT: the timer was first. */
static int select_until_a_tick(struct chan_receiver *rx)
{
    struct chan_select *select;
    struct chan_timer *timer;
    struct chan_selected out;
    expect_result(chan_select_create(CHAN_SELECT_BIASED, &select), 0);
    expect_result(chan_timer_every(BRIEFLY_NS, &timer), 0);
    expect_number(chan_select_recv(select, rx), 0);
    expect_number(chan_select_timer(select, timer), 1);
    for (int ticks = 0; ticks < 20; ticks++) {
        expect_result(chan_select(select, &out), 0);
        if (out.index == 0)
            break;
    }
    chan_select_close(select);
    chan_timer_close(timer);
    return out.index == 0 ? out.result : -ETIMEDOUT;
}

/* Nobody else looks, and no call sleeps for as long as it takes until one that sleeps does. */
static void test_who_waits_for_moments_learns_that_a_lease_has_ended(const struct flavour *flavour)
{
    int (*const waits[])(struct chan_receiver *) = {receive_briefly, select_until_a_tick};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        struct chan *ch = flavour_create(flavour, 2);
        struct chan_sender *tx;
        struct chan_receiver *rx;
        int64_t end = chan_deadline(LAPSED_MS * INT64_C(1000000));
        int result = -ETIMEDOUT;
        expect_result(chan_attach_receiver(ch, 0, &rx), 0);
        expect_result(chan_prepare_sender(ch, 0, &tx), 0);
        expect_result(chan_lease_sender(tx, chan_deadline(SOON_NS)), 0);
        while (result == -ETIMEDOUT && chan_now() < end)
            result = waits[i](rx);
        expect_result(result, -EPIPE);
        chan_close_sender(tx);
        chan_close_receiver(rx);
        flavour_finish(flavour, ch);
    }
}

static void test_a_place_taken_in_time_outlives_the_lease(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    for (int put_off = 0; put_off < 2; put_off++) {
        struct pair pair = open_carrier(&of);
        expect_result(ask(pair.tx, make), 0);
        expect_result(tell(pair.tx, attach_made, CHAN_ROLE_RECEIVER), 0);
        expect_result(tell(pair.tx, prepare_and_send, CHAN_ROLE_SENDER), 0);
        expect_result(ask(pair.rx, receive), 0);
        expect_result(tell(pair.tx, lend, LEASE_NS), 0);
        if (put_off)
            expect_result(tell(pair.tx, lend, CHAN_FOREVER), 0);
        else
            expect_result(tell(pair.rx, attach_at, CHAN_ROLE_SENDER), 0);
        process_sleep_ms((int)(LEASE_NS / 1000000) + 20);
        if (put_off)
            expect_result(tell(pair.rx, attach_at, CHAN_ROLE_SENDER), 0);
        expect_result(tell(pair.tx, lend, 0), -ENOENT);
        expect_result(ask(pair.tx, adopt), -ENOENT);
        expect_number(tell(pair.tx, endpoints_of_made, CHAN_ROLE_SENDER), 1);
        expect_number(ask(pair.tx, deaths_in_made), 0);
        expect_result(tell(pair.rx, use_sender, 5), 0);
        expect_result(tell(pair.tx, use_receiver, 0), 5);
        expect_result(ask(pair.rx, let_go), 0);
        expect_result(ask(pair.tx, withdraw), 0);
        expect_result(ask(pair.tx, let_go), 0);
        pair_close(&of, &pair);
    }
}

static void test_only_what_is_prepared_can_be_lent(const struct flavour *flavour)
{
    struct flavour of = carrier(flavour);
    struct chan *ch = flavour_create(&of, 2);
    struct chan_sender *tx;
    expect_result(chan_lease_sender(NULL, 0), -EINVAL);
    expect_result(chan_lease_receiver(NULL, 0), -EINVAL);
    expect_result(chan_prepare_sender(ch, 0, &tx), 0);
    expect_result(chan_lease_sender(tx, CHAN_FOREVER), 0);
    expect_result(chan_adopt_sender(tx), 0);
    expect_result(chan_lease_sender(tx, CHAN_FOREVER), -EINVAL);
    chan_close_sender(tx);
    flavour_finish(&of, ch);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_an_answer_comes_over_the_oneshot_whose_address_was_sent, FOR_INLINE, 0),
        CASE(test_another_channel_of_the_same_name_is_not_taken_for_it, FOR_INLINE | FOR_MANY, 0),
        CASE(test_a_channel_without_a_name_goes_with_the_process_that_has_it, FOR_INLINE | FOR_MANY, 0),
        CASE(test_an_address_is_the_same_after_being_printed, FOR_INLINE | FOR_MANY, 0),
        CASE(test_what_is_no_address_opens_nothing, FOR_INLINE | FOR_MANY, 0),
        CASE(test_a_prepared_endpoint_counts_on_its_way_and_moves_to_who_attaches, FOR_INLINE | FOR_MANY, 0),
        CASE(test_a_prepared_endpoint_is_handed_over_once, FOR_INLINE | FOR_MANY, 0),
        CASE(test_a_prepared_endpoint_that_is_withdrawn_is_gone, FOR_INLINE | FOR_MANY | WITHOUT_KEEPER_TOO,
             0),
        CASE(test_a_prepared_endpoint_goes_with_the_process_that_prepared_it, FOR_INLINE | FOR_MANY, 0),
        CASE(test_what_a_message_carried_is_released_when_its_lease_ends,
             FOR_INLINE | FOR_MANY | FOR_EPHEMERAL | FOR_NAMED | WITHOUT_KEEPER_TOO, 60),
        CASE(test_a_lease_ends_once_and_for_all, FOR_INLINE | FOR_MANY, 0),
        CASE(test_a_lease_that_nobody_saw_end_has_ended, FOR_INLINE | FOR_MANY, 0),
        CASE(test_who_waits_for_moments_learns_that_a_lease_has_ended,
             FOR_INLINE | FOR_MANY | FOR_NAMED | FOR_EPHEMERAL, 0),
        CASE(test_a_place_taken_in_time_outlives_the_lease, FOR_INLINE | FOR_MANY | FOR_NAMED, 0),
        CASE(test_only_what_is_prepared_can_be_lent, FOR_INLINE | FOR_MANY, 0),
    };
    return suite_run("address", cases, sizeof cases / sizeof *cases, argc, argv);
}
