/* SPDX-License-Identifier: Apache-2.0 */
/* Prints errors and notes on standard error. */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static void say(const char *name, const char *format, va_list arguments)
{
    fputs("chanctl: ", stderr);
    if (name) {
        print_escaped(stderr, name, strlen(name));
        fputs(": ", stderr);
    }
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int fail(const char *name, int error)
{
    const struct failure *failure = failure_of(error);

    return fail_saying(name, failure->code, "%s; %s", failure->what, failure->advice);
}

int fail_saying(const char *name, enum exit_code code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(name, format, arguments);
    va_end(arguments);
    return code;
}

void note(const char *name, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(name, format, arguments);
    va_end(arguments);
}
