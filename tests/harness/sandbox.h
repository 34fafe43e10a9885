/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a test body in a process of its own: private SHMCHAN_DIR, deadline, no descriptor, name or process
 * left. */
#ifndef HARNESS_SANDBOX_H
#define HARNESS_SANDBOX_H

/* What became of it. */
#define SANDBOX_PASSED 0
#define SANDBOX_FAILED 1
#define SANDBOX_SKIPPED 2

/* A body that hangs is killed after `seconds`, with every process it started. Passed means: no expectation
 * broken, not killed, as many descriptors open after as before, and the directory empty. */
int sandbox_run(void (*body)(void *argument), void *argument, unsigned seconds);

/* Within the body: the private directory, and the number of names in it. */
const char *sandbox_directory(void);
int sandbox_names(void);

/* Within the body: this body ends with names left, on purpose (files that are no channels). */
void sandbox_remove_names(void);

#endif
