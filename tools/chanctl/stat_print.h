/* SPDX-License-Identifier: Apache-2.0 */
/* How `chanctl stat` shows a channel: for people, and for programs. */
#ifndef CHANCTL_STAT_PRINT_H
#define CHANCTL_STAT_PRINT_H

#include "look.h"

void print_stat(const struct look *look);

/* One JSON object on one line. */
void print_stat_json(const struct look *look);

/* sent - received - discarded - held - orphaned - queued: 0 at any quiescent moment. */
int64_t unaccounted(const struct chan_stat *stat);

const char *lifetime_name(const struct chan_options *options);

/* "sender", "receiver", or "weak" for a weak sender. */
const char *role_name(const struct chan_endpoint_stat *endpoint);

/* "message", "space", "end" or "nothing". */
const char *waits_for(const struct chan_endpoint_stat *endpoint);

#endif
