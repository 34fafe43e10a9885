/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: one word says when the next message is due; who moves it on has the message. */
#include "src/handle.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define ONCE (-1)

struct chan_timer {
    _Atomic(int64_t) due_ns; /* CHAN_FOREVER: never */
    int64_t period_ns;       /* or ONCE */
};

static int create(int64_t due_ns, int64_t period_ns, struct chan_timer **out)
{
    if (!out)
        return -EINVAL;
    struct chan_timer *timer = malloc(sizeof *timer);
    if (!timer)
        return -ENOMEM;
    atomic_init(&timer->due_ns, due_ns);
    timer->period_ns = period_ns;
    *out = timer;
    return 0;
}

int chan_timer_after(int64_t delay_ns, struct chan_timer **out)
{
    return create(chan_deadline(delay_ns), ONCE, out);
}

int chan_timer_at(int64_t when_ns, struct chan_timer **out)
{
    return create(when_ns, ONCE, out);
}

int chan_timer_every(int64_t period_ns, struct chan_timer **out)
{
    if (period_ns < 0)
        return -EINVAL;
    return create(chan_deadline(period_ns), period_ns, out);
}

void chan_timer_close(struct chan_timer *timer)
{
    free(timer);
}

static int64_t after(int64_t when_ns, int64_t period_ns)
{
    return period_ns < 0 || when_ns > CHAN_FOREVER - period_ns ? CHAN_FOREVER : when_ns + period_ns;
}

/* Take the message if it is due. `waited`: its reader was there when it came, and the next keeps the beat. */
static int take(struct chan_timer *timer, bool waited, int64_t *due_ns)
{
    for (;;) {
        int64_t due = atomic_load(&timer->due_ns);
        int64_t now = chan_now();
        if (due == CHAN_FOREVER || due > now)
            return -EAGAIN;
        int64_t next = after(waited ? due : now, timer->period_ns);
        if (atomic_compare_exchange_strong(&timer->due_ns, &due, next)) {
            if (due_ns)
                *due_ns = due;
            return 0;
        }
    }
}

static void sleep_till(int64_t when_ns)
{
    struct timespec until = {.tv_sec = (time_t)(when_ns / 1000000000),
                             .tv_nsec = (long)(when_ns % 1000000000)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL); /* woken early, we look again */
}

static int recv_until(struct chan_timer *timer, int64_t *due_ns, int64_t deadline_ns)
{
    if (!timer)
        return -EINVAL;
    bool waited = false;
    for (;;) {
        int result = take(timer, waited, due_ns);
        if (result != -EAGAIN || deadline_ns == DEADLINE_TRY)
            return result;
        int64_t due = atomic_load(&timer->due_ns);
        if (chan_now() >= deadline_ns)
            return -ETIMEDOUT;
        sleep_till(due < deadline_ns ? due : deadline_ns);
        waited = true;
    }
}

int chan_timer_recv(struct chan_timer *timer, int64_t *due_ns)
{
    return recv_until(timer, due_ns, CHAN_FOREVER);
}

int chan_timer_try_recv(struct chan_timer *timer, int64_t *due_ns)
{
    return recv_until(timer, due_ns, DEADLINE_TRY);
}

int chan_timer_recv_timeout(struct chan_timer *timer, int64_t *due_ns, int64_t timeout_ns)
{
    return recv_until(timer, due_ns, chan_deadline(timeout_ns));
}

int chan_timer_recv_until(struct chan_timer *timer, int64_t *due_ns, int64_t deadline_ns)
{
    return recv_until(timer, due_ns, chan__user_deadline(deadline_ns));
}

int64_t chan_timer_due(const struct chan_timer *timer)
{
    return atomic_load(&timer->due_ns);
}
