/* SPDX-License-Identifier: Apache-2.0 */
/* Oneshots, one after the other, whose sender or receiver is killed, or stopped for a while, at a random moment. The law:
 * a sender that was told 0 has its value received by a receiver that lives to its end; a receiver that was told -EPIPE
 * has no value to come, and its sender was not told 0; nobody is left waiting; and the channel's figures agree.
 *
 *   soak_oneshots [--seconds N | --minutes N] [--seed N] */
#include "worker.h"

#include <shmchan.h>
#include <shmchan/inspect.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 20000u
#define BLOW_US_MAX 600u  /* about as long as it takes to start both and pass the value */
#define STUCK_SECONDS 30u /* what a machine may take that runs much else */

enum role { SENDER, RECEIVER, ROLES };

/* What becomes of one of the two. */
enum blow { NOTHING, KILL, STOP, BLOWS };

/* Shared with both. */
struct report {
    atomic_int result[ROLES]; /* 1: not there yet */
    atomic_uint whole;
};

struct soak {
    uint64_t random;
    struct report *report;
    struct chan *ch;
    size_t size; /* of the value */
    uint64_t rounds, kills, stops, arrived, closed, faults;
};

static uint64_t draw(struct soak *soak, uint64_t below)
{
    return worker_random(&soak->random) % below;
}

static void fault(struct soak *soak, const char *what)
{
    soak->faults++;
    fprintf(stderr, "FAIL soak_oneshots: round %lu: %s (sender %d, receiver %d)\n", soak->rounds, what,
            atomic_load(&soak->report->result[SENDER]), atomic_load(&soak->report->result[RECEIVER]));
}

static unsigned char byte_at(size_t size, size_t at)
{
    return (unsigned char)(size * 31 + at * 7 + (at >> 8));
}

static int send_value(struct soak *soak, struct chan_sender *tx)
{
    static unsigned char value[MESSAGE_MAX];
    int result = chan_adopt_sender(tx);
    for (size_t at = 0; at < soak->size; at++)
        value[at] = byte_at(soak->size, at);
    if (!result)
        result = chan_send(tx, value, soak->size);
    atomic_store(&soak->report->result[SENDER], result);
    chan_close_sender(tx);
    return result;
}

static int receive_value(struct soak *soak, struct chan_receiver *rx, bool views)
{
    static unsigned char value[MESSAGE_MAX];
    struct chan_view view = {0};
    size_t size = 0;
    int result = chan_adopt_receiver(rx);
    if (!result)
        result = views ? chan_recv_view(rx, &view) : chan_recv(rx, value, sizeof value, &size);
    if (!result) {
        const unsigned char *got = views ? view.data : value;
        size = views ? view.size : size;
        bool whole = size == soak->size;
        for (size_t at = 0; whole && at < size; at++)
            whole = got[at] == byte_at(size, at);
        atomic_store(&soak->report->whole, whole);
    }
    if (!result && views)
        result = chan_release(rx, &view);
    atomic_store(&soak->report->result[RECEIVER], result);
    chan_close_receiver(rx);
    return result;
}

/* What the two are to have: prepared, so that both sides are there from the beginning and neither waits for one who
 * never comes. */
struct handles {
    struct chan_sender *tx;
    struct chan_receiver *rx;
};

static pid_t start(struct soak *soak, enum role role, struct handles *handles)
{
    bool views = draw(soak, 2);
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(STUCK_SECONDS);
    if (role == SENDER) {
        chan_close_receiver(handles->rx);
        send_value(soak, handles->tx);
    } else {
        chan_close_sender(handles->tx);
        receive_value(soak, handles->rx, views);
    }
    _exit(0);
}

static void strike(struct soak *soak, pid_t pid, enum blow blow)
{
    if (blow == NOTHING)
        return;
    kill(pid, blow == KILL ? SIGKILL : SIGSTOP);
    soak->kills += blow == KILL;
    soak->stops += blow == STOP;
}

/* True if it came to its end by itself. */
static bool bury(struct soak *soak, pid_t pid)
{
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        fault(soak, "stuck");
    else if (!WIFEXITED(status) && WTERMSIG(status) != SIGKILL)
        fault(soak, "died by itself");
    return WIFEXITED(status);
}

static void check_law(struct soak *soak, bool sender_ended, bool receiver_ended)
{
    int sent = atomic_load(&soak->report->result[SENDER]), got = atomic_load(&soak->report->result[RECEIVER]);
    if (sender_ended && sent && sent != -EPIPE)
        fault(soak, "the sender is told something else");
    if (receiver_ended && got && got != -EPIPE)
        fault(soak, "the receiver is told something else");
    if (!got && !atomic_load(&soak->report->whole))
        fault(soak, "torn");
    if (!got && sent == -EPIPE)
        fault(soak, "received, though the sender was refused");
    if (receiver_ended && got == -EPIPE && !sent)
        fault(soak, "sent, and the receiver that lives was told that nothing comes");
    soak->arrived += !got;
    soak->closed += got == -EPIPE;
}

static void check_figures(struct soak *soak)
{
    struct chan_repair_report report;
    struct chan_stat stat = {.size = sizeof stat};
    char text[200];
    int sent = atomic_load(&soak->report->result[SENDER]), got = atomic_load(&soak->report->result[RECEIVER]);
    if (chan_repair(soak->ch, 0, &report) || chan_stat(soak->ch, &stat)) {
        fault(soak, "no figures");
        return;
    }
    if (stat.sent > 1 || (!sent && !stat.sent) || (sent == -EPIPE && stat.sent))
        fault(soak, "the count of those sent");
    /* What a receiver that was killed left goes with the channel: nobody is there who could discard it. */
    uint64_t left = stat.queued + stat.orphaned;
    if (stat.sent != stat.received + stat.discarded + left || (!got && !stat.received))
        fault(soak, "the balance");
    if (stat.senders || stat.receivers || stat.dead || stat.held || (!left && stat.units_used))
        fault(soak, "something is left over");
    if (chan_check(soak->ch, text, sizeof text))
        fault(soak, text);
}

static void play(struct soak *soak)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    pid_t pids[ROLES];
    options.kind = CHAN_ONESHOT;
    options.message_size = MESSAGE_MAX;
    options.flags = draw(soak, 2) ? CHAN_NO_KEEPER : 0;
    soak->size = draw(soak, 4) ? draw(soak, 200) : draw(soak, MESSAGE_MAX + 1);
    *soak->report = (struct report){.result = {1, 1}};
    struct handles handles;
    if (chan_create_anonymous(&options, &soak->ch) || chan_prepare_sender(soak->ch, 0, &handles.tx) ||
        chan_prepare_receiver(soak->ch, 0, &handles.rx))
        abort();
    enum role first = (enum role)draw(soak, ROLES), second = first == SENDER ? RECEIVER : SENDER;
    pids[first] = start(soak, first, &handles);
    if (draw(soak, 2)) /* also while the other is not there yet */
        usleep((useconds_t)draw(soak, BLOW_US_MAX));
    pids[second] = start(soak, second, &handles);
    if (pids[SENDER] < 0 || pids[RECEIVER] < 0)
        abort();
    chan_close_sender(handles.tx);
    chan_close_receiver(handles.rx);
    enum blow blows[ROLES] = {(enum blow)draw(soak, BLOWS), (enum blow)draw(soak, BLOWS)};
    for (int i = 0; i < ROLES; i++) {
        usleep((useconds_t)draw(soak, BLOW_US_MAX));
        strike(soak, pids[i], blows[i]);
    }
    usleep((useconds_t)draw(soak, BLOW_US_MAX));
    for (int i = 0; i < ROLES; i++)
        kill(pids[i], SIGCONT);
    bool sender_ended = bury(soak, pids[SENDER]), receiver_ended = bury(soak, pids[RECEIVER]);
    check_law(soak, sender_ended, receiver_ended);
    check_figures(soak);
    chan_close(soak->ch);
    soak->rounds++;
}

static long argument(int argc, char **argv, const char *name, long otherwise)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (!strcmp(argv[i], name))
            return strtol(argv[i + 1], NULL, 10);
    return otherwise;
}

int main(int argc, char **argv)
{
    struct soak soak = {0};
    long seed = argument(argc, argv, "--seed", time(NULL) % 1000000);
    long seconds = argument(argc, argv, "--seconds", 60 * argument(argc, argv, "--minutes", 0));
    printf("soak_oneshots: seed %ld\n", seed);
    soak.random = (uint64_t)seed * 2 + 1;
    soak.report = mmap(NULL, sizeof *soak.report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (soak.report == MAP_FAILED)
        return 2;
    int64_t end = chan_deadline((int64_t)(seconds ? seconds : 20) * 1000000000);
    while (chan_now() < end && soak.faults < 20)
        play(&soak);
    printf("soak_oneshots: seed %ld: %lu rounds, %lu kills, %lu stops, %lu values arrived, %lu receivers "
           "were told of "
           "the end, %lu faults\n",
           seed, soak.rounds, soak.kills, soak.stops, soak.arrived, soak.closed, soak.faults);
    return soak.faults || !soak.rounds;
}
