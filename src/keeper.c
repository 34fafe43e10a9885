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

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

/* The kernel tells of the end of a file just before it lets go of its locks, and may be held up in
 * between: look at once, and a few times more. */
static const int next_look_ms[] = {-1, 16, 4, 2, 1, 1}; /* by the number of looks that are left */
#define LOOKS 5

#define STACK_BYTES (256 * 1024)

struct keeper {
    int inotify_fd;
    int stop_fd; /* an eventfd, readable when the thread shall end */
    pthread_t thread;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct chan *channels;  /* watched ones */
static struct keeper *current; /* NULL while nothing is watched */

/* Everybody is woken the first time in any case: somebody else may have repaired, and died before waking. */
static void look_after(struct chan *ch, bool first)
{
    if (chan__heal(ch) || first)
        chan__wake_all(ch);
}

/* A program that closes all descriptors makes ours somebody else's numbers: never read what is not ours. */
static bool is_inotify(int fd)
{
    static const char expected[] = "anon_inode:inotify";
    char path[40], target[sizeof expected];
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
    return readlink(path, target, sizeof target) == (ssize_t)sizeof expected - 1 &&
           !memcmp(target, expected, sizeof expected - 1);
}

/* Which objects the events are about. False: the descriptor is gone. */
static bool read_events(const struct keeper *keeper, bool *all, int *watches, size_t *count, size_t capacity)
{
    union {
        struct inotify_event event;
        char bytes[4096];
    } buffer;
    if (!is_inotify(keeper->inotify_fd))
        return false;
    ssize_t n = read(keeper->inotify_fd, &buffer, sizeof buffer);
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

static bool is_among(int watch, const int *watches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (watches[i] == watch)
            return true;
    return false;
}

static void *keep(void *arg)
{
    struct keeper *keeper = arg;
    struct pollfd polled[2] = {{.fd = keeper->stop_fd, .events = POLLIN},
                               {.fd = keeper->inotify_fd, .events = POLLIN}};
    int watches[256];
    size_t count = 0;
    bool all = false;
    for (int looks = 0;;) {
        int ready = poll(polled, 2, next_look_ms[looks]);
        if (polled[0].revents || (ready < 0 && errno != EINTR))
            break;
        if (ready > 0) {
            if (!read_events(keeper, &all, watches, &count, sizeof watches / sizeof watches[0]))
                break;
            all |= looks > 0; /* not done yet with those of the last time */
            looks = LOOKS;
        } else if (ready == 0) {
            looks--;
        }
        pthread_mutex_lock(&lock);
        for (struct chan *ch = channels; ch; ch = ch->next)
            if (all || is_among(ch->watch, watches, count))
                look_after(ch, looks == LOOKS);
        pthread_mutex_unlock(&lock);
    }
    /* If this was not asked for, sleepers have to look for themselves from now on. */
    pthread_mutex_lock(&lock);
    for (struct chan *ch = channels; keeper == current && ch; ch = ch->next)
        ch->watch = -1;
    if (keeper == current)
        channels = NULL;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static int start_thread(struct keeper *keeper)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int result = pthread_attr_init(&attributes);
    if (result)
        return result;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all); /* the program's signal handlers are not for this thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&keeper->thread, &attributes, keep, keeper);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!result)
        (void)pthread_setname_np(keeper->thread, "shmchan-keeper");
    return result;
}

static void dispose(struct keeper *keeper)
{
    if (keeper->inotify_fd >= 0)
        close(keeper->inotify_fd);
    if (keeper->stop_fd >= 0)
        close(keeper->stop_fd);
    free(keeper);
}

static struct keeper *start(void)
{
    struct keeper *keeper = malloc(sizeof *keeper);
    if (!keeper)
        return NULL;
    keeper->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    keeper->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (keeper->inotify_fd >= 0 && keeper->stop_fd >= 0 && !start_thread(keeper))
        return keeper;
    dispose(keeper);
    return NULL;
}

/* Not under the lock: the thread may be waiting for it. */
static void stop(struct keeper *keeper)
{
    uint64_t one = 1;
    if (write(keeper->stop_fd, &one, sizeof one) == (ssize_t)sizeof one)
        pthread_join(keeper->thread, NULL);
    dispose(keeper);
}

static int add_watch(const struct chan *ch)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", ch->segment.fd);
    return inotify_add_watch(current->inotify_fd, path, IN_CLOSE_WRITE);
}

bool chan__keeper_watches(const struct chan *ch)
{
    return ch->watch >= 0 && ch->fork_count == chan__fork_count();
}

void chan__keeper_watch(struct chan *ch)
{
    if (ch->flags & CHAN_NO_KEEPER)
        return;
    pthread_mutex_lock(&lock);
    if (ch->fork_count != chan__fork_count()) { /* what a parent had is not ours */
        ch->watch = -1;
        ch->watchers = 0;
        ch->fork_count = chan__fork_count();
    }
    if (ch->watchers++ == 0) {
        if (!current)
            current = start();
        ch->watch = current ? add_watch(ch) : -1;
        if (ch->watch >= 0) {
            ch->next = channels;
            channels = ch;
        }
    }
    pthread_mutex_unlock(&lock);
}

static void forget(struct chan *ch)
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
    if (!shared)
        (void)inotify_rm_watch(current->inotify_fd, watch);
}

void chan__keeper_unwatch(struct chan *ch)
{
    struct keeper *idle = NULL;
    if (ch->flags & CHAN_NO_KEEPER)
        return;
    pthread_mutex_lock(&lock);
    if (--ch->watchers == 0 && ch->watch >= 0)
        forget(ch);
    if (!channels) {
        idle = current;
        current = NULL;
    }
    pthread_mutex_unlock(&lock);
    if (idle)
        stop(idle);
}

void chan__keeper_before_fork(void)
{
    pthread_mutex_lock(&lock);
}

void chan__keeper_after_fork(bool child)
{
    if (child) {
        if (current)
            dispose(current); /* its thread stayed behind */
        current = NULL;
        channels = NULL;
    }
    pthread_mutex_unlock(&lock);
}
