/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd-logind does with shared memory when a user logs out. */
#ifndef CHANCTL_LOGIND_H
#define CHANCTL_LOGIND_H

/* 1 if logind runs here and removes the objects that ordinary users have in /dev/shm when they log out
 * (RemoveIPC=, on unless configured otherwise); 0 if not. */
int logind_removes_ipc(void);

#endif
