/* SPDX-License-Identifier: Apache-2.0 */
/* Which of all the places this run tries: chosen by name, in parts, from where an earlier run was broken
 * off. */
#ifndef KILL_PLAN_H
#define KILL_PLAN_H

#include "tally.h"

#include <stdbool.h>
#include <stdint.h>

struct plan {
    bool all, kills, stops, verbose, sites, fail_fast, milestones;
    const char *operation, *second, *third, *set, *scene, *ending; /* NULL: any */
    uint64_t step;                                                 /* 0: any */
    unsigned part, parts;
    uint64_t from;   /* places before this one have been tried */
    uint64_t places; /* so far */
    int64_t next_report_ns;
};

/* The arguments that the programs have in common:
 *
 *   [--all] [--kill | --stop] [--operation NAME] [--second NAME] [--third NAME] [--set NAME]
 *   [--scene NAME] [--ending NAME] [--step K] [--part I/N] [--from PLACE] [--fail-fast]
 *   [--verbose] [--milestones]
 *
 * --part I/N takes every N-th place, beginning with the I-th. A run that was broken off continues --from the
 * place that it reported last; the places keep their numbers as long as program and arguments do.
 * --fail-fast tries no other place after a failure. --milestones is for pairs.c and
 * reuse.c. */
void plan_parse(struct plan *plan, int argc, char **argv);

/* True if `name` is what was asked for, or nothing was. */
bool plan_wants(const char *asked, const char *name);

/* The next place: true if it is to be tried. Now and then reports where the run is, on stderr. */
bool plan_takes(struct plan *plan, const struct tally *tally, const char *where);

#endif
