/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl check: account for every block, unit and message. */
#include <inttypes.h>
#include <shmchan.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "exit_codes.h"
#include "look.h"
#include "report.h"

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option, quiet = 0, result;
    struct chan_stat stat = {.size = sizeof(stat)};
    char text[512] = "";
    const char *name;
    struct chan *ch;

    while ((option = next_option(&check_command, argc, argv, ":qh", long_options)) != -1)
        quiet |= option == 'q';
    name = only_name(&check_command, argc, argv);
    result = chan_open(name, LOOK_FLAGS, &ch);
    if (result != 0)
        return fail(name, result);
    result = chan_check(ch, text, sizeof(text));
    if (result == 0)
        result = chan_stat(ch, &stat);
    chan_close(ch);
    if (result < 0)
        return fail(name, result);
    if (result > 0)
        return fail_saying(name, CODE_NEGATIVE,
                           "%s; check again when nobody uses it, try 'chanctl repair', or remove it", text);
    if (!quiet)
        puts("every block, unit and message is accounted for");
    if (!quiet && stat.unreturned > 0)
        printf("%" PRIu64 " messages were received in calls that never returned, since their process died: "
               "these may be lost\n",
               stat.unreturned);
    return CODE_OK;
}

const struct command check_command = {
    .name = "check",
    .arguments = "NAME [-q]",
    .summary = "account for every block, unit and message; meaningful while nobody uses it",
    .help = "  -q, --quiet           say nothing if all is well\n",
    .run = run,
};
