/* SPDX-License-Identifier: Apache-2.0 */
/* An actor that moves into a pid namespace of its own, as into a container. */
#ifndef LIVENESS_APART_H
#define LIVENESS_APART_H

#include "party.h"

#define OWN_PROC 1

/* From here on the actor is process number `a` (1 or 2) of a new pid namespace, with OWN_PROC in `b` also
 * with its own /proc. Its handles stay behind: attach afterwards. Returns its pid as the test sees it, or
 * -EPERM. */
step enter_pid_namespace;

/* What getpid() says there. */
step own_pid;

#endif
