/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor: a line of throughput and backlog per interval, from read-only mappings of both channels. */
#include "wordcount.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A channel at two moments. */
struct gauge {
    struct chan *ch;
    const char *label;
    struct chan_stat before;
    struct chan_stat now;
};

static int look(struct gauge *gauge)
{
    gauge->before = gauge->now;
    gauge->now.size = sizeof gauge->now;
    return chan_stat(gauge->ch, &gauge->now);
}

static int print_gauge(char *line, size_t room, const struct gauge *gauge, double seconds)
{
    const struct chan_stat *now = &gauge->now;
    const struct chan_stat *before = &gauge->before;

    double megabytes = (double)(now->sent_bytes - before->sent_bytes) / 1e6;
    double messages = (double)(now->sent - before->sent);

    return snprintf(line, room, "  %s %6.1f MB/s %6.0f msg/s backlog %3" PRIu64 "/%" PRIu64 " held %" PRIu64,
                    gauge->label, megabytes / seconds, messages / seconds, now->queued,
                    chan_capacity(gauge->ch), now->held);
}

int monitor(const struct job *job)
{
    struct gauge gauges[2] = {
        {.ch = open_channel(job, ".chunks", CHAN_READ_ONLY), .label = "chunks"},
        {.ch = open_channel(job, ".counts", CHAN_READ_ONLY), .label = "counts"},
    };
    struct timespec interval = {.tv_sec = (time_t)job->interval};
    interval.tv_nsec = (long)((job->interval - (double)interval.tv_sec) * 1e9);
    int terminal = isatty(STDERR_FILENO);
    pid_t supervisor = getppid();
    int64_t start = chan_now();
    int64_t last = start;

    for (size_t i = 0; i < 2; i++) {
        int error = look(&gauges[i]);
        if (error)
            return failed("stat", error);
    }
    /* Without a supervisor nobody is left to end us. */
    while (!chan_is_drained(gauges[1].ch) && getppid() == supervisor) {
        char line[256];
        int length = 0;

        nanosleep(&interval, NULL);
        int64_t now = chan_now();
        for (size_t i = 0; i < 2; i++) {
            int error = look(&gauges[i]);
            if (error)
                return failed("stat", error);
            length += print_gauge(line + length, sizeof line - (size_t)length, &gauges[i],
                                  (double)(now - last) / 1e9);
        }
        fprintf(stderr, "%s%5.1f s%s%s", terminal ? "\r\033[K" : "", (double)(now - start) / 1e9, line,
                terminal ? "" : "\n");
        last = now;
    }
    if (terminal)
        fputc('\n', stderr);
    for (size_t i = 0; i < 2; i++)
        chan_close(gauges[i].ch);
    return 0;
}
