/* SPDX-License-Identifier: Apache-2.0 */
/* iceoryx's daemon, RouDi, for as long as the benchmark runs. */
#ifndef ICEORYX_ROUDI_H
#define ICEORYX_ROUDI_H

/* The largest message that it has memory for. */
#define ROUDI_LARGEST ((size_t)16 << 20)

/* In the parent: start it if it does not run, and wait until it is ready; it ends with this process. There
 * can be one of a machine, so nobody else's may run. */
void roudi_start(void);

#endif
