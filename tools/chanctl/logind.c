/* SPDX-License-Identifier: Apache-2.0 */
/* Reads logind.conf and its drop-ins as logind.conf(5) says: drop-ins after the main file, in the order of
 * their names, and of those with the same name the one in the first directory. */
#include "logind.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char *const roots[] = {"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd",
                                    "/usr/lib/systemd"};

#define ROOTS (sizeof(roots) / sizeof(roots[0]))
#define PATH_SIZE 512

static int is_true(const char *value)
{
    static const char *const words[] = {"1", "yes", "y", "true", "t", "on"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(value, words[i]) == 0)
            return 1;
    return 0;
}

static char *trim(char *text)
{
    size_t length;

    text += strspn(text, " \t\r\n");
    length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

/* Apply the file's RemoveIPC= lines to *removes. 0 if there is no such file. */
static int read_file(const char *path, int *removes)
{
    FILE *file = fopen(path, "re");
    char line[1024], *key, *value;
    int in_login = 0;

    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file)) {
        key = trim(line);
        if (key[0] == '[')
            in_login = strcmp(key, "[Login]") == 0;
        value = strchr(key, '=');
        if (!in_login || key[0] == '#' || key[0] == ';' || !value)
            continue;
        *value++ = '\0';
        if (strcmp(trim(key), "RemoveIPC") != 0)
            continue;
        value = trim(value);
        *removes = value[0] == '\0' || is_true(value);
    }
    fclose(file);
    return 1;
}

static int is_drop_in(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 5 && strcmp(entry->d_name + length - 5, ".conf") == 0;
}

/* The first of the drop-in names that comes after `last` in any of the directories, into `name`; 0 if
 * none. */
static int next_drop_in(const char *last, char name[256])
{
    char path[PATH_SIZE];
    struct dirent *entry;
    DIR *directory;
    int found = 0;

    for (size_t i = 0; i < ROOTS; i++) {
        snprintf(path, sizeof(path), "%s/logind.conf.d", roots[i]);
        directory = opendir(path);
        if (!directory)
            continue;
        while ((entry = readdir(directory)) != NULL) {
            if (!is_drop_in(entry) || strcmp(entry->d_name, last) <= 0)
                continue;
            if (found && strcmp(entry->d_name, name) >= 0)
                continue;
            snprintf(name, 256, "%s", entry->d_name);
            found = 1;
        }
        closedir(directory);
    }
    return found;
}

int logind_removes_ipc(void)
{
    char path[PATH_SIZE], last[256] = "", name[256];
    int removes = 1;

    if (access("/run/systemd/system", F_OK) != 0)
        return 0;
    for (size_t i = 0; i < ROOTS; i++) {
        snprintf(path, sizeof(path), "%s/logind.conf", roots[i]);
        if (read_file(path, &removes))
            break;
    }
    while (next_drop_in(last, name)) {
        for (size_t i = 0; i < ROOTS; i++) {
            snprintf(path, sizeof(path), "%s/logind.conf.d/%s", roots[i], name);
            if (read_file(path, &removes))
                break;
        }
        memcpy(last, name, sizeof(last));
    }
    return removes;
}
