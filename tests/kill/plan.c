/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments, parts and progress of a run. */
#include "plan.h"

#include <inttypes.h>
#include <shmchan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_EVERY_NS INT64_C(10000000000)

static bool parse_flag(struct plan *p, const char *argument)
{
    const struct {
        const char *name;
        bool *value;
    } flags[] = {{"--all", &p->all},
                 {"--kill", &p->kills},
                 {"--stop", &p->stops},
                 {"--sites", &p->sites},
                 {"--fail-fast", &p->fail_fast},
                 {"--verbose", &p->verbose},
                 {"--milestones", &p->milestones}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (!strcmp(argument, flags[i].name))
            return *flags[i].value = true;
    return false;
}

static bool parse_name(struct plan *p, const char *argument, const char *value)
{
    const struct {
        const char *name;
        const char **value;
    } names[] = {{"--operation", &p->operation}, {"--second", &p->second},
                 {"--third", &p->third},         {"--set", &p->set},
                 {"--scene", &p->scene},         {"--ending", &p->ending}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(argument, names[i].name)) {
            *names[i].value = value;
            return true;
        }
    return false;
}

static bool parse_number(struct plan *p, const char *argument, const char *value)
{
    if (!strcmp(argument, "--part"))
        return sscanf(value, "%u/%u", &p->part, &p->parts) == 2 && p->part < p->parts;
    if (!strcmp(argument, "--step"))
        return sscanf(value, "%" SCNu64, &p->step) == 1;
    return !strcmp(argument, "--from") && sscanf(value, "%" SCNu64, &p->from) == 1;
}

void plan_parse(struct plan *p, int argc, char **argv)
{
    *p = (struct plan){.parts = 1, .next_report_ns = chan_now() + REPORT_EVERY_NS};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (parse_flag(p, argv[i]))
            continue;
        if (!value || !(parse_name(p, argv[i], value) || parse_number(p, argv[i], value))) {
            fprintf(stderr, "%s: wrong argument %s\n", argv[0], argv[i]);
            exit(2);
        }
        i++;
    }
    if (!p->kills && !p->stops)
        p->kills = p->stops = true;
}

bool plan_wants(const char *asked, const char *name)
{
    return !asked || !strcmp(asked, name);
}

bool plan_takes(struct plan *p, const struct tally *tally, const char *where)
{
    uint64_t place = p->places++;
    if (chan_now() > p->next_report_ns) {
        fprintf(stderr, "place %" PRIu64 ": %s, %" PRIu64 " kills, %" PRIu64 " stops, %u failures\n", place,
                where, tally->kills, tally->stops, tally->failures);
        p->next_report_ns = chan_now() + REPORT_EVERY_NS;
    }
    if (p->fail_fast && tally->failures)
        return false;
    return place >= p->from && place % p->parts == p->part;
}
