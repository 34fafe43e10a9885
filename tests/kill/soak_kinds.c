/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, stops and restarts processes at random in channels that are no queues, each by its own law: broadcasts that
 * overwrite and that wait (broadcasters.c), watches (watchers.c), calls that are served once and repeatedly (callers.c),
 * and channels whose messages lend endpoints of them (lenders.c).
 *
 * It goes from channel to channel, of each kind in turns. All calls are limited in time, and now and then everybody is
 * brought to rest for an audit. The blows, their order and what each worker does follow from the seed; how they fall in
 * with each other does not.
 *
 *   soak_kinds [--seconds N | --minutes N] [--kind lag|block|watch|call|repeated-call|lease] [--workers N]
 *              [--channel SECONDS] [--every MICROSECONDS] [--seed N] */
#include "toil.h"
#include "watchdog.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REST_EVERY_NS INT64_C(300000000)
#define WITNESS_MS 30000
#define FAULTS_MAX 20

static const struct toil_kind *const kinds[] = {&toil_lagging,  &toil_watch,         &toil_call,
                                                &toil_blocking, &toil_repeated_call, &toil_lease};
#define KINDS (sizeof kinds / sizeof *kinds)
#define ANY (-1L)

struct options {
    long seconds, minutes, workers, channel, every, seed, kind;
};

struct totals {
    uint64_t channels, checks, sent, torn, doubled, faults;
    struct toll toll;
};

struct soak {
    struct options options;
    struct crew *crew;
    struct totals totals;
    uint64_t random;
    unsigned round;
    const struct toil_kind *kind;
    bool named;
};

static const struct toil_kind *playing; /* what this process's workers do */

static uint64_t draw(struct soak *soak, uint64_t below)
{
    return worker_random(&soak->random) % below;
}

__attribute__((noreturn)) static void run(const struct worker *worker)
{
    struct toiler *toiler = calloc(1, sizeof *toiler);
    if (!toiler)
        abort();
    toiler->worker = worker;
    toiler->book = worker->book;
    toiler->desk = &worker->book->desks[worker->desk];
    toiler->random = worker->seed | 1;
    playing->work(toiler, (unsigned)worker->kind);
    atomic_store(&toiler->desk->parked, UINT32_MAX); /* it makes no more calls */
    _exit(0);
}

static int open_channel(struct soak *soak)
{
    struct crew *crew = soak->crew;
    struct chan_options options = CHAN_OPTIONS_INIT;
    char name[40];
    options.message_size = TOIL_MESSAGE_MAX + 64;
    options.lifetime = CHAN_DURABLE;
    options.endpoints = 2 * CREW_MAX;
    soak->kind->shape(&options, draw(soak, 6));
    soak->named = draw(soak, 2) && !soak->kind->lease_ns; /* the name will be gone */
    snprintf(name, sizeof name, "soak-kinds-%d", (int)getpid());
    int result =
        soak->named ? chan_create(name, &options, &crew->kept) : chan_create_anonymous(&options, &crew->kept);
    if (!result)
        result = soak->named ? chan_open(name, CHAN_NO_KEEPER, &crew->polled)
                             : chan_open_fd(chan_fd(crew->kept), CHAN_NO_KEEPER, &crew->polled);
    if (!result && soak->named)
        result = chan_unlink(name); /* so that none is left if this process is killed */
    return result;
}

static void cast(struct soak *soak)
{
    struct crew *crew = soak->crew;
    crew->size = (unsigned)soak->options.workers;
    crew->run = run;
    crew->prepares = false;
    crew->one_sender = true; /* one thread each */
    crew->random = worker_random(&soak->random);
    crew->toll = (struct toll){0};
    memset(&crew->witnessed, 0, sizeof crew->witnessed);
    playing = soak->kind;
    for (unsigned i = 0; i < crew->size; i++)
        crew->members[i] = (struct member){
            .worker = {.kind = (enum worker_kind)(i % soak->kind->roles),
                       .desk = i * WORKER_THREADS_MAX,
                       .book = crew->book},
        };
}

/* ---- the witness ---- */

static pid_t start_witness(struct soak *soak)
{
    struct crew *crew = soak->crew;
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        soak->kind->witness(crew);
        _exit(0);
    }
    while (pid > 0 && !atomic_load(&crew->witnessed.ready))
        usleep(500);
    return pid;
}

static void end_witness(struct soak *soak, pid_t pid)
{
    int status;
    atomic_store(&soak->crew->witnessed.closing, 1);
    if (waitpid(pid, &status, 0) != pid || status)
        book_fault(soak->crew->book, "the witness ended with status %#x", (unsigned)status);
}

/* It has got all that was sent so far: nobody moves. */
static void wait_for_witness(struct soak *soak)
{
    struct crew *crew = soak->crew;
    struct chan_endpoint_stat stat = {.size = sizeof stat};
    for (int ms = 0; ms < WITNESS_MS; ms++) {
        int result = chan_endpoint_stat(crew->polled, atomic_load(&crew->witnessed.number), &stat);
        if (result)
            book_fault(crew->book, "endpoint_stat: %s", chan_error_name(result));
        if (result || !stat.unread)
            return;
        usleep(1000);
    }
    book_fault(crew->book, "the witness does not get what was sent");
}

/* ---- audits ---- */

/* Every block, unit and message is accounted for while nobody moves. */
static void check(struct soak *soak, struct chan_stat *stat)
{
    struct crew *crew = soak->crew;
    struct chan_repair_report report;
    char text[200] = "";
    *stat = (struct chan_stat){.size = sizeof *stat};
    int result = chan_repair(crew->polled, 0, &report);
    if (!result)
        result = chan_stat(crew->polled, stat);
    if (result)
        book_fault(crew->book, "repair and stat: %s", chan_error_name(result));
    if (chan_check(crew->polled, text, sizeof text))
        book_fault(crew->book, "chan_check: %s", text);
    if (stat->dead)
        book_fault(crew->book, "%u dead endpoints are left after repair", stat->dead);
    soak->totals.checks++;
}

static void rest(struct soak *soak, unsigned number)
{
    struct book *book = soak->crew->book;
    struct chan_stat stat;
    atomic_store(&book->phase, BOOK_WINDING_UP);
    crew_rest(soak->crew, number);
    if (soak->kind->witness)
        wait_for_witness(soak);
    /* No lease is to end between repair and check. */
    usleep((useconds_t)(soak->kind->lease_ns / 1000));
    check(soak, &stat);
    crew_go_on(soak->crew);
    atomic_fetch_add(&book->steps, 1);
    atomic_store(&book->phase, BOOK_RUNNING);
}

static void disturb_until(struct soak *soak, int64_t end)
{
    int64_t next_rest = chan_deadline(REST_EVERY_NS);
    unsigned number = 0;
    while (chan_now() < end && atomic_load(&soak->crew->book->faults) < FAULTS_MAX) {
        crew_disturb(soak->crew);
        atomic_fetch_add(&soak->crew->book->blows, 1);
        if (chan_now() > next_rest) {
            rest(soak, ++number);
            next_rest = chan_deadline(REST_EVERY_NS);
        }
        usleep((useconds_t)draw(soak, (uint64_t)(2 * soak->options.every)));
    }
}

static void add_up(struct soak *soak, const struct chan_stat *stat)
{
    struct totals *t = &soak->totals;
    struct book *book = soak->crew->book;
    const struct toll *toll = &soak->crew->toll;
    t->channels++;
    t->sent += stat->sent;
    t->torn += atomic_load(&book->torn);
    t->doubled += atomic_load(&book->doubled);
    t->faults += atomic_load(&book->faults);
    t->toll.kills += toll->kills;
    t->toll.kills_stopped += toll->kills_stopped;
    t->toll.stops += toll->stops;
    printf(
        "soak: channel %u: %s, n %lu, %s: %lu sent, %lu received by workers, longest gap %ld ms, %u faults\n",
        soak->round, soak->kind->name, chan_capacity(soak->crew->kept), soak->named ? "named" : "anonymous",
        stat->sent, (unsigned long)atomic_load(&book->received), (long)(atomic_load(&book->gap_ns) / 1000000),
        atomic_load(&book->faults));
}

static void audit(struct soak *soak)
{
    struct crew *crew = soak->crew;
    struct chan_stat stat;
    struct balance b = book_balance(crew->book);
    check(soak, &stat);
    if (stat.held || stat.senders || stat.receivers)
        book_fault(crew->book, "left over: held %lu, senders %u, receivers %u", stat.held, stat.senders,
                   stat.receivers);
    soak->kind->audit(crew, &stat, &b);
    add_up(soak, &stat);
}

/* One channel from its creation to its end. */
static int play(struct soak *soak)
{
    struct crew *crew = soak->crew;
    struct book *book = crew->book = book_open();
    soak->kind = kinds[soak->options.kind == ANY ? soak->round % KINDS : (uint64_t)soak->options.kind];
    int result = open_channel(soak);
    if (result) {
        fprintf(stderr, "soak: create: %s\n", chan_strerror(result));
        return result;
    }
    cast(soak);
    pid_t witness = soak->kind->witness ? start_witness(soak) : 0;
    pid_t watchdog = watchdog_start(crew);
    disturb_until(soak, chan_deadline((int64_t)soak->options.channel * 1000000000));
    atomic_store(&book->phase, BOOK_WINDING_UP);
    atomic_store(&book->stop, 1);
    crew_end(crew);
    if (witness)
        end_witness(soak, witness);
    audit(soak);
    watchdog_end(watchdog);
    chan_close(crew->polled);
    chan_close(crew->kept);
    book_close(book);
    return 0;
}

static long kind_of(const char *name)
{
    for (long i = 0; i < (long)KINDS; i++)
        if (!strcmp(name, kinds[i]->name))
            return i;
    return ANY;
}

static void parse(int argc, char **argv, struct options *o)
{
    const struct {
        const char *name;
        long *value;
        long least, most;
    } known[] = {
        {"--seconds", &o->seconds, 1, 1000000},  {"--minutes", &o->minutes, 1, 10000},
        {"--workers", &o->workers, 4, CREW_MAX}, {"--channel", &o->channel, 1, 20},
        {"--every", &o->every, 1, 1000000},      {"--seed", &o->seed, 0, INT32_MAX},
        {"--kind", &o->kind, 0, KINDS - 1},
    };
    for (int i = 1; i < argc; i += 2) {
        bool good = false;
        for (size_t k = 0; k < sizeof known / sizeof known[0] && i + 1 < argc; k++) {
            bool names = known[k].value == &o->kind;
            long value = names ? kind_of(argv[i + 1]) : strtol(argv[i + 1], NULL, 10);
            if (strcmp(argv[i], known[k].name) || value < known[k].least || value > known[k].most)
                continue;
            *known[k].value = value;
            good = true;
        }
        if (!good) {
            fprintf(stderr, "soak_kinds: bad argument %s\n", argv[i]);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    struct soak soak = {.options = {.seconds = 20,
                                    .workers = 12,
                                    .channel = 2,
                                    .every = 1000,
                                    .seed = time(NULL) % 1000000,
                                    .kind = ANY}};
    parse(argc, argv, &soak.options);
    printf("soak: seed %ld\n", soak.options.seed);
    soak.random = (uint64_t)soak.options.seed * 2 + 1;
    soak.crew = crew_open();
    int64_t seconds = soak.options.minutes ? 60 * soak.options.minutes : soak.options.seconds;
    int64_t end = chan_deadline(seconds * 1000000000);
    int result = 0;
    for (; !result && chan_now() < end && !soak.totals.faults; soak.round++)
        result = play(&soak);
    const struct totals *t = &soak.totals;
    printf("soak: seed %ld: %lu channels, %lu checks, %lu sent; %lu kills (%lu while stopped), %lu stops\n"
           "soak: torn %lu, doubled %lu, faults %lu\n",
           soak.options.seed, t->channels, t->checks, t->sent, t->toll.kills, t->toll.kills_stopped,
           t->toll.stops, t->torn, t->doubled, t->faults);
    crew_close(soak.crew);
    return result || t->faults;
}
