/* SPDX-License-Identifier: Apache-2.0 */
/* Watches a soak from a process of its own, and says how things stand when they stand still. */
#include "watchdog.h"

#include <shmchan/inspect.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* While messages flow nothing may stand still for longer: sleepers look around by themselves after 1.25 s
 * even if they are owed a wake-up by a process that is stopped. Starting and ending takes what the machine
 * takes. */
static const int64_t stuck_ns[] = {
    [BOOK_RUNNING] = INT64_C(5000000000), [BOOK_WINDING_UP] = INT64_C(60000000000)};

/* Whoever directs may be held up itself: on a busy machine the kernel has been seen to spend many seconds in
 * its wait(), clearing /proc of the dead child: a minute, once. Nobody continues the stopped meanwhile, the only
 * receiver perhaps. */
#define BLOWS_MIN 500

/* After so many reports it is over. */
#define REPORTS 3

static void describe_channel(const struct chan *ch)
{
    struct chan_stat stat = {.size = sizeof stat};
    int result = chan_stat(ch, &stat);
    fprintf(
        stderr,
        "  stat %d: sent %lu, received %lu, discarded %lu, queued %lu, held %lu, orphaned %lu, units %lu, "
        "dead %u, senders %u, receivers %u, shut down %u\n",
        result, stat.sent, stat.received, stat.discarded, stat.queued, stat.held, stat.orphaned,
        stat.units_used, stat.dead, stat.senders, stat.receivers, stat.shut_down);
    for (uint32_t number = 0;; number++) {
        struct chan_endpoint_stat e = {.size = sizeof e};
        result = chan_endpoint_stat(ch, number, &e);
        if (!result)
            fprintf(
                stderr,
                "  endpoint %u: role %u, state %u, pid %u.%u%s, waits for %u since %ld us, slept %lu times, "
                "in operation %u, held %u, orphaned %u, messages %lu\n",
                number, e.role, e.state, e.pid, e.tid, e.same_pid_namespace ? "" : " elsewhere", e.waits_for,
                e.waiting_ns / 1000, e.waits, e.in_operation, e.held, e.orphaned, e.messages);
        else if (result != -ENOENT)
            break;
    }
}

/* The first line of a file of a thread, or the one that begins with `key`. */
static void print_file(int task, const char *thread, const char *name, const char *key)
{
    char path[300], line[160];
    snprintf(path, sizeof path, "%s/%s", thread, name);
    int fd = openat(task, path, O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    while (file && fgets(line, sizeof line, file))
        if (!key || !strncmp(line, key, strlen(key)))
            fprintf(stderr, "      %s: %.*s\n", name, (int)strcspn(line, "\n"), line);
    if (file)
        fclose(file);
}

/* Every thread: running, stopped or asleep, and where in the kernel. */
static void describe_process(pid_t pid)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *task = opendir(path);
    if (!task)
        return;
    for (struct dirent *entry; (entry = readdir(task)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        fprintf(stderr, "    thread %s\n", entry->d_name);
        print_file(dirfd(task), entry->d_name, "comm", NULL);
        print_file(dirfd(task), entry->d_name, "status", "State");
        print_file(dirfd(task), entry->d_name, "syscall", NULL);
        print_file(dirfd(task), entry->d_name, "schedstat", NULL);
        print_file(dirfd(task), entry->d_name, "stack", NULL);
    }
    closedir(task);
}

static void describe(const struct crew *crew)
{
    describe_channel(crew->polled);
    fprintf(stderr, "  the one who directs, pid %d\n", (int)getppid());
    describe_process(getppid());
    for (unsigned i = 0; i < crew->size; i++) {
        const struct member *member = &crew->members[i];
        pid_t pid = atomic_load(&member->pid);
        fprintf(stderr, "  worker %u: kind %d, %u threads, pid %d%s\n", i, (int)member->worker.kind,
                member->worker.threads, (int)pid, member->stopped ? ", stopped" : "");
        if (pid)
            describe_process(pid);
    }
}

struct seen {
    unsigned phase;
    uint64_t progress, blows;
};

static struct seen look(struct book *book)
{
    return (struct seen){.phase = atomic_load(&book->phase),
                         .progress = atomic_load(&book->received) + atomic_load(&book->steps),
                         .blows = atomic_load(&book->blows)};
}

__attribute__((noreturn)) static void watch(const struct crew *crew)
{
    struct book *book = crew->book;
    struct seen seen = look(book);
    int64_t since = chan_now();
    for (int reports = 0; reports < REPORTS;) {
        struct seen now = look(book);
        int64_t gap = chan_now() - since;
        if (now.phase == BOOK_RUNNING && now.blows != seen.blows && gap > atomic_load(&book->gap_ns))
            atomic_store(&book->gap_ns, gap);
        bool reaps = now.phase == BOOK_WINDING_UP && atomic_load(&book->reaping);
        if (now.phase != seen.phase || now.progress != seen.progress || reaps) {
            seen = now;
            since = chan_now();
        } else if (gap > stuck_ns[now.phase] &&
                   (now.phase != BOOK_RUNNING || now.blows - seen.blows > BLOWS_MIN)) {
            book_fault(book, "nothing has happened for %d s", (int)(gap / 1000000000));
            describe(crew);
            reports++;
            since = chan_now();
        }
        usleep(5000);
    }
    fprintf(stderr, "FAIL soak: given up\n");
    kill(getppid(), SIGKILL);
    _exit(1);
}

pid_t watchdog_start(const struct crew *crew)
{
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        watch(crew);
    }
    return pid;
}

void watchdog_end(pid_t watchdog)
{
    kill(watchdog, SIGKILL);
    waitpid(watchdog, NULL, 0);
}
