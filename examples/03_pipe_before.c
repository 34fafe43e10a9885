/* SPDX-License-Identifier: Apache-2.0 */
/* Two daemons that talk over a FIFO: one forwards log lines, the other numbers and stores them. Compare with
 * 03_pipe_after.c, which is the same pair over a channel (diff 03_pipe_before.c 03_pipe_after.c).
 *
 *     ./03_pipe_before store /tmp/log.fifo >stored &
 *     ./03_pipe_before forward /tmp/log.fifo <lines */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE = 4096 };

static int fail(const char *what, int error)
{
    fprintf(stderr, "03_pipe_before: %s: %s\n", what, strerror(error));
    return 1;
}

static int forward(const char *name)
{
    char line[LINE];
    int fd = open(name, O_WRONLY);
    if (fd < 0)
        return fail("open", errno);
    while (fgets(line, sizeof line, stdin)) {
        size_t size = strlen(line);
        for (size_t done = 0; done < size;) { /* a pipe may take a part of it */
            ssize_t n = write(fd, line + done, size - done);
            if (n < 0)
                return fail("write", errno);
            done += (size_t)n;
        }
    }
    close(fd);
    return 0;
}

static int store(const char *name)
{
    char line[LINE];
    unsigned long number = 0;
    FILE *in = fopen(name, "r");
    if (!in)
        return fail("open", errno);
    while (fgets(line, sizeof line, in)) /* a pipe has no boundaries: find the lines again */
        printf("%lu: %s", ++number, line);
    if (ferror(in))
        return fail("read", errno);
    fclose(in);
    unlink(name);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return fail("usage: 03_pipe_before forward|store FIFO", EINVAL);
    if (mkfifo(argv[2], 0600) != 0 && errno != EEXIST)
        return fail("mkfifo", errno);
    return strcmp(argv[1], "forward") == 0 ? forward(argv[2]) : store(argv[2]);
}
