/* SPDX-License-Identifier: Apache-2.0 */
/* Two victims: what becomes of them, at each place of the one with each of the other, whatever it is that they do. */
#ifndef KILL_PAIR_H
#define KILL_PAIR_H

#include "course.h"
#include "plan.h"

/* What becomes of the two. */
enum ending {
    BOTH_KILLED,      /* the first while the second had yet to begin */
    KILLED_TOGETHER,  /* the second has run while the first was stopped */
    SECOND_CONTINUED, /* the first is killed, then the second goes to its place, is stopped, and continued at
                         last */
    FIRST_CONTINUED,  /* the second runs while the first is stopped, and is killed; the first is continued at
                         last */
    BOTH_CONTINUED,
    FIRST_KILLED_LAST, /* the second runs while the first is stopped, is killed, repaired and its record given
                          to a newcomer; then the first is killed */
    ENDINGS
};

/* By an ending. */
extern const char *const ending_names[ENDINGS];

struct pair;

/* What a pair acts on, and who else is there. A trial is the first member of whatever they know of it. */
struct company {
    void (*begin)(struct trial *t, const struct pair *pair);
    /* Called in order, the second when the first is at its place. */
    void (*start)(struct trial *t, const struct pair *pair, struct victim victims[2], unsigned number);
    /* Nobody but that victim has moved since the last look. */
    void (*look)(struct trial *t, unsigned number);
    /* Both are dead. */
    void (*work)(struct trial *t);
    /* One is stopped, or both; so many records are those of the dead one. */
    void (*work_around)(struct trial *t, unsigned dead);
    void (*go_on)(struct trial *t, unsigned number, struct victim *victim);
    /* The records that a victim may leave behind. */
    unsigned (*records)(const struct trial *t, unsigned number);
    /* A newcomer takes the record of one that was repaired, and stays. */
    void (*newcomer)(struct trial *t);
    void (*settle)(struct trial *t);
    void (*end)(struct trial *t);
};

struct pair {
    const struct company *company;
    const void *first, *second, *scene; /* known to the company */
    enum ending ending;
};

/* Step the first through all that it does. */
void pair_observe_first(struct trial *trial, const struct pair *pair, struct course *course);

/* All places of both that the plan takes. */
void pair_run(struct trial *trial, const struct pair *pair, const struct course *first, struct course *second,
              struct plan *plan);

/* The pairs of other channels than queues and broadcasts, each a set. */
void pairs_of_watchers(struct plan *plan, struct course *courses[2], struct tally *tally);
void pairs_of_callers(struct plan *plan, struct course *courses[2], struct tally *tally);

#endif
