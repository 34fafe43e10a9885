/* SPDX-License-Identifier: Apache-2.0 */
/* fork: inherited handles are refused; prepared ones count at once, are adopted, or go with the child. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "pair.h"
#include "process.h"
#include "suite.h"

#define NOTICED_MS 1000

/* In the child: nothing works with what was inherited, and closing it harms nobody. */
static int64_t use_inherited(void *argument)
{
    struct party *me = argument;
    struct chan_loan loan = me->loans[0], new_loan;
    struct chan_view view = me->views[0], new_view;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct iovec one = {.iov_base = me->buffer, .iov_len = 8};
    for (int way = 0; way < WAYS; way++)
        for (int form = 0; form < FORMS; form++) {
            expect_result(send_by(me, 1, HOW(way, form)), -ECHILD);
            expect_result(recv_by(me, 0, HOW(way, form)), -ECHILD);
        }
    expect_result(chan_send_many(me->tx, &one, 1), -ECHILD);
    expect_result(chan_recv_many(me->rx, &one, 1), -ECHILD);
    expect_result(chan_try_reserve(me->tx, 1, &new_loan), -ECHILD);
    expect_result(chan_try_commit(me->tx, &loan, 1), -ECHILD);
    expect_result(chan_abort(me->tx, &loan), -ECHILD);
    expect_result(chan_try_recv_view(me->rx, &new_view), -ECHILD);
    expect_result(chan_release(me->rx, &view), -ECHILD);
    expect_result(chan_clone_sender(me->tx, &tx), -ECHILD);
    expect_result(chan_clone_receiver(me->rx, &rx), -ECHILD);
    expect_result(chan_cancel_sender(me->tx), -ECHILD);
    expect_result(chan_cancel_receiver(me->rx), -ECHILD);
    chan_close_sender(me->tx);
    chan_close_receiver(me->rx);
    return 0;
}

static void test_a_child_is_refused_every_operation_on_an_inherited_handle(const struct flavour *flavour)
{
    struct party me;
    struct child child;
    party_open(&me, flavour, flavour_create(flavour, 3));
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(attach_sender(&me, 0, 0), 0);
    expect_result(send_try(&me, 1, 0), 0);
    expect_result(send_try(&me, 2, 0), 0);
    expect_result(view_take(&me, 0, FORM_TRY), 1);
    expect_result(loan_reserve(&me, 0, 3), 0);
    child_spawn(&child, use_inherited, &me);
    expect_number(child_finish(&child), 0);
    /* The parent is as it was. */
    expect_number(chan_senders(me.ch), 1);
    expect_number(chan_receivers(me.ch), 1);
    expect_result(view_release(&me, 0, 0), 0);
    expect_result(recv_try(&me, 0, 0), 2);
    expect_result(loan_commit(&me, 0, FORM_TRY), 0);
    expect_result(recv_try(&me, 0, 0), 3);
    struct chan *ch = me.ch;
    party_leave(&me);
    flavour_finish(flavour, ch);
}

static int64_t attach_by_inherited_mapping(void *argument)
{
    struct party *parents = argument, me;
    party_open(&me, parents->flavour, parents->ch);
    expect_result(attach_sender(&me, 0, 0), 0);
    expect_result(send_try(&me, 4, 0), 0);
    chan_close_sender(me.tx);
    return 0;
}

static void test_a_child_may_attach_anew_through_the_inherited_mapping(const struct flavour *flavour)
{
    struct party me;
    struct child child;
    party_open(&me, flavour, flavour_create(flavour, 3));
    expect_result(attach_receiver(&me, 0, 0), 0);
    child_spawn(&child, attach_by_inherited_mapping, &me);
    expect_number(child_finish(&child), 0);
    expect_result(recv_try(&me, 0, 0), 4);
    struct chan *ch = me.ch;
    party_leave(&me);
    flavour_finish(flavour, ch);
}

/* A child that lives on must not keep its parent's endpoints alive by the descriptors it inherited. */
static int64_t leave_a_child_behind(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    pid_t pid = fork(); /* outlives its parent, unlike child_fork()'s; the sandbox ends it */
    if (pid == 0) {
        process_sleep_ms(15000);
        _exit(0);
    }
    return pid;
}

static void test_death_is_seen_though_a_child_with_inherited_descriptors_lives_on(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pid_t left = (pid_t)ask(pair.tx, leave_a_child_behind);
    expect(left > 0);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_kill(pair.tx);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    expect(kill(left, SIGKILL) == 0);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static void test_close_is_seen_though_a_child_with_inherited_descriptors_lives_on(
    const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 3);
    pid_t left = (pid_t)ask(pair.tx, leave_a_child_behind);
    expect(left > 0);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    expect_result(ask(pair.tx, close_sender), 0);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    expect(kill(left, SIGKILL) == 0);
    actor_end(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static int64_t adopt_and_send(void *argument)
{
    struct party *me = argument;
    expect_result(chan_adopt_sender(me->tx), 0);
    expect_result(send_blocking(me, 1, 0), 0);
    expect_result(send_blocking(me, 2, 0), 0);
    chan_close_sender(me->tx);
    return 0;
}

static void test_a_prepared_sender_counts_at_once_and_is_adopted_by_the_child(const struct flavour *flavour)
{
    struct pair pair = {.ch = flavour_create(flavour, 3)};
    struct party me;
    struct child child;
    party_open(&me, flavour, pair.ch);
    pair.rx = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    expect_result(prepare_sender(&me, 0, 0), 0);
    expect_number(ask(pair.rx, senders), 1);
    expect_result(ask(pair.rx, recv_try), -EAGAIN);
    child_spawn(&child, adopt_and_send, &me);
    expect_result(close_sender(&me, 0, 0), 0); /* detaches nothing */
    expect_result(ask(pair.rx, recv_one_second), 1);
    expect_result(ask(pair.rx, recv_one_second), 2);
    expect_number(child_finish(&child), 0);
    expect_result(actor_do(pair.rx, recv_by, 0, HOW(WAY_COPY, FORM_TIMEOUT_ZERO)),
                  flavour->lifetime == CHAN_EPHEMERAL ? -EPIPE : -ETIMEDOUT);
    party_leave(&me);
    pair_close(flavour, &pair);
}

static int64_t adopt_and_recv(void *argument)
{
    struct party *me = argument;
    expect_result(chan_adopt_receiver(me->rx), 0);
    int64_t got = recv_one_second(me, 0, 0);
    chan_close_receiver(me->rx);
    return got;
}

static void test_a_prepared_receiver_counts_at_once_and_is_adopted_by_the_child(const struct flavour *flavour)
{
    struct pair pair = {.ch = flavour_create(flavour, 3)};
    struct party me;
    struct child child;
    party_open(&me, flavour, pair.ch);
    pair.tx = actor_start(flavour, pair.ch, ACTOR_SENDER);
    expect_result(prepare_receiver(&me, 0, 0), 0);
    expect_number(ask(pair.tx, receivers), 1);
    child_spawn(&child, adopt_and_recv, &me);
    expect_result(close_receiver(&me, 0, 0), 0);
    expect_result(tell(pair.tx, send_try, 8), 0);
    expect_result(child_finish(&child), 8);
    expect_result(tell(pair.tx, send_try, 9), flavour->lifetime == CHAN_EPHEMERAL ? -EPIPE : 0);
    party_leave(&me);
    pair_close(flavour, &pair);
}

static void test_a_prepared_handle_may_be_adopted_where_it_was_prepared(const struct flavour *flavour)
{
    struct pair pair = {.ch = flavour_create(flavour, 3)};
    struct party me;
    party_open(&me, flavour, pair.ch);
    pair.rx = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    expect_result(prepare_sender(&me, 0, 0), 0);
    expect_result(chan_adopt_sender(me.tx), 0);
    expect_result(chan_adopt_sender(me.tx), -EINVAL);
    expect_result(send_try(&me, 3, 0), 0);
    expect_result(ask(pair.rx, recv_try), 3);
    party_leave(&me);
    pair_close(flavour, &pair);
}

/* Of the mappings of this process, how many no child inherits. */
static int mappings_kept_from_children(void)
{
    char line[512];
    int kept = 0;
    FILE *maps = fopen("/proc/self/smaps", "r");
    expect(maps != NULL);
    while (fgets(line, sizeof line, maps))
        kept += !strncmp(line, "VmFlags:", 8) && strstr(line, " dc");
    fclose(maps);
    return kept;
}

/* It stays a prepared one: a child that has it, and closes it, unmaps what it inherited, and not something else. */
static void test_a_place_handed_over_cannot_be_adopted_and_is_inherited_still(const struct flavour *flavour)
{
    struct chan *ch = flavour_create(flavour, 2);
    struct chan_address address;
    struct chan_sender *prepared, *successor;
    expect_result(chan_prepare_sender(ch, 0, &prepared), 0);
    expect_result(chan_address_of_sender(prepared, &address), 0);
    expect_result(chan_attach_sender_at(&address, 0, 0, &successor), 0);
    int kept = mappings_kept_from_children();
    expect_result(chan_adopt_sender(prepared), -ENOENT);
    expect_number(mappings_kept_from_children(), kept);
    chan_close_sender(prepared);
    chan_close_sender(successor);
    flavour_finish(flavour, ch);
}

static void test_a_handle_that_was_not_prepared_cannot_be_adopted(const struct flavour *flavour)
{
    struct party me;
    party_open(&me, flavour, flavour_create(flavour, 3));
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(attach_sender(&me, 0, 0), 0);
    expect_result(chan_adopt_sender(me.tx), -EINVAL);
    expect_result(chan_adopt_receiver(me.rx), -EINVAL);
    expect_result(send_try(&me, 3, 0), 0);
    expect_result(recv_try(&me, 0, 0), 3);
    struct chan *ch = me.ch;
    party_leave(&me);
    flavour_finish(flavour, ch);
}

static int64_t just_return(void *argument)
{
    (void)argument;
    return 0;
}

static int64_t wait_to_be_killed(void *argument)
{
    (void)argument;
    process_sleep_ms(15000);
    return 0;
}

static int64_t close_unadopted(void *argument)
{
    struct party *me = argument;
    chan_close_sender(me->tx);
    process_sleep_ms(15000);
    return 0;
}

static int64_t exec_sleep(void *argument)
{
    return end_by_exec(argument, 0, 0);
}

/* A receiver waits; a sender is prepared for a child that runs `body`; whether the receiver sees the end. */
static void prepared_child(const struct flavour *flavour, int64_t (*body)(void *), int kill_it)
{
    struct pair pair = {.ch = flavour_create(flavour, 3)};
    struct party me;
    struct child child;
    party_open(&me, flavour, pair.ch);
    pair.rx = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    expect_result(prepare_sender(&me, 0, 0), 0);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    child_spawn(&child, body, &me);
    expect_result(close_sender(&me, 0, 0), 0);
    if (kill_it) {
        expect_result(actor_finish_within(pair.rx, 100), -EINPROGRESS);
        child_kill(&child);
    }
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), -EPIPE);
    kill(child.pid, SIGKILL);
    child_reap(&child);
    party_leave(&me);
    pair_close(flavour, &pair);
}

static void test_a_prepared_handle_goes_with_the_child_that_ends_without_adopting(
    const struct flavour *flavour)
{
    prepared_child(flavour, just_return, 0);
}

static void test_a_prepared_handle_goes_with_the_child_that_is_killed_without_adopting(
    const struct flavour *flavour)
{
    prepared_child(flavour, wait_to_be_killed, 1);
}

static void test_a_prepared_handle_goes_with_the_child_that_execs_without_adopting(
    const struct flavour *flavour)
{
    prepared_child(flavour, exec_sleep, 0);
}

static void test_a_prepared_handle_goes_when_its_last_copy_is_closed(const struct flavour *flavour)
{
    prepared_child(flavour, close_unadopted, 0);
}

static int64_t adopt_and_be_killed(void *argument)
{
    struct party *me = argument;
    expect_result(chan_adopt_sender(me->tx), 0);
    process_sleep_ms(15000);
    return 0;
}

static void test_an_adopted_handle_goes_with_the_child_that_is_killed(const struct flavour *flavour)
{
    prepared_child(flavour, adopt_and_be_killed, 1);
}

/* The actor prepares, forks, and is killed; its child adopts when told by a byte. */
struct orphanage {
    int go[2], done[2];
};

static int64_t prepare_for_an_orphan(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    const struct orphanage *pipes = (const struct orphanage *)(intptr_t)a;
    char byte;
    expect_result(prepare_sender(me, 0, 0), 0);
    pid_t pid = fork();
    if (pid == 0) {
        expect(read(pipes->go[0], &byte, 1) == 1);
        expect_result(chan_adopt_sender(me->tx), 0);
        expect_result(send_try(me, 6, 0), 0);
        chan_close_sender(me->tx);
        expect(write(pipes->done[1], "", 1) == 1);
        _exit(0);
    }
    return pid;
}

static void test_a_prepared_handle_lives_on_in_the_child_when_the_parent_is_killed(
    const struct flavour *flavour)
{
    struct pair pair = {.ch = flavour_create(flavour, 3)};
    struct orphanage pipes;
    char byte;
    expect(pipe(pipes.go) == 0 && pipe(pipes.done) == 0);
    pair.rx = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    struct actor *parent = actor_start(flavour, pair.ch, ACTOR_IDLE);
    expect(tell(parent, prepare_for_an_orphan, (intptr_t)&pipes) > 0);
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    actor_kill(parent);
    expect_result(actor_finish_within(pair.rx, 200), -EINPROGRESS);
    expect(write(pipes.go[1], "", 1) == 1);
    expect_result(actor_finish_within(pair.rx, NOTICED_MS), 6);
    expect(read(pipes.done[0], &byte, 1) == 1);
    actor_bury(parent);
    for (int i = 0; i < 2; i++) {
        close(pipes.go[i]);
        close(pipes.done[i]);
    }
    pair_close(flavour, &pair);
}

static void test_the_one_seat_is_taken_by_a_prepared_handle(const struct flavour *flavour)
{
    struct party me, other;
    struct chan *ch = flavour_create(flavour, 3);
    party_open(&me, flavour, ch);
    party_open(&other, flavour, ch);
    expect_result(prepare_sender(&me, 0, 0), 0);
    expect_result(attach_sender(&other, 0, 0), -EBUSY);
    expect_result(prepare_sender(&other, 0, 0), -EBUSY);
    expect_result(chan_adopt_sender(me.tx), 0);
    expect_result(attach_sender(&other, 0, 0), -EBUSY);
    party_leave(&other);
    party_leave(&me);
    flavour_finish(flavour, ch);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_a_child_is_refused_every_operation_on_an_inherited_handle, 0, 0),
        CASE(test_a_child_may_attach_anew_through_the_inherited_mapping, 0, 0),
        CASE(test_death_is_seen_though_a_child_with_inherited_descriptors_lives_on,
             FOR_EPHEMERAL | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_close_is_seen_though_a_child_with_inherited_descriptors_lives_on,
             FOR_EPHEMERAL | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_prepared_sender_counts_at_once_and_is_adopted_by_the_child, 0, 0),
        CASE(test_a_prepared_receiver_counts_at_once_and_is_adopted_by_the_child, 0, 0),
        CASE(test_a_prepared_handle_may_be_adopted_where_it_was_prepared, 0, 0),
        CASE(test_a_place_handed_over_cannot_be_adopted_and_is_inherited_still, FOR_MANY | FOR_FEW, 0),
        CASE(test_a_handle_that_was_not_prepared_cannot_be_adopted, 0, 0),
        CASE(test_a_prepared_handle_goes_with_the_child_that_ends_without_adopting,
             FOR_EPHEMERAL | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_prepared_handle_goes_with_the_child_that_is_killed_without_adopting,
             FOR_EPHEMERAL | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_prepared_handle_goes_with_the_child_that_execs_without_adopting,
             FOR_EPHEMERAL | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_prepared_handle_goes_when_its_last_copy_is_closed,
             FOR_EPHEMERAL | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_an_adopted_handle_goes_with_the_child_that_is_killed,
             FOR_EPHEMERAL | FOR_FEW | WITHOUT_KEEPER_TOO | RENDEZVOUS_TOO, 0),
        CASE(test_a_prepared_handle_lives_on_in_the_child_when_the_parent_is_killed,
             FOR_EPHEMERAL | FOR_FEW | WITHOUT_KEEPER_TOO, 0),
        CASE(test_the_one_seat_is_taken_by_a_prepared_handle, FOR_ONE_SENDER | RENDEZVOUS_TOO, 0),
    };
    return suite_run("fork", cases, sizeof cases / sizeof *cases, argc, argv);
}
