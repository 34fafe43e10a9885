/* SPDX-License-Identifier: Apache-2.0 */
/* The poller: one thread in each process that has pollable descriptors. It sleeps on the events of all of
 * them, in place of the loops that wait for the descriptors, and makes those readable whose events have
 * rung. What its states mean stands in pollable.h.
 *
 * It never looks into a channel: handles belong to other threads. Whether there is something is for the
 * loop to find out, by a try. */
#include "src/patience.h"
#include "src/pollable.h"
#include "src/thread.h"
#include "src/waitset.h"

#include "shm/event.h"

#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

/* A loop that has not come to its handle by then may be busy for long: another sleeper is woken in its
 * place. */
#define PASS_ON_NS PATIENCE_WARNED_NS

/* How often an idle loop is called to look around. Each call wakes both this thread and the loop's, so that
 * once in PATIENCE_NS would be more often than once a second; and all descriptors call at the same time. */
#define LOOK_NS INT64_C(4000000000)

struct poller {
    pthread_t thread;
    sem_t running;
    struct waitset waitset;
    struct futex_key *keys; /* of its own thread */
    uint32_t capacity;
    /* The following under the lock. */
    bool stopping;
    bool sleeps;          /* or is about to, having seen what is in the list */
    uint64_t sleeps_over; /* how many */
    int64_t sleep_end_ns; /* at the latest */
};

/* Starting, stopping, adding and removing exclude one another, and forks; the thread itself takes only
 * `lock`. */
static pthread_mutex_t lifecycle = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woke_up = PTHREAD_COND_INITIALIZER;
static struct pollable *pollables;
static struct poller *current; /* NULL while there are none */

static struct seg_record *record_of(const struct pollable *p)
{
    return p->handle->endpoint.party.record;
}

static uint64_t moved_by(const struct pollable *p)
{
    const struct seg_record *record = record_of(p);
    return load_relaxed(p->handle->endpoint.role == CHAN_ROLE_SENDER ? &record->sent : &record->taken);
}

/* Whether the event has been raised since the word was `old`, whoever prepared to sleep meanwhile. */
static bool is_rung(const struct pollable *p, uint32_t old)
{
    return (load_seq_cst(p->word) ^ old) & ~(EVENT_SLEEPERS | EVENT_CLEARING);
}

/* ARMED -> RESTING. */
static void rest(struct pollable *p, int64_t now_ns)
{
    struct seg_record *record = record_of(p);
    store_release(&p->armed, false);
    p->moved = moved_by(p);
    chan__count_sleep(record, p->waits_for, (uint64_t)(now_ns - p->armed_ns));
    store_release(&record->waits_for, CHAN_WAITS_FOR_NOTHING);
    chan__level_raise(&p->level);
}

/* What a sleeper does who was woken and has no use for it. */
static void pass_on(struct pollable *p)
{
    p->pass_on_ns = INT64_MAX;
    chan__event_notify(p->word, 1);
}

/* It has been time enough for the loop to come. */
static void pass_on_unless_used(struct pollable *p)
{
    if (moved_by(p) == p->moved)
        pass_on(p);
    p->pass_on_ns = INT64_MAX;
}

static void look_after(struct chan *ch)
{
    if (chan__heal(ch))
        chan__wake_all(ch);
}

/* When to look for the dead: a keeper in this process does it, if there is one. */
static int64_t next_heal(const struct pollable *p, int64_t now_ns)
{
    return chan__keeper_watches(p->handle->chan) ? INT64_MAX : now_ns + PATIENCE_ALONE_NS;
}

static void heal_if_alone(struct pollable *p, int64_t now_ns)
{
    if (now_ns >= p->heal_ns) {
        look_after(p->handle->chan);
        p->heal_ns = next_heal(p, now_ns);
    }
    if (p->heal_ns == INT64_MAX)
        p->heal_ns = next_heal(p, now_ns); /* a keeper may lose its descriptor */
}

/* What is due now. */
static void attend(struct pollable *p, int64_t now_ns)
{
    if (p->armed)
        heal_if_alone(p, now_ns);
    if (p->armed && load_seq_cst(p->word) != p->key) {
        rest(p, now_ns);
        p->was_rung = true;
        p->pass_on_ns = now_ns + PASS_ON_NS;
    } else if (p->armed && now_ns >= p->look_ns) {
        chan__heal_if_due(p->handle->chan);
        rest(p, now_ns);
        p->was_rung = false;
    } else if (now_ns >= p->pass_on_ns) {
        pass_on_unless_used(p);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When something is due though nothing rings. */
static int64_t next_end(const struct pollable *p)
{
    return p->armed ? earlier(p->look_ns, p->heal_ns) : p->pass_on_ns;
}

/* Room for the keys of all. On failure there is room for some, and the others are looked at. */
static void make_room(struct poller *poller, uint32_t count)
{
    uint32_t capacity = poller->capacity ? poller->capacity : 16;
    while (capacity < count)
        capacity *= 2;
    struct futex_key *keys =
        capacity == poller->capacity ? NULL : realloc(poller->keys, capacity * sizeof *keys);
    if (keys) {
        poller->keys = keys;
        poller->capacity = capacity;
    }
}

/* Do what is due, and choose what to sleep on: so many words, until sleep_end_ns. */
static uint32_t plan(struct poller *poller)
{
    int64_t now_ns = chan_now();
    uint32_t count = 0, wanted = 0;
    poller->sleep_end_ns = INT64_MAX;
    for (struct pollable *p = pollables; p; p = p->others) {
        attend(p, now_ns);
        wanted += p->armed || p->lingers;
    }
    make_room(poller, wanted);
    for (struct pollable *p = pollables; p; p = p->others) {
        poller->sleep_end_ns = earlier(poller->sleep_end_ns, next_end(p));
        p->is_slept_on = (p->armed || p->lingers) && count < poller->capacity;
        if (!p->is_slept_on)
            continue;
        p->slept = p->armed ? p->key : load_seq_cst(p->word);
        poller->keys[count++] = (struct futex_key){p->word, p->slept};
    }
    if (count < wanted)
        poller->sleep_end_ns = earlier(poller->sleep_end_ns, now_ns + PATIENCE_ALONE_NS);
    return count;
}

/* After the sleep. A wake-up that came while nobody had armed is not ours; nor is one that came before the
 * arming, when what is armed saw everything that had come with it. */
static void return_wake_ups(void)
{
    for (struct pollable *p = pollables; p; p = p->others) {
        bool ours = p->armed && load_seq_cst(p->word) != p->key;
        if (p->is_slept_on && !ours && is_rung(p, p->slept)) {
            pass_on(p);
            p->lingers = false;
        }
        p->is_slept_on = false;
    }
}

static void sleep_on(struct poller *poller, uint32_t count)
{
    uint32_t bell = chan__waitset_bell(&poller->waitset); /* before the lock is let go: later changes ring */
    int64_t end_ns = poller->sleep_end_ns;
    poller->sleeps = true;
    pthread_mutex_unlock(&lock);
    int result = chan__waitset_sleep(&poller->waitset, bell, poller->keys, count, NULL, 0, end_ns);
    if (!result)
        sched_yield(); /* who rang may have been preempted by this, right before what it rang for */
    bool failed = result && result != -ETIMEDOUT && result != -EINTR;
    if (failed) /* no lookouts: look by ourselves */
        (void)chan__waitset_sleep(&poller->waitset, bell, NULL, 0, NULL, 0,
                                  earlier(end_ns, chan_now() + PATIENCE_ALONE_NS));
    pthread_mutex_lock(&lock);
    poller->sleeps = false;
    poller->sleeps_over++;
    pthread_cond_broadcast(&woke_up);
}

static void *run(void *argument)
{
    struct poller *poller = argument;
    sem_post(&poller->running);
    pthread_mutex_lock(&lock);
    while (!poller->stopping) {
        sleep_on(poller, plan(poller));
        return_wake_ups();
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static int start(void)
{
    struct poller *poller = calloc(1, sizeof *poller);
    if (!poller)
        return -ENOMEM;
    sem_init(&poller->running, 0, 0);
    int result = chan__thread_start(&poller->thread, "shmchan-poller", run, poller);
    if (result) {
        free(poller);
        return result;
    }
    while (sem_wait(&poller->running) && errno == EINTR) /* no fork meanwhile: see the keeper's */
        ;
    current = poller;
    return 0;
}

static void destroy(struct poller *poller, bool forked)
{
    chan__waitset_close(&poller->waitset, forked);
    free(poller->keys);
    free(poller);
}

static void stop(void)
{
    pthread_mutex_lock(&lock);
    current->stopping = true;
    pthread_mutex_unlock(&lock);
    chan__waitset_ring(&current->waitset);
    pthread_join(current->thread, NULL);
    destroy(current, false);
    current = NULL;
}

int chan__poller_add(struct pollable *p)
{
    pthread_mutex_lock(&lifecycle);
    int result = current ? 0 : start();
    if (!result) {
        pthread_mutex_lock(&lock);
        p->others = pollables;
        pollables = p;
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_unlock(&lifecycle);
    return result;
}

static void unlink_pollable(struct pollable *p)
{
    struct pollable **link = &pollables;
    while (*link != p)
        link = &(*link)->others;
    *link = p->others;
}

/* From the next sleep on it knows only what is in the list. */
static void wait_for_next_sleep(void)
{
    uint64_t over = current->sleeps_over;
    chan__waitset_ring(&current->waitset);
    while (current->sleeps && current->sleeps_over == over)
        pthread_cond_wait(&woke_up, &lock);
}

void chan__poller_remove(struct pollable *p)
{
    pthread_mutex_lock(&lifecycle);
    pthread_mutex_lock(&lock);
    if (p->armed)
        rest(p, chan_now());
    unlink_pollable(p);
    if (p->is_slept_on)
        wait_for_next_sleep();
    bool was_last = !pollables;
    pthread_mutex_unlock(&lock);
    if (was_last)
        stop();
    pthread_mutex_unlock(&lifecycle);
}

/* How long to wait before looking around: all the longer the longer nothing was there. */
static int64_t patience_of(const struct pollable *p)
{
    if (moved_by(p) != p->moved || !p->patience_ns)
        return LOOK_NS;
    if (p->was_rung)
        return PATIENCE_WARNED_NS;
    return earlier(p->patience_ns * PATIENCE_GROWTH, LOOK_NS);
}

/* Those that look around seldom do so together. */
static int64_t look_time(int64_t now_ns, int64_t patience_ns)
{
    return patience_ns < LOOK_NS ? now_ns + patience_ns : ((now_ns + LOOK_NS / 2) / LOOK_NS + 1) * LOOK_NS;
}

void chan__poller_arm(struct pollable *p, uint32_t key)
{
    int64_t now_ns = chan_now();
    pthread_mutex_lock(&lock);
    if (!p->armed)
        chan__level_lower(&p->level);
    p->key = key;
    p->armed_ns = now_ns;
    p->patience_ns = patience_of(p);
    p->look_ns = look_time(now_ns, p->patience_ns);
    p->heal_ns = next_heal(p, now_ns);
    p->pass_on_ns = INT64_MAX;
    p->lingers = true;
    store_relaxed(&record_of(p)->waiting_since_ns, (uint64_t)now_ns);
    store_release(&record_of(p)->waits_for, p->waits_for);
    store_release(&p->armed, true);
    bool wake = current->sleeps && (!p->is_slept_on || next_end(p) < current->sleep_end_ns);
    pthread_mutex_unlock(&lock);
    if (wake)
        chan__waitset_ring(&current->waitset);
}

void chan__poller_rest(struct pollable *p, bool was_vain)
{
    pthread_mutex_lock(&lock);
    if (p->armed)
        rest(p, chan_now());
    if (was_vain)
        p->pass_on_ns = INT64_MAX;
    bool wake = p->is_slept_on;
    p->lingers = false;
    pthread_mutex_unlock(&lock);
    if (wake)
        chan__waitset_ring(&current->waitset);
}

void chan__poller_before_fork(void)
{
    pthread_mutex_lock(&lifecycle);
    pthread_mutex_lock(&lock);
}

void chan__poller_after_fork(bool child)
{
    if (child) {
        if (current)
            destroy(current, true); /* its thread stayed behind */
        current = NULL;
        pollables = NULL;
        woke_up = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    }
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&lifecycle);
}
