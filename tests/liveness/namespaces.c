/* SPDX-License-Identifier: Apache-2.0 */
/* Peers in different pid namespaces, where the same number is another process and most are nobody's. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "apart.h"
#include "expect.h"
#include "look.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

#define NOTICED_MS 1000

/* Longer than the 1.25 s after which a sleeper looks around by itself. */
#define OWN_LOOK_MS 1400

/* A pair, each in a pid namespace of its own unless its number there is 0; and their pids as we see them. */
struct apart {
    struct pair pair;
    pid_t tx, rx;
};

static pid_t move(struct actor *actor, int number)
{
    if (number == 0)
        return actor->pid;
    int64_t pid = actor_do(actor, enter_pid_namespace, number, OWN_PROC);
    if (pid < 0)
        skip_test("new pid namespaces need root or user namespaces");
    expect_number(ask(actor, own_pid), number);
    return (pid_t)pid;
}

static struct apart open_apart(const struct flavour *flavour, int tx_number, int rx_number)
{
    struct apart it = {.pair = {.ch = flavour_create(flavour, 2)}};
    it.pair.tx = actor_start(flavour, it.pair.ch, ACTOR_IDLE);
    it.pair.rx = actor_start(flavour, it.pair.ch, ACTOR_IDLE);
    it.tx = move(it.pair.tx, tx_number);
    it.rx = move(it.pair.rx, rx_number);
    expect_result(ask(it.pair.tx, attach_sender), 0);
    expect_result(ask(it.pair.rx, attach_receiver), 0);
    return it;
}

static void nobody_is_taken_for_dead(const struct flavour *flavour, int tx_number, int rx_number)
{
    struct apart it = open_apart(flavour, tx_number, rx_number);
    pair_send(&it.pair, 0, 2);
    expect_number(tell(it.pair.tx, repair_for, 20), 0);
    expect_number(tell(it.pair.rx, repair_for, 20), 0);
    pair_recv(&it.pair, 0, 2);
    pair_close(flavour, &it.pair);
}

static void test_the_same_pid_in_two_namespaces_confuses_nobody(const struct flavour *flavour)
{
    nobody_is_taken_for_dead(flavour, 1, 1);
}

static void test_a_pid_that_the_others_namespace_has_not_confuses_nobody(const struct flavour *flavour)
{
    nobody_is_taken_for_dead(flavour, 2, 1);
    nobody_is_taken_for_dead(flavour, 1, 2);
    nobody_is_taken_for_dead(flavour, 0, 1);
    nobody_is_taken_for_dead(flavour, 1, 0);
}

static void test_a_stopped_peer_in_another_namespace_is_not_taken_for_dead(const struct flavour *flavour)
{
    struct apart it = open_apart(flavour, 1, 1);
    expect(kill(it.tx, SIGSTOP) == 0);
    look_wait_state(it.tx, 'T');
    expect_number(tell(it.pair.rx, repair_for, 20), 0);
    actor_begin_blocking(it.pair.rx, recv_blocking, 0, 0);
    expect_result(actor_finish_within(it.pair.rx, OWN_LOOK_MS), -EINPROGRESS);
    expect(kill(it.tx, SIGCONT) == 0);
    pair_send(&it.pair, 7, 1);
    expect_result(actor_finish_within(it.pair.rx, NOTICED_MS), 7);
    pair_close(flavour, &it.pair);
}

static void receiver_learns(const struct flavour *flavour, int tx_number, int rx_number)
{
    struct apart it = open_apart(flavour, tx_number, rx_number);
    actor_begin_blocking(it.pair.rx, recv_blocking, 0, 0);
    int64_t moment = chan_now();
    expect(kill(it.tx, SIGKILL) == 0);
    expect_result(actor_finish_within(it.pair.rx, NOTICED_MS), -EPIPE);
    dprintf(STDOUT_FILENO, "    pid %d learned of the death of pid %d in another namespace after %lld us\n",
            rx_number, tx_number, (long long)(chan_now() - moment) / 1000);
    actor_bury(it.pair.tx);
    it.pair.tx = NULL;
    pair_close(flavour, &it.pair);
}

static void test_a_death_in_another_namespace_is_noticed(const struct flavour *flavour)
{
    receiver_learns(flavour, 1, 1);
    receiver_learns(flavour, 2, 1);
    receiver_learns(flavour, 1, 2);
    receiver_learns(flavour, 0, 1);
    receiver_learns(flavour, 1, 0);
}

static void test_a_sender_learns_of_the_death_of_a_receiver_in_another_namespace(
    const struct flavour *flavour)
{
    struct apart it = open_apart(flavour, 1, 1);
    pair_send(&it.pair, 0, 2);
    actor_begin_blocking(it.pair.tx, send_blocking, 2, 0);
    expect(kill(it.rx, SIGKILL) == 0);
    expect_result(actor_finish_within(it.pair.tx, NOTICED_MS), -EPIPE);
    actor_bury(it.pair.rx);
    it.pair.rx = NULL;
    pair_close(flavour, &it.pair);
}

int main(int argc, char **argv)
{
    enum { PLAIN_CHANNEL = FOR_MANY | FOR_EPHEMERAL | FOR_NAMED | FOR_INLINE };
    static const struct conformance_case cases[] = {
        CASE(test_the_same_pid_in_two_namespaces_confuses_nobody, PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_pid_that_the_others_namespace_has_not_confuses_nobody, PLAIN_CHANNEL, 0),
        CASE(test_a_stopped_peer_in_another_namespace_is_not_taken_for_dead,
             PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_death_in_another_namespace_is_noticed, PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
        CASE(test_a_sender_learns_of_the_death_of_a_receiver_in_another_namespace,
             PLAIN_CHANNEL | WITHOUT_KEEPER_TOO, 0),
    };
    return suite_run("namespaces", cases, sizeof cases / sizeof *cases, argc, argv);
}
