/* SPDX-License-Identifier: Apache-2.0 */
/* Reads /proc/PID/stat. */
#include "process.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_TIME_FIELD 22 /* as proc(5) numbers them; the state is field 3 */

/* 1 if that process is stopped; 0 if not, or if another process has its pid now. */
static int is_stopped(uint32_t pid, uint64_t start_time)
{
    char path[32], line[1024];
    const char *field;
    size_t length;
    FILE *file;
    char state;

    snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    length = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[length] = '\0';
    field = strrchr(line, ')'); /* the command before it may hold anything */
    if (!field || field[1] != ' ')
        return 0;
    field += 2;
    state = *field;
    for (int i = 3; i < START_TIME_FIELD && field; i++) {
        field = strchr(field, ' ');
        field = field ? field + 1 : NULL;
    }
    if (!field || strtoull(field, NULL, 10) != start_time)
        return 0;
    return state == 'T' || state == 't';
}

const char *endpoint_state(const struct chan_endpoint_stat *endpoint)
{
    switch (endpoint->state) {
    case CHAN_STATE_ATTACHING:
        return "attaching";
    case CHAN_STATE_DEAD:
        return "dead";
    default:
        break;
    }
    if (endpoint->same_pid_namespace && is_stopped(endpoint->pid, endpoint->start_time))
        return "stopped";
    return endpoint->state == CHAN_STATE_PREPARED ? "prepared" : "alive";
}
