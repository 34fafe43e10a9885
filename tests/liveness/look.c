/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for the dead. */
#include "look.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "expect.h"
#include "process.h"

int64_t count_dead(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    struct chan_repair_report found;
    expect_result(chan_repair(me->ch, 1, &found), 0);
    return found.dead;
}

int64_t repair_for(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    int64_t end = chan_deadline(a * 1000000), repaired = 0;
    do {
        struct chan_repair_report done;
        expect_result(chan_repair(me->ch, 0, &done), 0);
        repaired += done.repaired;
    } while (chan_now() < end);
    return repaired;
}

static char state_of(pid_t pid)
{
    char path[32], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    expect(fd >= 0);
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    expect(size > 0);
    text[size] = '\0';
    const char *name_end = strrchr(text, ')');
    expect(name_end && name_end[1]);
    return name_end[2];
}

void look_wait_state(pid_t pid, char state)
{
    while (state_of(pid) != state)
        process_sleep_ms(1);
}
