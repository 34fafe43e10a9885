/* SPDX-License-Identifier: Apache-2.0 */
/* Rust's channels: crossbeam-channel, flume, std and tokio, bounded, with their blocking calls, between
 * threads of one process. Messages are moved by value, through one call into Rust each. */
#include "../transport.h"

#include <stdbool.h>

/* rust.rs; which library is its number in the table at the end. */
void *rust_link_new(uint32_t library, size_t size, size_t depth, size_t senders, size_t receivers);
void rust_link_free(void *link);
void *rust_sender_new(void *link);
void *rust_receiver_new(void *link);
void rust_sender_free(void *sender);
void rust_receiver_free(void *receiver);
void rust_send(void *sender, const void *message);
bool rust_recv(void *receiver, void *message);

enum library { STD, CROSSBEAM, FLUME, TOKIO };

static void *create(enum library library, const struct shape *shape)
{
    return rust_link_new(library, shape->size, depth_of(shape->size), shape->senders, shape->receivers);
}

/* One receiver, or any number; one of a few sizes. */
static int can(enum library library, const struct shape *shape)
{
    void *link = create(library, shape);

    if (link)
        rust_link_free(link);
    return link != NULL;
}

static void *attach(void *link, enum side side)
{
    return side == SENDER ? rust_sender_new(link) : rust_receiver_new(link);
}

static void detach(void *end, enum side side)
{
    if (side == SENDER)
        rust_sender_free(end);
    else
        rust_receiver_free(end);
}

static unsigned send_one(void *end, struct source *source)
{
    rust_send(end, source_next(source));
    return 1;
}

static unsigned recv_one(void *end, struct sink *sink)
{
    return rust_recv(end, sink->buffers) ? sink_next(sink, sink->size) : 0;
}

#define RUST_TRANSPORT(library, shown, said)                                                                 \
    static int can_##shown(const struct shape *shape)                                                        \
    {                                                                                                        \
        return can(library, shape);                                                                          \
    }                                                                                                        \
    static void *create_##shown(const struct shape *shape)                                                   \
    {                                                                                                        \
        return create(library, shape);                                                                       \
    }                                                                                                        \
    const struct transport shown##_transport = {                                                             \
        .name = #shown,                                                                                      \
        .what = said " between threads",                                                                     \
        .waits = SLEEPS,                                                                                     \
        .batch = 1,                                                                                          \
        .in_process = 1,                                                                                     \
        .can = can_##shown,                                                                                  \
        .create = create_##shown,                                                                            \
        .destroy = rust_link_free,                                                                           \
        .attach = attach,                                                                                    \
        .detach = detach,                                                                                    \
        .send = send_one,                                                                                    \
        .recv = recv_one,                                                                                    \
    }

RUST_TRANSPORT(STD, std, "Rust's std::sync::mpsc, one receiver,");
RUST_TRANSPORT(CROSSBEAM, crossbeam, "crossbeam-channel");
RUST_TRANSPORT(FLUME, flume, "flume");
RUST_TRANSPORT(TOKIO, tokio, "tokio::sync::mpsc, one receiver, its blocking calls,");
