/* SPDX-License-Identifier: Apache-2.0 */
/* Watches a soak from a process of its own, and says how things stand when they stand still. */
#ifndef KILL_WATCHDOG_H
#define KILL_WATCHDOG_H

#include "crew.h"

/* Started before the crew: it looks at the channel through its own mapping, and changes nothing. */
pid_t watchdog_start(const struct crew *crew);
void watchdog_end(pid_t watchdog);

#endif
