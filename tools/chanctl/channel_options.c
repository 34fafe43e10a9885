/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the options that say how a channel is to be made. */
#include "channel_options.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"

struct chan_options default_channel(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;

    options.lifetime = CHAN_DURABLE;
    options.flags = CHAN_NO_KEEPER;
    return options;
}

static uint32_t group_argument(const struct command *command, const char *text)
{
    const struct group *entry = getgrnam(text);
    unsigned long gid;
    char *end;

    if (entry)
        return entry->gr_gid;
    gid = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || gid >= CHAN_NO_GROUP)
        misused(command, "there is no group '%s'", text);
    return (uint32_t)gid;
}

static uint32_t count_argument(const struct command *command, const char *option)
{
    return (uint32_t)size_argument(command, option, optarg, UINT32_MAX);
}

static uint32_t overflow_argument(const struct command *command, const char *text)
{
    if (!strcmp(text, "lag"))
        return CHAN_LAG;
    if (!strcmp(text, "block"))
        return CHAN_BLOCK;
    misused(command, "--overflow is lag or block, not '%s'", text);
}

int take_channel_option(const struct command *command, int option, struct chan_options *out)
{
    switch ((enum channel_option)option) {
    case OPTION_KIND:
        out->kind = kind_argument(command, optarg);
        break;
    case OPTION_OVERFLOW:
        out->overflow = overflow_argument(command, optarg);
        break;
    case OPTION_MESSAGES:
        out->messages = size_argument(command, "--messages", optarg, UINT64_MAX);
        break;
    case OPTION_MESSAGE_SIZE:
        out->message_size = size_argument(command, "--message-size", optarg, UINT64_MAX);
        break;
    case OPTION_BYTES:
        out->bytes = size_argument(command, "--bytes", optarg, UINT64_MAX);
        break;
    case OPTION_ENDPOINTS:
        out->endpoints = count_argument(command, "--endpoints");
        break;
    case OPTION_HOLDS:
        out->holds = count_argument(command, "--holds");
        break;
    case OPTION_ONE_SENDER:
        out->senders = CHAN_ONE;
        break;
    case OPTION_ONE_RECEIVER:
        out->receivers = CHAN_ONE;
        break;
    case OPTION_EPHEMERAL:
        out->lifetime = CHAN_EPHEMERAL;
        break;
    case OPTION_MODE:
        out->mode = mode_argument(command, "--mode", optarg);
        break;
    case OPTION_GROUP:
        out->group = group_argument(command, optarg);
        break;
    case OPTION_PREFAULT:
        out->flags |= CHAN_PREFAULT;
        break;
    case OPTION_MLOCK:
        out->flags |= CHAN_MLOCK;
        break;
    case OPTION_HUGE_PAGES:
        out->flags |= CHAN_HUGE_PAGES;
        break;
    case OPTION_MAX_DELIVERIES:
        out->max_deliveries = count_argument(command, "--max-deliveries");
        break;
    case OPTION_FAIR:
        out->order = CHAN_FAIR;
        break;
    default:
        return 0;
    }
    return 1;
}
