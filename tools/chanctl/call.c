/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl call: send one request, print its answer. */
#include <errno.h>
#include <shmchan.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access.h"
#include "exit_codes.h"
#include "frame_reader.h"
#include "frame_writer.h"
#include "interrupt.h"
#include "report.h"

struct calling {
    const char *name;
    struct chan_sender *tx;
    struct frame_reader reader;
    struct iovec request;
    uint64_t limit; /* bytes of a message */
    int64_t timeout_ns;
};

/* All of standard input. CODE_OK, or the code of what has been reported. */
static int read_request(struct calling *c)
{
    int error = frame_reader_init(&c->reader, STDIN_FILENO, FRAME_WHOLE, c->limit);

    while (error == 0) {
        ssize_t cut = frame_reader_cut(&c->reader, &c->request, 1);

        if (cut == 1)
            return CODE_OK;
        error = cut < 0 ? (int)cut : frame_reader_fill(&c->reader);
    }
    if (error == -EINTR)
        return interrupt_code();
    if (error == -EMSGSIZE || error == -ENOMEM)
        return fail(c->name, error);
    return fail_saying(c->name, CODE_OTHER, "cannot read standard input: %s; see where it comes from",
                       strerror(-error));
}

/* CODE_OK, or the code of what has been reported. */
static int call(struct calling *c)
{
    char *answer = malloc(c->limit + 1);
    uint64_t written = 0;
    size_t size;
    int error = -ENOMEM, code;

    if (answer)
        error = chan_call_timeout(c->tx, c->request.iov_base, c->request.iov_len, answer, c->limit, &size,
                                  c->timeout_ns);
    if (error == 0) {
        error = write_fully(STDOUT_FILENO, &(struct iovec){answer, size}, 1, &written);
        code = error == 0 ? CODE_OK : fail_to_write(c->name, error);
    } else if (error == -EPIPE) {
        code = fail_saying(c->name, CODE_CLOSED,
                           "there is no answer: the server ended, or none is left; see 'chanctl stat'");
    } else {
        code = error == -EINTR ? interrupt_code() : fail(c->name, error);
    }
    free(answer);
    return code;
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"timeout", required_argument, NULL, 't'},
        {"any-owner", no_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct calling c = {.timeout_ns = CHAN_FOREVER};
    struct chan_options options;
    uint32_t flags = 0;
    struct chan *ch;
    int option, code, error;

    while ((option = next_option(&call_command, argc, argv, ":t:h", long_options)) != -1) {
        if (option == 't')
            c.timeout_ns = seconds_argument(&call_command, "--timeout", optarg);
        else if (option == 'o')
            flags |= CHAN_ANY_OWNER;
    }
    if (optind + 2 == argc)
        c.request = (struct iovec){argv[argc - 1], strlen(argv[argc - 1])};
    c.name = only_name(&call_command, c.request.iov_base ? argc - 1 : argc, argv);
    catch_interrupts();
    error = chan_open(c.name, flags, &ch);
    if (error != 0)
        return fail(c.name, error);
    chan_options_of(ch, &options);
    if (options.kind != CHAN_CALL) {
        chan_close(ch);
        return fail_saying(c.name, CODE_OTHER, "it is not for calls; use 'chanctl send'");
    }
    c.limit = options.message_size;
    error = chan_attach_sender(ch, CHAN_INTERRUPTIBLE, &c.tx);
    code = error == 0 ? CODE_OK : fail(c.name, error);
    if (code == CODE_OK && !c.request.iov_base)
        code = read_request(&c);
    if (code == CODE_OK)
        code = call(&c);
    frame_reader_free(&c.reader);
    chan_close_sender(c.tx);
    chan_close(ch);
    return code;
}

const struct command call_command = {
    .name = "call",
    .arguments = "NAME [REQUEST] [options]",
    .summary = "send a request, or standard input as one, and print its answer",
    .help = "  -t, --timeout SEC     give up when there is no answer for so long\n"
            "  --any-owner           use a channel that neither you nor root owns\n",
    .run = run,
};
