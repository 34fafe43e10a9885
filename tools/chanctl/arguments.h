/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: options, names and numbers. What is wrong is reported, and ends the program with
 * CODE_USAGE. */
#ifndef CHANCTL_ARGUMENTS_H
#define CHANCTL_ARGUMENTS_H

#include <getopt.h>
#include <stdint.h>

#include "command.h"

/* Values of long options without a letter begin here; those of channel_options.h at 512. */
#define OPTION_FIRST 256

/* The next option, as getopt_long(), -1 after the last. --help is answered here and ends the program. */
int next_option(const struct command *command, int argc, char **argv, const char *letters,
                const struct option *options);

/* Report a wrong command line; does not return. */
void misused(const struct command *command, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/* The one NAME that stands after the options. */
const char *only_name(const struct command *command, int argc, char **argv);

/* Nothing may stand after the options. */
void no_names(const struct command *command, int argc, char **argv);

/* A whole number, with an optional suffix K, M, G or T (powers of 1024), at most `most`. */
uint64_t size_argument(const struct command *command, const char *option, const char *text, uint64_t most);

/* Seconds, with a decimal fraction, as nanoseconds. */
int64_t seconds_argument(const struct command *command, const char *option, const char *text);

/* Permission bits in octal. */
uint32_t mode_argument(const struct command *command, const char *option, const char *text);

#endif
