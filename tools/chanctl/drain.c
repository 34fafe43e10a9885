/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl drain: throw away what is queued. */
#include <errno.h>
#include <inttypes.h>
#include <shmchan.h>
#include <stdio.h>

#include "arguments.h"
#include "exit_codes.h"
#include "report.h"
#include "text.h"

/* Take what is queued at the beginning and no more, so that it ends while senders go on. */
static int drain(struct chan *ch, struct chan_receiver *rx, uint64_t *messages, uint64_t *bytes)
{
    uint64_t queued = chan_len(ch);
    struct chan_view view;
    int error;

    *messages = *bytes = 0;
    while (*messages < queued) {
        error = chan_try_recv_view(rx, &view);
        if (error == -EAGAIN || error == -EPIPE)
            return 0;
        if (error != 0)
            return error;
        *bytes += view.size;
        *messages += 1;
        error = chan_release(rx, &view);
        if (error != 0)
            return error;
    }
    return 0;
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct chan_receiver *rx;
    uint64_t messages, bytes;
    char figure[FIGURE_MAX];
    int option, quiet = 0, error;
    const char *name;
    struct chan *ch;

    while ((option = next_option(&drain_command, argc, argv, ":qh", long_options)) != -1)
        quiet |= option == 'q';
    name = only_name(&drain_command, argc, argv);
    error = chan_open(name, CHAN_NO_KEEPER | CHAN_ANY_OWNER, &ch);
    if (error != 0)
        return fail(name, error);
    error = chan_attach_receiver(ch, 0, &rx);
    if (error == 0) {
        error = drain(ch, rx, &messages, &bytes);
        chan_close_receiver(rx);
        if (!quiet)
            printf("%" PRIu64 " messages thrown away (%s)\n", messages, format_bytes(bytes, figure));
    }
    chan_close(ch);
    return error == 0 ? CODE_OK : fail(name, error);
}

const struct command drain_command = {
    .name = "drain",
    .arguments = "NAME [-q]",
    .summary = "throw away what is queued",
    .help =
        "  -q, --quiet           do not tell how much it was\n"
        "It attaches as a receiver: on an ephemeral channel without another one, leaving closes that side.\n",
    .run = run,
};
