/* SPDX-License-Identifier: Apache-2.0 */
/* Observing an operation, and getting another victim to any place of it without stepping all the way. */
#include "course.h"

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

void course_observe(struct course *c, struct trial *t, struct victim *victim)
{
    struct image image = {0};
    if (t->ch)
        image_take(&image, t->ch);
    c->event_count = 0;
    bool running = victim->state == VICTIM_RUNNING;
    while (running && c->event_count < EVENTS_MAX && victim->steps < STEPS_MAX) {
        c->addresses[victim->steps] = victim_address(victim);
        running = victim_step(victim);
        struct event event = {.step = victim->steps, .name = "system call"};
        bool changed = t->ch && image_changed(&image, event.name, sizeof event.name);
        if (changed || victim->in_system_call)
            c->events[c->event_count++] = event;
    }
    c->steps = victim->steps;
    image_drop(&image);
    if (victim->state != VICTIM_DONE)
        trial_fail(t, "the operation does not come to its end");
}

void course_run_to(const struct course *c, struct trial *t, struct victim *victim, uint64_t step)
{
    uint64_t times = 1;
    for (uint64_t before = 0; before < step; before++)
        times += c->addresses[before] == c->addresses[step];
    if (!victim_run_to(victim, c->addresses[step], times))
        t->tally.missed++;
}

uint64_t course_next(const struct course *c, uint64_t step, bool stop)
{
    for (unsigned i = 0; i < c->event_count; i++) {
        uint64_t at = c->events[i].step;
        if (stop && at > step + 1)
            return at - 1;
        if (at > step && at < c->steps)
            return at;
    }
    return UINT64_MAX;
}

const char *course_event(const struct course *c, uint64_t step)
{
    const char *name = "begin";
    for (unsigned i = 0; i < c->event_count && c->events[i].step <= step; i++)
        name = c->events[i].name;
    return name;
}
