/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl serve: answer each request with the output of a command that gets it on standard input. */
#include <errno.h>
#include <shmchan.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "exit_codes.h"
#include "frame_writer.h"
#include "interrupt.h"
#include "report.h"

struct serving {
    const char *name;
    char **command;
    struct chan_receiver *rx;
    char *answer;
    uint64_t limit; /* bytes of a message */
    uint64_t count; /* requests to answer at most */
};

/* The request as a file, so that the command may read it or not, in its own time. */
static int request_file(const struct chan_view *request)
{
    struct iovec piece = {.iov_base = (void *)request->data, .iov_len = request->size};
    int fd = memfd_create("request", MFD_CLOEXEC);
    uint64_t written = 0;

    if (fd >= 0 && (write_fully(fd, &piece, 1, &written) != 0 || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Its process, whose output comes from *output. */
static pid_t start_command(const struct serving *s, int input, int *output)
{
    int ends[2];
    pid_t pid;

    if (pipe(ends) != 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        dup2(input, STDIN_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execvp(s->command[0], s->command);
        _exit(127);
    }
    close(ends[1]);
    *output = ends[0];
    if (pid < 0)
        close(ends[0]);
    return pid;
}

/* All that comes, up to one byte more than an answer can have. A negative errno value: what came is not all of it. */
static ssize_t read_answer(const struct serving *s, int output)
{
    size_t size = 0;

    while (size <= s->limit) {
        ssize_t got = read(output, s->answer + size, s->limit + 1 - size);

        if (got == 0)
            break;
        if (got > 0)
            size += (size_t)got;
        else if (errno != EINTR || interrupts() > 1)
            return -errno;
    }
    return (ssize_t)size;
}

static int wait_for_end(pid_t pid, int *status)
{
    while (waitpid(pid, status, 0) < 0)
        if (errno != EINTR || interrupts() > 1)
            return -errno;
    return 0;
}

/* Why a command has not answered; NULL: it has. */
static const char *run_command(const struct serving *s, const struct chan_view *request, size_t *size)
{
    int input = request_file(request), output, status, error;
    pid_t pid = input < 0 ? -1 : start_command(s, input, &output);
    ssize_t answered;

    if (input >= 0)
        close(input);
    if (pid < 0)
        return "the command could not be started";
    answered = read_answer(s, output);
    close(output);
    error = answered == -EINTR ? -EINTR : wait_for_end(pid, &status);
    if (error == -EINTR) {
        kill(pid, SIGTERM); /* it may go on for long, and nobody wants its answer any more */
        return "a second signal stopped the command";
    }
    if (answered < 0 || error != 0)
        return "the output or the end of the command could not be seen";
    if ((size_t)answered > s->limit)
        return "the output is larger than an answer may be";
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return "the command failed";
    *size = (size_t)answered;
    return NULL;
}

static int serve_one(const struct serving *s, struct chan_view *request)
{
    size_t size;
    const char *failure = run_command(s, request, &size);

    if (failure) {
        note(s->name, "a request is not answered: %s", failure);
        return chan_release(s->rx, request);
    }
    int error = chan_reply(s->rx, request, s->answer, size);
    return error == -EPIPE ? 0 : error; /* nobody waits for it any more */
}

static int serve(const struct serving *s)
{
    struct chan_view request;
    int error = 0;

    for (uint64_t served = 0; error == 0 && served < s->count && interrupts() == 0; served++) {
        error = chan_recv_view(s->rx, &request);
        if (error == -EPIPE)
            return CODE_OK; /* the channel has ended */
        if (error == 0)
            error = serve_one(s, &request);
    }
    if (error == -EINTR || interrupts() > 0)
        return interrupt_code();
    return error == 0 ? CODE_OK : fail(s->name, error);
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        ACCESS_OPTIONS,
        {"count", required_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct serving s = {.count = UINT64_MAX};
    struct access access = default_access();
    struct chan_options options;
    struct chan *ch;
    int option, code, error;

    access.options.kind = CHAN_CALL;
    /* "+": what follows the command's name is the command's. */
    while ((option = next_option(&serve_command, argc, argv, "+:n:h", long_options)) != -1) {
        if (take_access_option(&serve_command, option, &access))
            continue;
        if (option == 'n')
            s.count = size_argument(&serve_command, "--count", optarg, UINT64_MAX);
    }
    if (optind + 2 > argc)
        misused(&serve_command, "a NAME and a COMMAND are needed");
    s.name = argv[optind];
    s.command = argv + optind + 1;
    catch_interrupts();
    code = open_channel(&serve_command, s.name, &access, &ch);
    if (code != CODE_OK)
        return code;
    chan_options_of(ch, &options);
    if (options.kind != CHAN_CALL) {
        chan_close(ch);
        return fail_saying(s.name, CODE_OTHER, "it is not for calls; use 'chanctl recv'");
    }
    s.limit = options.message_size;
    s.answer = malloc(s.limit + 1);
    error = s.answer ? chan_attach_receiver(ch, CHAN_INTERRUPTIBLE, &s.rx) : -ENOMEM;
    code = error == 0 ? serve(&s) : fail(s.name, error);
    chan_close_receiver(s.rx);
    chan_close(ch);
    free(s.answer);
    return code;
}

const struct command serve_command = {
    .name = "serve",
    .arguments = "[options] NAME COMMAND [ARGUMENT...]",
    .summary = "answer requests: a command gets each on standard input, its output is the answer",
    .help = "  -n, --count COUNT     end after so many requests\n" ACCESS_OPTIONS_HELP,
    .run = run,
};
