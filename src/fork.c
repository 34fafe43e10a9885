/* SPDX-License-Identifier: Apache-2.0 */
/* What fork() does: a child has no keeper, and no handle that was not prepared for it. What keeps an
 * endpoint alive is a mapping that children do not inherit (shm/endpoint.h), so only the counting is left
 * to do here. */
#include "src/handle.h"

#include <pthread.h>

unsigned chan__forks = 1;

/* Held while an endpoint is being claimed: there is a moment when a child would inherit its lock. */
static pthread_mutex_t claiming = PTHREAD_MUTEX_INITIALIZER;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_result;

static void before_fork(void)
{
    pthread_mutex_lock(&claiming);
    chan__keeper_before_fork();
    chan__poller_before_fork();
}

static void after_fork_in_parent(void)
{
    chan__poller_after_fork(false);
    chan__keeper_after_fork(false);
    pthread_mutex_unlock(&claiming);
}

static void after_fork_in_child(void)
{
    chan__forks++;
    chan__poller_after_fork(true);
    chan__keeper_after_fork(true);
    pthread_mutex_unlock(&claiming);
}

static void set_handlers(void)
{
    once_result = -pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

int chan__forks_hold(void)
{
    pthread_once(&once, set_handlers);
    if (!once_result)
        pthread_mutex_lock(&claiming);
    return once_result;
}

void chan__forks_release(void)
{
    pthread_mutex_unlock(&claiming);
}
