/* SPDX-License-Identifier: Apache-2.0 */
/* The loop, and the channel of most tests. */
#include "loop.h"

#include <errno.h>
#include <sched.h>

/* Of Linux 6.7. */
#define OP_FUTEX_WAIT 51

void loop_open(struct io_uring *ring)
{
    int result = io_uring_queue_init(64, ring, 0);
    if (result == -ENOSYS || result == -EPERM)
        skip_test("no io_uring here");
    expect_number(result, 0);
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool waits = probe && io_uring_opcode_supported(probe, OP_FUTEX_WAIT);
    io_uring_free_probe(probe);
    if (!waits)
        skip_test("this kernel's io_uring cannot wait on futexes");
}

bool loop_next(struct io_uring *ring, int64_t within_ns, struct io_uring_cqe *out)
{
    struct __kernel_timespec limit = {within_ns / 1000000000, within_ns % 1000000000};
    struct io_uring_cqe *cqe = NULL;
    int result = io_uring_submit_and_wait_timeout(ring, &cqe, 1, &limit, NULL);
    expect(result >= 0 || result == -ETIME); /* what was submitted counts more */
    if (!cqe)
        return false;
    *out = *cqe;
    io_uring_cqe_seen(ring, cqe);
    return true;
}

#define TURN (10 * MS)

int loop_wait(struct io_uring *ring, struct chan_uring *u, int64_t within_ns)
{
    struct io_uring_cqe cqe;
    for (int64_t left = within_ns; left > 0;) {
        int64_t turn = left < TURN ? left : TURN, begin = chan_now();
        int result = loop_next(ring, turn, &cqe) ? chan_uring_complete(u, &cqe) : -EAGAIN;
        if (result != -EAGAIN)
            return result;
        int64_t took = chan_now() - begin;
        left -= took < turn ? took : turn;
    }
    return -ETIMEDOUT;
}

void loop_ignore(struct io_uring *ring)
{
    struct io_uring_cqe cqe;
    for (;;)
        (void)loop_next(ring, 1000 * SOON, &cqe);
}

struct chan *loop_create(const char *name, uint64_t messages)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    options.messages = messages;
    options.message_size = 8;
    options.endpoints = 16;
    expect_result(chan_create(name, &options, &ch), 0);
    return ch;
}

struct chan_sender *loop_sender(const char *name, struct chan **ch)
{
    struct chan_sender *tx;
    expect_result(chan_open(name, 0, ch), 0);
    expect_result(chan_attach_sender(*ch, 0, &tx), 0);
    return tx;
}

struct chan_receiver *loop_receiver(const char *name, struct chan **ch)
{
    struct chan_receiver *rx;
    expect_result(chan_open(name, 0, ch), 0);
    expect_result(chan_attach_receiver(*ch, 0, &rx), 0);
    return rx;
}

uint32_t loop_count_waiting(struct chan *ch, uint32_t for_what)
{
    uint32_t waiting = 0;
    for (uint32_t number = 0; number < 16; number++) {
        struct chan_endpoint_stat stat = {.size = sizeof stat};
        waiting += !chan_endpoint_stat(ch, number, &stat) && stat.waits_for == for_what;
    }
    return waiting;
}

void loop_until_waiting(struct chan *ch, uint32_t for_what, uint32_t count)
{
    while (loop_count_waiting(ch, for_what) < count)
        sched_yield();
}
