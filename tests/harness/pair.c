/* SPDX-License-Identifier: Apache-2.0 */
/* The commonest scene: a channel, a sender in one process and a receiver in another. */
#include "pair.h"

#include "expect.h"

struct pair pair_open_with(const struct flavour *flavour, const struct chan_options *options)
{
    struct pair pair;
    pair.ch = flavour_create_with(flavour, options);
    pair.tx = actor_start(flavour, pair.ch, ACTOR_SENDER);
    pair.rx = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    return pair;
}

struct pair pair_open(const struct flavour *flavour, uint64_t messages)
{
    struct chan_options options = flavour_options(flavour, messages);
    return pair_open_with(flavour, &options);
}

void pair_send(struct pair *pair, int64_t first, int64_t count)
{
    for (int64_t i = first; i < first + count; i++)
        expect_result(tell(pair->tx, send_try, i), 0);
}

void pair_recv(struct pair *pair, int64_t first, int64_t count)
{
    for (int64_t i = first; i < first + count; i++)
        expect_result(ask(pair->rx, recv_try), i);
}

void pair_close(const struct flavour *flavour, struct pair *pair)
{
    if (pair->tx)
        actor_end(pair->tx);
    if (pair->rx)
        actor_end(pair->rx);
    flavour_finish(flavour, pair->ch);
}
