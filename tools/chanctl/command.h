/* SPDX-License-Identifier: Apache-2.0 */
/* What a sub-command is, and the list of all of them. */
#ifndef CHANCTL_COMMAND_H
#define CHANCTL_COMMAND_H

struct command {
    const char *name;
    const char *arguments;             /* as in the usage line */
    const char *summary;               /* one line */
    const char *help;                  /* its options, for --help; "" if it has none */
    int (*run)(int argc, char **argv); /* argv[0] is its name; returns the exit code */
};

extern const struct command create_command;
extern const struct command ls_command;
extern const struct command stat_command;
extern const struct command send_command;
extern const struct command recv_command;
extern const struct command call_command;
extern const struct command serve_command;
extern const struct command tap_command;
extern const struct command drain_command;
extern const struct command shutdown_command;
extern const struct command rm_command;
extern const struct command clean_command;
extern const struct command doctor_command;
extern const struct command repair_command;
extern const struct command check_command;
extern const struct command watch_command;

#endif
