/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the words of all files below a directory with a pipeline of processes over shmchan channels.
 *
 *     ./wordcount                       counts /usr/include; the counts on stdout, live figures on stderr
 *     ./wordcount --workers 4 --kill 3 PATH
 *
 * Each process is this program again, told its role; it knows the channels by name, so that chanctl can look
 * at them meanwhile. wordcount.h describes who sends what to whom. */
#include "wordcount.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const char *role_name = "wordcount";

int failed(const char *what, int error)
{
    fprintf(stderr, "%s: %s%s%s\n", role_name, what, error ? ": " : "", error ? chan_strerror(error) : "");
    return 1;
}

int failed_call(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", role_name, what, strerror(errno));
    return 1;
}

struct chan *open_channel(const struct job *job, const char *suffix, uint32_t flags)
{
    char name[CHAN_NAME_MAX + 1];
    struct chan *ch;

    snprintf(name, sizeof name, "%s%s", job->name, suffix);
    int error = chan_open(name, flags, &ch);
    if (error)
        exit(failed(name, error));
    return ch;
}

static const struct role {
    const char *name;
    int (*run)(const struct job *job);
} roles[] = {
    {"wordcount", supervise},      {"wc-reader", reader},   {"wc-tokenizer", tokenizer},
    {"wc-aggregator", aggregator}, {"wc-monitor", monitor},
};

static int run_role(const char *name, const struct job *job)
{
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(roles[i].name, name) == 0) {
            role_name = name;
            prctl(PR_SET_NAME, name); /* shown by ps and chanctl */
            return roles[i].run(job);
        }
    }
    return failed("no such role", 0);
}

static const char usage[] = "usage: wordcount [OPTION]... [PATH]\n"
                            "Counts the words of all regular files below PATH (/usr/include).\n"
                            "  -w, --workers N      tokenizer processes (2)\n"
                            "  -c, --chunk BYTES    text in one message (65536)\n"
                            "  -i, --interval SEC   between lines of the monitor (0.25); 0: no monitor\n"
                            "  -n, --name NAME      of channels: NAME.chunks, NAME.counts (wordcount.PID)\n"
                            "  -k, --kill N         kill a tokenizer N times; the counts stay right\n"
                            "  -h, --help\n";

static const struct option long_options[] = {
    {"workers", required_argument, NULL, 'w'},  {"chunk", required_argument, NULL, 'c'},
    {"interval", required_argument, NULL, 'i'}, {"name", required_argument, NULL, 'n'},
    {"kill", required_argument, NULL, 'k'},     {"help", no_argument, NULL, 'h'},
    {"role", required_argument, NULL, 'r'},     {NULL, 0, NULL, 0},
};

/* A number within bounds; exits with a message if it is none. */
static double number(const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);

    if (*text == '\0' || *end != '\0' || !(value >= least && value <= most)) {
        fprintf(stderr, "wordcount: '%s' is not a number from %.0f to %.0f\n", text, least, most);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    char name[32];
    struct job job = {
        .name = name, .path = "/usr/include", .interval = 0.25, .chunk_size = 65536, .workers = 2};
    const char *role = "wordcount";
    int option;

    snprintf(name, sizeof name, "wordcount.%d", (int)getpid());
    while ((option = getopt_long(argc, argv, "w:c:i:n:k:h", long_options, NULL)) != -1) {
        switch (option) {
        case 'w':
            job.workers = (unsigned)number(optarg, 1, MAX_WORKERS);
            break;
        case 'c':
            job.chunk_size = (size_t)number(optarg, 16, 1 << 26);
            break;
        case 'i':
            job.interval = number(optarg, 0, 3600);
            break;
        case 'n':
            job.name = optarg;
            break;
        case 'k':
            job.kills = (unsigned)number(optarg, 0, 1000);
            break;
        case 'r':
            role = optarg;
            break;
        case 'h':
            return fputs(usage, stdout) == EOF;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc)
        job.path = argv[optind++];
    if (optind < argc) {
        fputs(usage, stderr);
        return 2;
    }
    return run_role(role, &job);
}
