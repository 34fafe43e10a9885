/* SPDX-License-Identifier: Apache-2.0 */
/* Examines every channel. */
#include <inttypes.h>
#include <shmchan.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"
#include "look.h"
#include "names.h"

/* What the file system says, which holds for corrupt objects too. */
static void examine_object(struct findings *findings, const char *name)
{
    struct stat status;
    char path[4096];

    snprintf(path, sizeof(path), "%s/shmchan.%s", chan_dir(), name);
    if (lstat(path, &status) != 0)
        return;
    if (status.st_uid != 0 && status.st_uid != geteuid())
        note_of(findings, "foreign-owner", name, "open it with CHAN_ANY_OWNER only if you trust its owner",
                "user %u owns it, and could send anything", status.st_uid);
    if (S_ISREG(status.st_mode) && (status.st_mode & S_IWOTH))
        warn_of(findings, "world-writable", name, "create it with a narrower --mode, and a --group",
                "everybody may write into it (mode %04o)", (unsigned)(status.st_mode & 07777u));
}

static void examine_state(struct findings *findings, const struct look *look)
{
    switch (look->state) {
    case STATE_STALE:
        warn_of(findings, "stale", look->name, "remove it: chanctl clean",
                "the processes that used it are dead, and it still takes %" PRIu64 " bytes",
                look->memory.total_bytes);
        break;
    case STATE_CORRUPT:
        warn_of(findings, "corrupt", look->name, "remove it: chanctl rm", "%s", look->reason);
        break;
    case STATE_OTHER_VERSION:
        warn_of(findings, "version", look->name, "use one version of the library, or remove it: chanctl rm",
                "%s", look->reason);
        break;
    case STATE_NO_PERMISSION:
        note_of(findings, "permission", look->name, "run doctor as its owner or as root",
                "it cannot be examined: %s", look->reason);
        break;
    case STATE_UNKNOWN:
        warn_of(findings, "unreadable", look->name, "see what it is with ls -l", "it cannot be opened: %s",
                look->reason);
        break;
    case STATE_OPEN:
    case STATE_CLOSED:
    case STATE_DRAINED:
        if (look->dead > 0)
            warn_of(findings, "dead-endpoints", look->name,
                    "run 'chanctl repair', or let its next user do it",
                    "%u of its endpoints belong to dead processes and await repair", look->dead);
        break;
    case STATE_ABSENT:
        break;
    }
}

void examine_channels(struct findings *findings)
{
    struct names names;
    int error = list_names(&names);

    if (error != 0)
        warn_of(findings, "directory", chan_dir(), "give this user the right to read it",
                "it cannot be listed: %s", chan_strerror(error));
    for (size_t i = 0; i < names.count; i++) {
        struct look look;

        look_at(&look, names.list[i]);
        examine_object(findings, names.list[i]);
        examine_state(findings, &look);
        look_away(&look);
    }
    free_names(&names);
}
