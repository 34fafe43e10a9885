/* SPDX-License-Identifier: Apache-2.0 */
/* How send and recv come to their channel: open it, or make it if it does not exist. */
#ifndef CHANCTL_ACCESS_H
#define CHANCTL_ACCESS_H

#include <shmchan.h>

#include "channel_options.h"

struct access {
    struct chan_options options; /* with `create` */
    int create;
    int any_owner;
    int has_shape; /* an option was given that needs `create` */
};

/* For the array given to next_option(). */
/* clang-format off */
#define ACCESS_OPTIONS                                                                                       \
    CHANNEL_OPTIONS,                                                                                         \
    {"create", no_argument, NULL, 'c'},                                                                      \
    {"any-owner", no_argument, NULL, 'o'}
/* clang-format on */

#define ACCESS_OPTIONS_HELP                                                                                  \
    "  --any-owner           use a channel that neither you nor root owns\n"                                 \
    "  --create              create the channel if it does not exist; then also:\n" CHANNEL_OPTIONS_HELP

struct access default_access(void);

/* Take `option` if it is one of ACCESS_OPTIONS: 1; else 0. */
int take_access_option(const struct command *command, int option, struct access *out);

/* Open the channel, or make it. CODE_OK, or the code of what has been reported. */
int open_channel(const struct command *command, const char *name, const struct access *access,
                 struct chan **out);

#endif
