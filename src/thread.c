/* SPDX-License-Identifier: Apache-2.0 */
/* Starting threads that the program does not know of. */
#include "src/thread.h"

#include <errno.h>
#include <signal.h>

#define STACK_BYTES (256 * 1024)

int chan__thread_start(pthread_t *out, const char *name, void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int result = pthread_attr_init(&attributes);
    if (result)
        return -ENOMEM;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(out, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!result)
        (void)pthread_setname_np(*out, name);
    return result ? -ENOMEM : 0; /* for want of memory or by a limit */
}
