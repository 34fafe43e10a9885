/* SPDX-License-Identifier: Apache-2.0 */
/* Sleepers that wait for completions of a ring. */
#include "asleep.h"

#include <errno.h>
#include <liburing.h>
#include <shmchan/uring.h>

bool asleep_shows(void)
{
    return false;
}

/* What completes is handed over until the endpoint may be ready: 0, or an error. */
static int wait_in(struct io_uring *ring, struct chan_uring *u)
{
    struct io_uring_cqe *cqe;
    int result = -EAGAIN;
    while (result == -EAGAIN) {
        result = io_uring_submit_and_wait(ring, 1);
        if (result >= 0)
            result = io_uring_peek_cqe(ring, &cqe);
        if (result)
            return result;
        result = chan_uring_complete(u, cqe);
        io_uring_cqe_seen(ring, cqe);
    }
    return result;
}

int asleep_send(struct chan_sender *tx, const void *data, size_t size)
{
    struct io_uring ring;
    struct chan_uring *u;
    int result = io_uring_queue_init(4, &ring, 0);
    if (!result)
        result = chan_uring_of_sender(&ring, tx, 1, &u);
    while (!result && (result = chan_uring_send(u, data, size)) == -EAGAIN)
        result = wait_in(&ring, u);
    return result;
}

int asleep_recv(struct chan_receiver *rx, void *buffer, size_t capacity, size_t *size)
{
    struct io_uring ring;
    struct chan_uring *u;
    int result = io_uring_queue_init(4, &ring, 0);
    if (!result)
        result = chan_uring_of_receiver(&ring, rx, 1, &u);
    while (!result && (result = chan_uring_recv(u, buffer, capacity, size)) == -EAGAIN)
        result = wait_in(&ring, u);
    return result;
}
