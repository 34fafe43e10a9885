/* SPDX-License-Identifier: Apache-2.0 */
/* Escapes text and formats figures for people. */
#include "text.h"

#include <grp.h>
#include <pwd.h>
#include <time.h>

static int is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0u) == 0x80u;
}

size_t utf8_sequence(const char *text, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first;
    uint32_t point;
    size_t length;

    if (size == 0)
        return 0;
    first = (unsigned char)text[0];
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        length = 2, point = first & 0x1fu;
    else if (first >= 0xe0 && first <= 0xef)
        length = 3, point = first & 0x0fu;
    else if (first >= 0xf0 && first <= 0xf4)
        length = 4, point = first & 0x07u;
    else
        return 0;
    if (length > size)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(text[i]))
            return 0;
        point = point << 6 | ((unsigned char)text[i] & 0x3fu);
    }
    if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    return length;
}

int is_utf8(const char *text, size_t size)
{
    size_t length;

    for (size_t i = 0; i < size; i += length) {
        length = utf8_sequence(text + i, size - i);
        if (length == 0)
            return 0;
    }
    return 1;
}

/* C1 controls (U+0080 .. U+009F) are commands to some terminals as well. */
static int is_control(const char *text, size_t length)
{
    unsigned char first = (unsigned char)text[0];

    if (length == 1)
        return first < 0x20 || first == 0x7f;
    return length == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0;
}

void print_escaped(FILE *out, const char *text, size_t size)
{
    size_t i = 0;

    while (i < size) {
        size_t length = utf8_sequence(text + i, size - i);

        if (length > 0 && text[i] != '\\' && !is_control(text + i, length)) {
            fwrite(text + i, 1, length, out);
            i += length;
            continue;
        }
        switch (text[i]) {
        case '\n':
            fputs("\\n", out);
            break;
        case '\r':
            fputs("\\r", out);
            break;
        case '\t':
            fputs("\\t", out);
            break;
        case '\\':
            fputs("\\\\", out);
            break;
        default:
            fprintf(out, "\\x%02x", (unsigned char)text[i]);
            break;
        }
        i++;
    }
}

void print_hex(FILE *out, const void *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++) {
        fputc(digits[bytes[i] >> 4], out);
        fputc(digits[bytes[i] & 15u], out);
    }
}

const char *format_bytes(uint64_t bytes, char out[FIGURE_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    snprintf(out, FIGURE_MAX, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

const char *format_duration(int64_t ns, char out[FIGURE_MAX])
{
    double seconds = (double)ns / 1e9;

    if (seconds < 1e-3)
        snprintf(out, FIGURE_MAX, "%.0f us", seconds * 1e6);
    else if (seconds < 1)
        snprintf(out, FIGURE_MAX, "%.0f ms", seconds * 1e3);
    else if (seconds < 120)
        snprintf(out, FIGURE_MAX, "%.1f s", seconds);
    else if (seconds < 7200)
        snprintf(out, FIGURE_MAX, "%.0f min", seconds / 60);
    else if (seconds < 172800)
        snprintf(out, FIGURE_MAX, "%.1f h", seconds / 3600);
    else
        snprintf(out, FIGURE_MAX, "%.1f days", seconds / 86400);
    return out;
}

const char *format_date(int64_t realtime_ns, char out[FIGURE_MAX])
{
    time_t seconds = (time_t)(realtime_ns / 1000000000);
    struct tm broken_down;

    if (!localtime_r(&seconds, &broken_down) ||
        strftime(out, FIGURE_MAX, "%Y-%m-%d %H:%M:%S", &broken_down) == 0)
        snprintf(out, FIGURE_MAX, "unknown");
    return out;
}

const char *format_user(uint32_t uid, char out[FIGURE_MAX])
{
    const struct passwd *entry = getpwuid(uid);

    if (entry)
        snprintf(out, FIGURE_MAX, "%s", entry->pw_name);
    else
        snprintf(out, FIGURE_MAX, "%u", uid);
    return out;
}

const char *format_group(uint32_t gid, char out[FIGURE_MAX])
{
    const struct group *entry = getgrgid(gid);

    if (entry)
        snprintf(out, FIGURE_MAX, "%s", entry->gr_name);
    else
        snprintf(out, FIGURE_MAX, "%u", gid);
    return out;
}
