/* SPDX-License-Identifier: Apache-2.0 */
/* The stage in shared memory, and the one who directs. */
#include "stage.h"

#include "calls.h"
#include "transport.h"

#include <shmchan.h>

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static const unsigned warm_up_ms = 20;

static size_t stage_size(void)
{
    return sizeof(struct stage) + MOST_TRIPS * sizeof(uint32_t);
}

struct stage *stage_new(void)
{
    struct stage *stage = mmap(NULL, stage_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (stage == MAP_FAILED)
        die("mmap", strerror(errno));
    return stage;
}

void stage_free(struct stage *stage)
{
    munmap(stage, stage_size());
}

void stage_note(struct log *log, enum phase phase, uint64_t messages)
{
    struct reading *reading = &log->at[phase];
    struct timespec cpu;
    struct rusage usage;

    log->seen = phase;
    clock_gettime(log->by_thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID, &cpu);
    getrusage(log->by_thread ? RUSAGE_THREAD : RUSAGE_SELF, &usage);
    reading->cpu_ns = (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec;
    reading->switches = (uint64_t)usage.ru_nvcsw;
    reading->calls = log->counter != NOT_COUNTED ? calls_read(log->counter) : 0;
    reading->messages = messages;
    reading->time_ns = chan_now();
}

void stage_sleep_us(long us)
{
    struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

    while (nanosleep(&time, &time) != 0)
        ;
}

void stage_enter(struct stage *stage)
{
    atomic_fetch_add(&stage->ready, 1);
    while (atomic_load(&stage->phase) == WAIT)
        stage_sleep_us(50);
}

void stage_direct(struct stage *stage, unsigned processes, unsigned window_ms)
{
    while (atomic_load(&stage->ready) < processes) {
        siginfo_t dead = {.si_pid = 0};
        if (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) == 0 && dead.si_pid != 0)
            die("start", "a process has ended");
        stage_sleep_us(100);
    }
    atomic_store(&stage->phase, WARM_UP);
    stage_sleep_us(warm_up_ms * 1000L);
    atomic_store(&stage->phase, MEASURE);
    stage_sleep_us(window_ms * 1000L);
    atomic_store(&stage->phase, STOP);
}
