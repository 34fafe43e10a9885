/* SPDX-License-Identifier: Apache-2.0 */
/* Process identity from /proc. The namespace is asked of the thread, since the links of a first thread
 * that has ended lead nowhere; the start time is the process's, which stays. */
#include "shm/process.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t own_start_time(void)
{
    char text[1024];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    char *at = strrchr(text, ')'); /* the command name may hold anything, ')' too; field 3 follows it */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

static uint64_t own_pid_namespace(void)
{
    struct stat st;
    return stat("/proc/thread-self/ns/pid", &st) ? 0 : (uint64_t)st.st_ino;
}

void chan__process_self(struct process_identity *out)
{
    out->pid = (uint32_t)getpid();
    out->uid = (uint32_t)geteuid();
    out->start_time = own_start_time();
    out->pid_namespace = own_pid_namespace();
}

bool chan__process_is_near(const struct process_identity *who)
{
    return who->pid_namespace && who->pid_namespace == own_pid_namespace();
}
