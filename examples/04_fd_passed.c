/* SPDX-License-Identifier: Apache-2.0 */
/* A channel without a name, handed over a UNIX socket to a process that is no relative.
 *
 *     ./04_fd_passed serve SOCKET &      gives a channel to the first who connects, prints what is sent on it
 *     ./04_fd_passed connect SOCKET      gets the channel, sends three lines
 *
 * Only who is given the descriptor can reach such a channel; nothing is left anywhere when both are gone. */
#include <shmchan.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "04_fd_passed: %s: %s\n", what, chan_strerror(result));
        exit(1);
    }
}

static int check_call(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "04_fd_passed: %s: %s\n", what, strerror(errno));
        exit(1);
    }
    return result;
}

static void serve(int listener)
{
    struct chan *ch;
    struct chan_receiver *rx;
    char text[4096];
    size_t size;

    check(chan_create_anonymous(NULL, &ch), "create");
    check(chan_attach_receiver(ch, 0, &rx), "attach receiver");

    int peer = check_call(accept(listener, NULL, NULL), "accept");
    check(chan_send_fd(peer, ch), "pass the channel");
    close(peer); /* the socket has done its part */

    int result;
    while ((result = chan_recv(rx, text, sizeof text, &size)) == 0)
        printf("received: %.*s\n", (int)size, text);
    if (result != -EPIPE)
        check(result, "receive");
    chan_close_receiver(rx);
    chan_close(ch);
}

static void converse(int peer)
{
    static const char *const lines[] = {"one", "two", "three"};
    struct chan *ch;
    struct chan_sender *tx;

    check(chan_recv_fd(peer, 0, &ch), "get the channel");
    check(chan_attach_sender(ch, 0, &tx), "attach sender");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        check(chan_send(tx, lines[i], strlen(lines[i])), "send");
    chan_close_sender(tx);
    chan_close(ch);
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (argc != 3 || strlen(argv[2]) >= sizeof address.sun_path) {
        fprintf(stderr, "usage: 04_fd_passed serve|connect SOCKET\n");
        return 2;
    }
    memcpy(address.sun_path, argv[2], strlen(argv[2]) + 1);
    int fd = check_call(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

    if (strcmp(argv[1], "serve") == 0) {
        check_call(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
        check_call(listen(fd, 1), "listen");
        serve(fd);
        unlink(argv[2]);
    } else {
        check_call(connect(fd, (struct sockaddr *)&address, sizeof address), "connect");
        converse(fd);
    }
    close(fd);
    return 0;
}
