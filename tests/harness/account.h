/* SPDX-License-Identifier: Apache-2.0 */
/* Exactly-once accounting: counts, in memory shared by all processes of a test, how often each message
 * arrived. */
#ifndef HARNESS_ACCOUNT_H
#define HARNESS_ACCOUNT_H

#include <stddef.h>
#include <stdint.h>

struct account;

/* For `senders` senders with `messages` messages each. Shared with children forked later. */
struct account *account_open(uint32_t senders, uint64_t messages);
void account_close(struct account *account);

/* A message too small to say whose it is (PATTERN_IDENTIFIED) is counted by its size alone. */
void account_sent(struct account *account, uint32_t sender, uint64_t sequence, size_t size);
void account_received(struct account *account, uint32_t sender, uint64_t sequence, size_t size);

/* Fails the test unless each message sent was received exactly once and no other was. */
void account_settle(const struct account *account);

/* How many were sent and never received, received more than once, received but never sent. */
struct account_balance {
    uint64_t sent, received, missing, repeated, unknown;
};
void account_balance(const struct account *account, struct account_balance *out);

#endif
