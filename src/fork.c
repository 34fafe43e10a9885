/* SPDX-License-Identifier: Apache-2.0 */
/* The process-wide list of handles, and what fork() does to it: a child keeps nothing that was not prepared for it.
 *
 * A child that kept the descriptors of its parent's endpoints would keep them alive after the parent's death, so
 * they are closed in the child at once. exec closes them by itself (close-on-exec). */
#include "src/handle.h"

#include <errno.h>
#include <pthread.h>
#include <shmchan/inspect.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct handle *handles;
unsigned chan__forks = 1;
static bool fork_handlers_set;

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
    chan__keeper_before_fork();
}

static void after_fork_in_parent(void)
{
    chan__keeper_after_fork(false);
    pthread_mutex_unlock(&lock);
}

static void after_fork_in_child(void)
{
    chan__forks++;
    for (struct handle *h = handles; h; h = h->next)
        if (h->state != CHAN_STATE_PREPARED) {
            close(h->endpoint.life_fd);
            h->endpoint.life_fd = -1;
        }
    chan__keeper_after_fork(true);
    pthread_mutex_unlock(&lock);
}

int chan__handle_register(struct handle *h)
{
    int result = 0;
    pthread_mutex_lock(&lock);
    if (!fork_handlers_set)
        result = -pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    if (!result) {
        fork_handlers_set = true;
        h->next = handles;
        h->link = &handles;
        if (handles)
            handles->link = &h->next;
        handles = h;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

void chan__handle_unregister(struct handle *h)
{
    pthread_mutex_lock(&lock);
    *h->link = h->next;
    if (h->next)
        h->next->link = h->link;
    pthread_mutex_unlock(&lock);
}
