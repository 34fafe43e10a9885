/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl send: standard input into a channel, message by message. */
#include <errno.h>
#include <inttypes.h>
#include <shmchan.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "access.h"
#include "exit_codes.h"
#include "frame_reader.h"
#include "interrupt.h"
#include "report.h"

/* Enough to make the cost of a call vanish; more would only delay the first message of a batch. */
#define BATCH 512u

struct sending {
    const char *name;
    const struct chan *ch;
    struct chan_sender *tx;
    struct frame_reader reader;
    struct iovec frames[BATCH];
    size_t cut; /* frames cut off and not sent: frames[done .. cut) */
    size_t done;
    uint64_t count; /* of messages to send at most */
    uint64_t sent;
    int64_t timeout_ns; /* CHAN_FOREVER: none */
    int is_watch, is_broadcast;
};

/* What was read and will not be sent is lost to whoever wrote it: each sentence says how much it is. */
static uint64_t unsent(const struct sending *s)
{
    uint64_t bytes = s->reader.end - s->reader.start;

    for (size_t i = s->done; i < s->cut; i++)
        bytes += s->frames[i].iov_len;
    return bytes;
}

static int lose(const struct sending *s, int code, const char *what, const char *advice)
{
    return fail_saying(s->name, code,
                       "%s after %" PRIu64 " messages, %" PRIu64 " bytes were read and not sent; %s", what,
                       s->sent, unsent(s), advice);
}

static int is_shut_down(const struct chan *ch)
{
    struct chan_stat stat = {.size = sizeof(stat)};

    return chan_stat(ch, &stat) == 0 && stat.shut_down;
}

static int lose_by(const struct sending *s, int error)
{
    const struct failure *failure = failure_of(error);

    if (error == -EPIPE && s->is_broadcast && !is_shut_down(s->ch))
        return lose(s, failure->code, "nobody receives", "start 'chanctl recv' first");
    return lose(s, failure->code, failure->what, failure->advice);
}

static int interrupted(const struct sending *s)
{
    if (s->done < s->cut || s->reader.start < s->reader.end)
        lose(s, 0, "stopped by a signal", "send the rest again");
    return interrupt_code();
}

static int refuse_frame(const struct sending *s, int error)
{
    uint64_t number = s->sent + 1;

    if (error == -EPROTO)
        return fail_saying(s->name, CODE_OTHER,
                           "the input ends within message %" PRIu64 ", %" PRIu64
                           " bytes were read and not sent; is it --length-prefix?",
                           number, unsent(s));
    return fail_saying(s->name, CODE_TOO_LARGE,
                       "message %" PRIu64 " is larger than %" PRIu64 " bytes, %" PRIu64
                       " bytes were read and not sent; create the channel with a larger --message-size",
                       number, s->reader.limit, unsent(s));
}

static int refuse_input(const struct sending *s, int error)
{
    char what[128];

    if (error == -ENOMEM)
        return lose_by(s, error);
    snprintf(what, sizeof(what), "cannot read standard input (%s)", strerror(-error));
    return lose(s, CODE_OTHER, what, "see where it comes from");
}

/* A watch takes one value after the other, with or without receivers. */
static ssize_t send_some(const struct sending *s, const struct iovec *messages, size_t count)
{
    if (s->is_watch) {
        int error = chan_watch_send_replace(s->tx, messages->iov_base, messages->iov_len, NULL, 0, NULL);

        return error == 0 ? 1 : error;
    }
    return s->timeout_ns == CHAN_FOREVER ? chan_send_many(s->tx, messages, count)
                                         : chan_send_many_timeout(s->tx, messages, count, s->timeout_ns);
}

/* Send what has been cut off: CODE_OK or the exit code. */
static int send_batch(struct sending *s)
{
    while (s->done < s->cut) {
        const struct iovec *rest = s->frames + s->done;
        size_t count = s->cut - s->done;
        ssize_t sent;

        if (interrupts() > 0)
            return interrupted(s);
        sent = send_some(s, rest, count);
        if (sent >= 0) {
            s->done += (size_t)sent;
            s->sent += (uint64_t)sent;
        } else if (sent != -EINTR) {
            return lose_by(s, (int)sent);
        }
    }
    return CODE_OK;
}

/* Standard input to its end: CODE_OK or the exit code. */
static int send_all(struct sending *s)
{
    while (s->sent < s->count && !s->reader.finished) {
        uint64_t wanted = s->count - s->sent;
        ssize_t cut = frame_reader_cut(&s->reader, s->frames, wanted < BATCH ? (size_t)wanted : BATCH);
        int code, error;

        if (cut < 0)
            return refuse_frame(s, (int)cut);
        s->cut = (size_t)cut;
        s->done = 0;
        code = send_batch(s);
        if (code != CODE_OK)
            return code;
        if (cut > 0 || s->reader.finished)
            continue;
        if (interrupts() > 0)
            return interrupted(s);
        error = frame_reader_fill(&s->reader);
        if (error != 0 && error != -EINTR)
            return refuse_input(s, error);
    }
    return CODE_OK;
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        ACCESS_OPTIONS,
        FRAMING_OPTIONS,
        {"timeout", required_argument, NULL, 't'},
        {"count", required_argument, NULL, 'n'},
        {"shutdown-at-eof", no_argument, NULL, 'e'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct sending s = {.count = UINT64_MAX, .timeout_ns = CHAN_FOREVER};
    struct access access = default_access();
    struct chan_options options;
    enum framing framing = FRAME_LINES;
    int option, shutdown_at_eof = 0, code, error;
    struct chan *ch;

    while ((option = next_option(&send_command, argc, argv, ":ln:t:0h", long_options)) != -1) {
        if (take_framing_option(option, &framing) || take_access_option(&send_command, option, &access))
            continue;
        if (option == 't')
            s.timeout_ns = seconds_argument(&send_command, "--timeout", optarg);
        else if (option == 'n')
            s.count = size_argument(&send_command, "--count", optarg, UINT64_MAX);
        else if (option == 'e')
            shutdown_at_eof = 1;
    }
    s.name = only_name(&send_command, argc, argv);
    catch_interrupts();
    code = open_channel(&send_command, s.name, &access, &ch);
    if (code != CODE_OK)
        return code;
    chan_options_of(ch, &options);
    if (options.kind == CHAN_CALL) {
        chan_close(ch);
        return fail_saying(s.name, CODE_OTHER, "it is for calls; use 'chanctl call'");
    }
    s.ch = ch;
    s.is_watch = options.kind == CHAN_WATCH;
    s.is_broadcast = options.kind == CHAN_BROADCAST;
    error = chan_attach_sender(ch, CHAN_INTERRUPTIBLE, &s.tx);
    if (error == 0)
        error = frame_reader_init(&s.reader, STDIN_FILENO, framing, options.message_size);
    code = error == 0 ? send_all(&s) : fail(s.name, error);
    if (code == CODE_OK && shutdown_at_eof) {
        error = chan_shutdown(ch);
        code = error == 0 ? CODE_OK : fail(s.name, error);
    }
    frame_reader_free(&s.reader);
    chan_close_sender(s.tx);
    chan_close(ch);
    return code;
}

const struct command send_command = {
    .name = "send",
    .arguments = "NAME [options]",
    .summary = "send standard input, a message a line",
    .help = "  -l, --lines           a message a line, without its newline (default)\n"
            "  -0, --nul             messages end with a NUL byte\n"
            "  --length-prefix       before each message its length, 4 bytes, big endian\n"
            "  --whole               the whole input is one message\n"
            "  -n, --count COUNT     end after so many messages\n"
            "  -t, --timeout SEC     give up when there was no room for so long\n"
            "  --shutdown-at-eof     shut the channel down at the end, so that receivers end "
            "too\n" ACCESS_OPTIONS_HELP,
    .run = run,
};
