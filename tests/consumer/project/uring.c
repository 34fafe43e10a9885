/* SPDX-License-Identifier: Apache-2.0 */
/* A user's program that waits for a channel in an io_uring; where there is none, it only is linked. */
#include <errno.h>
#include <liburing.h>
#include <shmchan/uring.h>

/* What is on its way in the channel, by one completion. */
static int receive_one(struct io_uring *ring, struct chan_receiver *rx)
{
    struct chan_uring *u;
    struct io_uring_cqe *cqe;
    char message[8];
    int result = chan_uring_of_receiver(ring, rx, 1, &u);
    if (result)
        return result == -EOPNOTSUPP ? 0 : result;
    result = chan_uring_arm(u);
    if (!result && io_uring_submit_and_wait(ring, 1) >= 0 && !(result = io_uring_peek_cqe(ring, &cqe))) {
        result = chan_uring_complete(u, cqe);
        io_uring_cqe_seen(ring, cqe);
    }
    if (!result)
        result = chan_uring_recv(u, message, sizeof message, NULL);
    chan_uring_close(u);
    return result;
}

int main(void)
{
    struct io_uring ring;
    struct chan *ch = NULL;
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;
    int result = 1;

    if (io_uring_queue_init(4, &ring, 0))
        return 0;
    if (!chan_create_anonymous(NULL, &ch) && !chan_attach_sender(ch, 0, &tx) &&
        !chan_attach_receiver(ch, 0, &rx) && !chan_send(tx, "message", 8))
        result = receive_one(&ring, rx) != 0;
    io_uring_queue_exit(&ring);
    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
    return result;
}
