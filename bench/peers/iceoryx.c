/* SPDX-License-Identifier: Apache-2.0 */
/* iceoryx: a publisher per sender, whom a slow subscriber holds up, and one subscriber, who sleeps in a wait
 * set. */
#include "link.h"

#include "iceoryx_roudi.h"

#include <iceoryx_binding_c/enums.h>
#include <iceoryx_binding_c/log.h>
#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <iceoryx_binding_c/types.h>
#include <iceoryx_binding_c/wait_set.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What the library was built for at most. */
static const unsigned most_queued = 256;

/* In place of an empty message, whose size nobody could see: the stamp of a sender that does not exist. */
static const uint64_t nothing = UINT64_MAX;

struct end {
    struct link link;
    size_t size;
    iox_pub_storage_t pub_storage;
    iox_sub_storage_t sub_storage;
    iox_ws_storage_t ws_storage;
    iox_pub_t pub;
    iox_sub_t sub;
    iox_ws_t ws;
};

/* Subscribers each get all messages. */
static int can(const struct shape *shape)
{
    return shape->receivers == 1 && shape->size <= ROUDI_LARGEST;
}

static void *create(const struct shape *shape)
{
    roudi_start();
    struct end *end = link_new(shape, sizeof *end, 0);
    end->size = shape->size;
    return end;
}

/* Once in a process, which may have two ends. */
static void join(void)
{
    static pid_t joined;
    char name[40];

    if (joined == getpid())
        return;
    joined = getpid();
    snprintf(name, sizeof name, "chanbench-%ld", (long)joined);
    iox_set_loglevel(Iceoryx_LogLevel_Error);
    iox_runtime_init(name);
}

static void attach_publisher(struct end *end)
{
    iox_pub_options_t options;

    iox_pub_options_init(&options);
    options.subscriberTooSlowPolicy = ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
    end->pub = iox_pub_init(&end->pub_storage, "chanbench", "link", end->link.name, &options);
    while (!iox_pub_has_subscribers(end->pub))
        usleep(1000); /* the daemon brings them together */
}

static void attach_subscriber(struct end *end)
{
    iox_sub_options_t options;
    unsigned depth = depth_of(end->size);

    iox_sub_options_init(&options);
    options.queueCapacity = depth < most_queued ? depth : most_queued;
    options.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
    end->sub = iox_sub_init(&end->sub_storage, "chanbench", "link", end->link.name, &options);
    end->ws = iox_ws_init(&end->ws_storage);
    if (iox_ws_attach_subscriber_state(end->ws, end->sub, SubscriberState_HAS_DATA, 0, NULL) !=
        WaitSetResult_SUCCESS)
        die("iox_ws_attach_subscriber_state", "failed");
}

static void *attach(void *link, enum side side)
{
    struct end *end = link;

    join();
    if (side == SENDER)
        attach_publisher(end);
    else
        attach_subscriber(end);
    return end;
}

static void *loan(const struct end *end, size_t size)
{
    void *chunk;
    enum iox_AllocationResult result = iox_pub_loan_chunk(end->pub, &chunk, (uint32_t)size);

    if (result != AllocationResult_SUCCESS)
        die("iox_pub_loan_chunk", "no chunk");
    return chunk;
}

static void send_bytes(void *handle, const void *message, size_t size)
{
    const struct end *end = handle;
    void *chunk = loan(end, size > 0 ? size : STAMP);

    memcpy(chunk, size > 0 ? message : &nothing, size > 0 ? size : STAMP);
    iox_pub_publish_chunk(end->pub, chunk);
}

static void detach(void *handle, enum side side)
{
    struct end *end = handle;

    if (side == SENDER) {
        link_leave_alone(end, send_bytes);
        iox_pub_deinit(end->pub);
    } else {
        iox_ws_deinit(end->ws);
        iox_sub_deinit(end->sub);
    }
    link_free(end);
}

static unsigned send_copy(void *end, struct source *source)
{
    send_bytes(end, source_next(source), source->size);
    return 1;
}

static unsigned send_as_it_lies(void *handle, struct source *source)
{
    const struct end *end = handle;
    void *chunk = loan(end, source->size);

    payload_stamp(chunk, source->size, source->next++);
    iox_pub_publish_chunk(end->pub, chunk);
    return 1;
}

static const void *take(struct end *end)
{
    iox_notification_info_t info;
    uint64_t missed;
    const void *chunk;
    enum iox_ChunkReceiveResult result;

    while ((result = iox_sub_take_chunk(end->sub, &chunk)) == ChunkReceiveResult_NO_CHUNK_AVAILABLE)
        iox_ws_wait(end->ws, &info, 1, &missed);
    if (result != ChunkReceiveResult_SUCCESS)
        die("iox_sub_take_chunk", "failed");
    return chunk;
}

/* The next message, which is to be released; NULL at the end. */
static const void *take_message(struct end *end)
{
    const void *chunk;

    while (memcmp(chunk = take(end), &nothing, STAMP) == 0) {
        iox_sub_release_chunk(end->sub, chunk);
        if (link_cross_off(end))
            return NULL;
    }
    return chunk;
}

static unsigned recv_copy(void *handle, struct sink *sink)
{
    struct end *end = handle;
    const void *chunk = take_message(end);

    if (!chunk)
        return 0;
    memcpy(sink->buffers, chunk, sink->size);
    iox_sub_release_chunk(end->sub, chunk);
    return sink_next(sink, sink->size);
}

static unsigned recv_as_it_lies(void *handle, struct sink *sink)
{
    struct end *end = handle;
    const void *chunk = take_message(end);

    if (!chunk)
        return 0;
    sink_take(sink, chunk, sink->size);
    iox_sub_release_chunk(end->sub, chunk);
    return 1;
}

const struct transport iceoryx_transport = {
    .name = "iceoryx",
    .what = "iceoryx's publisher and subscriber, copying in and out; one receiver",
    .waits = SLEEPS,
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = link_free,
    .attach = attach,
    .detach = detach,
    .send = send_copy,
    .recv = recv_copy,
};

const struct transport iceoryx_hand_off_transport = {
    .name = "iceoryx-hand-off",
    .what = "the same in place: only the stamps at both ends are written and read",
    .waits = SLEEPS,
    .batch = 1,
    .stamps_only = 1,
    .can = can,
    .create = create,
    .destroy = link_free,
    .attach = attach,
    .detach = detach,
    .send = send_as_it_lies,
    .recv = recv_as_it_lies,
};
