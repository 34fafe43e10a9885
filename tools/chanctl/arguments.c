/* SPDX-License-Identifier: Apache-2.0 */
/* Reads command lines. */
#include "arguments.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"
#include "text.h"

static void show_help(const struct command *command)
{
    printf("Usage: chanctl %s %s\n\n%s.\n", command->name, command->arguments, command->summary);
    if (command->help[0] != '\0')
        printf("\n%s", command->help);
    printf("\nExit status, environment and examples: chanctl(1).\n");
    exit(fflush(stdout) == 0 ? CODE_OK : CODE_OTHER);
}

void misused(const struct command *command, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "chanctl: %s: ", command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "; see 'chanctl %s --help'\n", command->name);
    exit(CODE_USAGE);
}

int next_option(const struct command *command, int argc, char **argv, const char *letters,
                const struct option *options)
{
    int option;

    opterr = 0;
    option = getopt_long(argc, argv, letters, options, NULL);
    if (option == 'h')
        show_help(command);
    if (option == ':')
        misused(command, "option '%s' needs a value", argv[optind - 1]);
    if (option == '?') {
        if (optopt > 0 && optopt < OPTION_FIRST)
            misused(command, "option '-%c' is unknown", optopt);
        misused(command, "option '%s' is unknown, ambiguous, or takes no value", argv[optind - 1]);
    }
    return option;
}

const char *only_name(const struct command *command, int argc, char **argv)
{
    if (optind >= argc)
        misused(command, "the NAME of the channel is missing");
    if (optind + 1 < argc)
        misused(command, "one NAME only, and '%s' is one more", argv[optind + 1]);
    return argv[optind];
}

void no_names(const struct command *command, int argc, char **argv)
{
    if (optind < argc)
        misused(command, "it takes no NAME, and '%s' is one", argv[optind]);
}

static unsigned suffix_shift(char suffix)
{
    switch (suffix) {
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    case 't':
    case 'T':
        return 40;
    default:
        return 0;
    }
}

uint64_t size_argument(const struct command *command, const char *option, const char *text, uint64_t most)
{
    unsigned shift = 0;
    uint64_t value;
    char *end;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0)
        misused(command, "%s takes a number, and '%s' is none", option, text);
    if (*end != '\0') {
        shift = suffix_shift(*end);
        end += shift > 0;
    }
    if (*end != '\0')
        misused(command, "%s takes a number with K, M, G or T behind it at most, not '%s'", option, text);
    if (value > most >> shift)
        misused(command, "%s is at most %llu, and '%s' is more", option, (unsigned long long)most, text);
    return value << shift;
}

int64_t seconds_argument(const struct command *command, const char *option, const char *text)
{
    double seconds;
    char *end;

    seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0))
        misused(command, "%s takes seconds, and '%s' are none", option, text);
    return seconds >= 9e9 ? INT64_MAX : (int64_t)(seconds * 1e9);
}

uint32_t mode_argument(const struct command *command, const char *option, const char *text)
{
    unsigned long mode;
    char *end;

    mode = strtoul(text, &end, 8);
    if (text[0] < '0' || text[0] > '7' || *end != '\0' || mode == 0 || mode > 0777)
        misused(command, "%s takes permission bits in octal, 1 to 777, not '%s'", option, text);
    return (uint32_t)mode;
}
