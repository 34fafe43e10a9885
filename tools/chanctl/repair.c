/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl repair: finish what dead endpoints left, as live peers do when they meet it. */
#include <errno.h>
#include <shmchan.h>
#include <stdio.h>

#include "arguments.h"
#include "exit_codes.h"
#include "look.h"
#include "report.h"

/* A stale ephemeral channel needs no repair: opening it removes it. 1 if it was one. */
static int remove_stale(const char *name)
{
    struct look look;
    struct chan *ch;
    int stale;

    stale = look_at(&look, name) == 0 && look.state == STATE_STALE;
    look_away(&look);
    if (!stale)
        return 0;
    if (chan_open(name, CHAN_NO_KEEPER | CHAN_ANY_OWNER, &ch) == -ENOENT) {
        puts("it was ephemeral, and its endpoints were all dead: it has been removed");
        return 1;
    }
    return 0;
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"dry-run", no_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct chan_repair_report report = {0};
    int option, dry_run = 0, error;
    const char *name;
    struct chan *ch;

    while ((option = next_option(&repair_command, argc, argv, ":h", long_options)) != -1)
        dry_run |= option == 'd';
    name = only_name(&repair_command, argc, argv);
    if (!dry_run && remove_stale(name))
        return CODE_OK;
    error = chan_open(name, dry_run ? LOOK_FLAGS : CHAN_NO_KEEPER | CHAN_ANY_OWNER, &ch);
    if (error != 0)
        return fail(name, error);
    error = chan_repair(ch, dry_run, &report);
    chan_close(ch);
    if (error != 0)
        return fail(name, error);
    printf("%u dead endpoints, %u %s, %u messages to deliver again, %u payload units freed\n", report.dead,
           dry_run ? report.dead : report.repaired, dry_run ? "would be repaired" : "repaired",
           report.orphaned, report.units_freed);
    if (dry_run)
        return report.dead > 0 ? CODE_NEGATIVE : CODE_OK;
    return report.repaired < report.dead ? CODE_NEGATIVE : CODE_OK;
}

const struct command repair_command = {
    .name = "repair",
    .arguments = "NAME [--dry-run]",
    .summary = "finish what dead endpoints left: records, messages to deliver again, memory",
    .help = "  --dry-run             only tell what there is; exit status 1 if there is any\n",
    .run = run,
};
