/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl watch: the value of a watch, and each new one, to standard output. */
#include <errno.h>
#include <shmchan.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "exit_codes.h"
#include "frame_writer.h"
#include "interrupt.h"
#include "output_watch.h"
#include "report.h"

struct watching {
    const char *name;
    struct chan_receiver *rx;
    enum framing framing;
    uint64_t count; /* of values to write at most */
    int64_t timeout_ns;
};

/* Write a value and its framing; 0 or a negative errno value. */
static int write_value(const struct watching *w, const struct chan_view *view)
{
    char head[LENGTH_PREFIX], tail[1];
    uint64_t written = 0;
    struct iovec pieces[] = {
        {.iov_base = head, .iov_len = frame_head(w->framing)},
        {.iov_base = (void *)view->data, .iov_len = view->size},
        {.iov_base = tail, .iov_len = frame_tail(w->framing)},
    };

    if (w->framing == FRAME_LENGTH && view->size > LENGTH_PREFIX_MOST)
        return -EMSGSIZE;
    frame_put_head(w->framing, head, view->size);
    frame_put_tail(w->framing, tail);
    return write_fully(STDOUT_FILENO, pieces, 3, &written);
}

static int fail_to_show(const struct watching *w, int error)
{
    if (error == -EMSGSIZE)
        return fail_saying(w->name, CODE_TOO_LARGE,
                           "the value is larger than its length prefix can tell; use --whole");
    return fail_to_write(w->name, error);
}

/* The current value first, then those that are new: the exit code. */
static int follow(const struct watching *w)
{
    struct chan_view view;
    uint64_t written = 0;
    int error = chan_watch_mark_changed(w->rx);

    while (error == 0 && written < w->count) {
        if (interrupts() > 0)
            return interrupt_code();
        if (is_broken(STDOUT_FILENO))
            return CODE_SIGNAL + SIGPIPE;
        error = chan_recv_view_timeout(w->rx, &view, w->timeout_ns);
        if (error == -EINTR) {
            error = 0;
            continue;
        }
        if (error != 0)
            break;
        error = write_value(w, &view);
        chan_release(w->rx, &view);
        if (error != 0)
            return fail_to_show(w, error);
        written++;
    }
    if (error == 0 || (error == -EPIPE && w->count == UINT64_MAX))
        return CODE_OK;
    return fail(w->name, error);
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        FRAMING_OPTIONS,
        {"timeout", required_argument, NULL, 't'},
        {"count", required_argument, NULL, 'n'},
        {"any-owner", no_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct watching w = {.count = UINT64_MAX, .timeout_ns = CHAN_FOREVER};
    struct chan_options options;
    uint32_t flags = 0;
    struct chan *ch;
    int option, error;

    while ((option = next_option(&watch_command, argc, argv, ":l0n:t:h", long_options)) != -1) {
        if (take_framing_option(option, &w.framing))
            continue;
        if (option == 't')
            w.timeout_ns = seconds_argument(&watch_command, "--timeout", optarg);
        else if (option == 'n')
            w.count = size_argument(&watch_command, "--count", optarg, UINT64_MAX);
        else if (option == 'o')
            flags = CHAN_ANY_OWNER;
    }
    w.name = only_name(&watch_command, argc, argv);
    catch_interrupts();
    catch_signal(SIGPIPE);
    error = chan_open(w.name, flags, &ch);
    if (error != 0)
        return fail(w.name, error);
    chan_options_of(ch, &options);
    if (options.kind != CHAN_WATCH) {
        chan_close(ch);
        return fail_saying(w.name, CODE_OTHER, "it is no watch; use 'chanctl recv', or 'chanctl tap'");
    }
    error = watch_output(STDOUT_FILENO);
    if (error == 0)
        error = chan_attach_receiver(ch, CHAN_INTERRUPTIBLE, &w.rx);
    error = error == 0 ? follow(&w) : fail(w.name, error);
    chan_close_receiver(w.rx);
    chan_close(ch);
    return error;
}

const struct command watch_command = {
    .name = "watch",
    .arguments = "NAME [options]",
    .summary = "show the value of a watch, and each new one, a line each",
    .help = "  -l, --lines           a newline after each value (default)\n"
            "  -0, --nul             a NUL byte after each value\n"
            "  --length-prefix       before each value its length, 4 bytes, big endian\n"
            "  --whole               the values as they are\n"
            "  -n, --count COUNT     end after so many values: 1 shows what is there now\n"
            "  -t, --timeout SEC     give up when no new value came for so long\n"
            "  --any-owner           use a channel that neither you nor root owns\n"
            "Of values that come faster than they can be written, the latest is.\n",
    .run = run,
};
