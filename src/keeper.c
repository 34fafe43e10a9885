/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper: one thread in each process that has endpoints, asleep until some process lets go of a channel.
 *
 * What keeps an endpoint alive is an open file description for writing. When the kernel drops it, inotify
 * tells every process that watches the object: no heartbeat, no limit on peers, no difference between pid
 * namespaces, and, unlike a robust futex, everybody is told and not one. That is what wakes; the verdict
 * is chan__endpoint_is_dead()'s. The thread then repairs, and wakes this channel's sleepers. Where it
 * cannot be had (CHAN_NO_KEEPER, no inotify instance left, no /proc, no thread), sleepers look for
 * themselves every 20 ms: see wait.c. */
#include "src/handle.h"
#include "src/thread.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* The kernel tells of the end of a file just before it lets go of its locks, and on a busy machine may be
 * held up for long in between: look at once, and then less and less often. */
static const int next_look_ms[] = {-1, 400, 150, 60, 16,
                                   4,  2,   1,   1}; /* by the number of looks that are left */
#define LOOKS 8

struct keeper {
    int fd; /* the instance that it began with; one that was forsaken does not look at the next */
    sem_t running;
    atomic_bool stopping;
    pthread_t thread;
};

/* Starting, stopping and forking exclude one another; the thread itself takes only `lock`. */
static pthread_mutex_t lifecycle = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct chan *channels;  /* watched ones */
static struct keeper *current; /* NULL while nothing is watched */

/* Kept open once it is there: closing an inotify instance takes the kernel long. Written under `lifecycle`, before any
 * channel is watched with it; a thread reads it under `lock`, for the channels that it finds there. */
static int inotify_fd = -1;

/* Everybody is woken the first time in any case: somebody else may have repaired, and died before waking. */
static void look_after(struct chan *ch, bool first)
{
    if (chan__heal(ch) || first)
        chan__wake_all(ch);
}

/* Which objects the events are about. False: the descriptor is gone. */
static bool read_events(int fd, bool *all, int *watches, size_t *count, size_t capacity)
{
    union {
        struct inotify_event event;
        char bytes[4096];
    } buffer;
    if (!chan__instance_is(fd))
        return false;
    ssize_t n = read(fd, &buffer, sizeof buffer);
    *count = 0;
    *all = false;
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const void *)(buffer.bytes + at);
        if (event->mask & IN_Q_OVERFLOW || *count == capacity)
            *all = true;
        else
            watches[(*count)++] = event->wd;
        at += (ssize_t)(sizeof *event + event->len);
    }
    return n > 0 || errno == EAGAIN || errno == EINTR;
}

static int add_watch(const struct chan *ch)
{
    char path[40];
    if (!chan__segment_has_fd(&ch->segment))
        return -1;
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", ch->segment.fd);
    return inotify_add_watch(inotify_fd, path, IN_CLOSE_WRITE);
}

static bool is_among(int watch, const int *watches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (watches[i] == watch)
            return true;
    return false;
}

/* The kernel takes the watch away when the object's name goes, if nobody opened it by that name: renew it.
 * A watch that is still there is only found again. True: it has another number now. */
static bool attend(struct chan *ch, bool first)
{
    int last_watch = ch->watch;
    if (first)
        ch->watch = add_watch(ch);
    look_after(ch, first);
    return ch->watch != last_watch;
}

/* What the thread remembers of the last events. */
struct attention {
    int watches[256];
    size_t count;
    bool all;
    int looks; /* that are left */
};

/* Wait for events, or for the next look. False: it is over. */
static bool wait_for_notice(const struct keeper *keeper, struct attention *attention)
{
    struct pollfd polled = {.fd = keeper->fd, .events = POLLIN};
    int ready = poll(&polled, 1, next_look_ms[attention->looks]);
    if (load_acquire(&keeper->stopping) || (ready < 0 && errno != EINTR))
        return false;
    if (ready == 0)
        attention->looks--;
    if (ready <= 0)
        return true;
    bool unfinished = attention->looks > 0; /* with those of the last time */
    if (!read_events(keeper->fd, &attention->all, attention->watches, &attention->count,
                     sizeof attention->watches / sizeof attention->watches[0]))
        return false;
    attention->all |= unfinished;
    attention->looks = LOOKS;
    return true;
}

/* The descriptor is gone: from now on sleepers have to look for themselves. */
static void forget_all(void)
{
    pthread_mutex_lock(&lock);
    for (struct chan *ch = channels; ch; ch = ch->next)
        ch->watch = -1;
    channels = NULL;
    pthread_mutex_unlock(&lock);
}

static void *keep(void *arg)
{
    struct keeper *keeper = arg;
    struct attention attention = {.looks = 0};
    sem_post(&keeper->running);
    while (wait_for_notice(keeper, &attention)) {
        bool renumbered = false;
        pthread_mutex_lock(&lock);
        for (struct chan *ch = channels; ch; ch = ch->next)
            if (attention.all || is_among(ch->watch, attention.watches, attention.count))
                renumbered |= attend(ch, attention.looks == LOOKS);
        pthread_mutex_unlock(&lock);
        attention.all |= renumbered; /* the looks that are left go by the old number */
    }
    if (!load_acquire(&keeper->stopping))
        forget_all();
    return NULL;
}

static struct keeper *start(void)
{
    if (!chan__instance_is(inotify_fd))
        inotify_fd = chan__instance_open();
    struct keeper *keeper = inotify_fd < 0 ? NULL : calloc(1, sizeof *keeper);
    if (!keeper)
        return NULL;
    keeper->fd = inotify_fd;
    sem_init(&keeper->running, 0, 0);
    if (chan__thread_start(&keeper->thread, "shmchan-keeper", keep, keeper)) {
        free(keeper);
        return NULL;
    }
    /* A fork while the thread is being started would leave the child with whatever locks its start takes:
     * allocators of sanitizers are known for that. */
    while (sem_wait(&keeper->running) && errno == EINTR)
        ;
    return keeper;
}

/* Removing a watch is an event: it wakes the thread. The last watch may be gone already, with the object's
 * name. */
static bool poke(int last_watch)
{
    if (!chan__instance_is(inotify_fd))
        return false;
    if (!inotify_rm_watch(inotify_fd, last_watch))
        return true;
    int watch = inotify_add_watch(inotify_fd, "/", IN_DELETE_SELF);
    return watch >= 0 && !inotify_rm_watch(inotify_fd, watch);
}

/* Not under the thread's lock. */
static void stop(struct keeper *keeper, int last_watch)
{
    store_release(&keeper->stopping, true);
    if (!poke(last_watch)) {
        pthread_detach(keeper->thread); /* it has lost its descriptor, and may never wake */
        return;
    }
    pthread_join(keeper->thread, NULL);
    free(keeper);
}

/* The program closed the thread's descriptor: it may never wake, and keeps `keeper` until it does. */
static void forsake(struct keeper *keeper)
{
    store_release(&keeper->stopping, true);
    pthread_detach(keeper->thread);
    forget_all();
}

bool chan__keeper_watches(const struct chan *ch)
{
    return ch->watch >= 0 && ch->fork_count == chan__fork_count();
}

void chan__keeper_watch(struct chan *ch)
{
    if (ch->flags & CHAN_NO_KEEPER)
        return;
    pthread_mutex_lock(&lifecycle);
    if (ch->fork_count != chan__fork_count()) { /* what a parent had is not ours */
        ch->watch = -1;
        ch->watchers = 0;
        ch->fork_count = chan__fork_count();
    }
    if (ch->watchers++ == 0) {
        if (current && !chan__instance_is(inotify_fd)) {
            forsake(current);
            current = NULL;
        }
        if (!current)
            current = start();
        int watch = current ? add_watch(ch) : -1;
        pthread_mutex_lock(&lock);
        ch->watch = watch;
        if (watch >= 0) {
            ch->next = channels;
            channels = ch;
        }
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_unlock(&lifecycle);
}

/* Take the channel from the list. True if nobody else watches its object. */
static bool forget(struct chan *ch)
{
    int watch = ch->watch;
    bool shared = false; /* with another struct chan for the same object */
    for (struct chan **link = &channels; *link;) {
        if (*link == ch) {
            *link = ch->next;
            continue;
        }
        shared |= (*link)->watch == watch;
        link = &(*link)->next;
    }
    ch->watch = -1;
    return !shared;
}

void chan__keeper_unwatch(struct chan *ch)
{
    if (ch->flags & CHAN_NO_KEEPER)
        return;
    pthread_mutex_lock(&lifecycle);
    if (--ch->watchers == 0) {
        pthread_mutex_lock(&lock);
        int watch = ch->watch;
        bool unused = forget(ch) && watch >= 0;
        bool idle = !channels;
        pthread_mutex_unlock(&lock);
        if (idle && current) {
            stop(current, watch);
            current = NULL;
        } else if (unused && chan__instance_is(inotify_fd)) {
            (void)inotify_rm_watch(inotify_fd, watch);
        }
    }
    pthread_mutex_unlock(&lifecycle);
}

void chan__keeper_before_fork(void)
{
    pthread_mutex_lock(&lifecycle);
    pthread_mutex_lock(&lock);
}

void chan__keeper_after_fork(bool child)
{
    if (child) {
        free(current); /* its thread stayed behind */
        current = NULL;
        channels = NULL;
        chan__instance_close(inotify_fd); /* the parent's events are not ours to read */
        inotify_fd = -1;
    }
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&lifecycle);
}
