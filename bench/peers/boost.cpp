/* SPDX-License-Identifier: Apache-2.0 */
/* boost::interprocess::message_queue, a heap by priority under a mutex and two condition variables. */
#include <cstdint>
#include <cstring>

extern "C" {
#include "roll.h"
}

#include <boost/interprocess/ipc/message_queue.hpp>

#include <string>
#include <unistd.h>

namespace
{

using boost::interprocess::create_only;
using boost::interprocess::message_queue;

struct end {
    message_queue queue; /* its mapping is shared with the processes forked later */
    struct roll *roll;
};

int can(const struct shape *)
{
    return 1;
}

void *create(const struct shape *shape)
{
    const std::string name = "chanbench-" + std::to_string(getpid());

    try {
        auto *link =
            new end{{create_only, name.c_str(), depth_of(shape->size), shape->size}, roll_new(shape, 0)};
        message_queue::remove(name.c_str());
        return link;
    } catch (const std::exception &e) {
        die("create message_queue", e.what());
    }
}

void destroy(void *handle)
{
    auto *link = static_cast<end *>(handle);

    roll_free(link->roll);
    delete link;
}

void *attach(void *link, enum side)
{
    return link;
}

void send_bytes(end *end, const void *message, size_t size)
{
    try {
        end->queue.send(message, size, 0);
    } catch (const std::exception &e) {
        die("message_queue::send", e.what());
    }
}

void detach(void *handle, enum side side)
{
    auto *link = static_cast<end *>(handle);

    if (side == SENDER) {
        for (unsigned left = roll_leave(link->roll); left > 0; left--)
            send_bytes(link, "", 0);
    }
    destroy(link);
}

unsigned send_one(void *handle, struct source *source)
{
    payload_stamp(source->buffers, source->size, source->next++);
    send_bytes(static_cast<end *>(handle), source->buffers, source->size);
    return 1;
}

unsigned recv_one(void *handle, struct sink *sink)
{
    message_queue::size_type size;
    unsigned priority;

    try {
        static_cast<end *>(handle)->queue.receive(sink->buffers, sink->size, size, priority);
    } catch (const std::exception &e) {
        die("message_queue::receive", e.what());
    }
    if (size == 0)
        return 0;
    sink_take(sink, sink->buffers, size);
    return 1;
}

} // namespace

extern "C" const struct transport boost_transport = {
    .name = "boost",
    .what = "send and receive on a boost::interprocess::message_queue",
    .batch = 1,
    .can = can,
    .create = create,
    .destroy = destroy,
    .attach = attach,
    .detach = detach,
    .send = send_one,
    .recv = recv_one,
};
