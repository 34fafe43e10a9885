/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that a process is refused, as a sandbox or a limit would: by a seccomp filter. */
#ifndef LIVENESS_REFUSAL_H
#define LIVENESS_REFUSAL_H

#include "party.h"

/* For all threads that the calling one starts from now on, and itself. Return 0, or what forbids filters. */
step refuse_pidfds;     /* as before Linux 5.3, or in an old container */
step refuse_sockets;    /* new pairs of them */
step refuse_inotify;    /* as when all instances of the user are taken */
step refuse_waitv;      /* futex_waitv, with error `a`: ENOSYS before Linux 5.16, EPERM in some sandboxes */
step refuse_ring_calls; /* io_uring_register, as some sandboxes do that let the rest through */
step refuse_threads;    /* as when the user may have no more */
step refuse_eventfds;   /* with error `a` */

/* For all threads of the process, whoever started them. */
step refuse_threads_to_all;

#endif
