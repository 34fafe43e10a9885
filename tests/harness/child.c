/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes of a test. */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"
#include "process.h"

pid_t child_fork(void)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    expect(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    return pid;
}

void child_spawn(struct child *child, int64_t (*body)(void *argument), void *argument)
{
    int ends[2];
    expect(pipe(ends) == 0);
    pid_t pid = child_fork();
    if (pid == 0) {
        close(ends[0]);
        int64_t result = body(argument);
        if (write(ends[1], &result, sizeof result) != (ssize_t)sizeof result)
            _exit(1);
        _exit(0);
    }
    close(ends[1]);
    *child = (struct child){.pid = pid, .result = ends[0]};
}

int64_t child_result(struct child *child)
{
    int64_t result;
    ssize_t got;
    do
        got = read(child->result, &result, sizeof result);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof result)
        expect_never("child %d ended without a result", (int)child->pid);
    return result;
}

bool child_finishes_within(struct child *child, int milliseconds)
{
    struct pollfd entry = {.fd = child->result, .events = POLLIN};
    return process_poll(&entry, milliseconds) == 1;
}

void child_reap(struct child *child)
{
    int status;
    pid_t pid;
    do
        pid = waitpid(child->pid, &status, 0);
    while (pid < 0 && errno == EINTR);
    expect(pid == child->pid);
    close(child->result);
    child->pid = 0;
}

int64_t child_finish(struct child *child)
{
    int64_t result = child_result(child);
    child_reap(child);
    return result;
}

void child_wait_zombie(pid_t pid)
{
    siginfo_t info;
    int result;
    do
        result = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    while (result < 0 && errno == EINTR);
    expect(result == 0);
}

void child_kill(struct child *child)
{
    expect(child->pid > 0);
    expect(kill(child->pid, SIGKILL) == 0);
    child_wait_zombie(child->pid);
}

void child_stop(pid_t pid)
{
    siginfo_t info;
    expect(kill(pid, SIGSTOP) == 0);
    expect(waitid(P_PID, (id_t)pid, &info, WSTOPPED) == 0);
}

void child_continue(pid_t pid)
{
    expect(kill(pid, SIGCONT) == 0);
}
