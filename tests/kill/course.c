/* SPDX-License-Identifier: Apache-2.0 */
/* Observing an operation, and getting another victim to any place of it without stepping all the way. */
#include "course.h"

#include "access.h"

#include <stdlib.h>
#include <string.h>

struct course *course_new(void)
{
    struct course *course = malloc(sizeof *course);
    if (!course)
        abort();
    return course;
}

void course_free(struct course *course)
{
    free(course);
}

static bool is_milestone(const char *word)
{
    static const char *const words[] = {
        "ring cell",  "record hold cell", "record status", "record words of its kind",
        "state",      "orphan summary",   "data event",    "space event",
        "life event", "record deaths"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(word, words[i]))
            return true;
    return false;
}

void course_observe(struct course *c, struct trial *t, struct victim *victim)
{
    struct image image = {0};
    if (t->ch)
        image_take(&image, t->ch);
    c->event_count = 0;
    c->foreign_changes = 0;
    bool running = victim->state == VICTIM_RUNNING;
    while (running && c->event_count < EVENTS_MAX && victim->steps < STEPS_MAX) {
        c->addresses[victim->steps] = victim_address(victim);
        bool access = c->accesses[victim->steps] = access_is_next(victim);
        running = victim_step(victim);
        struct event event = {.step = victim->steps, .name = "system call"};
        bool changed = t->ch && image_changed(&image, event.name, sizeof event.name);
        event.is_milestone = changed && is_milestone(event.name);
        if (changed || victim->in_system_call)
            c->events[c->event_count++] = event;
        c->foreign_changes += changed && !access;
    }
    c->steps = victim->steps;
    image_drop(&image);
    if (victim->state != VICTIM_DONE)
        trial_fail(t, "the operation does not come to its end");
}

void course_run_to(const struct course *c, struct trial *t, struct victim *victim, uint64_t step)
{
    uint64_t arrival = step, times = 1;
    /* Each turn of an instruction that repeats itself is a step, but only at the first one arrives. */
    while (arrival && c->addresses[arrival - 1] == c->addresses[step])
        arrival--;
    for (uint64_t before = 0; before < arrival; before++)
        times += c->addresses[before] == c->addresses[step] && c->addresses[before + 1] != c->addresses[step];
    if (!victim_run_to(victim, c->addresses[step], times))
        t->tally.missed++;
    for (; arrival < step; arrival++)
        (void)victim_step(victim);
}

static uint64_t next_around_event(const struct course *c, uint64_t step, enum places places)
{
    for (unsigned i = 0; i < c->event_count; i++) {
        uint64_t at = c->events[i].step;
        if (places == PLACES_AT_MILESTONES && !c->events[i].is_milestone)
            continue;
        if (places == PLACES_AROUND_EVENTS && at > step + 1)
            return at - 1;
        if (at > step && at < c->steps)
            return at;
    }
    return UINT64_MAX;
}

uint64_t course_next(const struct course *c, uint64_t step, enum places places)
{
    if (places == PLACES_OF_STOPS)
        for (uint64_t next = step + 1; next < c->steps; next++)
            if (c->accesses[next])
                return next;
    return next_around_event(c, step, places);
}

const char *course_event(const struct course *c, uint64_t step)
{
    const char *name = "begin";
    for (unsigned i = 0; i < c->event_count && c->events[i].step <= step; i++)
        name = c->events[i].name;
    return name;
}
