/* SPDX-License-Identifier: Apache-2.0 */
/* chanctl: make, use, watch and clean channels from the shell. Finds the sub-command and runs it. */
#include <errno.h>
#include <fcntl.h>
#include <shmchan.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "exit_codes.h"
#include "report.h"

static const struct command *const commands[] = {
    &create_command, &ls_command,     &stat_command,   &send_command,  &recv_command,     &call_command,
    &serve_command,  &watch_command,  &tap_command,    &drain_command, &shutdown_command, &rm_command,
    &clean_command,  &doctor_command, &repair_command, &check_command,
};

static void show_help(void)
{
    printf("Usage: chanctl COMMAND [ARGUMENTS]\n\n"
           "Channels between processes in shared memory, in %s.\n\n",
           chan_dir());
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    printf("\n'chanctl COMMAND --help' tells more, chanctl(1) everything. 'chanctl --version' tells the "
           "version.\n");
}

static int run(int argc, char **argv)
{
    if (argc < 2)
        return fail_saying(NULL, CODE_USAGE, "a sub-command is missing; see 'chanctl --help'");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        show_help();
        return CODE_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("chanctl %s (segment format %u)\n", chan_version(), chan_format_version());
        return CODE_OK;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return commands[i]->run(argc - 1, argv + 1);
    return fail_saying(argv[1], CODE_USAGE, "no such sub-command; see 'chanctl --help'");
}

/* Standard streams that were closed become ones that fail: else the next object opened would take their
 * place, and what is printed would go into a channel. */
static void occupy_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", fcntl(STDIN_FILENO, F_GETFD) < 0 ? O_WRONLY : O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
}

int main(int argc, char **argv)
{
    int code;

    occupy_standard_streams();
    code = run(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout))
        return fail_saying(NULL, CODE_OTHER, "cannot write standard output: %s; send it where there is room",
                           strerror(errno));
    return code;
}
