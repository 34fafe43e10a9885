/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: a peer writes any words anywhere into a channel's segment, before and while it is used. Calls
 * may fail; reading or writing outside, crashing and not returning are what the fuzzer finds. */
#include <shmchan.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef KIND /* of channel; and of a broadcast, the policy */
#define KIND CHAN_QUEUE
#endif
#ifndef OVERFLOW
#define OVERFLOW 0
#endif
#ifndef ORDER /* of a queue's senders */
#define ORDER CHAN_BARGING
#endif
#define CAPACITY (KIND == CHAN_WATCH || KIND == CHAN_ONESHOT ? 1 : KIND == CHAN_RENDEZVOUS ? 0 : 3)
#ifndef MESSAGE_SIZE
#define MESSAGE_SIZE 4200 /* more than a block holds, so that there is an arena */
#endif
#define BATCH 3
#define ENDPOINTS 3
#define HOLDS (KIND == CHAN_CALL ? 3 : 1)
#define LEAVES_THE_DEAD (KIND == CHAN_CALL || KIND == CHAN_RENDEZVOUS || ORDER == CHAN_FAIR)

/* The input is a list of writes. All bits of `at` but the last say where; the last, whether to use the
 * channel before the write. */
struct patch {
    uint32_t at;
    uint32_t width; /* 1, 2, 4 or 8 bytes, by its two low bits */
    uint64_t value;
};

static uint8_t *image;
static size_t image_size;

static void require(int true)
{
    if (!true)
        abort();
}

static const char small[] = "small";
static const char large[MESSAGE_SIZE];

/* Of a rendezvous: an offer stands while the image is taken. */
static void *offer(void *sender)
{
    require(chan_send(sender, large, sizeof large) == 0);
    return NULL;
}

static void begin_offer(struct chan *ch, struct chan_sender *tx, pthread_t *thread)
{
    struct chan_stat stat = {.size = sizeof stat};
    require(pthread_create(thread, NULL, offer, tx) == 0);
    while (stat.offers == 0)
        require(chan_stat(ch, &stat) == 0);
}

/* Messages, small and large; a place kept; a call that waits, one that is being served, and one whose answer is there. */
static void fill(struct chan_sender *tx, struct chan_receiver *rx)
{
    struct chan_ticket ticket;
    struct chan_view view;

    if (KIND == CHAN_WATCH) {
        require(chan_watch_send_replace(tx, small, sizeof small, NULL, 0, NULL) == 0);
        require(chan_watch_send_replace(tx, large, sizeof large, NULL, 0, NULL) == 0);
    } else if (KIND == CHAN_CALL) {
        for (int i = 0; i < HOLDS; i++)
            require(chan_call_start(tx, i % 2 ? small : large, i % 2 ? sizeof small : sizeof large,
                                    &ticket) == 0);
        require(chan_recv_view(rx, &view) == 0 && chan_reply(rx, &view, large, sizeof large) == 0);
        require(chan_recv_view(rx, &view) == 0);
    } else if (KIND != CHAN_RENDEZVOUS) {
        require(chan_send(tx, small, sizeof small) == 0);
        require(KIND == CHAN_ONESHOT || chan_send(tx, large, sizeof large) == 0);
    }
    require(ORDER == CHAN_BARGING || chan_permit_reserve(tx, 1) == 0);
}

/* A sound channel with something in it. In the image its endpoints are dead ones. */
static void make_image(void)
{
    static char buffer[MESSAGE_SIZE];
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    pthread_t thread;

    options.kind = KIND;
    options.overflow = OVERFLOW;
    options.order = ORDER;
    options.messages = CAPACITY;
    options.message_size = MESSAGE_SIZE;
    options.endpoints = ENDPOINTS;
    options.holds = HOLDS;
    options.lifetime = CHAN_DURABLE;
    require(chan_create_anonymous(&options, &ch) == 0);
    require(chan_attach_sender(ch, 0, &tx) == 0);
    require(chan_attach_receiver(ch, 0, &rx) == 0);
    fill(tx, rx);
    if (!LEAVES_THE_DEAD) {
        chan_close_sender(tx);
        chan_close_receiver(rx);
    }
    if (KIND == CHAN_RENDEZVOUS)
        begin_offer(ch, tx, &thread);

    image_size = (size_t)lseek(chan_fd(ch), 0, SEEK_END);
    image = malloc(image_size);
    require(image && pread(chan_fd(ch), image, image_size, 0) == (ssize_t)image_size);
    if (KIND == CHAN_RENDEZVOUS) {
        require(chan_recv(rx, buffer, sizeof buffer, NULL) == 0);
        require(pthread_join(thread, NULL) == 0);
    }
    if (LEAVES_THE_DEAD) {
        chan_close_sender(tx);
        chan_close_receiver(rx);
    }
    chan_close(ch);
}

static int open_image(void)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    require(fd >= 0 && write(fd, image, image_size) == (ssize_t)image_size);
    require(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
    return fd;
}

static void apply(int fd, const struct patch *patch)
{
    size_t width = (size_t)1 << (patch->width & 3);
    size_t at = (patch->at >> 1) % (image_size / width) * width;
    require(pwrite(fd, &patch->value, width, (off_t)at) == (ssize_t)width);
}

static int change(void *value, size_t *size, size_t capacity, void *arg)
{
    (void)arg;
    *size = *size < capacity ? *size + 1 : 0;
    memset(value, 2, *size);
    return *size % 2;
}

static int accept_any(const void *value, size_t size, void *arg)
{
    static char seen[MESSAGE_SIZE];

    memcpy(arg ? arg : seen, value, size < sizeof seen ? size : sizeof seen);
    return 1;
}

static void write_and_follow(const struct chan *ch, struct chan_sender *tx, struct chan_receiver *rx)
{
    static char buffer[MESSAGE_SIZE];
    struct chan_options options;
    struct chan_loan loan;
    struct chan_view view;
    size_t size = 0;

    chan_options_of(ch, &options);
    (void)!chan_watch_borrow(rx, buffer, sizeof buffer, &size);
    /* It would wait where there is no memory for the largest value that the channel may have now. */
    if (chan_try_reserve(tx, options.message_size, &loan) == 0 && chan_abort(tx, &loan) == 0)
        (void)!chan_watch_send_if_modified(tx, change, NULL);
    (void)!chan_watch_has_changed(rx);
    if (chan_watch_try_wait_for(rx, accept_any, NULL, &view) == 0)
        (void)!chan_release(rx, &view);
    (void)!chan_watch_sender_borrow(tx, buffer, sizeof buffer, &size);
    (void)!chan_try_wait_closed(tx);
}

/* With a deadline that has passed an offer, a demand, or a claim for a place is shown, and withdrawn. */
static void show_and_withdraw(struct chan_sender *tx, struct chan_receiver *rx)
{
    static char buffer[MESSAGE_SIZE];
    struct chan_view view;
    size_t size = 0;

    (void)!chan_send_timeout(tx, buffer, MESSAGE_SIZE, 0);
    (void)!chan_recv_timeout(rx, buffer, sizeof buffer, &size, 0);
    if (chan_recv_view_timeout(rx, &view, 0) == 0)
        (void)!chan_release(rx, &view);
    if (chan_permit_reserve_timeout(tx, 2, 0) == 0) {
        (void)!chan_permit_send(tx, buffer, 100);
        (void)!chan_permit_release(tx, chan_permits(tx));
    }
}

static void call_and_serve(struct chan_sender *tx, struct chan_receiver *rx)
{
    static char buffer[MESSAGE_SIZE];
    struct chan_ticket ticket = {0};
    struct chan_reply_address address;
    struct chan_view view;
    size_t size = 0;
    int started = chan_try_call_start(tx, buffer, MESSAGE_SIZE, &ticket);

    for (int i = 0; i < 2 && chan_try_recv_view(rx, &view) == 0; i++) {
        memcpy(buffer, view.data, view.size < sizeof buffer ? view.size : sizeof buffer);
        if (chan_reply_address_of(rx, &view, &address) == 0) {
            (void)!chan_reply_is_awaited(rx, &address);
            if (i)
                (void)!chan_try_reply_to(rx, &address, buffer, 1);
        }
        if (chan_try_reply(rx, &view, buffer, MESSAGE_SIZE) != 0 && view.data)
            (void)!chan_release(rx, &view);
    }
    if (started == 0 && chan_try_call_finish(tx, &ticket, buffer, sizeof buffer, &size) != 0)
        (void)!chan_call_cancel(tx, &ticket);
    (void)!chan_call_timeout(tx, buffer, 10, buffer, sizeof buffer, &size, 0);
}

/* Batches with an empty message, and one that is too large, unless the writes made the channel one of larger messages;
 * into buffers of which some are too small, or none. */
static void send_and_receive_many(struct chan *ch, struct chan_sender *tx, struct chan_receiver *rx)
{
    static char large_one[16 * MESSAGE_SIZE], small_one[sizeof small];
    struct iovec sent[BATCH] = {{large_one, MESSAGE_SIZE}, {NULL, 0}, {large_one, MESSAGE_SIZE + 1}};
    struct iovec received[BATCH] = {{large_one, sizeof large_one}, {small_one, sizeof small_one}, {NULL, 0}};
    struct chan_options options;
    ssize_t count = chan_try_recv_many(rx, received, BATCH);

    chan_options_of(ch, &options);
    require(count <= BATCH);
    require(count < 1 || received[0].iov_len <= options.message_size);
    require(count < 1 || received[0].iov_len <= sizeof large_one);
    require(count < 2 || received[1].iov_len <= sizeof small_one);
    require(count < 3 || received[2].iov_len == 0);
    require(chan_try_send_many(tx, sent, BATCH) < BATCH || options.message_size > MESSAGE_SIZE);
    (void)!chan_try_recv_many(rx, &received[1], 2);
    (void)!chan_try_send_many(tx, &sent[1], 1);
}

static void send_and_receive(struct chan *ch, struct chan_sender *tx, struct chan_receiver *rx)
{
    static char buffer[2 * MESSAGE_SIZE];
    struct chan_loan loan;
    struct chan_view view;
    size_t size = 0;

    if (KIND == CHAN_WATCH)
        write_and_follow(ch, tx, rx);
    if (KIND == CHAN_CALL)
        call_and_serve(tx, rx);
    if (KIND == CHAN_RENDEZVOUS || ORDER == CHAN_FAIR)
        show_and_withdraw(tx, rx);
    send_and_receive_many(ch, tx, rx);
    (void)!chan_try_recv(rx, buffer, sizeof buffer, &size);
    (void)!chan_try_send(tx, buffer, MESSAGE_SIZE);
    (void)!(chan_receiver_len(rx) + chan_receiver_lagged(rx) + chan_sender_reached(tx) + chan_sender_len(tx));
    if (chan_try_recv_view(rx, &view) == 0) {
        memcpy(buffer, view.data, view.size < sizeof buffer ? view.size : sizeof buffer);
        (void)!chan_view_is_intact(rx, &view);
        (void)!chan_release(rx, &view);
    }
    (void)!chan_try_write(tx, buffer, MESSAGE_SIZE + 1);
    (void)!chan_try_read(rx, buffer, MESSAGE_SIZE / 3);
    if (chan_try_reserve(tx, MESSAGE_SIZE, &loan) == 0) {
        memset(loan.data, 1, loan.size);
        if (chan_try_commit(tx, &loan, loan.size) < 0)
            (void)!chan_abort(tx, &loan);
    }
}

static void inspect(struct chan *ch)
{
    static char buffer[MESSAGE_SIZE];
    struct chan_stat stat = {.size = sizeof stat};
    struct chan_endpoint_stat endpoint = {.size = sizeof endpoint};
    struct chan_peek_info info;
    struct chan_repair_report report;
    uint64_t position = 0;

    (void)!chan_stat(ch, &stat);
    for (uint32_t i = 0; i < ENDPOINTS; i++)
        (void)!chan_endpoint_stat(ch, i, &endpoint);
    for (int i = 0; i < 2 * CAPACITY && chan_peek(ch, &position, buffer, sizeof buffer, &info) == 0; i++)
        continue;
    (void)!chan_check(ch, buffer, sizeof buffer);
    (void)!chan_repair(ch, 0, &report);
    (void)chan_len(ch);
    (void)chan_available(ch);
    (void)chan_is_drained(ch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!image)
        make_image();

    int fd = open_image();
    struct patch patch;
    struct chan *ch = NULL;
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;

    for (; size >= sizeof patch; data += sizeof patch, size -= sizeof patch) {
        memcpy(&patch, data, sizeof patch);
        if (patch.at & 1) {
            if (!ch && chan_open_fd(fd, CHAN_NO_KEEPER, &ch) < 0)
                ch = NULL;
            if (ch && !tx && chan_attach_sender(ch, CHAN_NO_SPIN, &tx) < 0)
                tx = NULL;
            if (ch && !rx && chan_attach_receiver(ch, CHAN_NO_SPIN, &rx) < 0)
                rx = NULL;
            if (ch)
                inspect(ch);
            if (tx && rx)
                send_and_receive(ch, tx, rx);
        }
        apply(fd, &patch);
    }
    if (tx && rx)
        send_and_receive(ch, tx, rx);
    chan_close_sender(tx);
    chan_close_receiver(rx);
    if (ch)
        inspect(ch);
    chan_close(ch);
    close(fd);
    return 0;
}
