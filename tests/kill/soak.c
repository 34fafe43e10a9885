/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, stops and restarts processes of a busy channel at random, and accounts for every message.
 *
 *   soak [--seconds N] [--workers N] [--messages N] [--seed N] [--every MICROSECONDS] */
#include "worker.h"

#include <shmchan/inspect.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX BOOK_SENDERS

/* Nothing may stand still for longer: sleepers look around by themselves after 1.25 s even if they are owed a
 * wake-up by a process that is stopped. */
#define STUCK_NS INT64_C(5000000000)

struct options {
    unsigned seconds, workers, messages, every_us;
    uint64_t seed;
};

struct slot {
    struct worker worker;
    pid_t pid;
    bool stopped;
};

struct soak {
    struct options options;
    struct book *book;
    struct chan *kept;   /* with a keeper in each process */
    struct chan *polled; /* the same channel, without */
    struct slot slots[WORKERS_MAX];
    uint64_t random;
    uint64_t kills, stops, copier_kills;
};

static void start(struct soak *soak, struct slot *slot)
{
    slot->worker.seed = worker_random(&soak->random);
    slot->worker.ch = worker_random(&soak->random) % 4 ? soak->kept : soak->polled;
    slot->stopped = false;
    fflush(NULL);
    slot->pid = fork();
    if (slot->pid < 0)
        abort();
    if (!slot->pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        worker_run(&slot->worker);
    }
}

static void reap(struct soak *soak, struct slot *slot)
{
    int status;
    if (slot->pid && waitpid(slot->pid, &status, 0) == slot->pid &&
        !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) && !(WIFEXITED(status) && !WEXITSTATUS(status)))
        book_fault(soak->book, "a worker of kind %d ended with status %#x", (int)slot->worker.kind,
                   (unsigned)status);
    slot->pid = 0;
}

/* Something happens to one of them; a dead one may stay a zombie for a while. */
static void disturb(struct soak *soak)
{
    struct slot *slot = &soak->slots[worker_random(&soak->random) % soak->options.workers];
    siginfo_t info = {0};
    if (!slot->pid) {
        start(soak, slot);
        return;
    }
    if (!waitid(P_PID, (id_t)slot->pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid) {
        reap(soak, slot);
        start(soak, slot);
    } else if (slot->stopped && worker_random(&soak->random) % 2) {
        kill(slot->pid, SIGCONT);
        slot->stopped = false;
    } else if (worker_random(&soak->random) % 2) {
        kill(slot->pid, SIGKILL);
        soak->kills++;
        /* A visitor may be copying too. */
        soak->copier_kills += slot->worker.kind == WORKER_COPIER || slot->worker.kind == WORKER_VISITOR;
    } else {
        kill(slot->pid, SIGSTOP);
        slot->stopped = true;
        soak->stops++;
    }
}

/* How things stand, for whoever has to find out why. */
static void describe(const struct soak *soak)
{
    struct chan_stat stat = {.size = sizeof stat};
    int result = chan_stat(soak->polled, &stat);
    fprintf(stderr, "  stat %d: queued %lu, held %lu, orphaned %lu, units %lu, dead %u\n", result,
            stat.queued, stat.held, stat.orphaned, stat.units_used, stat.dead);
    for (uint32_t number = 0; number < 2 * WORKERS_MAX; number++) {
        struct chan_endpoint_stat e = {.size = sizeof e};
        if (!chan_endpoint_stat(soak->polled, number, &e))
            fprintf(stderr,
                    "  endpoint %u: role %u, state %u, pid %u, waits for %u since %ld us, in operation %u, "
                    "held %u, "
                    "orphaned %u\n",
                    number, e.role, e.state, e.pid, e.waits_for, e.waiting_ns / 1000, e.in_operation, e.held,
                    e.orphaned);
    }
    for (unsigned i = 0; i < soak->options.workers; i++)
        fprintf(stderr, "  worker %u: kind %d, pid %d%s\n", i, (int)soak->slots[i].worker.kind,
                (int)soak->slots[i].pid, soak->slots[i].stopped ? ", stopped" : "");
}

static void fail_if_stuck(struct soak *soak, uint64_t *seen, int64_t *since)
{
    uint64_t now = atomic_load(&soak->book->received);
    if (now != *seen) {
        *seen = now;
        *since = chan_now();
    } else if (chan_now() - *since > STUCK_NS) {
        book_fault(soak->book, "nothing was received for %d s", (int)(STUCK_NS / 1000000000));
        describe(soak);
        *since = chan_now();
    }
}

static void run(struct soak *soak)
{
    int64_t end = chan_deadline((int64_t)soak->options.seconds * 1000000000), since = chan_now();
    uint64_t seen = 0;
    for (unsigned i = 0; i < soak->options.workers; i++) {
        struct slot *slot = &soak->slots[i];
        slot->worker = (struct worker){
            .kind = (enum worker_kind)(i % WORKER_KINDS),
            .number = i,
            .book = soak->book,
            .message_max = 12000,
        };
        start(soak, slot);
    }
    while (chan_now() < end && atomic_load(&soak->book->faults) < 20) {
        disturb(soak);
        fail_if_stuck(soak, &seen, &since);
        usleep((useconds_t)(worker_random(&soak->random) % (2 * soak->options.every_us)));
    }
    atomic_store(&soak->book->stop, 1);
    for (unsigned i = 0; i < soak->options.workers; i++) {
        if (soak->slots[i].pid)
            kill(soak->slots[i].pid, SIGCONT);
        reap(soak, &soak->slots[i]);
    }
}

static void drain(struct soak *soak)
{
    static unsigned char buffer[20000];
    struct chan_repair_report report;
    struct chan_receiver *rx;
    size_t size;
    int result = chan_repair(soak->polled, 0, &report);
    if (!result)
        result = chan_attach_receiver(soak->polled, 0, &rx);
    if (result) {
        book_fault(soak->book, "repair and attach: %s", chan_error_name(result));
        return;
    }
    while (!(result = chan_try_recv(rx, buffer, sizeof buffer, &size)))
        worker_book_copy(soak->book, buffer, size);
    if (result != -EAGAIN)
        book_fault(soak->book, "draining: %s", chan_error_name(result));
    chan_close_receiver(rx);
}

static void audit(struct soak *soak)
{
    struct book *book = soak->book;
    struct balance b = book_balance(book);
    struct chan_stat stat = {.size = sizeof stat};
    char text[200];
    if (b.pending)
        book_fault(book, "%lu messages that were in a dead receiver's hands never came back", b.pending);
    if (b.lost > soak->copier_kills * 4)
        book_fault(book, "%lu messages lost, with %lu copying receivers killed", b.lost, soak->copier_kills);
    if (chan_check(soak->polled, text, sizeof text))
        book_fault(book, "chan_check: %s", text);
    if (chan_stat(soak->polled, &stat))
        book_fault(book, "chan_stat fails");
    if (stat.queued || stat.held || stat.orphaned || stat.dead || stat.units_used || stat.senders ||
        stat.receivers)
        book_fault(
            book,
            "left over: queued %lu, held %lu, orphaned %lu, dead %u, units %lu, senders %u, receivers %u",
            stat.queued, stat.held, stat.orphaned, stat.dead, stat.units_used, stat.senders, stat.receivers);
    if (stat.sent != stat.received + stat.discarded)
        book_fault(book, "sent %lu, received %lu, discarded %lu", stat.sent, stat.received, stat.discarded);
    if (stat.sent < b.sent || stat.sent > b.sent + soak->kills * 4)
        book_fault(book, "the channel counts %lu sent, the books %lu", stat.sent, b.sent);
    /* What arrived, and what went down with a copying receiver, is all that was received. */
    if (stat.received < b.arrived || stat.received > b.arrived + soak->copier_kills * 4)
        book_fault(book, "the channel counts %lu received, the books %lu", stat.received, b.arrived);
    printf("soak: seed %lu, %lu sent, %lu arrived, %lu gone with %lu killed copiers, %llu redelivered, "
           "%lu kills, %lu stops, %u faults\n",
           soak->options.seed, b.sent, b.arrived, b.lost, soak->copier_kills, atomic_load(&book->redelivered),
           soak->kills, soak->stops, atomic_load(&book->faults));
}

static void parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long value = strtoul(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--seconds"))
            o->seconds = (unsigned)value;
        else if (!strcmp(argv[i], "--workers") && value >= 4 && value <= WORKERS_MAX)
            o->workers = (unsigned)value;
        else if (!strcmp(argv[i], "--messages") && value)
            o->messages = (unsigned)value;
        else if (!strcmp(argv[i], "--every") && value)
            o->every_us = (unsigned)value;
        else if (!strcmp(argv[i], "--seed"))
            o->seed = value;
        else {
            fprintf(stderr, "soak: bad argument %s %s\n", argv[i], argv[i + 1]);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    struct soak soak = {
        .options = {
            .seconds = 20, .workers = 24, .messages = 8, .every_us = 1000, .seed = (uint64_t)time(NULL)}};
    parse(argc, argv, &soak.options);
    printf("soak: seed %lu\n", soak.options.seed);
    soak.random = soak.options.seed * 2 + 1;
    soak.book = book_new();
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.messages = soak.options.messages;
    options.message_size = 12000;
    options.lifetime = CHAN_DURABLE;
    options.endpoints = 2 * WORKERS_MAX;
    int result = chan_create_anonymous(&options, &soak.kept);
    if (!result)
        result = chan_open_fd(chan_fd(soak.kept), CHAN_NO_KEEPER, &soak.polled);
    if (result) {
        fprintf(stderr, "soak: create: %s\n", chan_strerror(result));
        return 2;
    }
    run(&soak);
    drain(&soak);
    audit(&soak);
    chan_close(soak.polled);
    chan_close(soak.kept);
    return atomic_load(&soak.book->faults) != 0;
}
