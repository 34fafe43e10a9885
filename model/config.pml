/* SPDX-License-Identifier: Apache-2.0 */
/* The size of one configuration: every macro may be given with -D; these are the defaults. */

#ifndef N
#define N 1             /* ring cells */
#endif
#ifndef R
#define R 2             /* endpoint records */
#endif
#ifndef P0              /* script of the occupant of record 0: base 4 digits, lowest first: 1 send, 2 receive, 3 seal */
#define P0 1
#endif
#ifndef P1
#define P1 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef MAYDIE          /* bit p: process p may die */
#define MAYDIE 255
#endif
#ifndef MAYSTOP
#define MAYSTOP 255
#endif
#ifndef GIVES           /* bit p: process p gives the first message it holds back, as if it closed */
#define GIVES 0
#endif
#ifndef REPAIRERS
#define REPAIRERS 2
#endif
#ifndef ROUNDS          /* repairs that each repairer starts */
#define ROUNDS 1
#endif
#define PROCS 8         /* processes: occupants of records 0..3, newcomers 4..5 */
#define MSGS 2          /* messages that a process may send; message ids are p * MSGS + 1 ... */
