/* SPDX-License-Identifier: Apache-2.0 */
/* What doctor finds: each with what it means and what to do, for people or as JSON. */
#ifndef CHANCTL_FINDINGS_H
#define CHANCTL_FINDINGS_H

#include "json.h"

struct findings {
    int as_json;
    struct json json;
    unsigned warnings; /* what will bite */
    unsigned notes;    /* what is worth knowing, and may be meant so */
};

void findings_begin(struct findings *findings, int as_json);
void findings_end(struct findings *findings);

/* `check` names the kind of finding, stable for programs; `subject` is what it is about: a directory, a
 * limit, a channel. The format makes the sentence, `advice` says what to do. */
void warn_of(struct findings *findings, const char *check, const char *subject, const char *advice,
             const char *format, ...) __attribute__((format(printf, 5, 6)));
void note_of(struct findings *findings, const char *check, const char *subject, const char *advice,
             const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
