/* SPDX-License-Identifier: Apache-2.0 */
/* Pid namespaces to start processes in. A namespace lives as long as its process number 1, which is why there
 * is one that only sleeps. */
#include "nursery.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int home = -1; /* the caller's own namespace */
static int rooms[NURSERIES];
static pid_t keepers[NURSERIES];

static int open_namespace(pid_t pid)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void enter(int namespace)
{
    if (setns(namespace, CLONE_NEWPID))
        abort();
}

int nursery_open(void)
{
    home = open_namespace(getpid());
    for (unsigned i = 0; i < NURSERIES; i++) {
        if (home < 0 || unshare(CLONE_NEWPID))
            return -errno;
        keepers[i] = fork();
        if (!keepers[i]) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;)
                pause();
        }
        rooms[i] = keepers[i] < 0 ? -1 : open_namespace(keepers[i]);
        if (rooms[i] < 0)
            abort();
        enter(home);
    }
    return 0;
}

void nursery_close(void)
{
    for (unsigned i = 0; i < NURSERIES; i++) {
        if (!keepers[i])
            continue;
        close(rooms[i]);
        kill(keepers[i], SIGKILL);
        waitpid(keepers[i], NULL, 0);
    }
}

pid_t nursery_fork(unsigned which)
{
    enter(rooms[which]);
    pid_t pid = fork();
    if (pid)
        enter(home);
    return pid;
}
