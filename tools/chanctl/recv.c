/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl recv: messages from a channel to standard output. */
#include <errno.h>
#include <inttypes.h>
#include <shmchan.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access.h"
#include "exit_codes.h"
#include "frame_writer.h"
#include "framing.h"
#include "interrupt.h"
#include "output_watch.h"
#include "report.h"

#define BATCH 512u
#define BUFFER_BYTES ((size_t)512 << 10) /* a batch stays within it unless one message is larger */
#define MOST_HOLDS 64u                   /* of any channel */

struct receiving {
    const char *name;
    struct chan_receiver *rx;
    struct chan_sender *dead_letters;
    enum framing framing;
    uint64_t message_size; /* largest */
    uint64_t count;        /* of messages to receive at most */
    uint64_t received;     /* written, or taken and lost */
    uint64_t missed;       /* of a broadcast, and not told yet */
    int64_t timeout_ns;    /* CHAN_FOREVER: none */
    int no_wait;
    char *buffer; /* slots: head, message, tail */
    size_t room;  /* for a message in a slot */
    size_t slots;
};

static int lose(const struct receiving *r, int error, uint64_t lost)
{
    if (error == -EINTR)
        note(r->name,
             "stopped by a second signal, %" PRIu64
             " messages taken from the channel were not written; use --ack "
             "to keep such messages",
             lost);
    else if (lost > 0)
        note(r->name,
             "%" PRIu64
             " messages taken from the channel could not be written; use --ack to keep such messages",
             lost);
    return fail_to_write(r->name, error);
}

/* What ends a receive that brought nothing. */
static int end_code(const struct receiving *r, int error)
{
    if (error == -EPIPE && r->received == 0 && r->no_wait)
        return fail_saying(r->name, CODE_CLOSED,
                           "nothing is queued, and the channel is closed; nothing will come");
    if (error == -EPIPE && r->count != UINT64_MAX)
        return fail_saying(r->name, CODE_CLOSED,
                           "the channel ended after %" PRIu64 " of %" PRIu64
                           " messages; nothing more will come",
                           r->received, r->count);
    if (error == -EPIPE)
        return CODE_OK;
    if (error == -EMSGSIZE)
        return fail_saying(r->name, CODE_TOO_LARGE,
                           "the next message is larger than its length prefix can tell; use --whole");
    if (error == -EAGAIN)
        return r->received > 0 ? CODE_OK : CODE_NEGATIVE;
    return fail(r->name, error);
}

/* Slots for messages of up to `room` bytes each. 0 or -ENOMEM. */
static int make_slots(struct receiving *r, uint64_t room)
{
    size_t around = frame_head(r->framing) + frame_tail(r->framing);
    size_t slots = BUFFER_BYTES / (room + around + 1);
    char *buffer;

    slots = slots < 1 ? 1 : slots > BATCH ? BATCH : slots;
    if (room > SIZE_MAX / 2)
        return -ENOMEM;
    buffer = realloc(r->buffer, slots * (room + around) + 1);
    if (!buffer)
        return -ENOMEM;
    r->buffer = buffer;
    r->room = (size_t)room;
    r->slots = slots;
    return 0;
}

/* Move the messages together, each with its head and tail; returns the bytes in all. The first stays in
 * place. */
static size_t pack(const struct receiving *r, const struct iovec *messages, size_t count)
{
    size_t head = frame_head(r->framing), tail = frame_tail(r->framing);
    char *to = r->buffer;

    for (size_t i = 0; i < count; i++) {
        size_t size = messages[i].iov_len;

        frame_put_head(r->framing, to, size);
        memmove(to + head, messages[i].iov_base, size);
        frame_put_tail(r->framing, to + head + size);
        to += head + size + tail;
    }
    return (size_t)(to - r->buffer);
}

/* How many of these messages are not completely among the first `written` bytes. */
static size_t unwritten(const struct receiving *r, const struct iovec *messages, size_t count,
                        uint64_t written)
{
    size_t around = frame_head(r->framing) + frame_tail(r->framing);
    size_t i = 0;

    while (i < count && written >= messages[i].iov_len + around)
        written -= messages[i++].iov_len + around;
    return count - i;
}

static size_t batch_size(const struct receiving *r, size_t most)
{
    uint64_t wanted = r->count - r->received;

    return wanted < most ? (size_t)wanted : most;
}

static ssize_t take_copies(struct receiving *r, struct iovec *messages, size_t count, int64_t deadline_ns)
{
    size_t head = frame_head(r->framing), stride = head + r->room + frame_tail(r->framing);

    for (size_t i = 0; i < count; i++)
        messages[i] = (struct iovec){.iov_base = r->buffer + i * stride + head, .iov_len = r->room};
    return r->no_wait ? chan_try_recv_many(r->rx, messages, count)
                      : chan_recv_many_until(r->rx, messages, count, deadline_ns);
}

/* Take a batch and write it: what is taken and cannot be written is lost. Returns 0 or a negative errno
 * value of the receive; *code is set if the program is to end. */
static int pass_copies(struct receiving *r, int64_t deadline_ns, int *code)
{
    struct iovec messages[BATCH], output;
    uint64_t written = 0;
    ssize_t taken;
    int error;

    taken = take_copies(r, messages, batch_size(r, r->slots), deadline_ns);
    if (taken == -EMSGSIZE && messages[0].iov_len > r->room && r->room < r->message_size) {
        uint64_t room = messages[0].iov_len > r->message_size / 2 ? r->message_size : 2 * messages[0].iov_len;

        return make_slots(r, room);
    }
    if (taken == -EOVERFLOW)
        r->missed += chan_receiver_lagged(r->rx);
    if (taken < 0)
        return (int)taken;
    output = (struct iovec){.iov_base = r->buffer, .iov_len = pack(r, messages, (size_t)taken)};
    r->received += (uint64_t)taken;
    error = write_fully(STDOUT_FILENO, &output, 1, &written);
    if (error != 0)
        *code = lose(r, error, unwritten(r, messages, (size_t)taken, written));
    return 0;
}

/* Take as many views as there are, at most `most`; waits for the first. Returns how many, or an error. */
static ssize_t take_views(struct receiving *r, struct chan_view *views, size_t most, int64_t deadline_ns)
{
    size_t taken = 0;
    int error;

    while (taken < most) {
        error = taken > 0 || r->no_wait ? chan_try_recv_view(r->rx, &views[taken])
                                        : chan_recv_view_until(r->rx, &views[taken], deadline_ns);
        if (error == -EOVERFLOW)
            r->missed += chan_receiver_lagged(r->rx);
        if (error != 0 && taken == 0)
            return error;
        if (error != 0)
            break;
        taken++;
    }
    return (ssize_t)taken;
}

/* As pass_copies(), but messages are acknowledged after they have been written: the others go back. */
static int pass_views(struct receiving *r, int64_t deadline_ns, size_t holds, int *code)
{
    char heads[MOST_HOLDS][LENGTH_PREFIX], tails[MOST_HOLDS];
    struct iovec messages[MOST_HOLDS], output[3 * MOST_HOLDS];
    struct chan_view views[MOST_HOLDS];
    size_t count, kept;
    uint64_t written = 0;
    ssize_t taken;
    int error;

    taken = take_views(r, views, batch_size(r, holds), deadline_ns);
    if (taken < 0)
        return (int)taken;
    count = (size_t)taken;
    for (size_t i = 0; i < count; i++) {
        if (r->framing == FRAME_LENGTH && views[i].size > LENGTH_PREFIX_MOST)
            return -EMSGSIZE;
        frame_put_head(r->framing, heads[i], views[i].size);
        frame_put_tail(r->framing, &tails[i]);
        messages[i] = (struct iovec){.iov_base = (void *)views[i].data, .iov_len = views[i].size};
        output[3 * i] = (struct iovec){.iov_base = heads[i], .iov_len = frame_head(r->framing)};
        output[3 * i + 1] = messages[i];
        output[3 * i + 2] = (struct iovec){.iov_base = &tails[i], .iov_len = frame_tail(r->framing)};
    }
    error = write_fully(STDOUT_FILENO, output, 3 * count, &written);
    kept = error == 0 ? 0 : unwritten(r, messages, count, written);
    for (size_t i = 0; i < count - kept; i++)
        chan_release(r->rx, &views[i]);
    r->received += count - kept;
    if (error != 0)
        *code = fail_to_write(r->name, error);
    return 0;
}

/* The senders of a broadcast have gone on without this receiver. */
static void tell_missed(struct receiving *r)
{
    if (r->missed > 0)
        note(r->name, "%" PRIu64 " messages missed", r->missed);
    r->missed = 0;
}

/* Receive to the end: the exit code. `holds` > 0: acknowledged, so many at a time. */
static int receive_all(struct receiving *r, size_t holds)
{
    int code = CODE_OK;

    while (code == CODE_OK && r->received < r->count) {
        int64_t deadline_ns = chan_deadline(r->timeout_ns);
        int error;

        if (interrupts() > 0)
            return interrupt_code();
        if (is_broken(STDOUT_FILENO))
            return CODE_SIGNAL + SIGPIPE;
        error = holds > 0 ? pass_views(r, deadline_ns, holds, &code) : pass_copies(r, deadline_ns, &code);
        tell_missed(r);
        if (error != 0 && error != -EINTR && error != -EOVERFLOW)
            return end_code(r, error);
    }
    return code;
}

/* Where messages go that were delivered too often. CODE_OK, or the code of what has been reported. */
static int use_dead_letters(struct receiving *r, const char *name, uint32_t flags)
{
    struct chan *ch;
    int error = chan_open(name, flags, &ch);

    if (error == 0) {
        error = chan_attach_sender(ch, 0, &r->dead_letters);
        chan_close(ch);
    }
    if (error != 0)
        return fail(name, error);
    error = chan_receiver_set_dead_letters(r->rx, r->dead_letters);
    if (error == -EINVAL)
        return fail_saying(
            r->name, CODE_OTHER,
            "it has no limit of deliveries ('create --max-deliveries'), or is its own dead-letter "
            "channel; do without --dead-letters");
    return error == 0 ? CODE_OK : fail(r->name, error);
}

/* A message may be overwritten while it is being written from where it lies. */
static int overwrites(const struct chan_options *options)
{
    return options->kind == CHAN_BROADCAST && options->overflow == CHAN_LAG;
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        ACCESS_OPTIONS,
        FRAMING_OPTIONS,
        {"timeout", required_argument, NULL, 't'},
        {"no-wait", no_argument, NULL, 'x'},
        {"count", required_argument, NULL, 'n'},
        {"ack", no_argument, NULL, 'a'},
        {"dead-letters", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct receiving r = {.count = UINT64_MAX, .timeout_ns = CHAN_FOREVER};
    struct access access = default_access();
    int option, ack = 0, code, error;
    const char *dead_letters = NULL;
    struct chan_options options;
    struct chan *ch;
    uint64_t room;

    while ((option = next_option(&recv_command, argc, argv, ":l0n:t:h", long_options)) != -1) {
        if (take_framing_option(option, &r.framing) || take_access_option(&recv_command, option, &access))
            continue;
        if (option == 't' || option == 'x')
            r.no_wait = option == 'x'; /* the last one counts */
        if (option == 't')
            r.timeout_ns = seconds_argument(&recv_command, "--timeout", optarg);
        else if (option == 'n')
            r.count = size_argument(&recv_command, "--count", optarg, UINT64_MAX);
        else if (option == 'a')
            ack = 1;
        else if (option == 'd')
            dead_letters = optarg;
    }
    r.name = only_name(&recv_command, argc, argv);
    if (r.framing == FRAME_WHOLE && r.count == UINT64_MAX)
        r.count = 1;
    catch_interrupts();
    catch_signal(SIGPIPE);
    code = open_channel(&recv_command, r.name, &access, &ch);
    if (code != CODE_OK)
        return code;
    chan_options_of(ch, &options);
    if (options.kind == CHAN_CALL && !ack) { /* with --ack, requests are released: their callers are told */
        chan_close(ch);
        return fail_saying(r.name, CODE_OTHER, "it is for calls; use 'chanctl serve'");
    }
    r.message_size = options.message_size;
    if (r.framing == FRAME_LENGTH && r.message_size > LENGTH_PREFIX_MOST)
        r.message_size = LENGTH_PREFIX_MOST;
    room = r.message_size < BUFFER_BYTES ? r.message_size : BUFFER_BYTES;
    error = watch_output(STDOUT_FILENO);
    if (error == 0)
        error = chan_attach_receiver(ch, CHAN_INTERRUPTIBLE, &r.rx);
    if (error == 0)
        error = make_slots(&r, room);
    code = error == 0 ? CODE_OK : fail(r.name, error);
    if (code == CODE_OK && dead_letters)
        code = use_dead_letters(&r, dead_letters, access.any_owner ? CHAN_ANY_OWNER : 0);
    if (code == CODE_OK)
        code = receive_all(&r, ack && !overwrites(&options) ? options.holds : 0);
    chan_close_receiver(r.rx);
    chan_close_sender(r.dead_letters);
    chan_close(ch);
    free(r.buffer);
    return code;
}

const struct command recv_command = {
    .name = "recv",
    .arguments = "NAME [options]",
    .summary = "receive messages to standard output, a line each",
    .help = "  -l, --lines           a newline after each message (default)\n"
            "  -0, --nul             a NUL byte after each message\n"
            "  --length-prefix       before each message its length, 4 bytes, big endian\n"
            "  --whole               the message as it is, and one only unless --count says more\n"
            "  -n, --count COUNT     end after so many messages\n"
            "  -t, --timeout SEC     give up when nothing came for so long\n"
            "  --no-wait             take what is queued, and do not wait for more\n"
            "  --ack                 acknowledge messages only after they have been written\n"
            "  --dead-letters NAME   send messages delivered too often to that channel\n" ACCESS_OPTIONS_HELP,
    .run = run,
};
