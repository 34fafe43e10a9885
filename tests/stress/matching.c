/* SPDX-License-Identifier: Apache-2.0 */
/* Selects that meet selects on rendezvous channels: every message has one sender and one receiver, whatever the
 * number of operations, actors and withdrawals. SHMCHAN_SELECT_ROUNDS=100000 for a long run. */
#include <errno.h>
#include <pthread.h>
#include <shmchan/inspect.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "child.h"
#include "expect.h"
#include "load.h"
#include "suite.h"

#define ACTORS 44
#define LINES 4
#define US INT64_C(1000)
#define AT_LAST INT64_C(20000000000)

static void create(const char *name, uint32_t kind)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.kind = kind;
    options.message_size = 8;
    options.endpoints = 2 * ACTORS + 8;
    options.lifetime = CHAN_DURABLE;
    expect_result(chan_create(name, &options, &ch), 0);
    chan_close(ch);
}

/* One side of a channel, or both. */
struct line {
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
};

static struct line open_line(const char *name, bool sends, bool receives)
{
    struct line l = {0};
    expect_result(chan_open(name, 0, &l.ch), 0);
    if (sends)
        expect_result(chan_attach_sender(l.ch, 0, &l.tx), 0);
    if (receives)
        expect_result(chan_attach_receiver(l.ch, 0, &l.rx), 0);
    return l;
}

static void close_line(struct line *l)
{
    chan_close_sender(l->tx);
    chan_close_receiver(l->rx);
    chan_close(l->ch);
}

static const char *line_name(char name[8], int number)
{
    snprintf(name, 8, "line%d", number);
    return name;
}

/* ---- many actors, each on both sides of one channel ---- */

/* In memory that all actors share. */
struct meeting {
    pthread_barrier_t round;
    uint32_t rounds;
    atomic_uint actors;
    atomic_uint sent[ACTORS], received[ACTORS]; /* messages, by their senders */
};

static struct meeting *meeting_begin(uint32_t rounds)
{
    struct meeting *m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_barrierattr_t shared;
    expect(m != MAP_FAILED);
    expect(!pthread_barrierattr_init(&shared));
    expect(!pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED));
    expect(!pthread_barrier_init(&m->round, &shared, ACTORS));
    m->rounds = rounds;
    return m;
}

static void meeting_check(const struct meeting *m)
{
    uint32_t all = 0;
    for (int actor = 0; actor < ACTORS; actor++) {
        expect_number(atomic_load(&m->received[actor]), atomic_load(&m->sent[actor]));
        all += atomic_load(&m->sent[actor]);
    }
    expect_number(all, m->rounds * ACTORS / 2);
}

/* As their number is even, and nobody comes twice in a round, nobody is left over. */
static void take_part(struct meeting *m)
{
    uint64_t self = atomic_fetch_add(&m->actors, 1), other;
    struct line l = open_line("agora", true, true);
    struct chan_select *sel;
    struct chan_selected selected;
    expect_result(chan_select_create(0, &sel), 0);
    expect_number(chan_select_send(sel, l.tx, &self, sizeof self), 0);
    expect_number(chan_select_recv(sel, l.rx), 1);
    for (uint32_t round = 0; round < m->rounds; round++) {
        (void)pthread_barrier_wait(&m->round);
        expect_result(chan_select_timeout(sel, &selected, AT_LAST), 0);
        expect_result(selected.result, 0);
        if (selected.index == 0) {
            atomic_fetch_add(&m->sent[self], 1);
            continue;
        }
        memcpy(&other, selected.view.data, sizeof other);
        expect(other < ACTORS && other != self);
        atomic_fetch_add(&m->received[other], 1);
        expect_result(chan_release(l.rx, &selected.view), 0);
    }
    chan_select_close(sel);
    close_line(&l);
}

static int64_t take_part_as_process(void *meeting)
{
    take_part(meeting);
    return 0;
}

static void *take_part_as_thread(void *meeting)
{
    take_part(meeting);
    return NULL;
}

static void test_44_processes_match(void)
{
    struct meeting *m = meeting_begin((uint32_t)load_rounds(30));
    struct child children[ACTORS];
    create("agora", CHAN_RENDEZVOUS);
    for (int i = 0; i < ACTORS; i++)
        child_spawn(&children[i], take_part_as_process, m);
    for (int i = 0; i < ACTORS; i++)
        expect_number(child_finish(&children[i]), 0);
    meeting_check(m);
    expect_result(chan_unlink("agora"), 0);
}

static void test_44_threads_match(void)
{
    struct meeting *m = meeting_begin((uint32_t)load_rounds(30));
    pthread_t threads[ACTORS];
    create("agora", CHAN_RENDEZVOUS);
    for (int i = 0; i < ACTORS; i++)
        expect(!pthread_create(&threads[i], NULL, take_part_as_thread, m));
    for (int i = 0; i < ACTORS; i++)
        expect(!pthread_join(threads[i], NULL));
    meeting_check(m);
    expect_result(chan_unlink("agora"), 0);
}

/* ---- one select that sends, on one channel or another ---- */

/* Passes on what comes, up to a message that ends it. */
static int64_t pass_on(void *number)
{
    char name[8];
    struct line in = open_line(line_name(name, *(int *)number), false, true),
                out = open_line("out", true, false);
    for (uint64_t message = 1; message;) {
        expect_result(chan_recv(in.rx, &message, sizeof message, NULL), 0);
        if (message)
            expect_result(chan_send(out.tx, &message, sizeof message), 0);
    }
    close_line(&in);
    close_line(&out);
    return 0;
}

static int64_t select_to_send(void *rounds)
{
    struct line lines[LINES];
    struct chan_select *sel;
    struct chan_selected selected;
    uint64_t message;
    char name[8];
    expect_result(chan_select_create(0, &sel), 0);
    for (int i = 0; i < LINES; i++) {
        lines[i] = open_line(line_name(name, i), true, false);
        expect_number(chan_select_send(sel, lines[i].tx, &message, sizeof message), i);
    }
    for (message = 1; message <= *(uint64_t *)rounds; message++) {
        expect_result(chan_select_timeout(sel, &selected, AT_LAST), 0);
        expect_result(selected.result, 0);
    }
    message = 0;
    for (int i = 0; i < LINES; i++) {
        expect_result(chan_send(lines[i].tx, &message, sizeof message), 0);
        close_line(&lines[i]);
    }
    chan_select_close(sel);
    return 0;
}

/* If two of the operations took effect, its message would come twice. */
static void test_a_select_that_sends_to_many_sends_once(void)
{
    uint64_t rounds = (uint64_t)load_rounds(3000), message;
    unsigned char *seen = calloc(rounds + 1, 1);
    int numbers[LINES];
    char name[8];
    struct child sender, passers[LINES];
    expect(seen);
    create("out", CHAN_QUEUE);
    struct line out = open_line("out", false, true);
    for (int i = 0; i < LINES; i++) {
        create(line_name(name, i), CHAN_RENDEZVOUS);
        numbers[i] = i;
        child_spawn(&passers[i], pass_on, &numbers[i]);
    }
    child_spawn(&sender, select_to_send, &rounds);
    for (uint64_t i = 0; i < rounds; i++) {
        expect_result(chan_recv_timeout(out.rx, &message, sizeof message, NULL, AT_LAST), 0);
        expect(message >= 1 && message <= rounds && !seen[message]++);
    }
    expect_number(child_finish(&sender), 0);
    for (int i = 0; i < LINES; i++)
        expect_number(child_finish(&passers[i]), 0);
    expect_result(chan_try_recv(out.rx, &message, sizeof message, NULL), -EAGAIN);
    close_line(&out);
    expect_result(chan_unlink("out"), 0);
    for (int i = 0; i < LINES; i++)
        expect_result(chan_unlink(line_name(name, i)), 0);
    free(seen);
}

/* ---- selects that give up all the time ---- */

struct hurry {
    uint32_t rounds;
    bool sends;
    atomic_uint *running; /* of the other side */
    atomic_uint *own;
    atomic_uint *met; /* 1: some have; on a busy machine that can take more rounds */
};

/* Returns the sum of the messages that took effect. What a select leaves behind when it gives up, if it left
 * anything, would be met later, and be missing on the other side. */
static int64_t select_in_a_hurry(void *argument)
{
    const struct hurry *h = argument;
    struct line lines[2] = {open_line("line0", h->sends, !h->sends), open_line("line1", h->sends, !h->sends)};
    struct chan_select *sel;
    struct chan_selected selected;
    uint64_t message, sum = 0;
    expect_result(chan_select_create(0, &sel), 0);
    for (int i = 0; i < 2; i++)
        expect_number(h->sends ? chan_select_send(sel, lines[i].tx, &message, sizeof message)
                               : chan_select_recv(sel, lines[i].rx),
                      i);
    for (uint32_t round = 1; (round <= h->rounds || !atomic_load(h->met)) && atomic_load(h->running);
         round++) {
        message = round;
        int result = chan_select_timeout(sel, &selected, round % 64 * US);
        expect(!result || result == -ETIMEDOUT);
        if (result)
            continue;
        expect_result(selected.result, 0);
        if (!h->sends) {
            memcpy(&message, selected.view.data, sizeof message);
            expect_result(chan_release(lines[selected.index].rx, &selected.view), 0);
        }
        sum += message;
        atomic_store(h->met, 1);
    }
    atomic_fetch_sub(h->own, 1);
    chan_select_close(sel);
    close_line(&lines[0]);
    close_line(&lines[1]);
    return (int64_t)sum;
}

static void test_selects_that_give_up_leave_nothing_behind(void)
{
    uint32_t rounds = (uint32_t)load_rounds(3000);
    atomic_uint *running =
        mmap(NULL, 3 * sizeof *running, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct child children[4];
    int64_t sums[2] = {0, 0};
    expect(running != MAP_FAILED);
    create("line0", CHAN_RENDEZVOUS);
    create("line1", CHAN_RENDEZVOUS);
    running[0] = running[1] = 2;
    for (int i = 0; i < 4; i++) {
        struct hurry hurry = {rounds, i % 2, &running[1 - i % 2], &running[i % 2], &running[2]};
        child_spawn(&children[i], select_in_a_hurry, &hurry);
    }
    for (int i = 0; i < 4; i++)
        sums[i % 2] += child_finish(&children[i]);
    expect_number(sums[1], sums[0]);
    expect(sums[0] > 0);
    for (int i = 0; i < 2; i++) {
        char name[8], text[200];
        struct line l = open_line(line_name(name, i), false, false);
        struct chan_stat stat = {.size = sizeof stat};
        expect_result(chan_stat(l.ch, &stat), 0);
        expect_number(stat.sent, stat.received);
        expect_number(stat.offers + stat.demands + stat.held + stat.orphaned, 0);
        expect_result(chan_check(l.ch, text, sizeof text), 0);
        close_line(&l);
        expect_result(chan_unlink(line_name(name, i)), 0);
    }
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_44_processes_match, 3600),
        PLAIN(test_44_threads_match, 3600),
        PLAIN(test_a_select_that_sends_to_many_sends_once, 3600),
        PLAIN(test_selects_that_give_up_leave_nothing_behind, 3600),
    };
    return suite_run_plain("stress_matching", cases, sizeof cases / sizeof *cases, argc, argv);
}
