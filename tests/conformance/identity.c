/* SPDX-License-Identifier: Apache-2.0 */
/* What a channel says of itself: name, id, options, sameness; what open_or_create and list do; passing it
 * on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_PASSPIDFD /* headers older than Linux 6.5 */
#define SO_PASSPIDFD 76
#endif

#include "expect.h"
#include "pair.h"
#include "process.h"
#include "sandbox.h"
#include "suite.h"

/* A named object has no seals; whoever takes its descriptor says that this is all right. */
static uint32_t by_descriptor(const struct flavour *flavour)
{
    return flavour->flags | (flavour->anonymous ? 0 : CHAN_UNSEALED);
}

static void test_two_mappings_of_one_channel_are_the_same_and_of_two_are_not(const struct flavour *flavour)
{
    struct chan *first = flavour_create(flavour, 3), *again, *second;
    struct chan_options options = flavour_options(flavour, 3);
    uint8_t first_id[16], again_id[16], second_id[16];
    expect_result(chan_open_fd(chan_fd(first), by_descriptor(flavour), &again), 0);
    expect_result(chan_create_anonymous(&options, &second), 0);
    chan_id(first, first_id);
    chan_id(again, again_id);
    chan_id(second, second_id);
    expect_number(chan_same(first, first), 1);
    expect_number(chan_same(first, again), 1);
    expect_number(chan_same(first, second), 0);
    expect(memcmp(first_id, again_id, 16) == 0);
    expect(memcmp(first_id, second_id, 16) != 0);
    expect(strcmp(chan_name(first), flavour->anonymous ? "" : FLAVOUR_CHANNEL) == 0);
    expect(strcmp(chan_name(again), chan_name(first)) == 0);
    expect(strcmp(chan_name(second), "") == 0);
    chan_close(second);
    chan_close(again);
    flavour_finish(flavour, first);
}

static void test_options_of_a_channel_are_those_it_was_created_with(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 37), told;
    options.max_deliveries = 5;
    options.mode = 0640;
    struct chan *ch = flavour_create_with(flavour, &options);
    memset(&told, 0xee, sizeof told);
    chan_options_of(ch, &told);
    expect_number(told.size, sizeof told);
    expect_number(told.kind, flavour->kind);
    expect_number(told.messages, 37);
    expect_number(told.message_size, flavour_largest(flavour));
    expect_number(told.endpoints, options.endpoints);
    expect_number(told.holds, options.holds);
    expect_number(told.senders, flavour->senders);
    expect_number(told.receivers, flavour->receivers);
    expect_number(told.lifetime, flavour->lifetime);
    expect_number(told.max_deliveries, 5);
    expect_number(told.flags, 0);
    expect_number(told.reserved, 0);
    if (flavour->large)
        expect(told.bytes >= options.bytes);
    if (!flavour->anonymous)
        expect_number(told.mode, 0640);
    expect_number(chan_capacity(ch), 37);
    flavour_finish(flavour, ch);
}

static void test_defaults_are_filled_in(void)
{
    struct chan *ch;
    struct chan_options told;
    expect_result(chan_create("defaults", NULL, &ch), 0);
    chan_options_of(ch, &told);
    expect_number(told.messages, 64);
    expect_number(told.message_size, 4096);
    expect_number(told.endpoints, 64);
    expect_number(told.holds, 4);
    expect_number(told.senders, CHAN_MANY);
    expect_number(told.receivers, CHAN_MANY);
    expect_number(told.lifetime, CHAN_EPHEMERAL);
    expect_number(told.mode, 0600);
    chan_close(ch);
    expect_result(chan_unlink("defaults"), 0);
}

static void test_the_handles_name_their_channel_and_their_records(const struct flavour *flavour)
{
    struct chan *ch = flavour_create(flavour, 3);
    struct chan_sender *tx;
    struct chan_receiver *rx;
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_number(chan_same(chan_of_sender(tx), ch), 1);
    expect_number(chan_same(chan_of_receiver(rx), ch), 1);
    expect(chan_sender_number(tx) < 8);
    expect(chan_receiver_number(rx) < 8);
    expect(chan_sender_number(tx) != chan_receiver_number(rx));
    chan_close_sender(tx);
    chan_close_receiver(rx);
    flavour_finish(flavour, ch);
}

static void test_a_channel_passed_over_a_socket_is_the_same(const struct flavour *flavour)
{
    struct chan *ch = flavour_create(flavour, 3), *arrived;
    int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        int ends[2];
        expect(socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, ends) == 0);
        expect_result(chan_send_fd(ends[0], ch), 0);
        expect_result(chan_recv_fd(ends[1], by_descriptor(flavour), &arrived), 0);
        expect_number(chan_same(ch, arrived), 1);
        expect(fcntl(chan_fd(arrived), F_GETFD) & FD_CLOEXEC);
        expect(fcntl(chan_fd(ch), F_GETFD) & FD_CLOEXEC);
        chan_close(arrived);
        close(ends[0]);
        close(ends[1]);
    }
    flavour_finish(flavour, ch);
}

static void test_what_comes_without_a_descriptor_is_told_apart_from_the_end(void)
{
    struct chan *ch = (struct chan *)&ch;
    int ends[2];
    expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    expect(write(ends[0], "x", 1) == 1);
    expect_result(chan_recv_fd(ends[1], 0, &ch), -ENOMSG);
    close(ends[0]);
    expect_result(chan_recv_fd(ends[1], 0, &ch), -EPIPE);
    expect(ch == (struct chan *)&ch);
    close(ends[1]);
}

/* Room for one descriptor has, by its alignment, room for two; of three, one is left out. */
static void test_more_descriptors_than_one_are_refused_and_closed(void)
{
    struct chan *ch = (struct chan *)&ch;
    int ends[2];
    expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    int descriptors = process_descriptors();
    for (size_t count = 2; count <= 3; count++) {
        int passed[3] = {ends[0], ends[0], ends[0]};
        union {
            struct cmsghdr header;
            char bytes[CMSG_SPACE(sizeof passed)];
        } control = {0};
        char mark = 'x';
        struct iovec data = {.iov_base = &mark, .iov_len = 1};
        struct msghdr message = {.msg_iov = &data,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = CMSG_SPACE(count * sizeof(int))};
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), passed, count * sizeof(int));
        expect(sendmsg(ends[0], &message, 0) == 1);
        expect_result(chan_recv_fd(ends[1], 0, &ch), -ENOMSG);
        expect_number(process_descriptors(), descriptors);
    }
    expect(ch == (struct chan *)&ch);
    close(ends[0]);
    close(ends[1]);
}

/* What such options add comes before the descriptor, or, a pidfd, after it. */
static void test_what_a_sockets_options_add_is_no_hindrance(void)
{
    static const int options[] = {SO_PASSCRED, SO_TIMESTAMP, SO_PASSPIDFD};
    struct chan *ch, *arrived;
    expect_result(chan_create_anonymous(NULL, &ch), 0);
    int descriptors = process_descriptors();
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        int ends[2], on = 1;
        expect(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0);
        for (size_t option = 0; option <= i; option++) /* SO_PASSPIDFD: since Linux 6.5 */
            expect(!setsockopt(ends[1], SOL_SOCKET, options[option], &on, sizeof on) || errno == ENOPROTOOPT);
        expect_result(chan_send_fd(ends[0], ch), 0);
        expect_result(chan_recv_fd(ends[1], 0, &arrived), 0);
        expect_number(chan_same(ch, arrived), 1);
        chan_close(arrived);
        close(ends[0]);
        close(ends[1]);
        expect_number(process_descriptors(), descriptors);
    }
    chan_close(ch);
}

static void test_the_descriptor_stays_the_callers(const struct flavour *flavour)
{
    struct chan *ch = flavour_create(flavour, 3), *again;
    int fd = fcntl(chan_fd(ch), F_DUPFD_CLOEXEC, 0);
    expect(fd >= 0);
    expect_result(chan_open_fd(fd, by_descriptor(flavour), &again), 0);
    chan_close(again);
    expect(fcntl(fd, F_GETFD) >= 0);
    close(fd);
    flavour_finish(flavour, ch);
}

static void test_open_or_create_opens_what_serves_and_refuses_what_does_not(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 16), wanted;
    struct chan *ch = flavour_create_with(flavour, &options), *again = NULL;
    wanted = options;
    expect_result(chan_open_or_create(FLAVOUR_CHANNEL, &wanted, &again), 0);
    expect_number(chan_same(ch, again), 1);
    chan_close(again);
    wanted.messages = 3;
    wanted.message_size = 1;
    expect_result(chan_open_or_create(FLAVOUR_CHANNEL, &wanted, &again), 0);
    chan_close(again);
    wanted = options;
    wanted.messages = 17;
    expect_result(chan_open_or_create(FLAVOUR_CHANNEL, &wanted, &again), -EEXIST);
    wanted = options;
    wanted.message_size = options.message_size + 100000;
    expect_result(chan_open_or_create(FLAVOUR_CHANNEL, &wanted, &again), -EEXIST);
    wanted = options;
    wanted.senders = flavour->senders == CHAN_ONE ? CHAN_MANY : CHAN_ONE;
    expect_result(chan_open_or_create(FLAVOUR_CHANNEL, &wanted, &again), -EEXIST);
    wanted = options;
    wanted.receivers = flavour->receivers == CHAN_ONE ? CHAN_MANY : CHAN_ONE;
    expect_result(chan_open_or_create(FLAVOUR_CHANNEL, &wanted, &again), -EEXIST);
    wanted = options;
    wanted.lifetime = flavour->lifetime == CHAN_DURABLE ? CHAN_EPHEMERAL : CHAN_DURABLE;
    expect_result(chan_open_or_create(FLAVOUR_CHANNEL, &wanted, &again), -EEXIST);
    flavour_finish(flavour, ch);
}

static void test_a_name_that_is_taken_cannot_be_created(const struct flavour *flavour)
{
    struct chan_options options = flavour_options(flavour, 3);
    struct chan *ch = flavour_create(flavour, 3), *other = NULL;
    expect_result(chan_create(FLAVOUR_CHANNEL, &options, &other), -EEXIST);
    expect(other == NULL);
    flavour_finish(flavour, ch);
}

struct found {
    int count, stop_after;
    int seen[3];
};

static int visit(const char *name, void *arg)
{
    struct found *found = arg;
    expect(strlen(name) == 2 && name[0] == 'c');
    found->seen[name[1] - 'a']++;
    return ++found->count == found->stop_after ? 42 : 0;
}

static void test_list_shows_each_channel_once_until_told_to_stop(void)
{
    struct chan *ch;
    static const char *const names[] = {"ca", "cb", "cc"};
    struct found found = {0};
    expect_result(chan_list(visit, &found), 0);
    expect_number(found.count, 0);
    for (int i = 0; i < 3; i++) {
        expect_result(chan_create(names[i], NULL, &ch), 0);
        chan_close(ch);
    }
    char path[128];
    snprintf(path, sizeof path, "%s/something-else", sandbox_directory());
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    expect(fd >= 0);
    close(fd);
    expect_result(chan_list(visit, &found), 0);
    expect(found.seen[0] == 1 && found.seen[1] == 1 && found.seen[2] == 1);
    found = (struct found){.stop_after = 2};
    expect_number(chan_list(visit, &found), 42);
    expect_number(found.count, 2);
    for (int i = 0; i < 3; i++)
        expect_result(chan_unlink(names[i]), 0);
    expect(unlink(path) == 0);
}

static void test_the_directory_is_the_one_of_the_environment(void)
{
    expect(strcmp(chan_dir(), sandbox_directory()) == 0);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_two_mappings_of_one_channel_are_the_same_and_of_two_are_not, RENDEZVOUS_TOO, 0),
        CASE(test_options_of_a_channel_are_those_it_was_created_with, 0, 0),
        CASE(test_the_handles_name_their_channel_and_their_records, RENDEZVOUS_TOO, 0),
        CASE(test_a_channel_passed_over_a_socket_is_the_same, RENDEZVOUS_TOO, 0),
        CASE(test_the_descriptor_stays_the_callers, RENDEZVOUS_TOO, 0),
        CASE(test_open_or_create_opens_what_serves_and_refuses_what_does_not, FOR_NAMED, 0),
        CASE(test_a_name_that_is_taken_cannot_be_created, FOR_NAMED | RENDEZVOUS_TOO, 0),
    };
    static const struct plain_case plain[] = {
        PLAIN(test_defaults_are_filled_in, 0),
        PLAIN(test_what_comes_without_a_descriptor_is_told_apart_from_the_end, 0),
        PLAIN(test_more_descriptors_than_one_are_refused_and_closed, 0),
        PLAIN(test_what_a_sockets_options_add_is_no_hindrance, 0),
        PLAIN(test_list_shows_each_channel_once_until_told_to_stop, 0),
        PLAIN(test_the_directory_is_the_one_of_the_environment, 0),
    };
    int failed = suite_run("identity", cases, sizeof cases / sizeof *cases, argc, argv);
    return suite_run_plain("identity", plain, sizeof plain / sizeof *plain, argc, argv) || failed;
}
