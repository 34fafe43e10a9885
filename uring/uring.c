/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for channels in an io_uring: a waiter whose sleep is a request on the user's ring.
 *
 * A sleep is two linked entries, IORING_OP_FUTEX_WAIT on the waiter's word and a time-out for its `until_ns`.
 * The word's value is compared by the kernel when the entry is submitted, however late: what has changed
 * since the waiter looked completes it at once. Of a wake-up and the time-out, or a cancellation, exactly one
 * ends the wait; the time-out's own completion is suppressed. Once the completion is in the ring, nobody
 * sleeps for us any more. */
#include <shmchan/uring.h>

#include <errno.h>
#include <liburing.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* Of Linux 6.7, for headers that are older. */
#define OP_FUTEX_WAIT 51
#define FUTEX_32_BITS 2 /* FUTEX2_SIZE_U32; without FUTEX2_PRIVATE it is shared between processes */

#define ENTRIES 2u /* of one sleep */

struct chan_uring {
    struct io_uring *ring;
    struct chan_waiter *waiter;
    struct chan_receiver *rx; /* or NULL, and the other is set */
    struct chan_sender *tx;
    uint64_t user_data;
    pid_t owner; /* a child shares the ring, and would act on its parent's waits */
    bool armed;  /* an entry of ours is prepared, or its completion not handed to us yet */
    bool cancelled;
    int64_t until_ns;               /* when the sleep ends by itself */
    struct __kernel_timespec until; /* the same; read by the kernel at submission */
};

/* 0, or -EOPNOTSUPP. */
static int check_kernel(struct io_uring *ring)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool supported = probe && io_uring_opcode_supported(probe, OP_FUTEX_WAIT);
    io_uring_free_probe(probe);
    return supported ? 0 : -EOPNOTSUPP;
}

static int create(struct io_uring *ring, struct chan_receiver *rx, struct chan_sender *tx, uint64_t user_data,
                  struct chan_uring **out)
{
    if (!ring || (!rx && !tx) || !out || io_uring_sq_ready(ring) + io_uring_sq_space_left(ring) < ENTRIES)
        return -EINVAL;
    int result = check_kernel(ring);
    if (result)
        return result;
    struct chan_uring *u = calloc(1, sizeof *u);
    if (!u)
        return -ENOMEM;
    *u = (struct chan_uring){.ring = ring, .rx = rx, .tx = tx, .user_data = user_data, .owner = getpid()};
    result = rx ? chan_waiter_of_receiver(rx, &u->waiter) : chan_waiter_of_sender(tx, &u->waiter);
    if (result)
        free(u);
    else
        *out = u;
    return result;
}

int chan_uring_of_receiver(struct io_uring *ring, struct chan_receiver *rx, uint64_t user_data,
                           struct chan_uring **out)
{
    return create(ring, rx, NULL, user_data, out);
}

int chan_uring_of_sender(struct io_uring *ring, struct chan_sender *tx, uint64_t user_data,
                         struct chan_uring **out)
{
    return create(ring, NULL, tx, user_data, out);
}

/* 0, -EINVAL or -ECHILD. */
static int check_owner(const struct chan_uring *u)
{
    if (!u)
        return -EINVAL;
    return u->owner == getpid() ? 0 : -ECHILD;
}

/* Linked entries have to be submitted together. */
static int make_room(struct io_uring *ring)
{
    if (io_uring_sq_space_left(ring) >= ENTRIES)
        return 0;
    int result = io_uring_submit(ring);
    if (result < 0)
        return result;
    return io_uring_sq_space_left(ring) >= ENTRIES ? 0 : -EBUSY;
}

static void prepare_sleep(struct chan_uring *u, const struct chan_sleep *sleep)
{
    struct io_uring_sqe *wait = io_uring_get_sqe(u->ring);
    struct io_uring_sqe *limit = io_uring_get_sqe(u->ring);
    io_uring_prep_rw(OP_FUTEX_WAIT, wait, FUTEX_32_BITS, sleep->word, 0, sleep->value);
    wait->addr3 = FUTEX_BITSET_MATCH_ANY;
    wait->flags = IOSQE_IO_LINK;
    wait->user_data = u->user_data;
    u->until_ns = sleep->until_ns;
    u->until = (struct __kernel_timespec){sleep->until_ns / 1000000000, sleep->until_ns % 1000000000};
    io_uring_prep_link_timeout(limit, &u->until, IORING_TIMEOUT_ABS);
    limit->flags = IOSQE_CQE_SKIP_SUCCESS;
    limit->user_data = LIBURING_UDATA_TIMEOUT;
}

/* What to come back to at once: there is something to be had already. */
static void prepare_nothing(struct chan_uring *u)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(u->ring);
    io_uring_prep_nop(sqe);
    sqe->user_data = u->user_data;
    u->until_ns = CHAN_FOREVER;
}

/* The waiter sleeps from here on. */
static int go_to_sleep(struct chan_uring *u, const struct chan_sleep *sleep)
{
    int result = make_room(u->ring);
    if (result) {
        chan_waiter_withdraw(u->waiter);
        return result;
    }
    prepare_sleep(u, sleep);
    u->armed = true;
    u->cancelled = false;
    return -EAGAIN;
}

int chan_uring_arm(struct chan_uring *u)
{
    struct chan_sleep sleep;
    int result = check_owner(u);
    if (result || u->armed)
        return result;
    result = make_room(u->ring);
    if (!result)
        result = chan_waiter_try(u->waiter, NULL, NULL, &sleep);
    if (result == -EAGAIN)
        prepare_sleep(u, &sleep);
    else if (!result)
        prepare_nothing(u);
    else
        return result;
    u->armed = true;
    u->cancelled = false;
    return 0;
}

/* How a wait ends that was not cancelled by anybody: woken, too late to sleep, or at its end. */
static bool has_ended_by_itself(const struct chan_uring *u, int result)
{
    return result >= 0 || result == -EAGAIN || result == -EINTR ||
           (result == -ECANCELED && !u->cancelled && chan_now() >= u->until_ns);
}

int chan_uring_complete(struct chan_uring *u, const struct io_uring_cqe *cqe)
{
    int result = check_owner(u);
    if (result)
        return result;
    if (!cqe || !u->armed)
        return -EINVAL;
    u->armed = false;
    if (!u->cancelled && has_ended_by_itself(u, cqe->res))
        return chan_uring_try(u, NULL, NULL);
    chan_waiter_withdraw(u->waiter);
    return u->cancelled ? -ECANCELED : cqe->res;
}

int chan_uring_try(struct chan_uring *u, int (*attempt)(void *), void *argument)
{
    struct chan_sleep sleep;
    int result = u && !u->armed ? 0 : check_owner(u); /* the waiter knows it without a system call */
    if (result)
        return result;
    if (u->armed) /* since it found nothing: what has come meanwhile, its completion tells */
        return attempt ? attempt(argument) : -EAGAIN;
    result = chan_waiter_try(u->waiter, attempt, argument, &sleep);
    return result == -EAGAIN ? go_to_sleep(u, &sleep) : result;
}

/* A receive or a send that does not wait. */
struct transfer {
    struct chan_uring *u;
    void *buffer;
    const void *data;
    size_t capacity;
    size_t *size;
    struct chan_view *view;
};

static int try_recv(void *argument)
{
    const struct transfer *t = argument;
    return chan_try_recv(t->u->rx, t->buffer, t->capacity, t->size);
}

static int try_recv_view(void *argument)
{
    const struct transfer *t = argument;
    return chan_try_recv_view(t->u->rx, t->view);
}

static int try_send(void *argument)
{
    const struct transfer *t = argument;
    return chan_try_send(t->u->tx, t->data, t->capacity);
}

int chan_uring_recv(struct chan_uring *u, void *buffer, size_t capacity, size_t *size)
{
    struct transfer t = {.u = u, .buffer = buffer, .capacity = capacity, .size = size};
    return u && u->rx ? chan_uring_try(u, try_recv, &t) : -EINVAL;
}

int chan_uring_recv_view(struct chan_uring *u, struct chan_view *view)
{
    struct transfer t = {.u = u, .view = view};
    return u && u->rx ? chan_uring_try(u, try_recv_view, &t) : -EINVAL;
}

int chan_uring_send(struct chan_uring *u, const void *data, size_t size)
{
    struct transfer t = {.u = u, .data = data, .capacity = size};
    return u && u->tx ? chan_uring_try(u, try_send, &t) : -EINVAL;
}

int chan_uring_cancel(struct chan_uring *u)
{
    int result = check_owner(u);
    if (result || !u->armed)
        return result;
    result = io_uring_submit(u->ring); /* what is not with the kernel yet cannot be cancelled there */
    if (result < 0)
        return result;
    struct io_uring_sync_cancel_reg request = {
        .addr = u->user_data, .fd = -1, .timeout = {.tv_sec = -1, .tv_nsec = -1}};
    result = io_uring_register_sync_cancel(u->ring, &request);
    if (result < 0 && result != -ENOENT) /* that means that it has ended by itself: its completion comes */
        return result;
    u->cancelled = true;
    return 0;
}

void chan_uring_close(struct chan_uring *u)
{
    if (!u)
        return;
    chan_waiter_close(u->waiter);
    free(u);
}
