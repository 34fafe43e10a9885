/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON writer: what it prints is valid JSON on one line, whatever bytes it is given. */
#ifndef CHANCTL_JSON_H
#define CHANCTL_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 8

struct json {
    FILE *out;
    unsigned depth;
    char closers[JSON_DEPTH_MAX];
    int has_member; /* a comma comes before the next one */
};

#define JSON_ON(stream)                                                                                      \
    {                                                                                                        \
        .out = (stream)                                                                                      \
    }

/* `key` is NULL within an array and at the top. Closing the outermost bracket ends the line. */
void json_open_object(struct json *json, const char *key);
void json_open_array(struct json *json, const char *key);
void json_close(struct json *json);

/* What is not valid UTF-8 becomes U+FFFD. */
void json_string(struct json *json, const char *key, const char *value);
void json_text(struct json *json, const char *key, const char *text, size_t size);
void json_hex(struct json *json, const char *key, const void *data, size_t size);

void json_unsigned(struct json *json, const char *key, uint64_t value);
void json_signed(struct json *json, const char *key, int64_t value);
void json_boolean(struct json *json, const char *key, int value);
void json_null(struct json *json, const char *key);

#endif
