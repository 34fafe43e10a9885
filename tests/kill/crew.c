/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, killing, stopping and burying the processes of a soak. */
#include "crew.h"

#include "nursery.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOPPED_MAX_NS INT64_C(1000000000)

struct crew *crew_open(void)
{
    struct crew *crew = mmap(NULL, sizeof *crew, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (crew == MAP_FAILED)
        abort();
    return crew;
}

void crew_close(struct crew *crew)
{
    munmap(crew, sizeof *crew);
}

static uint64_t draw(struct crew *crew, uint64_t below)
{
    return worker_random(&crew->random) % below;
}

/* One seat admits no clones, and a visitor's threads would only wait for each other. */
static uint32_t draw_threads(struct crew *crew, enum worker_kind kind)
{
    if (crew->one_sender || crew->one_receiver || kind == WORKER_REPAIRER || draw(crew, 3))
        return 1;
    return 2 + (uint32_t)draw(crew, WORKER_THREADS_MAX - 1);
}

/* Now and then a handle is prepared here, before the fork. The one who prepares has no keeper, so that nobody
 * heals but those who are killed. */
static void prepare(struct crew *crew, struct worker *worker)
{
    int result = -EBUSY;
    worker->tx = NULL;
    worker->rx = NULL;
    if (!crew->prepares || draw(crew, 4))
        return;
    if (worker->kind == WORKER_SENDER)
        result = chan_prepare_sender(crew->polled, 0, &worker->tx);
    else if (worker->kind == WORKER_COPIER || worker->kind == WORKER_VIEWER)
        result = chan_prepare_receiver(crew->polled, 0, &worker->rx);
    crew->toll.prepared += !result;
    if (result && result != -EBUSY && result != -EPIPE)
        book_fault(crew->book, "prepare: %s", chan_error_name(result));
}

static void start(struct crew *crew, struct member *member)
{
    struct worker *worker = &member->worker;
    worker->seed = worker_random(&crew->random);
    worker->threads = draw_threads(crew, worker->kind);
    worker->ch = draw(crew, 4) ? crew->kept : crew->polled;
    crew->toll.many_threads += worker->threads > 1;
    member->stopped = false;
    for (uint32_t i = 0; i < WORKER_THREADS_MAX; i++)
        atomic_store(&crew->book->desks[worker->desk + i].parked, i < worker->threads ? 0 : UINT32_MAX);
    prepare(crew, worker);
    bool apart = crew->nursery && !draw(crew, 4);
    crew->toll.apart += apart;
    fflush(NULL);
    pid_t pid = apart ? nursery_fork((unsigned)draw(crew, NURSERIES)) : fork();
    if (pid < 0)
        abort();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        crew->run(worker);
    }
    atomic_store(&member->pid, pid);
    chan_close_sender(worker->tx);
    chan_close_receiver(worker->rx);
}

/* It is dead. What it had in hand when it died may be gone. */
static void bury(struct crew *crew, struct member *member)
{
    pid_t pid = atomic_load(&member->pid);
    int status = 0;
    atomic_store(&crew->book->reaping, 1);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    atomic_store(&crew->book->reaping, 0);
    if (!(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) && !(WIFEXITED(status) && !WEXITSTATUS(status)))
        book_fault(crew->book, "a worker of kind %d ended with status %#x", (int)member->worker.kind,
                   (unsigned)status);
    for (uint32_t i = 0; i < WORKER_THREADS_MAX; i++) {
        struct desk *desk = &crew->book->desks[member->worker.desk + i];
        crew->toll.may_be_sent += atomic_exchange(&desk->sending, 0);
        crew->toll.may_be_lost += atomic_exchange(&desk->copying, 0);
    }
    atomic_store(&member->pid, 0);
    member->stopped = false;
}

static bool is_dead(const struct member *member)
{
    siginfo_t info = {0};
    return !waitid(P_PID, (id_t)atomic_load(&member->pid), &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

/* Nobody is stopped for so long that the only receiver there may be looks like a standstill. */
static void continue_late(struct crew *crew)
{
    int64_t now = chan_now();
    for (unsigned i = 0; i < crew->size; i++) {
        struct member *member = &crew->members[i];
        if (!member->stopped || now - member->stopped_at < STOPPED_MAX_NS)
            continue;
        kill(atomic_load(&member->pid), SIGCONT);
        member->stopped = false;
    }
}

void crew_disturb(struct crew *crew)
{
    struct member *member = &crew->members[draw(crew, crew->size)];
    continue_late(crew);
    pid_t pid = atomic_load(&member->pid);
    if (!pid || is_dead(member)) {
        if (pid)
            bury(crew, member);
        start(crew, member);
    } else if (member->stopped && draw(crew, 2)) {
        kill(pid, SIGCONT);
        member->stopped = false;
    } else if (draw(crew, 2)) {
        kill(pid, SIGKILL);
        crew->toll.kills++;
        crew->toll.kills_stopped += member->stopped;
    } else {
        kill(pid, SIGSTOP);
        member->stopped_at = member->stopped ? member->stopped_at : chan_now();
        member->stopped = true;
        crew->toll.stops++;
    }
}

static bool rests(const struct crew *crew, const struct member *member, unsigned number)
{
    for (uint32_t i = 0; i < WORKER_THREADS_MAX; i++) {
        unsigned parked = atomic_load(&crew->book->desks[member->worker.desk + i].parked);
        if (parked != number && parked != UINT32_MAX)
            return false;
    }
    return true;
}

void crew_rest(struct crew *crew, unsigned number)
{
    atomic_store(&crew->book->pause, number);
    for (unsigned i = 0; i < crew->size; i++) {
        struct member *member = &crew->members[i];
        pid_t pid = atomic_load(&member->pid);
        if (pid)
            kill(pid, SIGCONT);
        member->stopped = false;
        while (pid && !is_dead(member) && !rests(crew, member, number))
            usleep(500);
        if (pid && is_dead(member))
            bury(crew, member);
        atomic_fetch_add(&crew->book->steps, 1);
    }
}

void crew_go_on(struct crew *crew)
{
    atomic_store(&crew->book->pause, 0);
}

void crew_end(struct crew *crew)
{
    for (unsigned i = 0; i < crew->size; i++)
        if (atomic_load(&crew->members[i].pid))
            kill(atomic_load(&crew->members[i].pid), SIGCONT);
    for (unsigned i = 0; i < crew->size; i++) {
        struct member *member = &crew->members[i];
        while (atomic_load(&member->pid) && !is_dead(member))
            usleep(500);
        if (atomic_load(&member->pid))
            bury(crew, member);
        atomic_fetch_add(&crew->book->steps, 1);
    }
}
