/* SPDX-License-Identifier: Apache-2.0 */
/* Prints findings as they are made. */
#include "findings.h"

#include <stdarg.h>
#include <string.h>

#include "text.h"

void findings_begin(struct findings *findings, int as_json)
{
    *findings = (struct findings){.as_json = as_json, .json = JSON_ON(stdout)};
    if (!as_json)
        return;
    json_open_object(&findings->json, NULL);
    json_open_array(&findings->json, "findings");
}

void findings_end(struct findings *findings)
{
    if (findings->as_json) {
        json_close(&findings->json);
        json_unsigned(&findings->json, "warnings", findings->warnings);
        json_unsigned(&findings->json, "notes", findings->notes);
        json_close(&findings->json);
    } else if (findings->warnings == 0) {
        puts("nothing found that will bite");
    } else {
        printf("%u %s\n", findings->warnings, findings->warnings == 1 ? "warning" : "warnings");
    }
}

static void put(struct findings *findings, const char *severity, const char *check, const char *subject,
                const char *advice, const char *format, va_list arguments)
{
    char text[512];

    vsnprintf(text, sizeof(text), format, arguments);
    if (!findings->as_json) {
        printf("%s: ", severity);
        print_escaped(stdout, subject, strlen(subject));
        printf(": %s; %s\n", text, advice);
        return;
    }
    json_open_object(&findings->json, NULL);
    json_string(&findings->json, "severity", severity);
    json_string(&findings->json, "check", check);
    json_string(&findings->json, "subject", subject);
    json_string(&findings->json, "text", text);
    json_string(&findings->json, "advice", advice);
    json_close(&findings->json);
}

void warn_of(struct findings *findings, const char *check, const char *subject, const char *advice,
             const char *format, ...)
{
    va_list arguments;

    findings->warnings++;
    va_start(arguments, format);
    put(findings, "warning", check, subject, advice, format, arguments);
    va_end(arguments);
}

void note_of(struct findings *findings, const char *check, const char *subject, const char *advice,
             const char *format, ...)
{
    va_list arguments;

    findings->notes++;
    va_start(arguments, format);
    put(findings, "note", check, subject, advice, format, arguments);
    va_end(arguments);
}
