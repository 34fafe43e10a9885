/* SPDX-License-Identifier: Apache-2.0 */
/* No pid decides who is dead: not a reused one, not a thread's, not one that nobody has. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "expect.h"
#include "look.h"
#include "pair.h"
#include "shm/layout.h"
#include "suite.h"

#define NOTICED_MS 1000
#define NOBODYS_PID 4194303u /* the kernel gives none as high before it has given all others */

/* The records of a channel, mapped a second time, to be written as only their owners may. */
struct records {
    unsigned char *base;
    size_t record_bytes, size;
};

static struct records map_records(const struct chan *ch)
{
    struct chan_options options;
    struct chan_memory memory;
    chan_options_of(ch, &options);
    expect_result(chan_memory(&options, &memory), 0);
    struct records records = {.record_bytes = memory.record_bytes};
    records.size = memory.record_bytes * options.endpoints;
    records.base =
        mmap(NULL, records.size, PROT_READ | PROT_WRITE, MAP_SHARED, chan_fd(ch), (off_t)SEG_RECORDS_AT);
    expect(records.base != MAP_FAILED);
    return records;
}

static struct seg_record *record_of(const struct records *records, int64_t number)
{
    return (void *)(records->base + (size_t)number * records->record_bytes);
}

/* A thread of the process that is not its first: its keeper. */
static uint32_t keepers_tid(pid_t pid)
{
    char path[32];
    uint32_t tid = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    expect(threads != NULL);
    for (struct dirent *entry; (entry = readdir(threads)) != NULL;)
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != (int)pid)
            tid = (uint32_t)atoi(entry->d_name);
    closedir(threads);
    expect(tid != 0);
    return tid;
}

/* A sender's record says `pid` and `start_time`: while it lives it is not taken for dead, and once dead not
 * for alive. */
static void is_judged_right(const struct flavour *flavour, struct pair *pair, uint32_t pid,
                            uint64_t start_time)
{
    struct records records = map_records(pair->ch);
    struct seg_record *record = record_of(&records, ask(pair->tx, sender_number));
    store_relaxed(&record->pid, pid);
    store_relaxed(&record->start_time, start_time);
    expect_number(ask(pair->rx, count_dead), 0);
    expect_number(tell(pair->rx, repair_for, 5), 0);
    pair_send(pair, 0, 1);
    pair_recv(pair, 0, 1);
    actor_begin_blocking(pair->rx, recv_blocking, 0, 0);
    actor_kill(pair->tx);
    expect_result(actor_finish_within(pair->rx, NOTICED_MS), -EPIPE);
    munmap(records.base, records.size);
    actor_bury(pair->tx);
    pair->tx = NULL;
    pair_close(flavour, pair);
}

static uint64_t start_time_of(const struct pair *pair, int64_t number)
{
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    expect_result(chan_endpoint_stat(pair->ch, (uint32_t)number, &stat), 0);
    return stat.start_time;
}

static void test_a_pid_that_another_process_has_now_changes_nothing(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    uint64_t start_time = start_time_of(&pair, ask(pair.tx, sender_number));
    is_judged_right(flavour, &pair, (uint32_t)pair.rx->pid, start_time);
}

static void test_a_pid_of_this_process_with_another_start_time_changes_nothing(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    uint64_t start_time = start_time_of(&pair, ask(pair.tx, sender_number));
    is_judged_right(flavour, &pair, (uint32_t)pair.tx->pid, start_time + 1);
}

static void test_the_pid_and_start_time_of_another_peer_change_nothing(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    uint64_t start_time = start_time_of(&pair, ask(pair.rx, receiver_number));
    is_judged_right(flavour, &pair, (uint32_t)pair.rx->pid, start_time);
}

static void test_a_pid_that_is_a_mere_threads_now_changes_nothing(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    uint64_t start_time = start_time_of(&pair, ask(pair.rx, receiver_number));
    is_judged_right(flavour, &pair, keepers_tid(pair.rx->pid), start_time);
}

static void test_a_pid_that_nobody_has_changes_nothing(const struct flavour *flavour)
{
    struct pair pair = pair_open(flavour, 2);
    is_judged_right(flavour, &pair, NOBODYS_PID, 1);
}

int main(int argc, char **argv)
{
    enum { PLAIN_CHANNEL = FOR_MANY | FOR_EPHEMERAL | FOR_NAMED | FOR_INLINE };
    static const struct conformance_case cases[] = {
        CASE(test_a_pid_that_another_process_has_now_changes_nothing, PLAIN_CHANNEL, 0),
        CASE(test_a_pid_of_this_process_with_another_start_time_changes_nothing, PLAIN_CHANNEL, 0),
        CASE(test_the_pid_and_start_time_of_another_peer_change_nothing, PLAIN_CHANNEL, 0),
        CASE(test_a_pid_that_is_a_mere_threads_now_changes_nothing, PLAIN_CHANNEL, 0),
        CASE(test_a_pid_that_nobody_has_changes_nothing, PLAIN_CHANNEL, 0),
    };
    return suite_run("identity", cases, sizeof cases / sizeof *cases, argc, argv);
}
