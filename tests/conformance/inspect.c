/* SPDX-License-Identifier: Apache-2.0 */
/* Looking in from outside: figures are right, a look changes no byte, and a read-only mapping cannot
 * attach. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "pair.h"
#include "pattern.h"
#include "suite.h"

static struct chan_stat stat_of(const struct chan *ch)
{
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(ch, &stat), 0);
    return stat;
}

static void expect_balance(const struct chan_stat *stat)
{
    expect_number(stat->received + stat->discarded + stat->held + stat->orphaned + stat->queued, stat->sent);
}

static void expect_sound(const struct chan *ch)
{
    char text[256] = "";
    int result = chan_check(ch, text, sizeof text);
    if (result != 0)
        expect_never("chan_check: %d, %s", result, text);
}

static struct chan *look(const struct flavour *flavour, const struct chan *ch)
{
    struct chan *onlooker = NULL;
    if (flavour->anonymous)
        expect_result(chan_open_fd(chan_fd(ch), CHAN_READ_ONLY, &onlooker), 0);
    else
        expect_result(chan_open(FLAVOUR_CHANNEL, CHAN_READ_ONLY, &onlooker), 0);
    return onlooker;
}

static void test_counters_account_for_every_message(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 5);
    struct chan_stat stat = stat_of(pair.ch);
    expect_number(stat.sent, 0);
    expect_number(stat.oldest_ns, -1);
    expect_number(stat.senders, 1);
    expect_number(stat.receivers, 1);
    pair_send(&pair, 0, 5);
    expect_result(tell(pair.tx, send_try, 5), -EAGAIN); /* counts nothing */
    pair_recv(&pair, 0, 1);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 1);
    expect_result(actor_do(pair.rx, view_take, 1, FORM_TRY), 2);
    stat = stat_of(pair.ch);
    expect_number(stat.sent, 5);
    expect_number(stat.received, 1);
    expect_number(stat.held, 2);
    expect_number(stat.queued, 2);
    expect_number(stat.discarded, 0);
    expect_number(stat.redelivered, 0);
    expect(stat.oldest_ns >= 0);
    expect_balance(&stat);
    uint64_t sent_bytes = 0;
    for (uint64_t i = 0; i < 5; i++)
        sent_bytes += flavour_size(flavour, i);
    expect_number(stat.sent_bytes, sent_bytes);
    if (flavour->large || flavour->kind == CHAN_GROWABLE)
        expect(stat.units_used >= (flavour->large ? 4 : 1)); /* the smallest lie in their blocks anywhere */
    else
        expect_number(stat.units_used, 0);
    expect_result(tell(pair.rx, view_release, 0), 0);
    expect_result(tell(pair.rx, view_release, 1), 0);
    pair_recv(&pair, 3, 2);
    stat = stat_of(pair.ch);
    expect_number(stat.received, 5);
    expect_number(stat.received_bytes, sent_bytes);
    expect_number(stat.units_used, 0);
    expect_balance(&stat);
    expect_sound(pair.ch);
    pair_close(flavour, &pair);
}

static void test_counters_outlive_the_endpoints_that_counted(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    for (int64_t round = 0; round < 6; round++) {
        pair_send(&pair, round, 1);
        pair_recv(&pair, round, 1);
        actor_end(pair.tx);
        pair.tx = actor_start(flavour, pair.ch, ACTOR_SENDER);
        actor_kill(pair.rx);
        struct actor *next = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
        actor_bury(pair.rx);
        pair.rx = next;
    }
    struct chan_stat stat = stat_of(pair.ch);
    expect_number(stat.sent, 6);
    expect_number(stat.received, 6);
    expect_balance(&stat);
    pair_close(flavour, &pair);
}

static void test_redelivery_keeps_the_balance(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    pair_send(&pair, 0, 3);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 0);
    expect_result(actor_do(pair.rx, view_take, 1, FORM_TRY), 1);
    child_stop(pair.tx->pid); /* so that nobody repairs before we look */
    actor_kill(pair.rx);
    actor_kill(pair.tx);
    struct chan_repair_report healed;
    for (int dry_run = 1; dry_run >= 0; dry_run--) {
        expect_result(chan_repair(pair.ch, dry_run, &healed), 0);
        expect_number(healed.dead, 2);
    }
    expect_number(healed.repaired, 2);
    expect_number(healed.orphaned, 2);
    expect_result(chan_repair(pair.ch, 0, &healed), 0);
    expect_number(healed.dead, 0);
    struct chan_stat stat = stat_of(pair.ch);
    expect_number(stat.orphaned, 2);
    expect_number(stat.held, 0);
    expect_number(stat.queued, 1);
    expect_number(chan_len(pair.ch), 3);
    expect_balance(&stat);
    expect_sound(pair.ch);
    struct actor *next = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    for (int i = 0; i < 3; i++)
        expect(ask(next, recv_try) >= 0);
    stat = stat_of(pair.ch);
    expect_number(stat.redelivered, 2);
    expect_number(stat.received, 3);
    expect_balance(&stat);
    expect_sound(pair.ch);
    actor_bury(pair.tx);
    actor_bury(pair.rx);
    pair.tx = NULL;
    pair.rx = next;
    pair_close(flavour, &pair);
}

static struct chan_endpoint_stat endpoint_of(const struct chan *ch, uint32_t number)
{
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    expect_result(chan_endpoint_stat(ch, number, &stat), 0);
    return stat;
}

static void test_an_endpoint_tells_who_it_is_and_what_it_waits_for(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    uint32_t tx = (uint32_t)ask(pair.tx, sender_number), rx = (uint32_t)ask(pair.rx, receiver_number);
    struct chan_endpoint_stat stat = endpoint_of(pair.ch, tx);
    expect_number(stat.number, tx);
    expect_number(stat.role, CHAN_ROLE_SENDER);
    expect_number(stat.state, CHAN_STATE_LIVE);
    expect_number(stat.pid, pair.tx->pid);
    expect_number(stat.uid, getuid());
    expect_number(stat.same_pid_namespace, 1);
    expect_number(stat.waits_for, CHAN_WAITS_FOR_NOTHING);
    expect(strlen(stat.command) > 0);
    int64_t begin = chan_now();
    actor_begin_blocking(pair.rx, recv_blocking, 0, 0);
    expect_soon(endpoint_of(pair.ch, rx).waiting_ns > 10 * 1000000);
    stat = endpoint_of(pair.ch, rx);
    expect_number(stat.role, CHAN_ROLE_RECEIVER);
    expect_number(stat.waits_for, CHAN_WAITS_FOR_MESSAGE);
    expect(stat.waiting_ns <= chan_now() - begin);
    pair_send(&pair, 0, 1);
    expect_result(actor_finish(pair.rx), 0);
    stat = endpoint_of(pair.ch, rx);
    expect_number(stat.waits_for, CHAN_WAITS_FOR_NOTHING);
    expect_number(stat.messages, 1);
    expect(stat.waits >= 1);
    pair_send(&pair, 1, 2);
    actor_begin_blocking(pair.tx, send_blocking, 3, 0);
    expect_number(endpoint_of(pair.ch, tx).waits_for, CHAN_WAITS_FOR_SPACE);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 1);
    expect_number(endpoint_of(pair.ch, rx).held, 1);
    expect_result(actor_finish(pair.tx), 0);
    expect_number(endpoint_of(pair.ch, tx).messages, 4);
    expect_result(tell(pair.rx, view_release, 0), 0);
    struct chan_options options;
    chan_options_of(pair.ch, &options);
    struct chan_endpoint_stat none = {.size = sizeof none};
    expect_result(chan_endpoint_stat(pair.ch, options.endpoints, &none), -ERANGE);
    int free_records = 0;
    for (uint32_t i = 0; i < options.endpoints; i++)
        free_records += chan_endpoint_stat(pair.ch, i, &none) == -ENOENT;
    expect_number(free_records, options.endpoints - 2);
    pair_close(flavour, &pair);
}

static void test_a_killed_endpoint_is_shown_as_dead_to_a_mere_onlooker(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    uint32_t number = (uint32_t)ask(pair.tx, sender_number);
    struct chan *onlooker = look(flavour, pair.ch);
    actor_kill(pair.tx);
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    int result = chan_endpoint_stat(onlooker, number, &stat);
    expect(result == -ENOENT || (result == 0 && stat.state == CHAN_STATE_DEAD));
    chan_close(onlooker);
    actor_bury(pair.tx);
    pair.tx = NULL;
    pair_close(flavour, &pair);
}

static void test_peeking_shows_the_queue_in_order_and_consumes_nothing(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    struct chan *onlooker = look(flavour, pair.ch);
    size_t largest = flavour_largest(flavour);
    void *copy = malloc(largest);
    uint64_t position = 0, sequence;
    uint32_t sender;
    struct chan_peek_info info;
    expect_result(chan_peek(onlooker, &position, copy, largest, &info), -EAGAIN);
    pair_send(&pair, 0, 4);
    for (uint64_t i = 0; i < 4; i++) {
        expect_result(chan_peek(onlooker, &position, copy, largest, &info), 0);
        expect_number(position, i + 1);
        expect_number(info.position, i);
        expect_number(info.skipped, 0);
        expect_number(info.size, flavour_size(flavour, i));
        expect(pattern_read(copy, info.size, &sender, &sequence));
        expect_number(sequence, i);
    }
    expect_result(chan_peek(onlooker, &position, copy, largest, &info), -EAGAIN);
    expect_number(position, 4);
    pair_recv(&pair, 0, 2);
    pair_send(&pair, 4, 1);
    expect_result(chan_peek(onlooker, &position, copy, largest, &info), 0);
    expect_number(info.position, 4);
    position = 0;
    expect_result(chan_peek(onlooker, &position, copy, 9, &info), 0); /* the part that fits */
    expect_number(info.position, 2);
    expect_number(info.skipped, 2);
    expect_number(position, 3);
    expect_number(info.size, flavour_size(flavour, 2));
    pair_recv(&pair, 2, 3);
    free(copy);
    chan_close(onlooker);
    pair_close(flavour, &pair);
}

static void test_a_read_only_mapping_cannot_attach(const struct flavour *flavour)
{
    struct chan *ch = flavour_create(flavour, 2);
    struct chan *onlooker = look(flavour, ch);
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;
    struct chan_repair_report healed;
    expect_result(chan_attach_sender(onlooker, 0, &tx), -EACCES);
    expect_result(chan_attach_receiver(onlooker, 0, &rx), -EACCES);
    expect_result(chan_prepare_sender(onlooker, 0, &tx), -EACCES);
    expect_result(chan_prepare_receiver(onlooker, 0, &rx), -EACCES);
    expect(tx == NULL && rx == NULL);
    expect(chan_shutdown(onlooker) < 0);
    expect(chan_repair(onlooker, 0, &healed) < 0);
    expect_number(chan_is_closed(ch), 0);
    chan_close(onlooker);
    flavour_finish(flavour, ch);
}

/* Every inspecting call there is, with positions old and new. */
static void inspect_all(const struct chan *ch)
{
    char text[200];
    unsigned char bytes[64];
    struct chan_options options;
    struct chan_peek_info info;
    struct chan_endpoint_stat endpoint = {.size = sizeof endpoint};
    (void)stat_of(ch);
    (void)(chan_check(ch, text, sizeof text) == 0);
    chan_options_of(ch, &options);
    for (uint32_t i = 0; i <= options.endpoints; i++)
        (void)(chan_endpoint_stat(ch, i, &endpoint) == 0);
    for (uint64_t position = 0; chan_peek(ch, &position, bytes, sizeof bytes, &info) == 0;)
        ;
    (void)(chan_len(ch) + chan_available(ch) + chan_capacity(ch) + chan_senders(ch) + chan_receivers(ch));
    (void)(chan_is_empty(ch) + chan_is_full(ch) + chan_is_closed(ch) + chan_is_drained(ch));
}

static void test_inspection_changes_no_byte_of_the_channel(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 4);
    struct stat object;
    pair_send(&pair, 0, 4);
    pair_recv(&pair, 0, 1);
    expect_result(actor_do(pair.rx, view_take, 0, FORM_TRY), 1);
    expect_result(actor_do(pair.tx, loan_reserve, 0, 9), 0);
    actor_kill(pair.tx); /* nor does a look repair anything; and nobody is left who would */
    actor_kill(pair.rx);
    expect(fstat(chan_fd(pair.ch), &object) == 0);
    size_t bytes = (size_t)object.st_size;
    void *live = mmap(NULL, bytes, PROT_READ, MAP_SHARED, chan_fd(pair.ch), 0);
    void *before = malloc(bytes);
    expect(live != MAP_FAILED && before != NULL);
    memcpy(before, live, bytes);
    struct chan *onlooker = look(flavour, pair.ch);
    inspect_all(onlooker);
    chan_close(onlooker);
    const unsigned char *old = before, *new = live;
    for (size_t i = 0; i < bytes; i++)
        if (old[i] != new[i])
            expect_never("a look from a read-only mapping changed byte %zu", i);
    inspect_all(pair.ch);
    struct chan_repair_report healed;
    expect_result(chan_repair(pair.ch, 1, &healed), 0);
    for (size_t i = 0; i < bytes; i++)
        if (old[i] != new[i])
            expect_never("a look from a writable mapping changed byte %zu", i);
    munmap(live, bytes);
    free(before);
    actor_bury(pair.tx);
    actor_bury(pair.rx);
    pair.tx = pair.rx = NULL;
    pair_close(flavour, &pair);
}

static void test_the_object_takes_what_the_formula_says_and_all_of_it_is_committed(
    const struct flavour *flavour)
{
    static const uint64_t counts[] = {1, 3, 64, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct chan_options options = flavour_options(flavour, counts[i]);
        struct chan_memory memory;
        struct stat object;
        struct chan *ch = flavour_create_with(flavour, &options);
        expect_result(chan_memory(&options, &memory), 0);
        expect(fstat(chan_fd(ch), &object) == 0);
        expect_number(object.st_size, memory.total_bytes);
        expect(memory.fixed_bytes == memory.total_bytes || flavour->kind == CHAN_GROWABLE);
        expect((uint64_t)object.st_blocks * 512 >= memory.fixed_bytes);
        expect_number(memory.blocks, counts[i] + 2 * (options.holds + 1) * options.endpoints);
        expect(stat_of(ch).resident_bytes >= memory.fixed_bytes);
        expect_number(stat_of(ch).committed_bytes, memory.fixed_bytes);
        flavour_finish(flavour, ch);
    }
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_counters_account_for_every_message, 0, 0),
        CASE(test_counters_outlive_the_endpoints_that_counted, FOR_DURABLE, 0),
        CASE(test_redelivery_keeps_the_balance, FOR_DURABLE, 0),
        CASE(test_an_endpoint_tells_who_it_is_and_what_it_waits_for, 0, 0),
        CASE(test_a_killed_endpoint_is_shown_as_dead_to_a_mere_onlooker, 0, 0),
        CASE(test_peeking_shows_the_queue_in_order_and_consumes_nothing, 0, 0),
        CASE(test_a_read_only_mapping_cannot_attach, 0, 0),
        CASE(test_inspection_changes_no_byte_of_the_channel, 0, 0),
        CASE(test_the_object_takes_what_the_formula_says_and_all_of_it_is_committed, 0, 0),
    };
    return suite_run("inspect", cases, sizeof cases / sizeof *cases, argc, argv);
}
