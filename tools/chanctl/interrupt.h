/* SPDX-License-Identifier: Apache-2.0 */
/* Being asked to stop: SIGINT, SIGTERM and SIGHUP end what blocks, in order. */
#ifndef CHANCTL_INTERRUPT_H
#define CHANCTL_INTERRUPT_H

/* Catch the three signals from now on; one that was ignored when the program began stays ignored. Calls
 * that block then end with EINTR. A signal that arrives just before such a call is repeated once a second,
 * so it ends that call too. */
void catch_interrupts(void);

/* Treat one more signal so, also if it was ignored. */
void catch_signal(int number);

/* How many signals have come. */
int interrupts(void);

/* The exit code after the last of them. */
int interrupt_code(void);

#endif
