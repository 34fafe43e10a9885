/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl clean: remove channels that no live process uses. */
#include <errno.h>
#include <inttypes.h>
#include <shmchan.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "exit_codes.h"
#include "look.h"
#include "names.h"
#include "report.h"
#include "text.h"

/* 1 if it is to be removed. A durable one keeps its messages for whoever comes back, so it needs to be
 * asked for. */
static int is_unused(const struct look *look, int durable_too)
{
    if (look->error != 0)
        return 0;
    if (look->options.lifetime == CHAN_DURABLE)
        return durable_too && look->live == 0;
    return look->state == STATE_STALE;
}

/* The library removes a stale ephemeral object when it is opened, and does so only after it has made sure,
 * against racing creators, that it is that object. */
static int remove_ephemeral(const char *name)
{
    struct chan *ch;
    int error = chan_open(name, CHAN_NO_KEEPER | CHAN_ANY_OWNER, &ch);

    if (error != 0)
        return error == -ENOENT ? 0 : error;
    chan_close(ch);
    return -EBUSY;
}

static int remove_durable(struct look *look)
{
    int error = look_again(look);

    if (error != 0)
        return error;
    return look->live > 0 || look->stat.unlinked ? -EBUSY : chan_unlink(look->name);
}

static int clean_one(struct look *look, int dry_run)
{
    int durable = look->options.lifetime == CHAN_DURABLE;
    uint64_t lost = chan_len(look->ch);
    int error = 0;

    if (!dry_run)
        error = durable ? remove_durable(look) : remove_ephemeral(look->name);
    if (error == -EBUSY || error == -ENOENT)
        return CODE_OK; /* somebody began to use it, or has removed it */
    if (error != 0)
        return fail(look->name, error);
    printf("%s ", dry_run ? "would remove" : "removed");
    print_escaped(stdout, look->name, strlen(look->name));
    printf(": %s, %" PRIu64 " messages in it\n", durable ? "durable, no live endpoint" : look->reason, lost);
    return CODE_OK;
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"durable", no_argument, NULL, 'd'},
        {"dry-run", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option, durable_too = 0, dry_run = 0, code = CODE_OK, error;
    struct names names;

    while ((option = next_option(&clean_command, argc, argv, ":nh", long_options)) != -1) {
        durable_too |= option == 'd';
        dry_run |= option == 'n';
    }
    no_names(&clean_command, argc, argv);
    error = list_names(&names);
    if (error != 0)
        return fail_saying(chan_dir(), CODE_OTHER, "cannot list the directory: %s; see 'chanctl doctor'",
                           chan_strerror(error));
    for (size_t i = 0; i < names.count; i++) {
        struct look look;

        look_at(&look, names.list[i]);
        if (is_unused(&look, durable_too)) {
            int one = clean_one(&look, dry_run);

            if (code == CODE_OK)
                code = one;
        }
        look_away(&look);
    }
    free_names(&names);
    return code;
}

const struct command clean_command = {
    .name = "clean",
    .arguments = "[--durable] [-n]",
    .summary = "remove ephemeral channels whose endpoints are all dead",
    .help = "  --durable             also durable ones without a live endpoint, and the messages in them\n"
            "  -n, --dry-run         only tell which\n",
    .run = run,
};
