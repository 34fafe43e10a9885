/* SPDX-License-Identifier: Apache-2.0 */
/* An actor that moves into a pid namespace of its own. */
#include "apart.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"

/* The child goes on in the actor's place; the parent waits for it, and takes it along when killed. */
static void go_on_in_child(void)
{
    pid_t pid = fork();
    expect(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        return;
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int64_t enter_pid_namespace(struct party *me, int64_t a, int64_t b)
{
    (void)me;
    char pid[16] = "";
    if (unshare(CLONE_NEWPID) && unshare(CLONE_NEWUSER | CLONE_NEWPID))
        return -EPERM;
    for (int64_t i = 0; i < a; i++)
        go_on_in_child();
    expect(readlink("/proc/self", pid, sizeof pid - 1) > 0); /* this /proc is still the test's */
    if (b == OWN_PROC)
        expect(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
               mount("proc", "/proc", "proc", 0, NULL) == 0);
    return atoi(pid);
}

int64_t own_pid(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    return getpid();
}
