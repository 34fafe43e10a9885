/* SPDX-License-Identifier: Apache-2.0 */
/* What fork() does: a child has no keeper, and no handle that was not prepared for it. What keeps an
 * endpoint alive is a mapping that children do not inherit (shm/endpoint.h), so only the counting is left
 * to do here. */
#include "src/handle.h"

#include <pthread.h>

unsigned chan__forks = 1;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_result;

static void after_fork_in_parent(void)
{
    chan__keeper_after_fork(false);
}

static void after_fork_in_child(void)
{
    chan__forks++;
    chan__keeper_after_fork(true);
}

static void set_handlers(void)
{
    once_result = -pthread_atfork(chan__keeper_before_fork, after_fork_in_parent, after_fork_in_child);
}

int chan__watch_forks(void)
{
    pthread_once(&once, set_handlers);
    return once_result;
}
