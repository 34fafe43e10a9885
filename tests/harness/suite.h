/* SPDX-License-Identifier: Apache-2.0 */
/* Runs cases over flavours as cmocka tests. */
#ifndef HARNESS_SUITE_H
#define HARNESS_SUITE_H

#include <stddef.h>

#include "flavour.h"

/* Which flavours a case speaks about; 0 is all. */
#define FOR_MANY_SENDERS 0x1u
#define FOR_MANY_RECEIVERS 0x2u
#define FOR_ONE_SENDER 0x4u
#define FOR_ONE_RECEIVER 0x8u
#define FOR_EPHEMERAL 0x10u
#define FOR_DURABLE 0x20u
#define FOR_NAMED 0x40u
#define FOR_INLINE 0x80u
#define FOR_LARGE 0x100u
#define FOR_FEW 0x200u            /* takes long: each value of each property occurs, not each combination */
#define FOR_FAIR 0x2000u          /* fair queues only; else all others, and some fair ones */
#define WITHOUT_KEEPER_TOO 0x400u /* run once more with CHAN_NO_KEEPER everywhere */
#define OF_LAG 0x800u             /* broadcasts that overwrite, not queues */
#define OF_BLOCK 0x1000u          /* broadcasts whose senders wait */
#define OF_BROADCAST (OF_LAG | OF_BLOCK)
#define OF_RENDEZVOUS 0x4000u
#define RENDEZVOUS_TOO 0x10000u /* needs no room: some rendezvous beside the queues */
#define OF_ITS_OWN_KIND 0x8000u /* the case makes another kind of the flavour: no fair and no growable ones */
#define NOT_GROWABLE 0x20000u   /* what it says of payload memory is not so in growable queues */
#define FOR_MANY (FOR_MANY_SENDERS | FOR_MANY_RECEIVERS)

struct conformance_case {
    const char *name;
    void (*body)(const struct flavour *flavour);
    unsigned flavours;
    unsigned seconds; /* deadline, where nothing else runs; 0 means 20 */
};

#define CASE(name, ...)                                                                                      \
    {                                                                                                        \
#name, name, __VA_ARGS__                                                                             \
    }

/* One cmocka test for each case and flavour. Arguments: a pattern with * and ? that selects tests by name.
 * Returns the number of failures, for main(). */
int suite_run(const char *name, const struct conformance_case *cases, size_t count, int argc, char **argv);

/* Tests without flavours. */
struct plain_case {
    const char *name;
    void (*body)(void);
    unsigned seconds;
};
#define PLAIN(name, seconds)                                                                                 \
    {                                                                                                        \
#name, name, seconds                                                                                 \
    }
int suite_run_plain(const char *name, const struct plain_case *cases, size_t count, int argc, char **argv);

#endif
