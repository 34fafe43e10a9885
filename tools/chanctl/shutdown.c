/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl shutdown: end a channel; receivers get what is queued and then the end. */
#include <shmchan.h>

#include "arguments.h"
#include "exit_codes.h"
#include "report.h"

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct chan *ch;
    const char *name;
    int error;

    while (next_option(&shutdown_command, argc, argv, ":h", long_options) != -1)
        ;
    name = only_name(&shutdown_command, argc, argv);
    error = chan_open(name, CHAN_NO_KEEPER | CHAN_ANY_OWNER, &ch);
    if (error != 0)
        return fail(name, error);
    error = chan_shutdown(ch);
    chan_close(ch);
    return error == 0 ? CODE_OK : fail(name, error);
}

const struct command shutdown_command = {
    .name = "shutdown",
    .arguments = "NAME",
    .summary = "end a channel: no more is sent, what is queued is still received",
    .help = "",
    .run = run,
};
