/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor: creates the channels, starts the other processes, replaces killed tokenizers, ends it all.
 *
 * It keeps an endpoint on the side of the tokenizers in both channels: with all tokenizers killed at the same
 * moment nothing is disconnected. Every way out, an interrupt too, goes through shutting the channels
 * down and waiting for the children, so that no object is left behind. */
#include "wordcount.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READER, AGGREGATOR, MONITOR, FIRST_TOKENIZER };

/* A program that crashes again and again is not restarted forever. */
enum { PATIENCE = 10 };

static const long kill_tick_ns = 2000000;

struct supervisor {
    const struct job *job;
    struct chan *chunks;
    struct chan *counts;
    struct chan_receiver *chunks_rx;
    struct chan_sender *counts_tx;
    pid_t pids[FIRST_TOKENIZER + MAX_WORKERS]; /* 0: not running */
    unsigned kills;
    unsigned restarts;
    uint64_t received_at_kill;
    sigset_t signals;
    int ending;
    int status;
};

static int create_channel(const struct job *job, const char *suffix, size_t size,
                          struct chan_options *options, struct chan **out)
{
    char name[CHAN_NAME_MAX + 1];

    if ((size_t)snprintf(name, sizeof name, "%s%s", job->name, suffix) >= sizeof name)
        return failed(job->name, -ENAMETOOLONG);
    options->messages = 64;
    options->message_size = size;
    int error = chan_create(name, options, out);
    return error ? failed(name, error) : 0;
}

static int create_channels(struct supervisor *s)
{
    size_t chunk = sizeof(struct chunk) + s->job->chunk_size;
    struct chan_options chunks = CHAN_OPTIONS_INIT;
    struct chan_options counts = CHAN_OPTIONS_INIT;

    chunks.senders = CHAN_ONE;
    counts.receivers = CHAN_ONE;
    if (create_channel(s->job, ".chunks", chunk, &chunks, &s->chunks) != 0)
        return 1;
    if (create_channel(s->job, ".counts", RESULT_GROWTH * chunk, &counts, &s->counts) != 0)
        return 1;
    int error = chan_attach_receiver(s->chunks, 0, &s->chunks_rx);
    if (!error)
        error = chan_attach_sender(s->counts, 0, &s->counts_tx);
    return error ? failed("attach", error) : 0;
}

static void destroy_channels(struct supervisor *s)
{
    chan_close_receiver(s->chunks_rx);
    chan_close_sender(s->counts_tx);
    /* The last endpoint has taken the name with it, unless nobody ever attached. */
    struct chan *channels[] = {s->chunks, s->counts};
    for (size_t i = 0; i < 2; i++) {
        if (channels[i] && chan_unlink(chan_name(channels[i])) == 0 && s->status == 0)
            s->status = failed("a channel is left", 0);
        chan_close(channels[i]);
    }
}

/* End the run: senders are refused from now on, receivers drain. */
static void end(struct supervisor *s, int status)
{
    if (!s->ending)
        s->status = status;
    s->ending = 1;
    int error = chan_shutdown(s->chunks);
    if (!error)
        error = chan_shutdown(s->counts);
    if (error)
        failed("shut down", error);
}

static void start(struct supervisor *s, unsigned place)
{
    static const char *const names[] = {"wc-reader", "wc-aggregator", "wc-monitor", "wc-tokenizer"};
    const char *role = names[place < FIRST_TOKENIZER ? place : FIRST_TOKENIZER];
    char chunk[32], interval[32];

    snprintf(chunk, sizeof chunk, "%zu", s->job->chunk_size);
    snprintf(interval, sizeof interval, "%f", s->job->interval);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_IGN); /* Ctrl-C goes to all of us; the supervisor ends the others in order */
        sigprocmask(SIG_UNBLOCK, &s->signals, NULL);
        execl("/proc/self/exe", "wordcount", "--role", role, "--name", s->job->name, "--chunk", chunk,
              "--interval", interval, "--", s->job->path, (char *)NULL);
        _exit(failed_call("exec"));
    }
    if (pid < 0) {
        end(s, failed_call("fork"));
        return;
    }
    s->pids[place] = pid;
}

static void ended(struct supervisor *s, unsigned place, int status)
{
    s->pids[place] = 0;
    if (status == 0 || place == MONITOR || s->ending)
        return;
    if (place >= FIRST_TOKENIZER && WIFSIGNALED(status) && s->restarts < s->job->kills + PATIENCE) {
        s->restarts++;
        start(s, place);
        return;
    }
    if (WIFSIGNALED(status))
        fprintf(stderr, "wordcount: process %u was killed by signal %d\n", place, WTERMSIG(status));
    end(s, 1);
}

static void reap(struct supervisor *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned place = 0; place < FIRST_TOKENIZER + s->job->workers; place++) {
            if (s->pids[place] == pid) {
                ended(s, place, status);
                break;
            }
        }
    }
}

static int running(const struct supervisor *s, unsigned first, unsigned last)
{
    for (unsigned place = first; place < last; place++) {
        if (s->pids[place])
            return 1;
    }
    return 0;
}

/* Kill the next tokenizer, if any has done work since the last one was killed. */
static void kill_one(struct supervisor *s)
{
    struct chan_stat stat = {.size = sizeof stat};
    unsigned place = FIRST_TOKENIZER + s->kills % s->job->workers;

    if (!s->pids[place] || chan_stat(s->chunks, &stat) != 0 || stat.received <= s->received_at_kill)
        return;
    kill(s->pids[place], SIGKILL);
    s->received_at_kill = stat.received;
    s->kills++;
}

static void wait_for_all(struct supervisor *s)
{
    unsigned places = FIRST_TOKENIZER + s->job->workers;
    unsigned interrupts = 0;

    while (running(s, 0, places)) {
        struct timespec tick = {.tv_nsec = kill_tick_ns};
        int killing = s->kills < s->job->kills && !s->ending && s->counts_tx;
        int got = sigtimedwait(&s->signals, NULL, killing ? &tick : NULL);

        if (got == SIGCHLD) {
            reap(s);
        } else if (got > 0) {
            end(s, 128 + got);
            for (unsigned place = 0; interrupts > 0 && place < places; place++) {
                if (s->pids[place])
                    kill(s->pids[place], SIGKILL);
            }
            interrupts++;
        } else if (killing) {
            kill_one(s);
        }
        if (s->counts_tx && !s->pids[READER] && !running(s, FIRST_TOKENIZER, places)) {
            chan_close_sender(s->counts_tx); /* nothing more will be sent to the aggregator */
            s->counts_tx = NULL;
        }
    }
}

int supervise(const struct job *job)
{
    struct supervisor s = {.job = job};

    sigemptyset(&s.signals);
    sigaddset(&s.signals, SIGCHLD);
    sigaddset(&s.signals, SIGINT);
    sigaddset(&s.signals, SIGTERM);
    sigaddset(&s.signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &s.signals, NULL);

    if (create_channels(&s) == 0) {
        for (unsigned place = 0; place < FIRST_TOKENIZER + job->workers && !s.ending; place++) {
            if (place != MONITOR || job->interval > 0)
                start(&s, place);
        }
        wait_for_all(&s);
    } else {
        s.status = 1;
    }
    destroy_channels(&s);
    if (s.kills > 0)
        fprintf(stderr, "wordcount: %u tokenizers killed\n", s.kills);
    return s.status;
}
