/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: a child with a configuration of its own, known by its pid. */
#include "iceoryx_roudi.h"

#include "../transport.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Chunks for more than is ever queued: 256 messages of a link at most, two links, and one in each hand. */
static const struct {
    size_t size;
    unsigned count;
} pools[] = {
    {128, 1100}, {1 << 10, 1100}, {4 << 10, 1100}, {64 << 10, 600}, {1 << 20, 50}, {ROUDI_LARGEST, 12},
};

static struct {
    pid_t parent; /* of the daemon */
    pid_t pid;
} roudi;

/* Children of the parent come here too. */
static void stop(void)
{
    if (getpid() != roudi.parent)
        return;
    kill(roudi.pid, SIGTERM);
    waitpid(roudi.pid, NULL, 0);
}

/* The path of a file that exists as long as this process does. */
static void write_configuration(char path[64])
{
    int fd = memfd_create("roudi.toml", 0);

    if (fd < 0)
        die("memfd_create", strerror(errno));
    dprintf(fd, "[general]\nversion = 1\n[[segment]]\n");
    for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++)
        dprintf(fd, "[[segment.mempool]]\nsize = %zu\ncount = %u\n", pools[i].size, pools[i].count);
    snprintf(path, 64, "/proc/%ld/fd/%d", (long)getpid(), fd);
}

/* Until it says that it is ready. What it says later goes nowhere. */
static void await(int fd)
{
    char line[256];
    FILE *said = fdopen(fd, "r");

    while (fgets(line, sizeof line, said)) {
        if (strstr(line, "ready for clients"))
            return;
    }
    die("iox-roudi", "it ended; does another one run?");
}

void roudi_start(void)
{
    char path[64];
    int fds[2];

    if (roudi.pid > 0)
        return;
    write_configuration(path);
    if (pipe2(fds, O_CLOEXEC) != 0)
        die("pipe", strerror(errno));
    roudi.parent = getpid();
    roudi.pid = fork();
    if (roudi.pid < 0)
        die("fork", strerror(errno));
    if (roudi.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(fds[1], STDOUT_FILENO);
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        execlp("iox-roudi", "iox-roudi", "-l", "off", "-c", path, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    await(fds[0]);
    atexit(stop);
}
