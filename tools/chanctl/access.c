/* SPDX-License-Identifier: Apache-2.0 */
/* Opens channels for use. */
#include "access.h"

#include <errno.h>

#include "exit_codes.h"
#include "report.h"

struct access default_access(void)
{
    struct access access = {.options = default_channel()};

    access.options.flags = 0; /* it may wait for long: the keeper lets it sleep */
    return access;
}

int take_access_option(const struct command *command, int option, struct access *out)
{
    if (option == 'c') {
        out->create = 1;
        return 1;
    }
    if (option == 'o') {
        out->any_owner = 1;
        return 1;
    }
    if (!take_channel_option(command, option, &out->options))
        return 0;
    out->has_shape = 1;
    return 1;
}

int open_channel(const struct command *command, const char *name, const struct access *access,
                 struct chan **out)
{
    uint32_t flags = access->any_owner ? CHAN_ANY_OWNER : 0;
    int error;

    if (access->has_shape && !access->create)
        misused(command, "options that say how to make the channel need --create");
    if (access->create && access->any_owner)
        misused(command, "--any-owner is for channels that exist, without --create");
    error = access->create ? chan_open_or_create(name, &access->options, out) : chan_open(name, flags, out);
    if (error == -EEXIST)
        return fail_saying(
            name, CODE_OTHER,
            "it exists, and is not as the options ask; see 'chanctl stat', or do without --create");
    if (error == -EPERM && !access->create && !access->any_owner)
        return fail_saying(name, CODE_PERMISSION,
                           "neither you nor root owns it; if you trust its owner, say --any-owner");
    return error == 0 ? CODE_OK : fail(name, error);
}
