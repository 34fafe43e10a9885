/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl stat: one channel in full. */
#include <errno.h>
#include <inttypes.h>
#include <shmchan.h>
#include <stdio.h>
#include <time.h>

#include "arguments.h"
#include "exit_codes.h"
#include "interrupt.h"
#include "look.h"
#include "report.h"
#include "stat_print.h"

/* Print again and again, until a signal comes or the channel has no name and no endpoint any more. */
static int watch(struct look *look, int as_json, int64_t interval_ns)
{
    struct timespec pause = {.tv_sec = interval_ns / 1000000000, .tv_nsec = interval_ns % 1000000000};
    int error;

    catch_interrupts();
    for (;;) {
        if (as_json)
            print_stat_json(look);
        else
            print_stat(look);
        if (fflush(stdout) != 0)
            return CODE_OK;
        if (look->stat.unlinked && look->live == 0)
            return CODE_OK;
        if (interrupts() == 0)
            nanosleep(&pause, NULL);
        if (interrupts() > 0)
            return interrupt_code();
        error = look_again(look);
        if (error != 0)
            return fail(look->name, error);
        if (!as_json)
            putchar('\n');
    }
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"json", no_argument, NULL, 'j'},
        {"watch", required_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option, as_json = 0, code = CODE_OK;
    int64_t interval_ns = -1;
    struct look look;
    const char *name;

    while ((option = next_option(&stat_command, argc, argv, ":w:h", long_options)) != -1) {
        if (option == 'j')
            as_json = 1;
        else if (option == 'w')
            interval_ns = seconds_argument(&stat_command, "--watch", optarg);
    }
    name = only_name(&stat_command, argc, argv);
    if (look_at(&look, name) != 0)
        code = fail(name, look.error);
    else if (interval_ns >= 0)
        code = watch(&look, as_json, interval_ns);
    else if (as_json)
        print_stat_json(&look);
    else
        print_stat(&look);
    look_away(&look);
    return code;
}

const struct command stat_command = {
    .name = "stat",
    .arguments = "NAME [options]",
    .summary = "show one channel in full: shape, memory, endpoints, queue, totals",
    .help = "  --json                for programs; with --watch an object a line\n"
            "  -w, --watch SEC       again every SEC seconds\n",
    .run = run,
};
