/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of channels by name. */
#include "kinds.h"

#include <shmchan.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"

static const char *const names[] = {
    [CHAN_QUEUE] = "queue",       [CHAN_BROADCAST] = "broadcast", [CHAN_WATCH] = "watch",
    [CHAN_ONESHOT] = "oneshot",   [CHAN_CALL] = "call",           [CHAN_RENDEZVOUS] = "rendezvous",
    [CHAN_GROWABLE] = "growable",
};
#define KINDS (sizeof(names) / sizeof(names[0]))

const char *kind_name(uint32_t kind)
{
    static char unknown[24];

    if (kind < KINDS && names[kind])
        return names[kind];
    snprintf(unknown, sizeof(unknown), "kind %u", kind);
    return unknown;
}

uint32_t kind_argument(const struct command *command, const char *text)
{
    for (uint32_t kind = 0; kind < KINDS; kind++)
        if (names[kind] && strcmp(names[kind], text) == 0)
            return kind;
    misused(command, "there is no kind of channel '%s'", text);
}
