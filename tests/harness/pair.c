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

static int has_room(const struct pair *pair)
{
    return chan_capacity(pair->ch) > 0;
}

void pair_fill(struct pair *pair, int64_t first, int64_t count)
{
    if (has_room(pair))
        pair_send(pair, first, count);
}

void pair_empty(struct pair *pair, int64_t first, int64_t count)
{
    if (has_room(pair))
        pair_recv(pair, first, count);
}

void pair_pass(struct pair *pair, int64_t first, int64_t count)
{
    for (int64_t i = first; i < first + count; i++) {
        if (has_room(pair)) {
            pair_send(pair, i, 1);
            pair_recv(pair, i, 1);
            continue;
        }
        actor_begin_blocking(pair->rx, recv_blocking, 0, 0);
        expect_result(tell(pair->tx, send_try, i), 0);
        expect_result(actor_finish(pair->rx), i);
    }
}

void pair_close(const struct flavour *flavour, struct pair *pair)
{
    if (pair->tx)
        actor_end(pair->tx);
    if (pair->rx)
        actor_end(pair->rx);
    flavour_finish(flavour, pair->ch);
}
