/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl rm: remove the names of channels. */
#include <shmchan.h>

#include "arguments.h"
#include "exit_codes.h"
#include "look.h"
#include "report.h"

/* CODE_OK if no live process uses it; else the code of what has been reported. */
static int check_unused(const char *name)
{
    struct look look;
    int code = CODE_OK;

    if (look_at(&look, name) != 0)
        code = fail(name, look.error);
    else if (look.live > 0)
        code =
            fail_saying(name, CODE_NEGATIVE,
                        "not removed, %u live endpoints use it; end them (see 'chanctl stat'), or do without "
                        "--stale",
                        look.live);
    look_away(&look);
    return code;
}

static int remove_one(const char *name, int stale_only)
{
    int code = stale_only ? check_unused(name) : CODE_OK;
    int error;

    if (code != CODE_OK)
        return code;
    error = chan_unlink(name);
    return error == 0 ? CODE_OK : fail(name, error);
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"stale", no_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option, stale_only = 0, code = CODE_OK;

    while ((option = next_option(&rm_command, argc, argv, ":h", long_options)) != -1)
        stale_only |= option == 's';
    if (optind >= argc)
        misused(&rm_command, "the NAME of the channel is missing");
    for (int i = optind; i < argc; i++) {
        int one = remove_one(argv[i], stale_only);

        if (code == CODE_OK)
            code = one;
    }
    return code;
}

const struct command rm_command = {
    .name = "rm",
    .arguments = "[--stale] NAME...",
    .summary = "remove channels; who has one open keeps it",
    .help = "  --stale               only if no live process uses it\n",
    .run = run,
};
