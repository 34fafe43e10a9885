/* SPDX-License-Identifier: Apache-2.0 */
/* The options that say how a channel is to be made: those of create, and of send and recv with --create. */
#ifndef CHANCTL_CHANNEL_OPTIONS_H
#define CHANCTL_CHANNEL_OPTIONS_H

#include <shmchan.h>

#include "arguments.h"

enum channel_option {
    OPTION_MESSAGES = 512,
    OPTION_MESSAGE_SIZE,
    OPTION_BYTES,
    OPTION_ENDPOINTS,
    OPTION_HOLDS,
    OPTION_ONE_SENDER,
    OPTION_ONE_RECEIVER,
    OPTION_EPHEMERAL,
    OPTION_MODE,
    OPTION_GROUP,
    OPTION_PREFAULT,
    OPTION_MLOCK,
    OPTION_HUGE_PAGES,
    OPTION_MAX_DELIVERIES,
    OPTION_FAIR,
    OPTION_KIND,
    OPTION_OVERFLOW,
};

/* For the array given to next_option(). */
/* clang-format off */
#define CHANNEL_OPTIONS                                                                                      \
    {"kind", required_argument, NULL, OPTION_KIND},                                                          \
    {"overflow", required_argument, NULL, OPTION_OVERFLOW},                                                  \
    {"messages", required_argument, NULL, OPTION_MESSAGES},                                                  \
    {"message-size", required_argument, NULL, OPTION_MESSAGE_SIZE},                                          \
    {"bytes", required_argument, NULL, OPTION_BYTES},                                                        \
    {"endpoints", required_argument, NULL, OPTION_ENDPOINTS},                                                \
    {"holds", required_argument, NULL, OPTION_HOLDS},                                                        \
    {"one-sender", no_argument, NULL, OPTION_ONE_SENDER},                                                    \
    {"one-receiver", no_argument, NULL, OPTION_ONE_RECEIVER},                                                \
    {"ephemeral", no_argument, NULL, OPTION_EPHEMERAL},                                                      \
    {"mode", required_argument, NULL, OPTION_MODE},                                                          \
    {"group", required_argument, NULL, OPTION_GROUP},                                                        \
    {"prefault", no_argument, NULL, OPTION_PREFAULT},                                                        \
    {"mlock", no_argument, NULL, OPTION_MLOCK},                                                              \
    {"huge-pages", no_argument, NULL, OPTION_HUGE_PAGES},                                                    \
    {"max-deliveries", required_argument, NULL, OPTION_MAX_DELIVERIES},                                      \
    {"fair", no_argument, NULL, OPTION_FAIR}
/* clang-format on */

/* For the help texts. */
#define CHANNEL_OPTIONS_HELP                                                                                 \
    "  --kind KIND           queue, broadcast, watch, oneshot, call, rendezvous, growable (queue)\n"         \
    "  --overflow lag|block  broadcast: slow receivers miss messages, or senders wait for them (lag)\n"      \
    "  --messages N          capacity (64; watch 1; rendezvous 0)\n"                                         \
    "  --message-size BYTES  largest message (4K)\n"                                                         \
    "  --bytes BYTES         payload budget for larger messages (messages x message-size, at most 64M)\n"    \
    "  --endpoints N         most endpoints attached at once (64)\n"                                         \
    "  --holds N             most messages one endpoint may hold (4)\n"                                      \
    "  --one-sender          admit one sender at a time\n"                                                   \
    "  --one-receiver        admit one receiver at a time\n"                                                 \
    "  --ephemeral           ends with its endpoints; otherwise it is durable\n"                             \
    "  --mode OCTAL          permission bits (0600)\n"                                                       \
    "  --group NAME|GID      group of the object\n"                                                          \
    "  --prefault            map every page at once\n"                                                       \
    "  --mlock               lock the pages into memory\n"                                                   \
    "  --huge-pages          ask for transparent huge pages\n"                                               \
    "  --max-deliveries N    most deliveries of a message that nobody acknowledges (no limit)\n"             \
    "  --fair                senders get places in the order in which they came\n"                           \
    "BYTES and N take a suffix K, M or G (powers of 1024).\n"

/* What chanctl makes unless told otherwise: the library's defaults, but durable. */
struct chan_options default_channel(void);

/* Take `option` if it is one of CHANNEL_OPTIONS: 1; else 0. */
int take_channel_option(const struct command *command, int option, struct chan_options *out);

#endif
