/* SPDX-License-Identifier: Apache-2.0 */
/* A link of two descriptors, written at one and read at the other: what pipes and sockets have in common. */
#ifndef TRANSPORT_FD_H
#define TRANSPORT_FD_H

#include "transport.h"

void *fd_link(int read_fd, int write_fd);
void fd_destroy(void *link);
void *fd_attach(void *link, enum side side);
void fd_detach(void *end, enum side side);

/* One message per call, repeated until all of it has gone through. */
unsigned fd_send(void *end, struct source *source);
unsigned fd_recv(void *end, struct sink *sink);

#endif
