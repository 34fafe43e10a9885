/* SPDX-License-Identifier: Apache-2.0 */
/* One ring for all that a program does: many channels, sockets and a file. */
#include "loop.h"

#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHANNELS 100
#define SOCKETS 4
#define MESSAGES 20000u /* on all channels together */
#define PACKETS 2000u   /* on each socket */

enum { FROM_SOCKET = CHANNELS, TO_FILE = CHANNELS + SOCKETS };

static struct chan *channels[CHANNELS];
static int sockets[SOCKETS][2];

static int64_t send_on_channels(void *argument)
{
    struct chan_sender *tx[CHANNELS];
    unsigned random = 7;
    (void)argument;
    for (int i = 0; i < CHANNELS; i++)
        expect_result(chan_attach_sender(channels[i], 0, &tx[i]), 0);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        random = random * 1103515245 + 12345;
        expect_result(chan_send(tx[random / 65536 % CHANNELS], &i, sizeof i), 0);
    }
    for (int i = 0; i < CHANNELS; i++)
        chan_close_sender(tx[i]);
    return 0;
}

static int64_t send_on_sockets(void *argument)
{
    (void)argument;
    for (uint32_t i = 0; i < PACKETS; i++)
        for (int s = 0; s < SOCKETS; s++)
            expect(send(sockets[s][1], &i, sizeof i, 0) == sizeof i);
    for (int s = 0; s < SOCKETS; s++)
        close(sockets[s][1]);
    return 0;
}

/* The program: messages go to the file in the order in which they are received, one write at a time. */
struct program {
    struct io_uring ring;
    struct chan_receiver *rx[CHANNELS];
    struct chan_uring *u[CHANNELS];
    uint32_t packets[SOCKETS], packet[SOCKETS];
    int file;
    uint32_t *collected; /* room for all */
    uint32_t received, writing, written;
    int open; /* channels and sockets that have not ended */
};

static void read_socket(struct program *p, int number)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);
    expect(sqe != NULL);
    io_uring_prep_recv(sqe, sockets[number][0], &p->packet[number], sizeof p->packet[number], 0);
    io_uring_sqe_set_data64(sqe, (uint64_t)(FROM_SOCKET + number));
}

static void write_on(struct program *p)
{
    if (p->writing || p->written == p->received)
        return;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);
    expect(sqe != NULL);
    p->writing = p->received - p->written;
    io_uring_prep_write(sqe, p->file, p->collected + p->written, p->writing * (unsigned)sizeof(uint32_t),
                        p->written * sizeof(uint32_t));
    io_uring_sqe_set_data64(sqe, TO_FILE);
}

static void channel_is_ready(struct program *p, const struct io_uring_cqe *cqe)
{
    struct chan_uring *u = p->u[cqe->user_data];
    int result = chan_uring_complete(u, cqe);
    while (!result) {
        result = chan_uring_recv(u, &p->collected[p->received], sizeof(uint32_t), NULL);
        p->received += !result;
    }
    expect(result == -EAGAIN || result == -EPIPE);
    p->open -= result == -EPIPE;
}

static void packet_has_come(struct program *p, const struct io_uring_cqe *cqe)
{
    int number = (int)cqe->user_data - FROM_SOCKET;
    if (cqe->res == 0) {
        p->open--;
        return;
    }
    expect_number(cqe->res, sizeof(uint32_t));
    expect_number(p->packet[number], p->packets[number]++);
    read_socket(p, number);
}

static void handle(struct program *p, const struct io_uring_cqe *cqe)
{
    if (cqe->user_data < CHANNELS) {
        channel_is_ready(p, cqe);
    } else if (cqe->user_data < TO_FILE) {
        packet_has_come(p, cqe);
    } else {
        expect_number(cqe->res, p->writing * sizeof(uint32_t));
        p->written += p->writing;
        p->writing = 0;
    }
    write_on(p);
}

static void program_open(struct program *p)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.messages = 2;
    options.message_size = 8;
    options.endpoints = 4;
    *p = (struct program){.open = CHANNELS + SOCKETS, .collected = calloc(MESSAGES, sizeof(uint32_t))};
    expect(p->collected != NULL);
    loop_open(&p->ring);
    for (uint64_t i = 0; i < CHANNELS; i++) {
        expect_result(chan_create_anonymous(&options, &channels[i]), 0);
        expect_result(chan_attach_receiver(channels[i], 0, &p->rx[i]), 0);
        expect_result(chan_uring_of_receiver(&p->ring, p->rx[i], i, &p->u[i]), 0);
        expect_result(chan_uring_arm(p->u[i]), 0);
    }
    for (int i = 0; i < SOCKETS; i++) {
        expect(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets[i]));
        read_socket(p, i);
    }
    char path[400];
    snprintf(path, sizeof path, "%s/collected", sandbox_directory());
    p->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    expect(p->file >= 0);
    expect(!unlink(path));
}

static void program_close(struct program *p)
{
    for (int i = 0; i < CHANNELS; i++) {
        chan_uring_close(p->u[i]);
        chan_close_receiver(p->rx[i]);
        chan_close(channels[i]);
    }
    io_uring_queue_exit(&p->ring);
    for (int i = 0; i < SOCKETS; i++)
        close(sockets[i][0]);
    close(p->file);
    free(p->collected);
}

/* Each number stands in the file once, those of one channel in their order. */
static void check_file(const struct program *p)
{
    uint32_t *numbers = calloc(MESSAGES, sizeof *numbers);
    char *seen = calloc(MESSAGES, 1);
    expect(numbers && seen);
    expect_number(pread(p->file, numbers, MESSAGES * sizeof *numbers, 0), MESSAGES * sizeof *numbers);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        expect(numbers[i] < MESSAGES && !seen[numbers[i]]);
        seen[numbers[i]] = 1;
    }
    free(numbers);
    free(seen);
}

static void test_channels_sockets_and_a_file_share_one_ring(void)
{
    static struct program p;
    struct child senders, others;
    struct io_uring_cqe cqe;
    program_open(&p);
    child_spawn(&senders, send_on_channels, NULL);
    child_spawn(&others, send_on_sockets, NULL);
    for (int i = 0; i < SOCKETS; i++)
        close(sockets[i][1]);
    while (p.open || p.written < p.received) {
        expect(loop_next(&p.ring, 10 * SOON, &cqe));
        handle(&p, &cqe);
    }
    expect_number(p.received, MESSAGES);
    for (int i = 0; i < SOCKETS; i++)
        expect_number(p.packets[i], PACKETS);
    check_file(&p);
    expect_number(child_finish(&senders), 0);
    expect_number(child_finish(&others), 0);
    program_close(&p);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_channels_sockets_and_a_file_share_one_ring, 100),
    };
    return suite_run_plain("uring_mixed", cases, sizeof cases / sizeof *cases, argc, argv);
}
