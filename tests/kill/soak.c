/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, stops and restarts processes of busy channels at random, and accounts for every message.
 *
 * It goes from channel to channel, each of another shape: 1, 2 or 64 messages, one or many senders and
 * receivers, named and anonymous. In every other one all calls wait for ever, and it ends by chan_shutdown()
 * in the middle of the traffic. In the others calls are limited in time, loans and views are kept over
 * several calls, everything is brought to rest now and then for an audit, and some processes repair and
 * inspect all the time.
 *
 * The channels are queues, queues whose senders come in order, rendezvous, and growable queues, in turns, or of one
 * --kind; soak_kinds.c is for those in which a message is not for one receiver alone. A growable queue has room for 16
 * times as many messages, of which every other is large; in the end it has as much memory as in the beginning.
 *
 *   soak [--seconds N | --minutes N] [--kind queue|fair|rendezvous|growable] [--workers N] [--messages N]
 *        [--senders 1|0] [--receivers 1|0] [--forever 1|0] [--channel SECONDS] [--every MICROSECONDS] [--seed N]
 *        (0: many, and limited) */
#include "crew.h"
#include "nursery.h"
#include "watchdog.h"

#include <shmchan/inspect.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 65536u
#define PATIENCE_NS INT64_C(50000000)
#define REST_EVERY_NS INT64_C(300000000)
#define ANY (-1L)

enum soak_kind { SOAK_QUEUE, SOAK_FAIR, SOAK_RENDEZVOUS, SOAK_GROWABLE, SOAK_KINDS };

static const char *const kind_names[SOAK_KINDS] = {"queue", "fair", "rendezvous", "growable"};

struct options {
    long seconds, minutes, kind, workers, messages, senders, receivers, forever, channel, every, seed;
};

/* What all channels together came to. */
struct totals {
    uint64_t channels, checks, sent, arrived, gone, redelivered, lost, doubled, torn, ghosts, faults;
    uint64_t grown, shrunk; /* how often memory was seen to have come, and gone */
    int64_t worst_gap_ns;
    struct toll toll;
};

struct soak {
    struct options options;
    struct crew *crew;
    struct totals totals;
    uint64_t random;
    unsigned round;
    unsigned kinds; /* of workers */
    bool forever, named;
    enum soak_kind kind;
    struct chan_options shape;
    struct chan_stat empty; /* the channel as it was created */
    uint64_t committed;     /* bytes, when last looked at */
    uint64_t checks;
    int64_t end_ns; /* what it took everybody to end by themselves */
};

static uint64_t draw(struct soak *soak, uint64_t below)
{
    return worker_random(&soak->random) % below;
}

/* Every combination comes up once before one comes again; the seed says where it begins. */
static void draw_shape(struct soak *soak)
{
    static const uint64_t messages[] = {1, 2, 64};
    const struct options *o = &soak->options;
    uint64_t number = (uint64_t)o->seed + soak->round;
    soak->forever = o->forever == ANY ? number % 2 : (uint64_t)o->forever;
    soak->named = draw(soak, 2);
    soak->shape = (struct chan_options)CHAN_OPTIONS_INIT;
    soak->shape.messages = o->messages == ANY ? messages[number / 2 % 3] : (uint64_t)o->messages;
    soak->shape.senders = o->senders == ANY ? number / 6 % 2 : o->senders == 1;
    soak->shape.receivers = o->receivers == ANY ? number / 12 % 2 : o->receivers == 1;
    /* Another one each time, and another one when the 24 begin again. */
    soak->kind = (enum soak_kind)(o->kind == ANY ? (number + number / 24) % SOAK_KINDS : (uint64_t)o->kind);
    if (soak->kind == SOAK_FAIR)
        soak->shape.order = CHAN_FAIR;
    if (soak->kind == SOAK_RENDEZVOUS) {
        soak->shape.kind = CHAN_RENDEZVOUS;
        soak->shape.messages = 0;
    }
    if (soak->kind == SOAK_GROWABLE) {
        soak->shape.kind = CHAN_GROWABLE;
        soak->shape.messages *= 16;
    }
    soak->shape.message_size = MESSAGE_MAX;
    soak->shape.bytes = UINT64_C(8) * MESSAGE_MAX;
    soak->shape.lifetime = CHAN_DURABLE;
    soak->shape.endpoints = 2 * BOOK_DESKS;
}

/* Only named ones can be had without their descriptor. */
static int open_channel(struct soak *soak)
{
    struct crew *crew = soak->crew;
    char name[40] = "";
    snprintf(name, sizeof name, "soak-%d", (int)getpid());
    int result = soak->named ? chan_create(name, &soak->shape, &crew->kept)
                             : chan_create_anonymous(&soak->shape, &crew->kept);
    if (!result)
        result = soak->named ? chan_open(name, CHAN_NO_KEEPER, &crew->polled)
                             : chan_open_fd(chan_fd(crew->kept), CHAN_NO_KEEPER, &crew->polled);
    if (!result && soak->named)
        result = chan_unlink(name); /* so that none is left if this process is killed */
    soak->empty = (struct chan_stat){.size = sizeof soak->empty};
    if (!result)
        result = chan_stat(crew->polled, &soak->empty);
    soak->committed = soak->empty.committed_bytes;
    return result;
}

static void cast(struct soak *soak)
{
    struct crew *crew = soak->crew;
    crew->size = (unsigned)soak->options.workers;
    crew->run = worker_run;
    crew->prepares = true;
    crew->one_sender = soak->shape.senders == CHAN_ONE;
    crew->one_receiver = soak->shape.receivers == CHAN_ONE;
    crew->random = worker_random(&soak->random);
    crew->toll = (struct toll){0};
    /* Who repairs wakes everybody; so there must be channels where nobody does. */
    unsigned kinds = soak->forever ? WORKER_KINDS - 1 : WORKER_KINDS;
    for (unsigned i = 0; i < crew->size; i++)
        crew->members[i] = (struct member){
            .worker = {.kind = (enum worker_kind)(i % kinds),
                       .desk = i * WORKER_THREADS_MAX,
                       .book = crew->book,
                       .message_max = MESSAGE_MAX,
                       .large_one_in = soak->kind == SOAK_GROWABLE ? 2 : 8,
                       .patience_ns = soak->forever ? CHAN_FOREVER : PATIENCE_NS},
        };
}

/* Every block, unit and message is accounted for while nobody moves. */
static void check(struct soak *soak)
{
    struct crew *crew = soak->crew;
    struct chan_repair_report report;
    struct chan_stat stat = {.size = sizeof stat};
    char text[200] = "";
    int result = chan_repair(crew->polled, 0, &report);
    if (!result)
        result = chan_stat(crew->polled, &stat);
    if (result)
        book_fault(crew->book, "repair and stat: %s", chan_error_name(result));
    if (chan_check(crew->polled, text, sizeof text))
        book_fault(crew->book, "chan_check: %s", text);
    if (stat.dead)
        book_fault(crew->book, "%u dead endpoints are left after repair", stat.dead);
    if (stat.sent != stat.received + stat.discarded + stat.held + stat.orphaned + stat.queued)
        book_fault(crew->book, "sent %lu, received %lu, discarded %lu, held %lu, orphaned %lu, queued %lu",
                   stat.sent, stat.received, stat.discarded, stat.held, stat.orphaned, stat.queued);
    soak->checks++;
}

static void rest(struct soak *soak, unsigned number)
{
    struct book *book = soak->crew->book;
    atomic_store(&book->phase, BOOK_WINDING_UP);
    crew_rest(soak->crew, number);
    check(soak);
    crew_go_on(soak->crew);
    atomic_fetch_add(&book->steps, 1);
    atomic_store(&book->phase, BOOK_RUNNING);
}

static void look_for_growth(struct soak *soak)
{
    struct chan_stat stat = {.size = sizeof stat};
    if (soak->kind != SOAK_GROWABLE || chan_stat(soak->crew->polled, &stat))
        return;
    soak->totals.grown += stat.committed_bytes > soak->committed;
    soak->totals.shrunk += stat.committed_bytes < soak->committed;
    soak->committed = stat.committed_bytes;
}

static void disturb_until(struct soak *soak, int64_t end)
{
    int64_t next_rest = chan_deadline(REST_EVERY_NS);
    unsigned number = 0;
    while (chan_now() < end && atomic_load(&soak->crew->book->faults) < 20) {
        crew_disturb(soak->crew);
        atomic_fetch_add(&soak->crew->book->blows, 1);
        look_for_growth(soak);
        if (!soak->forever && chan_now() > next_rest) {
            rest(soak, ++number);
            next_rest = chan_deadline(REST_EVERY_NS);
        }
        usleep((useconds_t)draw(soak, (uint64_t)(2 * soak->options.every)));
    }
}

/* One who is killed in the middle of it, then one who is not. */
static void shut_down(struct soak *soak)
{
    struct chan *ch = soak->crew->polled;
    useconds_t delay = (useconds_t)draw(soak, 400);
    fflush(NULL);
    pid_t pid = fork();
    if (!pid)
        _exit(chan_shutdown(ch) != 0);
    usleep(delay);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    int result = chan_shutdown(ch);
    if (result)
        book_fault(soak->crew->book, "shutdown: %s", chan_error_name(result));
}

static void drain(struct soak *soak)
{
    static unsigned char buffer[MESSAGE_MAX];
    struct book *book = soak->crew->book;
    struct chan_receiver *rx;
    size_t size;
    int result = chan_attach_receiver(soak->crew->polled, 0, &rx);
    if (result) {
        book_fault(book, "attach to drain: %s", chan_error_name(result));
        return;
    }
    while (!(result = chan_try_recv(rx, buffer, sizeof buffer, &size)))
        book_copy(book, buffer, size);
    if (result != (soak->forever ? -EPIPE : -EAGAIN))
        book_fault(book, "draining: %s", chan_error_name(result));
    chan_close_receiver(rx);
}

static void audit(struct soak *soak)
{
    struct crew *crew = soak->crew;
    struct book *book = crew->book;
    struct totals *t = &soak->totals;
    struct balance b = book_balance(book);
    struct chan_stat stat = {.size = sizeof stat};
    if (chan_stat(crew->polled, &stat))
        book_fault(book, "chan_stat fails");
    if (b.ghosts)
        book_fault(book, "%lu messages came whose send had failed", b.ghosts);
    if (stat.permits || stat.offers || stat.demands)
        book_fault(book, "left over: %lu places kept, %u offers, %u demands", stat.permits, stat.offers,
                   stat.demands);
    if (stat.queued || stat.held || stat.orphaned || stat.dead || stat.units_used || stat.senders ||
        stat.receivers || stat.discarded)
        book_fault(
            book,
            "left over: queued %lu, held %lu, orphaned %lu, dead %u, units %lu, senders %u, receivers %u, "
            "discarded %lu",
            stat.queued, stat.held, stat.orphaned, stat.dead, stat.units_used, stat.senders, stat.receivers,
            stat.discarded);
    if (stat.committed_bytes != soak->empty.committed_bytes ||
        stat.resident_bytes > soak->empty.resident_bytes)
        book_fault(book, "left over: %lu bytes committed and %lu resident, of an empty channel %lu and %lu",
                   stat.committed_bytes, stat.resident_bytes, soak->empty.committed_bytes,
                   soak->empty.resident_bytes);
    /* What was surely sent was sent, and beyond that at most what calls had in hand whose caller died. */
    if (stat.sent < b.sent || stat.sent > b.sent + crew->toll.may_be_sent)
        book_fault(book, "the channel counts %lu sent, the books %lu, and %lu at most in dead senders' calls",
                   stat.sent, b.sent, crew->toll.may_be_sent);
    /* What was received and did not arrive went down with copying receivers, in the calls they died in: also what
     * had come back from a dead receiver that had viewed it. */
    uint64_t gone = stat.received - b.arrived, missing = b.lost + b.pending;
    if (stat.received < b.arrived || gone > crew->toll.may_be_lost || gone < missing ||
        gone > missing + b.unsure)
        book_fault(
            book,
            "the channel counts %lu received, the books %lu; %lu lost for sure, %lu perhaps, and %lu at "
            "most in dead receivers' calls",
            stat.received, b.arrived, missing, b.unsure, crew->toll.may_be_lost);
    t->sent += stat.sent;
    t->arrived += b.arrived;
    t->gone += gone;
    t->lost += gone < missing ? missing - gone : 0;
    t->ghosts += b.ghosts;
    t->doubled += atomic_load(&book->doubled);
    t->torn += atomic_load(&book->torn);
    t->redelivered += atomic_load(&book->redelivered);
    t->faults += atomic_load(&book->faults);
    t->checks += soak->checks;
    t->channels++;
    t->toll.kills += crew->toll.kills;
    t->toll.kills_stopped += crew->toll.kills_stopped;
    t->toll.stops += crew->toll.stops;
    t->toll.prepared += crew->toll.prepared;
    t->toll.apart += crew->toll.apart;
    t->toll.many_threads += crew->toll.many_threads;
    if (atomic_load(&book->gap_ns) > t->worst_gap_ns)
        t->worst_gap_ns = atomic_load(&book->gap_ns);
    printf(
        "soak: channel %u: %s, n %lu, %s, %s, %s, %s: %lu sent, %lu arrived, %lu gone with their receivers, "
        "longest gap %ld ms, ended in %ld ms, %u faults\n",
        soak->round, kind_names[soak->kind], soak->shape.messages,
        crew->one_sender ? "one sender" : "many senders",
        crew->one_receiver ? "one receiver" : "many receivers", soak->named ? "named" : "anonymous",
        soak->forever ? "waiting for ever" : "waiting 50 ms", stat.sent, b.arrived, gone,
        (long)(atomic_load(&book->gap_ns) / 1000000), (long)(soak->end_ns / 1000000),
        atomic_load(&book->faults));
}

/* One channel from its creation to its end. */
static int play(struct soak *soak)
{
    struct crew *crew = soak->crew;
    struct book *book = crew->book = book_open();
    draw_shape(soak);
    int result = open_channel(soak);
    if (result) {
        fprintf(stderr, "soak: create: %s\n", chan_strerror(result));
        return result;
    }
    soak->checks = 0;
    cast(soak);
    pid_t watchdog = watchdog_start(crew);
    disturb_until(soak, chan_deadline((int64_t)soak->options.channel * 1000000000));
    atomic_store(&book->phase, BOOK_WINDING_UP);
    if (soak->forever) {
        shut_down(soak);
        for (int i = 0; i < 20; i++) /* those who come now meet the end */
            crew_disturb(crew);
    }
    atomic_store(&book->stop, 1);
    int64_t began = chan_now();
    crew_end(crew);
    soak->end_ns = chan_now() - began;
    check(soak);
    drain(soak);
    check(soak);
    audit(soak);
    watchdog_end(watchdog);
    chan_close(crew->polled);
    chan_close(crew->kept);
    book_close(book);
    return 0;
}

static void report(const struct soak *soak)
{
    const struct totals *t = &soak->totals;
    printf(
        "soak: seed %ld: %lu channels, %lu checks, %lu sent, %lu arrived, %lu gone with killed copiers, %lu "
        "redelivered\n"
        "soak: %lu kills (%lu while stopped), %lu stops; %lu started with a prepared handle, %lu in another "
        "pid "
        "namespace, %lu with several threads\n"
        "soak: memory of growable queues was seen to come %lu times and to go %lu times\n"
        "soak: lost %lu, doubled %lu, torn %lu, ghosts %lu, longest gap %ld ms, faults %lu\n",
        soak->options.seed, t->channels, t->checks, t->sent, t->arrived, t->gone, t->redelivered,
        t->toll.kills, t->toll.kills_stopped, t->toll.stops, t->toll.prepared, t->toll.apart,
        t->toll.many_threads, t->grown, t->shrunk, t->lost, t->doubled, t->torn, t->ghosts,
        t->worst_gap_ns / 1000000, t->faults);
}

/* A number, or the name of a kind. */
static long value_of(const char *text)
{
    for (long kind = 0; kind < SOAK_KINDS; kind++)
        if (!strcmp(text, kind_names[kind]))
            return kind;
    return strtol(text, NULL, 10);
}

static void parse(int argc, char **argv, struct options *o)
{
    const struct {
        const char *name;
        long *value;
        long least, most;
    } known[] = {
        {"--seconds", &o->seconds, 1, 1000000},   {"--workers", &o->workers, WORKER_KINDS, CREW_MAX},
        {"--messages", &o->messages, 1, 1 << 20}, {"--senders", &o->senders, 0, 1},
        {"--receivers", &o->receivers, 0, 1},     {"--forever", &o->forever, 0, 1},
        {"--channel", &o->channel, 1, 20},        {"--every", &o->every, 1, 1000000},
        {"--seed", &o->seed, 0, INT32_MAX},       {"--minutes", &o->minutes, 1, 10000},
        {"--kind", &o->kind, 0, SOAK_KINDS - 1},
    };
    for (int i = 1; i < argc; i += 2) {
        bool good = false;
        for (size_t k = 0; k < sizeof known / sizeof known[0] && i + 1 < argc; k++) {
            long value = value_of(argv[i + 1]);
            if (strcmp(argv[i], known[k].name) || value < known[k].least || value > known[k].most)
                continue;
            *known[k].value = value;
            good = true;
        }
        if (!good) {
            fprintf(stderr, "soak: bad argument %s\n", argv[i]);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    struct soak soak = {.options = {.seconds = 20,
                                    .kind = ANY,
                                    .workers = 24,
                                    .messages = ANY,
                                    .senders = ANY,
                                    .receivers = ANY,
                                    .forever = ANY,
                                    .channel = 2,
                                    .every = 1000,
                                    .seed = time(NULL) % 1000000}};
    parse(argc, argv, &soak.options);
    printf("soak: seed %ld\n", soak.options.seed);
    soak.random = (uint64_t)soak.options.seed * 2 + 1;
    soak.crew = crew_open();
    int apart = nursery_open();
    soak.crew->nursery = !apart;
    if (apart)
        printf("soak: SKIPPED: processes in other pid namespaces: %s\n", strerror(-apart));
    int64_t seconds = soak.options.minutes ? 60 * soak.options.minutes : soak.options.seconds;
    int64_t end = chan_deadline(seconds * 1000000000);
    int result = 0;
    for (; !result && chan_now() < end && !soak.totals.faults; soak.round++)
        result = play(&soak);
    nursery_close();
    report(&soak);
    crew_close(soak.crew);
    return result || soak.totals.faults;
}
