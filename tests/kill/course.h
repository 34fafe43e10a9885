/* SPDX-License-Identifier: Apache-2.0 */
/* The course of an operation, observed once: where the victim stands after each step, and which steps are
 * events. */
#ifndef KILL_COURSE_H
#define KILL_COURSE_H

#include "image.h"
#include "trial.h"

#define EVENTS_MAX 1000u
#define STEPS_MAX 100000u

/* Which places of a course make a difference. */
enum places {
    /* Where a victim can be killed: right after each event. */
    PLACES_OF_KILLS,
    /* Where it can be stopped, or killed: right before each access to what it shares (access.h), and after the last event. */
    PLACES_OF_STOPS,
    /* Some of these: right after each event, and right before, when everything has been read that it depends on. */
    PLACES_AROUND_EVENTS,
    /* Some of the first: right after a message or an endpoint has changed hands, or somebody has been told. */
    PLACES_AT_MILESTONES,
};

/* A step that others can see: it changed the segment, or was a system call. */
struct event {
    uint64_t step; /* that many steps have been taken after it */
    char name[40];
    bool is_milestone;
};

struct course {
    uint64_t steps;
    unsigned event_count;
    unsigned foreign_changes; /* of the segment, by others: no access of the victim's */
    struct event events[EVENTS_MAX];
    uint64_t addresses[STEPS_MAX];
    bool accesses[STEPS_MAX]; /* by number of steps before it: the next one is an access */
};

struct course *course_new(void);
void course_free(struct course *course);

/* Step the victim through all of its operation. Without a channel in the trial, only system calls are
 * events. */
void course_observe(struct course *course, struct trial *trial, struct victim *victim);

/* Bring another victim to where the observed one stood after so many steps. */
void course_run_to(const struct course *course, struct trial *trial, struct victim *victim, uint64_t step);

/* The next place after `step`. UINT64_MAX: no more. */
uint64_t course_next(const struct course *course, uint64_t step, enum places places);

/* Name of the last event by then. */
const char *course_event(const struct course *course, uint64_t step);

#endif
