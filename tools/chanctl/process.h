/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells about the process behind an endpoint. */
#ifndef CHANCTL_PROCESS_H
#define CHANCTL_PROCESS_H

#include <shmchan.h>

/* "attaching", "alive", "stopped" (by a signal or a debugger), "prepared" (for a child) or "dead". */
const char *endpoint_state(const struct chan_endpoint_stat *endpoint);

#endif
