/* SPDX-License-Identifier: Apache-2.0 */
/* A server with one ring for all it does: what comes in a channel goes to a socket and into a file.
 *
 *     ./15_uring_server          the server, a process that sends lines, and one that reads the socket
 *
 * Nothing blocks but the wait for the next completion, of whatever kind. */
#include <shmchan/uring.h>

#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINES = 1000, LINE = 64, BYTES = 8890 };
enum { CHANNEL = 1, SOCKET, DISK }; /* whose completion it is */

static int check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "15_uring_server: %s: %s\n", what, chan_strerror(result));
        exit(result == -EOPNOTSUPP || result == -ENOSYS || result == -EPERM ? 77 : 1); /* not here */
    }
    return result;
}

static void send_lines(struct chan_sender *tx)
{
    char line[LINE];
    check(chan_adopt_sender(tx), "adopt sender");
    for (int i = 0; i < LINES; i++)
        check(chan_send(tx, line, (size_t)snprintf(line, sizeof line, "line %d\n", i)), "send");
    chan_close_sender(tx);
}

static int read_all(int socket)
{
    char buffer[4096];
    long total = 0, got;
    while ((got = read(socket, buffer, sizeof buffer)) > 0)
        total += got;
    return total != BYTES;
}

/* Wait for a completion: whose it is, and what it says of the channel, or of the bytes written. */
static int next(struct io_uring *ring, struct chan_uring *u, int *result)
{
    struct io_uring_cqe *cqe;
    check(io_uring_submit_and_wait(ring, 1), "submit");
    check(io_uring_peek_cqe(ring, &cqe), "completion");
    int whose = (int)cqe->user_data;
    *result = whose == CHANNEL ? chan_uring_complete(u, cqe) : check(cqe->res, "write");
    io_uring_cqe_seen(ring, cqe);
    return whose;
}

/* The kernel reads the message where it lies: it is released when both writes are done. */
static void forward(struct io_uring *ring, struct chan_uring *u, const struct chan_view *view, int socket,
                    int file, unsigned long at)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    io_uring_prep_send(sqe, socket, view->data, view->size, MSG_WAITALL);
    sqe->user_data = SOCKET;
    sqe = io_uring_get_sqe(ring);
    io_uring_prep_write(sqe, file, view->data, (unsigned)view->size, at);
    sqe->user_data = DISK;
    for (int result, left = 2; left > 0; left--)
        next(ring, u, &result);
}

static unsigned long serve(struct chan_receiver *rx, int socket, int file)
{
    struct io_uring ring;
    struct chan_uring *u;
    struct chan_view view;
    unsigned long written = 0;
    int result;

    check(io_uring_queue_init(8, &ring, 0), "io_uring");
    check(chan_uring_of_receiver(&ring, rx, CHANNEL, &u), "wait for a channel in the ring");
    while ((result = chan_uring_recv_view(u, &view)) != -EPIPE) {
        if (!result) {
            forward(&ring, u, &view, socket, file, written);
            written += view.size;
            check(chan_release(rx, &view), "release");
            continue;
        }
        while (result == -EAGAIN) /* it is armed */
            next(&ring, u, &result);
        check(result, "receive");
    }
    chan_uring_close(u);
    io_uring_queue_exit(&ring);
    return written;
}

int main(void)
{
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    int sockets[2], status, failed = 0;
    FILE *file = tmpfile();

    if (!file || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
        return 1;
    check(chan_create_anonymous(NULL, &ch), "create");
    check(chan_prepare_sender(ch, 0, &tx), "prepare sender");
    check(chan_attach_receiver(ch, 0, &rx), "attach receiver");
    if (!fork()) {
        send_lines(tx);
        _exit(0);
    }
    if (!fork()) {
        close(sockets[0]);
        _exit(read_all(sockets[1]));
    }
    chan_close_sender(tx);
    unsigned long written = serve(rx, sockets[0], fileno(file));
    close(sockets[0]);
    while (wait(&status) > 0)
        failed |= status;
    printf("%lu bytes to a socket and a file\n", written);
    chan_close_receiver(rx);
    chan_close(ch);
    return failed || written != BYTES;
}
