/* SPDX-License-Identifier: Apache-2.0 */
/* recovery: how soon a sleeping receiver learns that the last sender was killed, and a pipe's reader beside it;
 * see README.md. */
#include <shmchan.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_DEATHS = 10000, MOST_BUSY = 1000 };

/* A process that hangs ends the benchmark. */
static const unsigned patience_s = 300;

/* Who dies, and who learns of it. */
static const struct subject {
    const char *name;
    const char *what;
    bool pipe;
    uint32_t sender_flags, receiver_flags; /* of chan_open_fd() */
} subjects[] = {
    {.name = "shmchan", .what = "both have a keeper"},
    {.name = "sender bare", .what = "the sender has none", .sender_flags = CHAN_NO_KEEPER},
    {.name = "both bare",
     .what = "the receiver looks by itself",
     .sender_flags = CHAN_NO_KEEPER,
     .receiver_flags = CHAN_NO_KEEPER},
    {.name = "pipe", .what = "end of file", .pipe = true},
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

/* Nanoseconds from the signal until ... */
struct times {
    int64_t noticed[MOST_DEATHS]; /* the receiver's call has returned */
    int64_t reaped[MOST_DEATHS];  /* the parent's waitpid() has */
};

/* What is asked for. */
struct choice {
    unsigned deaths;
    unsigned busy;   /* processes in a session of their own */
    unsigned rivals; /* processes in this session */
    bool exits;      /* senders are told to end, not killed */
};

/* One death, in memory that its processes share. */
struct scene {
    struct choice choice;
    const struct subject *subject;
    struct chan *ch;
    int pipe[2];
    atomic_uint ready;
    int64_t noticed_ns;
};

static void die(const char *what, int error)
{
    fprintf(stderr, "recovery: %s: %s\n", what, strerror(error));
    exit(1);
}

static void check(const char *what, int result)
{
    if (result < 0)
        die(what, -result);
}

static void sleep_us(long us)
{
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

/* A process of the scene; it ends with the benchmark. */
static pid_t start(void (*act)(struct scene *), struct scene *scene)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork", errno);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        act(scene);
        _exit(0);
    }
    return pid;
}

static void keep_busy(struct scene *scene)
{
    (void)scene;
    for (;;)
        atomic_signal_fence(memory_order_seq_cst);
}

/* Kernels with CONFIG_SCHED_AUTOGROUP share processors out by session first. */
static void keep_busy_in_a_session(struct scene *scene)
{
    setsid();
    for (unsigned i = 0; i < scene->choice.busy; i++)
        start(keep_busy, scene);
    for (;;)
        pause();
}

static void send_until_told(struct scene *scene)
{
    struct chan *ch = NULL;
    struct chan_sender *tx = NULL;
    sigset_t told;
    int signal;

    alarm(patience_s);
    sigemptyset(&told);
    sigaddset(&told, SIGUSR1);
    sigprocmask(SIG_BLOCK, &told, NULL);
    close(scene->pipe[0]);
    if (!scene->subject->pipe) {
        check("chan_open_fd", chan_open_fd(chan_fd(scene->ch), scene->subject->sender_flags, &ch));
        check("chan_attach_sender", chan_attach_sender(ch, 0, &tx));
    }
    atomic_fetch_add(&scene->ready, 1);
    sigwait(&told, &signal);
    chan_close_sender(tx);
    chan_close(ch);
}

static void read_to_the_end(struct scene *scene)
{
    char byte;

    close(scene->pipe[1]);
    atomic_fetch_add(&scene->ready, 1);
    if (read(scene->pipe[0], &byte, 1) != 0)
        die("read", EPROTO);
}

static void receive_to_the_end(struct scene *scene)
{
    struct chan *ch;
    struct chan_receiver *rx;
    char byte;

    check("chan_open_fd", chan_open_fd(chan_fd(scene->ch), scene->subject->receiver_flags, &ch));
    check("chan_attach_receiver", chan_attach_receiver(ch, CHAN_NO_SPIN, &rx));
    atomic_fetch_add(&scene->ready, 1);
    int result = chan_recv(rx, &byte, sizeof byte, NULL);
    if (result != -EPIPE)
        die("chan_recv", result < 0 ? -result : EPROTO);
}

static void receive(struct scene *scene)
{
    alarm(patience_s);
    if (scene->subject->pipe)
        read_to_the_end(scene);
    else
        receive_to_the_end(scene);
    scene->noticed_ns = chan_now();
}

static bool sleeps(pid_t pid)
{
    char path[32], text[64] = "";

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
        die(path, errno);
    close(fd);
    const char *state = strrchr(text, ')');
    return state && state[1] && state[2] == 'S';
}

static void open_links(struct scene *scene)
{
    struct chan_options options = CHAN_OPTIONS_INIT;

    options.messages = 16;
    options.endpoints = 4;
    if (pipe2(scene->pipe, O_CLOEXEC) != 0)
        die("pipe", errno);
    check("chan_create_anonymous", chan_create_anonymous(&options, &scene->ch));
}

/* Returns when that was. */
static int64_t reap(const char *who, pid_t pid, int expected)
{
    int status;

    if (waitpid(pid, &status, 0) != pid)
        die("waitpid", errno);
    int64_t now_ns = chan_now();
    if (status != expected) {
        fprintf(stderr, "recovery: a %s ended with wait status %#x\n", who, (unsigned)status);
        exit(1);
    }
    return now_ns;
}

/* Until both sleep in what they are to sleep in. */
static void await_sleepers(struct scene *scene, pid_t sender, pid_t receiver)
{
    while (atomic_load(&scene->ready) < 2 || !sleeps(sender) || !sleeps(receiver)) {
        siginfo_t dead = {.si_pid = 0};
        if (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) == 0 && dead.si_pid != 0)
            die("a process failed", EPROTO);
        sleep_us(500);
    }
    sleep_us(5000); /* until the keepers sleep too */
}

static void measure_death(struct scene *scene, int64_t *noticed, int64_t *reaped)
{
    open_links(scene);
    atomic_store(&scene->ready, 0);
    pid_t receiver = start(receive, scene);
    pid_t sender = start(send_until_told, scene);
    close(scene->pipe[0]);
    close(scene->pipe[1]);
    await_sleepers(scene, sender, receiver);

    int64_t begin_ns = chan_now();
    kill(sender, scene->choice.exits ? SIGUSR1 : SIGKILL);
    *reaped = reap("sender", sender, scene->choice.exits ? 0 : SIGKILL) - begin_ns;
    reap("receiver", receiver, 0);
    *noticed = scene->noticed_ns - begin_ns;
    chan_close(scene->ch);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void print_percentiles(int64_t *times_ns, unsigned deaths)
{
    static const double percentiles[] = {50, 90, 99, 100};

    qsort(times_ns, deaths, sizeof *times_ns, by_value);
    for (size_t i = 0; i < sizeof percentiles / sizeof *percentiles; i++)
        printf(" %8.2f", (double)times_ns[(size_t)((deaths - 1) * percentiles[i] / 100)] / 1e6);
}

static void report(struct times *times, const struct choice *choice)
{
    printf("%u deaths of each by %s; %u busy processes, %u rivals; milliseconds\n", choice->deaths,
           choice->exits ? "close and exit" : "SIGKILL", choice->busy, choice->rivals);
    printf("%-12s %35s  %35s\n", "", "receiver learns of it", "parent has reaped it");
    printf("%-12s", "");
    for (int i = 0; i < 2; i++)
        printf(" %8s %8s %8s %8s%s", "p50", "p90", "p99", "max", i == 0 ? " " : "\n");
    for (int i = 0; i < SUBJECTS; i++) {
        printf("%-12s", subjects[i].name);
        print_percentiles(times[i].noticed, choice->deaths);
        printf(" ");
        print_percentiles(times[i].reaped, choice->deaths);
        printf("\n");
    }
}

static void usage(FILE *out)
{
    fputs("usage: recovery [OPTION]...\n"
          "  --deaths N    of each, interleaved; default 200\n"
          "  --busy N      processes that keep the processors busy, in a session of their own; default 0\n"
          "  --rivals N    the same in the session of the measured; default 0\n"
          "  --exit        senders close and exit; default: SIGKILL\n"
          "what is compared:\n",
          out);
    for (int i = 0; i < SUBJECTS; i++)
        fprintf(out, "  %-12s  %s\n", subjects[i].name, subjects[i].what);
}

static unsigned number(const char *text, unsigned long least, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || value < least || value > most) {
        fprintf(stderr, "recovery: not a number in range: '%s'\n", text);
        exit(2);
    }
    return (unsigned)value;
}

static void read_options(int argc, char **argv, struct choice *choice)
{
    static const struct option options[] = {
        {"deaths", required_argument, NULL, 'd'}, {"busy", required_argument, NULL, 'b'},
        {"rivals", required_argument, NULL, 'r'}, {"exit", no_argument, NULL, 'x'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            choice->deaths = number(optarg, 1, MOST_DEATHS);
            break;
        case 'b':
            choice->busy = number(optarg, 0, MOST_BUSY);
            break;
        case 'r':
            choice->rivals = number(optarg, 0, MOST_BUSY);
            break;
        case 'x':
            choice->exits = true;
            break;
        case 'h':
            usage(stdout);
            exit(0);
        default:
            usage(stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        usage(stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static struct times times[SUBJECTS];
    struct choice choice = {.deaths = 200};

    read_options(argc, argv, &choice);
    struct scene *scene =
        mmap(NULL, sizeof *scene, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (scene == MAP_FAILED)
        die("mmap", errno);
    scene->choice = choice;
    if (choice.busy > 0)
        start(keep_busy_in_a_session, scene);
    for (unsigned i = 0; i < choice.rivals; i++)
        start(keep_busy, scene);
    for (unsigned death = 0; death < choice.deaths; death++)
        for (int i = 0; i < SUBJECTS; i++) {
            scene->subject = &subjects[i];
            measure_death(scene, &times[i].noticed[death], &times[i].reaped[death]);
        }
    report(times, &choice);
    return 0; /* the busy processes end with this one */
}
