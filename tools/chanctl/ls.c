/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl ls: all channels, one line each. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "channel_options.h"
#include "exit_codes.h"
#include "json.h"
#include "look.h"
#include "names.h"
#include "report.h"
#include "text.h"

static void print_line(const struct look *look, int width)
{
    char owner[FIGURE_MAX], bytes[FIGURE_MAX], queue[48];

    print_escaped(stdout, look->name, strlen(look->name));
    printf("%*s", width - (int)strlen(look->name), "");
    if (look->error != 0) {
        printf("  %-10s  %-9s  %7s  %9s  %15s  %10s  %-10s  %s: %s\n", "-", "-", "-", "-", "-", "-", "-",
               state_name(look->state), look->reason);
        return;
    }
    snprintf(queue, sizeof(queue), "%" PRIu64 "/%" PRIu64, chan_len(look->ch), chan_capacity(look->ch));
    printf("  %-10s  %-9s  %7u  %9u  %15s  %10s  %-10s  %s%s%s\n", kind_name(look->options.kind),
           look->options.lifetime == CHAN_DURABLE ? "durable" : "ephemeral", look->live_senders,
           look->live_receivers, queue, format_bytes(look->memory.total_bytes, bytes),
           format_user(look->stat.owner_uid, owner), state_name(look->state), look->reason[0] ? ": " : "",
           look->reason);
}

static void print_object(struct json *json, const struct look *look)
{
    char owner[FIGURE_MAX];

    json_open_object(json, NULL);
    json_string(json, "name", look->name);
    json_string(json, "state", state_name(look->state));
    json_string(json, "reason", look->reason);
    if (look->error == 0) {
        json_string(json, "kind", kind_name(look->options.kind));
        json_string(json, "lifetime", look->options.lifetime == CHAN_DURABLE ? "durable" : "ephemeral");
        json_unsigned(json, "senders", look->live_senders);
        json_unsigned(json, "receivers", look->live_receivers);
        json_unsigned(json, "dead", look->dead);
        json_unsigned(json, "queued", chan_len(look->ch));
        json_unsigned(json, "capacity", chan_capacity(look->ch));
        json_unsigned(json, "bytes", look->memory.total_bytes);
        json_string(json, "owner", format_user(look->stat.owner_uid, owner));
        json_unsigned(json, "uid", look->stat.owner_uid);
    }
    json_close(json);
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"json", no_argument, NULL, 'j'},
        {"names", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct json json = JSON_ON(stdout);
    int option, as_json = 0, names_only = 0, width = 4, error;
    struct names names;

    while ((option = next_option(&ls_command, argc, argv, ":h", long_options)) != -1) {
        as_json |= option == 'j';
        names_only |= option == 'n';
    }
    no_names(&ls_command, argc, argv);
    error = list_names(&names);
    if (error != 0)
        return fail_saying(chan_dir(), CODE_OTHER, "cannot list the directory: %s; see 'chanctl doctor'",
                           chan_strerror(error));
    for (size_t i = 0; i < names.count; i++)
        if ((int)strlen(names.list[i]) > width)
            width = (int)strlen(names.list[i]);
    if (as_json)
        json_open_array(&json, NULL);
    else if (!names_only && names.count > 0)
        printf("%-*s  %-10s  %-9s  %7s  %9s  %15s  %10s  %-10s  %s\n", width, "NAME", "KIND", "LIFETIME",
               "SENDERS", "RECEIVERS", "QUEUED/CAPACITY", "BYTES", "OWNER", "STATE");
    for (size_t i = 0; i < names.count; i++) {
        struct look look;

        if (names_only) {
            puts(names.list[i]);
            continue;
        }
        look_at(&look, names.list[i]);
        if (look.state != STATE_ABSENT && as_json)
            print_object(&json, &look);
        else if (look.state != STATE_ABSENT)
            print_line(&look, width);
        look_away(&look);
    }
    if (as_json)
        json_close(&json);
    free_names(&names);
    return CODE_OK;
}

const struct command ls_command = {
    .name = "ls",
    .arguments = "[options]",
    .summary = "list all channels",
    .help = "  --json                for programs\n"
            "  --names               only the names\n",
    .run = run,
};
