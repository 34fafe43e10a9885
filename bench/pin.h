/* SPDX-License-Identifier: Apache-2.0 */
/* Which processors the processes run on. */
#ifndef PIN_H
#define PIN_H

/* How many processors this process may use, at the time of the first call. */
unsigned pin_count(void);

/* Run the calling process on the i-th (modulo their number) of them. */
void pin_to(unsigned i);

/* Allow all of them again. */
void pin_undo(void);

#endif
