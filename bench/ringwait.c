/* SPDX-License-Identifier: Apache-2.0 */
/* ringwait: what it takes to wake a program that waits in an io_uring for a message, and other ways beside
 * it; see README.md. */
#include "calls.h"
#include "transport.h"

#include <shmchan.h>
#include <shmchan/uring.h>

#include <errno.h>
#include <getopt.h>
#include <liburing.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_MESSAGES = 100000, MOST_PASSES = 100 };

#define OP_FUTEX_WAIT 51 /* of Linux 6.7, for headers that are older */
#define FUTEX_32_BITS 2

/* What is asked for. */
struct choice {
    unsigned messages, burst, pause_us, passes;
    bool calls;
};

/* One run, in memory that its processes share. */
struct run {
    struct choice choice;
    struct chan *ch;
    int pipe[2];
    atomic_uint ready;
    unsigned received;
    int64_t times_ns[MOST_MESSAGES];
    int64_t sender_cpu_ns, receiver_cpu_ns;
    uint64_t sender_calls, receiver_calls;
};

void die(const char *what, const char *why)
{
    fprintf(stderr, "ringwait: %s: %s\n", what, why);
    exit(1);
}

static void check(const char *what, int result)
{
    if (result < 0)
        die(what, chan_strerror(result));
}

static int64_t cpu_ns(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * INT64_C(1000000000) +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * INT64_C(1000);
}

/* A message is when it was sent. */
static void note(struct run *run, int64_t sent_ns)
{
    if (run->received < MOST_MESSAGES)
        run->times_ns[run->received++] = chan_now() - sent_ns;
}

/* Everything that is there; what the call that found nothing said. */
static int drain(struct run *run, struct chan_receiver *rx)
{
    int64_t sent_ns;
    int result;
    while (!(result = chan_try_recv(rx, &sent_ns, sizeof sent_ns, NULL)))
        note(run, sent_ns);
    return result;
}

static void receive_in_a_call(struct run *run, struct chan_receiver *rx)
{
    int64_t sent_ns;
    while (!chan_recv(rx, &sent_ns, sizeof sent_ns, NULL))
        note(run, sent_ns);
}

static struct io_uring ring_open(unsigned flags)
{
    struct io_uring ring;
    check("io_uring_queue_init", io_uring_queue_init(16, &ring, flags));
    return ring;
}

/* Wait for a completion, and take it out. */
static void next(struct io_uring *ring, struct io_uring_cqe *out)
{
    struct io_uring_cqe *cqe;
    int result;
    do
        result = io_uring_submit_and_wait(ring, 1);
    while (result == -EINTR);
    check("io_uring_submit_and_wait", result);
    check("io_uring_peek_cqe", io_uring_peek_cqe(ring, &cqe));
    *out = *cqe;
    io_uring_cqe_seen(ring, cqe);
}

static void receive_in_this_ring(struct run *run, struct chan_receiver *rx, unsigned flags)
{
    struct io_uring ring = ring_open(flags);
    struct io_uring_cqe cqe;
    struct chan_uring *u;
    int64_t sent_ns;
    int result = -EAGAIN;
    check("chan_uring_of_receiver", chan_uring_of_receiver(&ring, rx, 1, &u));
    check("chan_uring_arm", chan_uring_arm(u));
    while (result == -EAGAIN) {
        next(&ring, &cqe);
        result = chan_uring_complete(u, &cqe);
        while (!result && !(result = chan_uring_recv(u, &sent_ns, sizeof sent_ns, NULL)))
            note(run, sent_ns);
    }
    chan_uring_close(u);
    io_uring_queue_exit(&ring);
}

static void receive_in_a_ring(struct run *run, struct chan_receiver *rx)
{
    receive_in_this_ring(run, rx, 0);
}

static void receive_in_a_deferring_ring(struct run *run, struct chan_receiver *rx)
{
    receive_in_this_ring(run, rx, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
}

struct attempt {
    struct run *run;
    struct chan_receiver *rx;
};

static int drain_once(void *argument)
{
    struct attempt *a = argument;
    return drain(a->run, a->rx);
}

/* What the time-out costs, by leaving it out: a stopped sender could then leave us asleep. */
static void receive_without_time_outs(struct run *run, struct chan_receiver *rx)
{
    struct io_uring ring = ring_open(0);
    struct attempt attempt = {run, rx};
    struct io_uring_cqe cqe;
    struct chan_waiter *w;
    struct chan_sleep sleep;
    check("chan_waiter_of_receiver", chan_waiter_of_receiver(rx, &w));
    while (chan_waiter_try(w, drain_once, &attempt, &sleep) == -EAGAIN) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
        io_uring_prep_rw(OP_FUTEX_WAIT, sqe, FUTEX_32_BITS, sleep.word, 0, sleep.value);
        sqe->addr3 = FUTEX_BITSET_MATCH_ANY;
        next(&ring, &cqe);
    }
    chan_waiter_close(w);
    io_uring_queue_exit(&ring);
}

/* A thread waits in a call, and writes to an eventfd that the ring reads. The handle changes hands with
 * `turn`. */
struct bridge {
    struct chan_select *sel;
    int event;
    sem_t turn;
    bool ends;
};

static void *wait_for_others(void *argument)
{
    struct bridge *b = argument;
    for (;;) {
        uint64_t one = 1;
        while (sem_wait(&b->turn))
            ;
        if (b->ends)
            return NULL;
        check("chan_ready", chan_ready(b->sel));
        if (write(b->event, &one, sizeof one) != sizeof one)
            die("write", strerror(errno));
    }
}

static void receive_over_a_bridge(struct run *run, struct chan_receiver *rx)
{
    struct io_uring ring = ring_open(0);
    struct bridge b = {.event = eventfd(0, EFD_CLOEXEC)};
    struct io_uring_cqe cqe;
    pthread_t thread;
    uint64_t count;
    check("chan_select_create", chan_select_create(0, &b.sel));
    check("chan_select_recv", chan_select_recv(b.sel, rx));
    sem_init(&b.turn, 0, 0);
    if (b.event < 0 || pthread_create(&thread, NULL, wait_for_others, &b))
        die("bridge", strerror(errno));
    while (drain(run, rx) == -EAGAIN) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
        io_uring_prep_read(sqe, b.event, &count, sizeof count, 0);
        sem_post(&b.turn);
        next(&ring, &cqe);
    }
    b.ends = true;
    sem_post(&b.turn);
    pthread_join(thread, NULL);
    chan_select_close(b.sel);
    close(b.event);
    io_uring_queue_exit(&ring);
}

static void receive_from_a_pipe(struct run *run, struct chan_receiver *rx)
{
    struct io_uring ring = ring_open(0);
    struct io_uring_cqe cqe;
    int64_t sent_ns;
    (void)rx;
    for (;;) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
        io_uring_prep_read(sqe, run->pipe[0], &sent_ns, sizeof sent_ns, 0);
        next(&ring, &cqe);
        if (cqe.res <= 0)
            break;
        note(run, sent_ns);
    }
    io_uring_queue_exit(&ring);
}

static const struct subject {
    const char *name, *what;
    void (*receive)(struct run *run, struct chan_receiver *rx);
    bool pipe;
} subjects[] = {
    {"call", "chan_recv, without spinning", receive_in_a_call, false},
    {"ring", "libshmchan_uring: the futex wait is on the ring", receive_in_a_ring, false},
    {"defer", "the same on a ring that runs its work when it is waited for", receive_in_a_deferring_ring,
     false},
    {"bare", "the ring without the time-outs", receive_without_time_outs, false},
    {"bridge", "a thread waits, and writes to an eventfd that the ring reads", receive_over_a_bridge, false},
    {"pipe", "a pipe that the ring reads", receive_from_a_pipe, true},
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static void meet(struct run *run)
{
    atomic_fetch_add(&run->ready, 1);
    while (atomic_load(&run->ready) < 2)
        sched_yield();
}

static void receive(struct run *run, const struct subject *subject)
{
    struct chan_receiver *rx = NULL;
    int counter = run->choice.calls ? calls_open() : -1;
    if (!subject->pipe)
        check("chan_attach_receiver", chan_attach_receiver(run->ch, CHAN_NO_SPIN, &rx));
    close(run->pipe[1]);
    meet(run);
    int64_t before = cpu_ns();
    uint64_t calls = counter >= 0 ? calls_read(counter) : 0;
    subject->receive(run, rx);
    run->receiver_calls = counter >= 0 ? calls_read(counter) - calls : 0;
    run->receiver_cpu_ns = cpu_ns() - before;
    chan_close_receiver(rx);
}

static void send_one(const struct run *run, struct chan_sender *tx)
{
    int64_t now = chan_now();
    if (tx)
        check("chan_send", chan_send(tx, &now, sizeof now));
    else if (write(run->pipe[1], &now, sizeof now) != sizeof now)
        die("write", strerror(errno));
}

static void pause_until(int64_t when_ns)
{
    struct timespec until = {when_ns / 1000000000, when_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
        ;
}

static void send_all(struct run *run, const struct subject *subject)
{
    struct chan_sender *tx = NULL;
    int counter = run->choice.calls ? calls_open() : -1;
    uint64_t pauses = 0;
    if (!subject->pipe)
        check("chan_attach_sender", chan_attach_sender(run->ch, 0, &tx));
    close(run->pipe[0]);
    meet(run);
    uint64_t calls = counter >= 0 ? calls_read(counter) : 0;
    int64_t before = cpu_ns();
    for (unsigned i = 0; i < run->choice.messages; i++) {
        if (i % run->choice.burst == 0) {
            pause_until(chan_now() + run->choice.pause_us * INT64_C(1000));
            pauses++;
        }
        send_one(run, tx);
    }
    run->sender_cpu_ns = cpu_ns() - before;
    run->sender_calls = counter >= 0 ? calls_read(counter) - calls - pauses : 0;
    chan_close_sender(tx);
}

static pid_t start(void (*act)(struct run *, const struct subject *), struct run *run,
                   const struct subject *subject)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork", strerror(errno));
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(120);
    act(run, subject);
    _exit(0);
}

static void end(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid || status)
        die("a process", "failed");
}

static void measure(struct run *run, const struct subject *subject)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.messages = 1024;
    options.endpoints = 4;
    options.message_size = 64;
    if (pipe(run->pipe))
        die("pipe", strerror(errno));
    check("chan_create_anonymous", chan_create_anonymous(&options, &run->ch));
    atomic_store(&run->ready, 0);
    run->received = 0;
    pid_t receiver = start(receive, run, subject);
    pid_t sender = start(send_all, run, subject);
    close(run->pipe[0]);
    close(run->pipe[1]);
    end(sender);
    end(receiver);
    chan_close(run->ch);
    if (run->received != run->choice.messages)
        die(subject->name, "messages were lost");
}

/* Of one subject, a value for each pass. */
struct figures {
    double p50_us[MOST_PASSES], p90_us[MOST_PASSES], p99_us[MOST_PASSES];
    double sender_us[MOST_PASSES], receiver_us[MOST_PASSES], sender_calls[MOST_PASSES],
        receiver_calls[MOST_PASSES];
};

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile_us(const struct run *run, unsigned percent)
{
    return (double)run->times_ns[(uint64_t)(run->received - 1) * percent / 100] / 1e3;
}

static void book(struct figures *f, unsigned pass, struct run *run)
{
    double messages = run->choice.messages;
    qsort(run->times_ns, run->received, sizeof *run->times_ns, by_time);
    f->p50_us[pass] = percentile_us(run, 50);
    f->p90_us[pass] = percentile_us(run, 90);
    f->p99_us[pass] = percentile_us(run, 99);
    f->sender_us[pass] = (double)run->sender_cpu_ns / 1e3 / messages;
    f->receiver_us[pass] = (double)run->receiver_cpu_ns / 1e3 / messages;
    f->sender_calls[pass] = (double)run->sender_calls / messages;
    f->receiver_calls[pass] = (double)run->receiver_calls / messages;
}

static double median(double *values, unsigned count)
{
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

static void report(struct figures *figures, const struct choice *choice)
{
    unsigned n = choice->passes;
    printf("%u messages of 8 bytes, %u every %u us; medians of %u passes\n", choice->messages, choice->burst,
           choice->pause_us, n);
    printf("%-8s %8s %8s %8s   %21s   %21s\n", "", "p50 us", "p90", "p99", "CPU us: sender, recvr",
           choice->calls ? "calls: sender, recvr" : "");
    for (int i = 0; i < SUBJECTS; i++) {
        struct figures *f = &figures[i];
        printf("%-8s %8.1f %8.1f %8.1f   %10.2f %10.2f", subjects[i].name, median(f->p50_us, n),
               median(f->p90_us, n), median(f->p99_us, n), median(f->sender_us, n),
               median(f->receiver_us, n));
        if (choice->calls)
            printf("   %10.2f %10.2f", median(f->sender_calls, n), median(f->receiver_calls, n));
        printf("\n");
    }
}

static void usage(FILE *out)
{
    fputs("usage: ringwait [OPTION]...\n"
          "  --messages N  in each run; default 2000\n"
          "  --pause US    before each, or each burst; default 300\n"
          "  --burst N     messages one after the other; default 1\n"
          "  --passes N    default 5\n"
          "  --calls       count system calls, too (root); nothing else is comparable then\n"
          "what is compared:\n",
          out);
    for (int i = 0; i < SUBJECTS; i++)
        fprintf(out, "  %-8s  %s\n", subjects[i].name, subjects[i].what);
}

static unsigned number(const char *text, unsigned long least, unsigned long most)
{
    char *stop;
    unsigned long value = strtoul(text, &stop, 10);
    if (stop == text || *stop != '\0' || value < least || value > most)
        die(text, "not a number in range");
    return (unsigned)value;
}

static void read_options(int argc, char **argv, struct choice *choice)
{
    static const struct option options[] = {
        {"messages", required_argument, NULL, 'm'},
        {"pause", required_argument, NULL, 'p'},
        {"burst", required_argument, NULL, 'b'},
        {"passes", required_argument, NULL, 'n'},
        {"calls", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'm':
            choice->messages = number(optarg, 1, MOST_MESSAGES);
            break;
        case 'p':
            choice->pause_us = number(optarg, 0, 1000000);
            break;
        case 'b':
            choice->burst = number(optarg, 1, MOST_MESSAGES);
            break;
        case 'n':
            choice->passes = number(optarg, 1, MOST_PASSES);
            break;
        case 'c':
            choice->calls = true;
            break;
        default:
            usage(option == 'h' ? stdout : stderr);
            exit(option == 'h' ? 0 : 2);
        }
    }
}

int main(int argc, char **argv)
{
    static struct figures figures[SUBJECTS];
    struct choice choice = {.messages = 2000, .burst = 1, .pause_us = 300, .passes = 5};
    read_options(argc, argv, &choice);
    struct run *run = mmap(NULL, sizeof *run, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run == MAP_FAILED)
        die("mmap", strerror(errno));
    run->choice = choice;
    for (unsigned pass = 0; pass < choice.passes; pass++)
        for (int i = 0; i < SUBJECTS; i++) {
            measure(run, &subjects[i]);
            book(&figures[i], pass, run);
        }
    report(figures, &choice);
    return 0;
}
