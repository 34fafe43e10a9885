/* SPDX-License-Identifier: Apache-2.0 */
/* The scene of most cases about broadcasts. */
#include "broadcast.h"

#include "expect.h"

struct audience audience_open(const struct flavour *flavour, uint64_t messages, unsigned receivers)
{
    struct audience audience = {.ch = flavour_create(flavour, messages)};
    audience.tx = actor_start(flavour, audience.ch, ACTOR_SENDER);
    for (unsigned i = 0; i < receivers; i++)
        audience.rx[i] = actor_start(flavour, audience.ch, ACTOR_RECEIVER);
    return audience;
}

void audience_close(const struct flavour *flavour, struct audience *audience)
{
    char text[200];
    struct chan_repair_report report;
    if (audience->tx)
        actor_end(audience->tx);
    for (unsigned i = 0; i < RECEIVERS_MAX; i++)
        if (audience->rx[i])
            actor_end(audience->rx[i]);
    expect_result(chan_repair(audience->ch, 0, &report), 0);
    if (chan_check(audience->ch, text, sizeof text))
        expect_never("chan_check: %s", text);
    flavour_finish(flavour, audience->ch);
}

void audience_send(struct audience *audience, int64_t first, int64_t count)
{
    for (int64_t i = first; i < first + count; i++)
        expect_result(tell(audience->tx, send_try, i), 0);
}

void audience_recv(struct audience *audience, unsigned receiver, int64_t first, int64_t count)
{
    for (int64_t i = first; i < first + count; i++)
        expect_result(ask(audience->rx[receiver], recv_try), i);
}

int64_t lagged(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return (int64_t)chan_receiver_lagged(me->rx);
}

int64_t receiver_len(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return (int64_t)chan_receiver_len(me->rx);
}

int64_t resubscribe(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_resubscribe(me->rx);
}

int64_t reached(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_sender_reached(me->tx);
}

int64_t sender_len(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return (int64_t)chan_sender_len(me->tx);
}

int64_t view_is_intact(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    return chan_view_is_intact(me->rx, &me->views[a]);
}

int64_t wait_closed(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_wait_closed(me->tx);
}

int64_t wait_closed_shortly(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    return chan_wait_closed_timeout(me->tx, 20000000);
}
