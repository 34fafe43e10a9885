/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations that hold in any process and thread of a test. */
#include "expect.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <shmchan.h>

#include "process.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void expect_failed(const char *file, int line, const char *condition)
{
    dprintf(STDERR_FILENO, "    %s:%d: [%d] not so: %s\n", base_name(file), line, (int)getpid(), condition);
    _exit(1);
}

#define SOON_MS 10000

/* In turns of one millisecond each, however long they take: no time counts in which this process did not run. */
void expect_wait_at(const char *file, int line, const char *condition, int *waited_ms)
{
    if (++*waited_ms > SOON_MS)
        expect_failed(file, line, condition);
    process_sleep_ms(1);
}

void expect_never_at(const char *file, int line, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    dprintf(STDERR_FILENO, "    %s:%d: [%d] %s\n", base_name(file), line, (int)getpid(), text);
    _exit(1);
}

/* By the library's own table, or, for what only the harness returns, by the C library's. */
static const char *name_of(int64_t result)
{
    if (result >= 0)
        return "-";
    const char *name = chan_error_name((int)result);
    return strcmp(name, "E?") == 0 ? strerror((int)-result) : name;
}

void expect_result_at(const char *file, int line, const char *what, int64_t actual, int64_t promised)
{
    if (actual == promised)
        return;
    dprintf(STDERR_FILENO, "    %s:%d: [%d] %s: got %" PRId64 " (%s), promised %" PRId64 " (%s)\n",
            base_name(file), line, (int)getpid(), what, actual, name_of(actual), promised, name_of(promised));
    _exit(1);
}

void expect_number_at(const char *file, int line, const char *what, int64_t actual, int64_t promised)
{
    if (actual == promised)
        return;
    dprintf(STDERR_FILENO, "    %s:%d: [%d] %s: got %" PRId64 ", promised %" PRId64 "\n", base_name(file),
            line, (int)getpid(), what, actual, promised);
    _exit(1);
}

void skip_test_at(const char *file, int line, const char *reason)
{
    dprintf(STDERR_FILENO, "    %s:%d: skipped: %s\n", base_name(file), line, reason);
    _exit(SKIPPED_STATUS);
}
