/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells about a process. */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "expect.h"

static int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    expect(directory != NULL);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.')
            count++;
    closedir(directory);
    return count;
}

bool process_keeps(int fd)
{
    char path[40], target[64] = "";
    int domain = 0, type = 0;
    socklen_t size = sizeof type;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (readlink(path, target, sizeof target - 1) > 0 && !strcmp(target, "anon_inode:inotify"))
        return true;
    return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) && domain == AF_UNIX &&
           !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_DGRAM;
}

int process_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    expect(directory != NULL);
    int count = -1; /* without the one that reads the directory */
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.' && !process_keeps(atoi(entry->d_name)))
            count++;
    closedir(directory);
    return count;
}

int process_threads(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    return count_entries(path);
}

static int64_t thread_wakeups(pid_t pid, const char *thread)
{
    char path[320], line[256];
    snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid, thread);
    FILE *status = fopen(path, "r");
    if (!status)
        return 0; /* ended meanwhile */
    long long switches = 0;
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "voluntary_ctxt_switches: %lld", &switches) == 1)
            break;
    fclose(status);
    return switches;
}

int64_t process_wakeups(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *directory = opendir(path);
    expect(directory != NULL);
    int64_t sum = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.')
            sum += thread_wakeups(pid, entry->d_name);
    closedir(directory);
    return sum;
}

char process_state(pid_t pid)
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

#define TURN_MS 10

int process_poll(struct pollfd *entry, int milliseconds)
{
    for (;;) {
        int turn = milliseconds < TURN_MS ? milliseconds : TURN_MS;
        int ready = poll(entry, 1, turn);
        if (ready < 0 && errno == EINTR)
            continue;
        milliseconds -= turn;
        if (ready || milliseconds == 0)
            return ready;
    }
}

void process_sleep_ms(int milliseconds)
{
    struct timespec left = {.tv_sec = milliseconds / 1000, .tv_nsec = (long)(milliseconds % 1000) * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) != 0)
        ;
}
