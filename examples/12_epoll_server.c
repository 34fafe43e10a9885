/* SPDX-License-Identifier: Apache-2.0 */
/* One loop for everything: a hundred channels and a listening socket in one epoll set, one thread, no
 * polling.
 *
 *     ./12_epoll_server       a server, a worker that sends into 100 channels, and a client on a socket
 *
 * The worker's messages and the client's lines are added up; when all channels have ended and the client
 * has hung up, the client has the sum. Of a channel the loop does what it does of a socket: read until
 * there is no more for now. */
#include <shmchan.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHANNELS = 100, MESSAGES = 50, SOCKET = CHANNELS };

static struct chan *channels[CHANNELS];
static struct chan_receiver *receivers[CHANNELS];

static int check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "12_epoll_server: %s: %s\n", what, chan_strerror(result));
        exit(1);
    }
    return result;
}

static void work(void)
{
    struct chan_sender *tx[CHANNELS];
    for (int i = 0; i < CHANNELS; i++)
        check(chan_attach_sender(channels[i], 0, &tx[i]), "attach sender");
    for (unsigned sent = 0; sent < CHANNELS * MESSAGES; sent++)
        check(chan_send(tx[sent * 7 % CHANNELS], &(unsigned){1}, sizeof sent), "send");
    _exit(0); /* the channels end with their last sender */
}

static void ask(int fd)
{
    char answer[32];
    ssize_t size;
    if (write(fd, "twelve bytes", 12) != 12 || shutdown(fd, SHUT_WR))
        _exit(1);
    size = read(fd, answer, sizeof answer);
    _exit(size > 0 && atoi(answer) == CHANNELS * MESSAGES + 12 ? 0 : 1);
}

/* What is there now. True: and nothing will come any more. */
static int drain_channel(struct chan_receiver *rx, unsigned *sum)
{
    unsigned number = 0;
    int result;
    while (!(result = chan_try_recv(rx, &number, sizeof number, NULL)))
        *sum += number;
    if (result != -EAGAIN && result != -EPIPE)
        check(result, "receive");
    return result == -EPIPE;
}

static int drain_socket(int fd, unsigned *sum)
{
    char bytes[256];
    ssize_t size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    *sum += size > 0 ? (unsigned)size : 0;
    return size == 0;
}

static void watch(int epoll, int fd, uint32_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        exit(1);
}

static unsigned serve(int client)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC), open = CHANNELS + 1;
    unsigned sum = 0;
    for (uint32_t i = 0; i < CHANNELS; i++)
        watch(epoll, check(chan_receiver_fd(receivers[i]), "descriptor"), i);
    watch(epoll, client, SOCKET);
    while (open > 0) {
        struct epoll_event events[16];
        int count = epoll_wait(epoll, events, 16, -1);
        for (int i = 0; i < count; i++) {
            uint32_t number = events[i].data.u32;
            int ended =
                number == SOCKET ? drain_socket(client, &sum) : drain_channel(receivers[number], &sum);
            if (ended) /* what has ended is readable for good: out of the set */
                epoll_ctl(epoll, EPOLL_CTL_DEL,
                          number == SOCKET ? client : chan_receiver_fd(receivers[number]), NULL);
            open -= ended;
        }
    }
    close(epoll);
    return sum;
}

int main(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    int ends[2], status, failures = 0;
    options.messages = 4;
    options.message_size = sizeof(unsigned);
    options.endpoints = 4;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return 1;
    for (int i = 0; i < CHANNELS; i++) {
        check(chan_create_anonymous(&options, &channels[i]), "create");
        check(chan_attach_receiver(channels[i], 0, &receivers[i]), "attach receiver");
    }
    if (fork() == 0)
        work();
    if (fork() == 0)
        ask(ends[1]);
    close(ends[1]);
    unsigned sum = serve(ends[0]);
    dprintf(ends[0], "%u", sum);
    printf("%d channels and a socket: %u\n", CHANNELS, sum);
    while (wait(&status) > 0)
        failures += status != 0;
    for (int i = 0; i < CHANNELS; i++) {
        chan_close_receiver(receivers[i]);
        chan_close(channels[i]);
    }
    return failures || sum != CHANNELS * MESSAGES + 12;
}
