/* SPDX-License-Identifier: Apache-2.0 */
/* boost::interprocess::message_queue, a heap by priority under a mutex and two condition variables. */
#include <cstdint>
#include <cstring>

extern "C" {
#include "link.h"
}

#include <boost/interprocess/ipc/message_queue.hpp>

namespace
{

using boost::interprocess::create_only;
using boost::interprocess::message_queue;

struct end {
    struct link link;
    message_queue *queue; /* its mapping is shared with the processes forked later */
};

int can(const struct shape *)
{
    return 1;
}

void *create(const struct shape *shape)
{
    auto *link = static_cast<end *>(link_new(shape, sizeof(end), 0));

    try {
        link->queue = new message_queue{create_only, link->link.name, depth_of(shape->size), shape->size};
        message_queue::remove(link->link.name);
        return link;
    } catch (const std::exception &e) {
        die("create message_queue", e.what());
    }
}

void destroy(void *link)
{
    delete static_cast<end *>(link)->queue;
    link_free(link);
}

void send_bytes(void *handle, const void *message, size_t size)
{
    try {
        static_cast<end *>(handle)->queue->send(message, size, 0);
    } catch (const std::exception &e) {
        die("message_queue::send", e.what());
    }
}

void detach(void *handle, enum side side)
{
    if (side == SENDER)
        link_leave(handle, send_bytes);
    destroy(handle);
}

unsigned send_one(void *handle, struct source *source)
{
    send_bytes(handle, source_next(source), source->size);
    return 1;
}

unsigned recv_one(void *handle, struct sink *sink)
{
    message_queue::size_type size;
    unsigned priority;

    try {
        static_cast<end *>(handle)->queue->receive(sink->buffers, sink->size, size, priority);
    } catch (const std::exception &e) {
        die("message_queue::receive", e.what());
    }
    return sink_next(sink, size);
}

} // namespace

extern "C" const struct transport boost_transport = {
    .name = "boost",
    .what = "send and receive on a boost::interprocess::message_queue",
    .waits = SLEEPS,
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = destroy,
    .detach = detach,
    .send = send_one,
    .recv = recv_one,
};
