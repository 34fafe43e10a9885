/* SPDX-License-Identifier: Apache-2.0 */
/* The examinations that `chanctl doctor` makes. */
#ifndef CHANCTL_DOCTOR_H
#define CHANCTL_DOCTOR_H

#include "findings.h"

/* Kernel, /proc, logind, resource limits, inotify. */
void examine_system(struct findings *findings);

/* The directory of channels: its file system, size, free space and permissions. */
void examine_directory(struct findings *findings);

/* Every channel: stale, corrupt, of another version, with the dead in it, owned by or open to others. */
void examine_channels(struct findings *findings);

#endif
