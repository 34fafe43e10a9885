/* SPDX-License-Identifier: Apache-2.0 */
/* A process that closes all its descriptors, as daemons do, the library's among them. */
#ifndef LIVENESS_DESCRIPTORS_H
#define LIVENESS_DESCRIPTORS_H

#include "party.h"

/* close_range(3, ~0), but for sockets of the test: an actor is told what to do through one. */
step close_descriptors;

/* Opens so many files that each number that was closed is some file's again. */
step reuse_descriptors;

#endif
