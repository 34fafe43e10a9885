/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl tap: look at queued messages without taking them. */
#include <errno.h>
#include <inttypes.h>
#include <shmchan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "exit_codes.h"
#include "interrupt.h"
#include "json.h"
#include "look.h"
#include "report.h"
#include "text.h"

#define POLL_NS 50000000 /* it is registered nowhere, so nobody could wake it */
#define JUDGE_EVERY 20u  /* polls: that asks about the process of each endpoint */
#define SHOWN_BYTES 256u

struct tapping {
    const char *name;
    struct look look;
    struct json json;
    int as_json;
    int as_hex;
    int follow;
    uint64_t count; /* of messages to show at most */
    uint64_t limit; /* bytes shown of each */
    uint64_t shown;
    uint64_t position; /* of the next message */
    char *buffer;
};

/* How many of the copied bytes to show: what is cut off shall not make text look like none. */
static size_t shown_bytes(const struct tapping *t, const struct chan_peek_info *info)
{
    size_t copied = info->size < t->limit ? info->size : t->limit;

    if (copied == info->size || t->as_hex)
        return copied;
    for (size_t shown = copied; shown > 0 && copied - shown < UTF8_LONGEST; shown--)
        if (is_utf8(t->buffer, shown))
            return shown;
    return copied;
}

static void print_message(struct tapping *t, const struct chan_peek_info *info, size_t copied)
{
    char age[FIGURE_MAX], size[FIGURE_MAX];

    printf("#%" PRIu64 "  sender %u  %s ago  %s  ", info->position, info->sender,
           format_duration(chan_now() - info->sent_ns, age), format_bytes(info->size, size));
    if (t->as_hex)
        print_hex(stdout, t->buffer, copied);
    else
        print_escaped(stdout, t->buffer, copied);
    puts(copied < info->size ? " ..." : "");
}

static void print_object(struct tapping *t, const struct chan_peek_info *info, size_t copied)
{
    json_open_object(&t->json, NULL);
    json_unsigned(&t->json, "position", info->position);
    json_unsigned(&t->json, "sender", info->sender);
    json_signed(&t->json, "age_ns", chan_now() - info->sent_ns);
    json_unsigned(&t->json, "size", info->size);
    json_boolean(&t->json, "truncated", copied < info->size);
    if (t->as_hex || !is_utf8(t->buffer, copied))
        json_hex(&t->json, "hex", t->buffer, copied);
    else
        json_text(&t->json, "text", t->buffer, copied);
    json_close(&t->json);
}

static void print_skipped(struct tapping *t, uint64_t skipped)
{
    if (!t->as_json) {
        printf("(%" PRIu64 " messages were received before they could be seen)\n", skipped);
        return;
    }
    json_open_object(&t->json, NULL);
    json_unsigned(&t->json, "skipped", skipped);
    json_close(&t->json);
}

/* Show what is queued from the position on. 0: all there is; 1: `count` is reached; or an error. */
static int show_queued(struct tapping *t)
{
    while (t->shown < t->count) {
        struct chan_peek_info info;
        size_t copied;
        int error;

        if (interrupts() > 0)
            return -EINTR;
        error = chan_peek(t->look.ch, &t->position, t->buffer, t->limit, &info);
        if (error == -EAGAIN)
            return 0;
        if (error != 0)
            return error;
        copied = shown_bytes(t, &info);
        if (info.skipped > 0 && t->shown > 0)
            print_skipped(t, info.skipped);
        if (t->as_json)
            print_object(t, &info, copied);
        else
            print_message(t, &info, copied);
        t->shown++;
    }
    return 1;
}

/* After the last message: tell of those that were received before they could be seen. */
static void count_unseen(struct tapping *t)
{
    struct chan_stat stat = {.size = sizeof(stat)};

    if (t->shown > 0 && chan_stat(t->look.ch, &stat) == 0 && stat.sent > t->position)
        print_skipped(t, stat.sent - t->position);
}

/* Whether no message can come any more. That killed processes have left a channel is acted upon by those who use it,
 * and here only seen. */
static int has_ended(struct tapping *t, uint64_t poll)
{
    const struct look *look = &t->look;

    if (chan_is_closed(look->ch))
        return 1;
    if (poll % JUDGE_EVERY != 0 || look_again(&t->look) != 0)
        return 0;
    return look->state == STATE_STALE || (look->stat.unlinked && look->live == 0);
}

/* As show_queued(), again and again, until the channel has ended. */
static int follow_queue(struct tapping *t)
{
    static const struct timespec pause = {.tv_nsec = POLL_NS};
    uint64_t poll = 0;
    int ended, result;

    do {
        ended = has_ended(t, poll++); /* asked before the last look, which therefore sees the last message */
        result = show_queued(t);
        if (fflush(stdout) != 0)
            return 1;
        if (result == 0 && !ended)
            nanosleep(&pause, NULL);
    } while (result == 0 && !ended);
    if (ended && result == 0)
        count_unseen(t);
    return result;
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"follow", no_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {"hex", no_argument, NULL, 'x'},
        {"count", required_argument, NULL, 'n'},
        {"limit", required_argument, NULL, 'b'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct tapping t = {.count = UINT64_MAX, .limit = SHOWN_BYTES, .json = JSON_ON(stdout)};
    int option, result;

    while ((option = next_option(&tap_command, argc, argv, ":fn:h", long_options)) != -1) {
        switch (option) {
        case 'f':
            t.follow = 1;
            break;
        case 'j':
            t.as_json = 1;
            break;
        case 'x':
            t.as_hex = 1;
            break;
        case 'n':
            t.count = size_argument(&tap_command, "--count", optarg, UINT64_MAX);
            break;
        case 'b':
            t.limit = size_argument(&tap_command, "--limit", optarg, UINT32_MAX);
            break;
        default:
            break;
        }
    }
    t.name = only_name(&tap_command, argc, argv);
    t.buffer = malloc(t.limit + 1);
    if (!t.buffer)
        return fail(t.name, -ENOMEM);
    result = look_at(&t.look, t.name);
    if (result != 0) {
        look_away(&t.look);
        free(t.buffer);
        return fail(t.name, result);
    }
    catch_interrupts();
    if (t.as_json && !t.follow)
        json_open_array(&t.json, NULL);
    result = t.follow ? follow_queue(&t) : show_queued(&t);
    if (t.as_json && !t.follow)
        json_close(&t.json);
    look_away(&t.look);
    free(t.buffer);
    if (result == -EINTR || interrupts() > 0)
        return interrupt_code();
    return result < 0 ? fail(t.name, result) : CODE_OK;
}

const struct command tap_command = {
    .name = "tap",
    .arguments = "NAME [options]",
    .summary = "show queued messages without taking them",
    .help = "  -f, --follow          go on with those that come, until the channel ends\n"
            "  -n, --count COUNT     end after so many messages\n"
            "  --hex                 as hexadecimal digits\n"
            "  --limit BYTES         show so much of each message (256)\n"
            "  --json                for programs: an array, or with --follow an object a line\n"
            "What is received faster than it can be shown is counted, and not shown.\n",
    .run = run,
};
