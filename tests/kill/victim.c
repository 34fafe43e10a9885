/* SPDX-License-Identifier: Apache-2.0 */
/* Single-stepping a forked child with ptrace. */
#include "victim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* String instructions are stepped through byte by byte: have libc copy by vectors. */
#define TUNABLES "glibc.cpu.x86_rep_movsb_threshold=1048576:glibc.cpu.x86_rep_stosb_threshold=1048576"

static void die(const char *what)
{
    fprintf(stderr, "harness: %s: %s\n", what, strerror(errno));
    abort();
}

/* A zombie's address space lives on while somebody who reads its files in /proc holds it, and so do its locks. Hence a page
 * mapped like those of the library's endpoints, low in the address space, so that its lock is the last one let go. */
#define TRACE_AT ((void *)0x10000000)

static int traces = -1; /* a lock for each victim, at its pid */

static struct flock trace_of(pid_t pid)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = pid, .l_len = 1};
}

static void leave_trace(void)
{
    char path[40];
    struct flock trace = trace_of(getpid());
    snprintf(path, sizeof path, "/proc/self/fd/%d", traces);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fcntl(fd, F_OFD_SETLK, &trace) ||
        mmap(TRACE_AT, 4096, PROT_NONE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) != TRACE_AT ||
        madvise(TRACE_AT, 4096, MADV_DONTFORK))
        die("trace");
    close(fd);
}

static bool has_trace(pid_t pid)
{
    struct flock trace = trace_of(pid);
    if (fcntl(traces, F_OFD_GETLK, &trace))
        die("trace");
    return trace.l_type != F_UNLCK;
}

static int phase_of(const struct victim *victim)
{
    return __atomic_load_n(victim->phase, __ATOMIC_ACQUIRE);
}

static void note_end(struct victim *victim, int status)
{
    if (WIFSTOPPED(status))
        fprintf(stderr, "harness: victim stopped by signal %d\n", WSTOPSIG(status));
    else
        fprintf(stderr, "harness: victim ended, status %#x\n", (unsigned)status);
    victim->state = VICTIM_ENDED;
}

void victim_set_up(char **argv)
{
    cpu_set_t one;
    if (!getenv("GLIBC_TUNABLES")) {
        setenv("GLIBC_TUNABLES", TUNABLES, 1);
        execv("/proc/self/exe", argv);
        die("exec");
    }
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    (void)sched_setaffinity(0, sizeof one, &one);
}

void victim_start(struct victim *victim, void (*body)(void *argument), void *argument, const int *phase)
{
    *victim = (struct victim){.phase = phase};
    if (traces < 0 && (traces = memfd_create("traces", MFD_CLOEXEC)) < 0)
        die("memfd_create");
    fflush(NULL);
    victim->pid = fork();
    if (victim->pid < 0)
        die("fork");
    if (!victim->pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
            die("PTRACE_TRACEME");
        leave_trace();
        body(argument);
        _exit(0);
    }
    int status;
    if (waitpid(victim->pid, &status, 0) != victim->pid)
        die("waitpid");
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP) {
        note_end(victim, status);
        return;
    }
    while (phase_of(victim) == PHASE_SETUP && victim_step(victim))
        continue;
    victim->steps = 0;
}

/* By hand, since the way out of raise() would be stepped through in each trial. */
void victim_enter(int *phase)
{
    long result = SYS_kill;
    __asm__ __volatile__("syscall"
                         : "+a"(result)
                         : "D"((long)getpid()), "S"((long)SIGSTOP)
                         : "rcx", "r11", "memory");
    __atomic_store_n(phase, PHASE_RUNNING, __ATOMIC_RELEASE);
}

void victim_leave(int *phase)
{
    __atomic_store_n(phase, PHASE_DONE, __ATOMIC_RELEASE);
    raise(SIGSTOP);
    _exit(0);
}

uint64_t victim_address(const struct victim *victim)
{
    errno = 0;
    long at = ptrace(PTRACE_PEEKUSER, victim->pid, offsetof(struct user_regs_struct, rip), NULL);
    if (at == -1 && errno)
        die("PTRACE_PEEKUSER");
    return (uint64_t)at;
}

/* The victim was forked from this process: its code lies here at the same addresses. */
bool victim_at_system_call(const struct victim *victim, long *number)
{
    uint64_t at = victim_address(victim);
    static const unsigned char code[2] = {0x0f, 0x05};
    if (memcmp((const void *)at, code, sizeof code))
        return false;
    *number = ptrace(PTRACE_PEEKUSER, victim->pid, offsetof(struct user_regs_struct, rax), NULL);
    return true;
}

bool victim_step(struct victim *victim)
{
    int status;
    long number;
    if (victim->state != VICTIM_RUNNING)
        return false;
    victim->in_system_call = victim_at_system_call(victim, &number);
    if (ptrace(PTRACE_SINGLESTEP, victim->pid, NULL, NULL))
        die("PTRACE_SINGLESTEP");
    if (waitpid(victim->pid, &status, 0) != victim->pid)
        die("waitpid");
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
        note_end(victim, status);
        return false;
    }
    victim->steps++;
    if (phase_of(victim) == PHASE_DONE)
        victim->state = VICTIM_DONE;
    return victim->state == VICTIM_RUNNING;
}

/* 'S' asleep, 't' standing still for its tracer, ... */
static char process_state(pid_t pid)
{
    char path[40], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%*d %*s %c", &state) != 1)
        state = '?';
    if (file)
        fclose(file);
    return state;
}

void victim_fall_asleep(struct victim *victim)
{
    const struct timespec pause = {.tv_nsec = 20000};
    if (ptrace(PTRACE_SINGLESTEP, victim->pid, NULL, NULL))
        die("PTRACE_SINGLESTEP");
    for (char state = '?'; state != 'S' && state != 't'; state = process_state(victim->pid))
        nanosleep(&pause, NULL);
    victim->state = VICTIM_BLOCKED;
}

bool victim_wakes(struct victim *victim, int deadline_ms)
{
    const struct timespec pause = {.tv_nsec = 20000};
    for (int rounds = 0; rounds < deadline_ms * 20; rounds++) {
        int status;
        pid_t pid = waitpid(victim->pid, &status, WNOHANG);
        if (pid < 0)
            die("waitpid");
        if (pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) {
            victim->state = VICTIM_RUNNING;
            victim->steps++;
            return true;
        }
        if (pid) {
            note_end(victim, status);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return false;
}

static void set_debug_register(const struct victim *victim, size_t number, uint64_t value)
{
    size_t at = offsetof(struct user, u_debugreg) + number * sizeof(long);
    if (ptrace(PTRACE_POKEUSER, victim->pid, at, value))
        die("PTRACE_POKEUSER");
}

bool victim_run_to(struct victim *victim, uint64_t address, uint64_t times)
{
    int status;
    bool arrived = victim_address(victim) == address && --times == 0;
    set_debug_register(victim, 0, address);
    set_debug_register(victim, 7, 1); /* break on executing what register 0 says */
    while (!arrived && victim->state == VICTIM_RUNNING) {
        if (ptrace(PTRACE_CONT, victim->pid, NULL, NULL) || waitpid(victim->pid, &status, 0) != victim->pid)
            die("PTRACE_CONT");
        if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP)
            arrived = --times == 0;
        else if (WIFSTOPPED(status) && phase_of(victim) == PHASE_DONE)
            victim->state = VICTIM_DONE;
        else
            note_end(victim, status);
    }
    if (victim->state != VICTIM_ENDED)
        set_debug_register(victim, 7, 0);
    return arrived;
}

bool victim_continue(struct victim *victim, int deadline_ms)
{
    if (victim->state != VICTIM_RUNNING)
        return victim->state == VICTIM_DONE;
    if (ptrace(PTRACE_CONT, victim->pid, NULL, NULL))
        die("PTRACE_CONT");
    const struct timespec pause = {.tv_nsec = 20000};
    for (int rounds = 0; rounds < deadline_ms * 20; rounds++) {
        int status;
        pid_t pid = waitpid(victim->pid, &status, WNOHANG);
        if (pid < 0)
            die("waitpid");
        if (pid && WIFSTOPPED(status) && phase_of(victim) == PHASE_DONE) {
            victim->state = VICTIM_DONE;
            return true;
        }
        if (pid) {
            note_end(victim, status);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    victim->state = VICTIM_BLOCKED;
    return false;
}

/* The thread beside the first, or 0. */
static pid_t other_thread(pid_t pid)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    pid_t other = 0;
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (tid && tid != pid)
            other = tid;
    }
    if (tasks)
        closedir(tasks);
    return other;
}

void victim_freeze(struct victim *victim)
{
    pid_t tid = other_thread(victim->pid);
    if (!tid)
        return;
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
        die("PTRACE_SEIZE");
    if (waitpid(tid, NULL, __WALL) != tid)
        die("waitpid");
    victim->keeper = tid;
}

void victim_thaw(struct victim *victim)
{
    if (victim->keeper && ptrace(PTRACE_DETACH, victim->keeper, NULL, NULL))
        die("PTRACE_DETACH");
    victim->keeper = 0;
}

void victim_kill(struct victim *victim)
{
    const struct timespec pause = {.tv_nsec = 20000};
    siginfo_t info;
    kill(victim->pid, SIGKILL);
    if (waitid(P_PID, (id_t)victim->pid, &info, WEXITED | WNOWAIT))
        die("waitid");
    while (has_trace(victim->pid))
        nanosleep(&pause, NULL);
}

void victim_reap(struct victim *victim)
{
    waitpid(victim->pid, NULL, 0);
}
