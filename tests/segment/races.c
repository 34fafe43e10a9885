/* SPDX-License-Identifier: Apache-2.0 */
/* Creators at once, creators killed at any moment, openers and removers between them: sound or absent,
 * never half. */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "sandbox.h"
#include "suite.h"

#define CREATORS 8
#define ROUNDS 40

/* Shared by all processes of a test. */
struct shared {
    _Atomic int ready, round, judged;
    _Atomic int failures;
    _Atomic uint64_t ids[CREATORS][2];
    _Atomic int results[CREATORS];
    uint32_t lifetime;
};

static struct shared *share(void)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(shared != MAP_FAILED);
    return shared;
}

struct creator {
    struct shared *shared;
    int number;
    int (*create)(const struct chan_options *options, struct chan **out);
};

static int plainly(const struct chan_options *options, struct chan **out)
{
    return chan_create("x", options, out);
}

static int or_open(const struct chan_options *options, struct chan **out)
{
    return chan_open_or_create("x", options, out);
}

static void meet(struct shared *shared, int round)
{
    atomic_fetch_add(&shared->ready, 1);
    while (atomic_load(&shared->round) <= round)
        sched_yield();
}

static int64_t race_to_create(void *argument)
{
    const struct creator *me = argument;
    struct shared *shared = me->shared;
    for (int round = 0; round < ROUNDS; round++) {
        struct chan_options options = CHAN_OPTIONS_INIT;
        struct chan *ch = NULL;
        uint64_t id[2] = {0, 0};
        options.lifetime = CHAN_DURABLE;
        meet(shared, round);
        int result = me->create(&options, &ch);
        if (result == 0) {
            chan_id(ch, (uint8_t *)id);
            chan_close(ch);
        }
        shared->ids[me->number][0] = id[0];
        shared->ids[me->number][1] = id[1];
        shared->results[me->number] = result;
        atomic_fetch_add(&shared->ready, 1);
        while (atomic_load(&shared->judged) <= round)
            sched_yield();
    }
    return 0;
}

static void wait_for(struct shared *shared, int ready)
{
    while (atomic_load(&shared->ready) != ready)
        usleep(50);
}

/* `judge` sees the results of every round. */
static void race(int (*create)(const struct chan_options *, struct chan **),
                 void (*judge)(const struct shared *))
{
    struct shared *shared = share();
    struct creator creators[CREATORS];
    struct child children[CREATORS];
    for (int i = 0; i < CREATORS; i++) {
        creators[i] = (struct creator){.shared = shared, .number = i, .create = create};
        child_spawn(&children[i], race_to_create, &creators[i]);
    }
    for (int round = 0; round < ROUNDS; round++) {
        wait_for(shared, CREATORS);
        atomic_store(&shared->round, round + 1);
        wait_for(shared, 2 * CREATORS);
        judge(shared);
        expect_number(sandbox_names(), 1);
        expect_result(chan_unlink("x"), 0);
        atomic_store(&shared->ready, 0);
        atomic_store(&shared->judged, round + 1);
    }
    for (int i = 0; i < CREATORS; i++)
        expect_number(child_finish(&children[i]), 0);
    munmap(shared, sizeof *shared);
}

static void all_have_the_same(const struct shared *shared)
{
    for (int i = 0; i < CREATORS; i++) {
        expect_result(shared->results[i], 0);
        expect(shared->ids[i][0] == shared->ids[0][0] && shared->ids[i][1] == shared->ids[0][1]);
    }
    expect(shared->ids[0][0] != 0 || shared->ids[0][1] != 0);
}

static void one_has_made_it(const struct shared *shared)
{
    int made = 0;
    for (int i = 0; i < CREATORS; i++) {
        expect(shared->results[i] == 0 || shared->results[i] == -EEXIST);
        made += shared->results[i] == 0;
    }
    expect_number(made, 1);
}

static void test_of_racing_open_or_create_one_creates_and_all_have_the_same_channel(void)
{
    race(or_open, all_have_the_same);
}

static void test_of_racing_creates_exactly_one_succeeds(void)
{
    race(plainly, one_has_made_it);
}

static void pause_randomly(long most_microseconds)
{
    struct timespec span = {.tv_nsec = rand() % (most_microseconds * 1000 + 1)};
    nanosleep(&span, NULL);
}

/* Fails unless what stands under the name, if anything does, is a channel that works. */
static void expect_sound_or_absent(const char *name)
{
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    char text[200], bytes[16];
    int result = chan_open(name, 0, &ch);
    if (result == -ENOENT)
        return;
    expect_result(result, 0);
    result = chan_attach_sender(ch, 0, &tx);
    if (result == -EPIPE) { /* an ephemeral one that has had its life */
        chan_close(ch);
        return;
    }
    expect_result(result, 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    for (uint64_t i = 0; i < chan_capacity(ch) + 3; i++) {
        int sent = chan_try_send(tx, "12345678", 8);
        expect(sent == 0 || sent == -EAGAIN);
        if (i % 2 || sent < 0)
            expect_result(chan_try_recv(rx, bytes, sizeof bytes, NULL), 0);
    }
    if (chan_check(ch, text, sizeof text) != 0)
        expect_never("chan_check: %s", text);
    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
}

/* Creates, uses and leaves behind, over and over, until killed. */
static int64_t create_until_killed(void *argument)
{
    const struct shared *shared = argument;
    for (;;) {
        struct chan_options options = CHAN_OPTIONS_INIT;
        struct chan *ch;
        struct chan_sender *tx;
        struct chan_receiver *rx;
        options.lifetime = shared->lifetime;
        options.messages = 8;
        if (chan_open_or_create("x", &options, &ch) < 0)
            continue;
        if (chan_attach_sender(ch, 0, &tx) == 0) {
            (void)!chan_try_send(tx, "87654321", 8);
            if (chan_attach_receiver(ch, 0, &rx) == 0) {
                char bytes[16];
                (void)!chan_try_recv(rx, bytes, sizeof bytes, NULL);
                chan_close_receiver(rx);
            }
            chan_close_sender(tx);
        }
        chan_close(ch);
        (void)!chan_unlink("x");
    }
    return 0;
}

static void kill_creators(uint32_t lifetime)
{
    struct shared *shared = share();
    shared->lifetime = lifetime;
    srand(3);
    for (int round = 0; round < 150; round++) {
        struct child child;
        child_spawn(&child, create_until_killed, shared);
        pause_randomly(4000);
        child_kill(&child);
        expect(sandbox_names() <= 1);
        expect_sound_or_absent("x");
        child_reap(&child);
        int result = chan_unlink("x");
        expect(result == 0 || result == -ENOENT);
        expect_number(sandbox_names(), 0);
    }
    munmap(shared, sizeof *shared);
}

static void test_a_durable_creator_killed_at_any_moment_leaves_a_sound_channel_or_none(void)
{
    kill_creators(CHAN_DURABLE);
}

static void test_an_ephemeral_creator_killed_at_any_moment_leaves_a_sound_channel_or_none(void)
{
    kill_creators(CHAN_EPHEMERAL);
}

/* Several at once create, use and remove the same name; some are killed; others only look. */
static int64_t look_until_told(void *argument)
{
    struct shared *shared = argument;
    int64_t seen = 0;
    while (!atomic_load(&shared->round)) {
        struct chan *ch;
        int result = chan_open("x", CHAN_READ_ONLY, &ch);
        if (result < 0) {
            expect_result(result, -ENOENT);
            continue;
        }
        struct chan_stat stat = {.size = sizeof stat};
        expect_result(chan_stat(ch, &stat), 0);
        expect_number(chan_capacity(ch), 8);
        chan_close(ch);
        seen++;
    }
    return seen;
}

static void test_openers_among_creators_removers_and_kills_see_sound_channels_only(void)
{
    struct shared *shared = share();
    struct child looker, creators[3];
    shared->lifetime = CHAN_EPHEMERAL;
    child_spawn(&looker, look_until_told, shared);
    for (int i = 0; i < 3; i++)
        child_spawn(&creators[i], create_until_killed, shared);
    for (int round = 0; round < 100; round++) {
        struct child *victim = &creators[rand() % 3];
        pause_randomly(8000);
        child_kill(victim);
        child_reap(victim);
        child_spawn(victim, create_until_killed, shared);
    }
    atomic_store(&shared->round, 1);
    dprintf(STDOUT_FILENO, "    opened %lld times\n", (long long)child_finish(&looker));
    for (int i = 0; i < 3; i++) {
        child_kill(&creators[i]);
        child_reap(&creators[i]);
    }
    expect_sound_or_absent("x");
    int result = chan_unlink("x");
    expect(result == 0 || result == -ENOENT);
    munmap(shared, sizeof *shared);
}

/* All endpoints are dead: of many who would replace the object, one does. */
static int64_t leave_a_dead_channel(void *argument)
{
    struct chan *ch;
    struct chan_sender *tx;
    (void)argument;
    expect_result(chan_create("x", NULL, &ch), 0);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_try_send(tx, "old", 3), 0);
    return 0; /* without closing anything */
}

static int64_t replace_when_told(void *argument)
{
    const struct creator *me = argument;
    struct chan *ch = NULL;
    uint64_t id[2];
    meet(me->shared, 0);
    struct chan_options options = CHAN_OPTIONS_INIT;
    expect_result(chan_open_or_create("x", &options, &ch), 0);
    expect_number(chan_len(ch), 0);
    chan_id(ch, (uint8_t *)id);
    me->shared->ids[me->number][0] = id[0];
    me->shared->ids[me->number][1] = id[1];
    chan_close(ch);
    return 0;
}

static void test_of_many_who_replace_a_dead_channel_all_get_the_same_new_one(void)
{
    for (int round = 0; round < 30; round++) {
        struct shared *shared = share();
        struct creator creators[CREATORS];
        struct child dead, children[CREATORS];
        child_spawn(&dead, leave_a_dead_channel, NULL);
        expect_number(child_finish(&dead), 0);
        for (int i = 0; i < CREATORS; i++) {
            creators[i] = (struct creator){.shared = shared, .number = i};
            child_spawn(&children[i], replace_when_told, &creators[i]);
        }
        wait_for(shared, CREATORS);
        atomic_store(&shared->round, 1);
        for (int i = 0; i < CREATORS; i++)
            expect_number(child_finish(&children[i]), 0);
        for (int i = 1; i < CREATORS; i++)
            expect(shared->ids[i][0] == shared->ids[0][0] && shared->ids[i][1] == shared->ids[0][1]);
        munmap(shared, sizeof *shared);
        expect_result(chan_unlink("x"), 0);
    }
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_of_racing_open_or_create_one_creates_and_all_have_the_same_channel, 60),
        PLAIN(test_of_racing_creates_exactly_one_succeeds, 60),
        PLAIN(test_a_durable_creator_killed_at_any_moment_leaves_a_sound_channel_or_none, 60),
        PLAIN(test_an_ephemeral_creator_killed_at_any_moment_leaves_a_sound_channel_or_none, 60),
        PLAIN(test_openers_among_creators_removers_and_kills_see_sound_channels_only, 60),
        PLAIN(test_of_many_who_replace_a_dead_channel_all_get_the_same_new_one, 60),
    };
    return suite_run_plain("races", cases, sizeof cases / sizeof *cases, argc, argv);
}
