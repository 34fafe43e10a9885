/* SPDX-License-Identifier: Apache-2.0 */
/* Exactly-once accounting. */
#include "account.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "expect.h"
#include "pattern.h"

/* One byte a message: the upper bit says sent, the others count arrivals. */
#define SENT 0x80u
#define MOST_ARRIVALS 0x7fu

struct account {
    uint64_t bytes, senders, messages;
    _Atomic uint64_t small_sent[PATTERN_IDENTIFIED], small_received[PATTERN_IDENTIFIED];
    _Atomic unsigned char seen[];
};

struct account *account_open(uint32_t senders, uint64_t messages)
{
    uint64_t bytes = sizeof(struct account) + senders * messages;
    struct account *account = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(account != MAP_FAILED);
    account->bytes = bytes;
    account->senders = senders;
    account->messages = messages;
    return account;
}

void account_close(struct account *account)
{
    munmap(account, account->bytes);
}

static _Atomic unsigned char *entry(struct account *account, uint32_t sender, uint64_t sequence)
{
    if (sender >= account->senders || sequence >= account->messages)
        expect_never("message %" PRIu64 " of sender %" PRIu32 " does not exist", sequence, sender);
    return &account->seen[sender * account->messages + sequence];
}

void account_sent(struct account *account, uint32_t sender, uint64_t sequence, size_t size)
{
    if (size < PATTERN_IDENTIFIED)
        atomic_fetch_add(&account->small_sent[size], 1);
    else
        atomic_fetch_or(entry(account, sender, sequence), SENT);
}

void account_received(struct account *account, uint32_t sender, uint64_t sequence, size_t size)
{
    if (size < PATTERN_IDENTIFIED)
        atomic_fetch_add(&account->small_received[size], 1);
    else if ((atomic_fetch_add(entry(account, sender, sequence), 1) & MOST_ARRIVALS) == MOST_ARRIVALS)
        expect_never("message %" PRIu64 " of sender %" PRIu32 " arrived without end", sequence, sender);
}

void account_balance(const struct account *account, struct account_balance *out)
{
    *out = (struct account_balance){0};
    for (uint64_t i = 0; i < account->senders * account->messages; i++) {
        unsigned char word = account->seen[i];
        unsigned arrivals = word & MOST_ARRIVALS;
        out->sent += (word & SENT) != 0;
        out->received += arrivals;
        out->missing += (word & SENT) && arrivals == 0;
        out->repeated += arrivals > 1 ? arrivals - 1 : 0;
        out->unknown += !(word & SENT) && arrivals > 0;
    }
    for (size_t size = 0; size < PATTERN_IDENTIFIED; size++) {
        uint64_t sent = account->small_sent[size], received = account->small_received[size];
        out->sent += sent;
        out->received += received;
        out->missing += sent > received ? sent - received : 0;
        out->repeated += received > sent ? received - sent : 0;
    }
}

void account_settle(const struct account *account)
{
    struct account_balance balance;
    account_balance(account, &balance);
    if (balance.missing || balance.repeated || balance.unknown)
        expect_never("of %" PRIu64 " messages sent, %" PRIu64 " received: %" PRIu64 " missing, %" PRIu64
                     " repeated, %" PRIu64 " unknown",
                     balance.sent, balance.received, balance.missing, balance.repeated, balance.unknown);
}
