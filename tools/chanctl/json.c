/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON. */
#include "json.h"

#include <inttypes.h>
#include <string.h>

#include "text.h"

static void put_text(FILE *out, const char *text, size_t size)
{
    size_t i = 0;

    fputc('"', out);
    while (i < size) {
        size_t length = utf8_sequence(text + i, size - i);
        unsigned char first = (unsigned char)text[i];

        if (length == 0) {
            fputs("\\ufffd", out);
            i++;
            continue;
        }
        if (first == '"' || first == '\\')
            fprintf(out, "\\%c", first);
        else if (first < 0x20 || first == 0x7f)
            fprintf(out, "\\u%04x", first);
        else
            fwrite(text + i, 1, length, out);
        i += length;
    }
    fputc('"', out);
}

static void begin(struct json *json, const char *key)
{
    if (json->has_member)
        fputc(',', json->out);
    json->has_member = 1;
    if (key) {
        put_text(json->out, key, strlen(key));
        fputc(':', json->out);
    }
}

static void open_bracket(struct json *json, const char *key, char opener, char closer)
{
    begin(json, key);
    fputc(opener, json->out);
    json->closers[json->depth++] = closer;
    json->has_member = 0;
}

void json_open_object(struct json *json, const char *key)
{
    open_bracket(json, key, '{', '}');
}

void json_open_array(struct json *json, const char *key)
{
    open_bracket(json, key, '[', ']');
}

void json_close(struct json *json)
{
    fputc(json->closers[--json->depth], json->out);
    json->has_member = json->depth > 0;
    if (json->depth == 0)
        fputc('\n', json->out);
}

void json_string(struct json *json, const char *key, const char *value)
{
    json_text(json, key, value, strlen(value));
}

void json_text(struct json *json, const char *key, const char *text, size_t size)
{
    begin(json, key);
    put_text(json->out, text, size);
}

void json_hex(struct json *json, const char *key, const void *data, size_t size)
{
    begin(json, key);
    fputc('"', json->out);
    print_hex(json->out, data, size);
    fputc('"', json->out);
}

void json_unsigned(struct json *json, const char *key, uint64_t value)
{
    begin(json, key);
    fprintf(json->out, "%" PRIu64, value);
}

void json_signed(struct json *json, const char *key, int64_t value)
{
    begin(json, key);
    fprintf(json->out, "%" PRId64, value);
}

void json_boolean(struct json *json, const char *key, int value)
{
    begin(json, key);
    fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
    begin(json, key);
    fputs("null", json->out);
}
