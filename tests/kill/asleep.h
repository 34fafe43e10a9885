/* SPDX-License-Identifier: Apache-2.0 */
/* How a sleeper waits: in a call that blocks, or with its endpoint on a ring. */
#ifndef KILL_ASLEEP_H
#define KILL_ASLEEP_H

#include <shmchan.h>
#include <stdbool.h>

/* Whether on a rendezvous it shows what it waits with, for peers that do not wait themselves. */
bool asleep_shows(void);

/* One message; they return when it is sent, or received, or will not be. */
int asleep_send(struct chan_sender *tx, const void *data, size_t size);
int asleep_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size);

#endif
