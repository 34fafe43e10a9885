/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that sleeps until the output breaks: a process that waits for messages could not see it
 * otherwise, but by waking up again and again. */
#include "output_watch.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

static int poll_for_errors(int fd, int timeout_ms)
{
    struct pollfd output = {.fd = fd, .events = 0};

    return poll(&output, 1, timeout_ms) > 0;
}

int is_broken(int fd)
{
    return poll_for_errors(fd, 0);
}

static void *wait_for_error(void *fd)
{
    if (poll_for_errors((int)(intptr_t)fd, -1))
        kill(getpid(), SIGPIPE);
    return NULL;
}

int watch_output(int fd)
{
    sigset_t all, before;
    pthread_t thread;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the thread that may be waiting */
    error = pthread_create(&thread, NULL, wait_for_error, (void *)(intptr_t)fd);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_detach(thread);
    return -error;
}
