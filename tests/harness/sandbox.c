/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a test body in a process of its own. */
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "process.h"

static char directory[64];

const char *sandbox_directory(void)
{
    return directory;
}

static int each_name(int remove_it)
{
    DIR *names = opendir(directory);
    if (!names)
        return 0;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(names)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (remove_it && unlinkat(dirfd(names), entry->d_name, 0) < 0)
            unlinkat(dirfd(names), entry->d_name, AT_REMOVEDIR);
    }
    closedir(names);
    return count;
}

int sandbox_names(void)
{
    return each_name(0);
}

void sandbox_remove_names(void)
{
    each_name(1);
}

static void report_names(void)
{
    DIR *names = opendir(directory);
    for (struct dirent *entry; names && (entry = readdir(names)) != NULL;)
        if (entry->d_name[0] != '.')
            dprintf(STDERR_FILENO, "    left behind: %s\n", entry->d_name);
    if (names)
        closedir(names);
}

__attribute__((noreturn)) static void run_body(void (*body)(void *argument), void *argument)
{
    expect(setenv("SHMCHAN_DIR", directory, 1) == 0);
    int descriptors = process_descriptors();
    body(argument);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    expect_number(process_descriptors(), descriptors);
    if (sandbox_names() > 0) {
        report_names();
        expect_never("%d names left in the directory", sandbox_names());
    }
    exit(0); /* with exit handlers: a leak checker has its say there */
}

/* Orphans of the body come to this process, a subreaper. Their parents' death kills them; they only need
 * reaping, except those that changed user, which no parent's death kills. */
static void reap_orphans(void)
{
    char path[64];
    int pid;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "r");
    if (children) {
        while (fscanf(children, "%d", &pid) == 1)
            kill((pid_t)pid, SIGKILL);
        fclose(children);
    }
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
}

static int wait_until_dead(pid_t pid, unsigned seconds)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return 0;
    struct pollfd entry = {.fd = pidfd, .events = POLLIN};
    int ready;
    do
        ready = poll(&entry, 1, (int)seconds * 1000);
    while (ready < 0 && errno == EINTR);
    close(pidfd);
    return ready > 0;
}

static int judge(pid_t pid, unsigned seconds)
{
    int in_time = wait_until_dead(pid, seconds);
    if (!in_time) {
        dprintf(STDERR_FILENO, "    not finished after %u s\n", seconds);
        kill(pid, SIGKILL);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return SANDBOX_FAILED;
    if (!in_time)
        return SANDBOX_FAILED;
    if (WIFSIGNALED(status)) {
        dprintf(STDERR_FILENO, "    killed by signal %d (%s)\n", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
        return SANDBOX_FAILED;
    }
    if (WEXITSTATUS(status) == SKIPPED_STATUS)
        return SANDBOX_SKIPPED;
    return WEXITSTATUS(status) == 0 ? SANDBOX_PASSED : SANDBOX_FAILED;
}

int sandbox_run(void (*body)(void *argument), void *argument, unsigned seconds)
{
    strcpy(directory, "/dev/shm/shmchan-test.XXXXXX");
    if (!mkdtemp(directory)) {
        perror("mkdtemp");
        return SANDBOX_FAILED;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    fflush(NULL);
    pid_t pid = child_fork();
    if (pid == 0)
        run_body(body, argument);
    int verdict = judge(pid, seconds);
    reap_orphans();
    if (verdict == SANDBOX_PASSED && sandbox_names() > 0) {
        report_names();
        verdict = SANDBOX_FAILED;
    }
    sandbox_remove_names();
    if (rmdir(directory) < 0)
        perror(directory);
    return verdict;
}
