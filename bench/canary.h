/* SPDX-License-Identifier: Apache-2.0 */
/* How far apart the first two processors are at this moment. On a virtual machine that changes by the second,
 * and with it everything measured between them. */
#ifndef CANARY_H
#define CANARY_H

/* Nanoseconds for a cache line to go to the other processor and come back, the median over a few
 * milliseconds. 0 if there is only one processor; NAN if they were too busy to tell. */
double canary_ns(void);

#endif
