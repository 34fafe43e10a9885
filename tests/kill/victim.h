/* SPDX-License-Identifier: Apache-2.0 */
/* A process that is stepped through one operation of the library, instruction by instruction, and then killed
 * or left stopped wherever it stands. */
#ifndef KILL_VICTIM_H
#define KILL_VICTIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum victim_state {
    VICTIM_RUNNING, /* somewhere in its operation; it stands still between two calls of victim_step() */
    VICTIM_DONE,    /* the operation has returned */
    VICTIM_BLOCKED, /* its last step is a system call that has not returned yet */
    VICTIM_ENDED,   /* it ended by itself: a crash */
};

struct victim {
    pid_t pid;
    enum victim_state state;
    uint64_t steps;      /* instructions executed within the operation */
    bool in_system_call; /* the last step was one */
    pid_t keeper;        /* the thread that is frozen; 0: none */
    const int *phase;    /* shared with it: see victim_enter() */
};

/* Phases of the victim, in memory that it shares with its tracer. */
#define PHASE_SETUP 0
#define PHASE_RUNNING 1
#define PHASE_DONE 2

/* First thing in main(): what makes stepping fast, such as one processor for the tracer and its victims. */
void victim_set_up(char **argv);

/* Fork a victim, which runs body(argument) up to victim_enter(). */
void victim_start(struct victim *victim, void (*body)(void *argument), void *argument, const int *phase);

/* Called by the victim: right before and after its operation. */
void victim_enter(int *phase);
void victim_leave(int *phase);

/* One instruction (a system call counts as one). False if it is not VICTIM_RUNNING any more. */
bool victim_step(struct victim *victim);

/* Its next instruction is a system call that is going to block: begin it, and return once it sleeps there. Then
 * victim_wakes() is next, or victim_kill(). */
void victim_fall_asleep(struct victim *victim);

/* The same instruction has come to its end; false: not within `deadline_ms`. */
bool victim_wakes(struct victim *victim, int deadline_ms);

/* True if the next instruction is a system call, and its number. */
bool victim_at_system_call(const struct victim *victim, long *number);

/* The address of the next instruction. */
uint64_t victim_address(const struct victim *victim);

/* Let it run until it is about to execute the instruction at `address` for the `times`-th time. False: its
 * operation was over before. */
bool victim_run_to(struct victim *victim, uint64_t address, uint64_t times);

/* What a continued victim has for the rest of its operation, which takes microseconds. */
#define CONTINUE_MS 3000

/* Let it run on until its operation has returned. False: it did not within `deadline_ms`. */
bool victim_continue(struct victim *victim, int deadline_ms);

/* Stop, and continue, the threads that the victim has beside the one that is stepped. */
void victim_freeze(struct victim *victim);
void victim_thaw(struct victim *victim);

/* SIGKILL; returns when the process and its address space are gone, but for being reaped. */
void victim_kill(struct victim *victim);
void victim_reap(struct victim *victim);

#endif
