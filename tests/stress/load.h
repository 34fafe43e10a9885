/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of messages of mixed sizes, sent and received in one of several ways, every message accounted
 * for. */
#ifndef STRESS_LOAD_H
#define STRESS_LOAD_H

#include <stdint.h>

#include <shmchan.h>

#include "account.h"

enum load_way { LOAD_COPY, LOAD_BATCH, LOAD_IN_PLACE, LOAD_MIXED };

struct load {
    uint32_t senders, receivers;
    uint64_t messages; /* of each sender */
    enum load_way way;
    size_t largest; /* message */
    struct account *account;
};

/* The size of message `sequence`: mostly small, now and then 64 KiB, seldom 1 MiB; never above
 * load->largest. */
size_t load_size(const struct load *load, uint32_t sender, uint64_t sequence);

/* Sends all messages of one sender. */
void load_send(const struct load *load, struct chan_sender *tx, uint32_t sender);

/* Receives until the channel is closed, and verifies content and order. Returns how many came. */
uint64_t load_recv(const struct load *load, struct chan_receiver *rx);

/* SHMCHAN_STRESS_MESSAGES, or what is given. */
uint64_t load_messages(uint64_t otherwise);

/* SHMCHAN_SELECT_ROUNDS, or what is given. */
int load_rounds(int otherwise);

#endif
