/* SPDX-License-Identifier: Apache-2.0 */
/* A channel in a libuv loop, beside a timer: receive what workers send, until the last of them is gone.
 *
 *     ./13_libuv              three workers; a count once every 10 ms, and at the end
 *
 * The same shape fits GLib (g_unix_fd_add) and sd-event; libevent: 16_libevent.c. */
#include <shmchan.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

enum { WORKERS = 3, REPORTS = 200, PAUSE_US = 100 };

struct loop_state {
    struct chan_receiver *rx;
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned received, ticks;
};

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "13_libuv: %s: %s\n", what, chan_strerror(result));
        exit(1);
    }
}

static void work(struct chan_sender *tx)
{
    check(chan_adopt_sender(tx), "adopt sender");
    for (unsigned i = 0; i < REPORTS; i++) {
        check(chan_send(tx, &i, sizeof i), "send");
        usleep(PAUSE_US);
    }
    chan_close_sender(tx);
    _exit(0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct loop_state *state = poll->data;
    unsigned report;
    int result;
    (void)events;
    check(status, "poll");
    while (!(result = chan_try_recv(state->rx, &report, sizeof report, NULL)))
        state->received++;
    if (result == -EAGAIN)
        return; /* uv_poll_t is told again once there is more */
    if (result != -EPIPE)
        check(result, "receive");
    uv_poll_stop(poll); /* the end, readable for good */
    uv_close((uv_handle_t *)poll, NULL);
    uv_close((uv_handle_t *)&state->timer, NULL);
}

static void on_tick(uv_timer_t *timer)
{
    struct loop_state *state = timer->data;
    state->ticks++;
    printf("%u reports\n", state->received);
}

int main(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct loop_state state = {0};
    struct chan_sender *tx;
    struct chan *ch;
    uv_loop_t *loop = uv_default_loop();
    int status, failures = 0;

    options.messages = 16;
    options.message_size = sizeof(unsigned);
    check(chan_create_anonymous(&options, &ch), "create");
    check(chan_attach_receiver(ch, 0, &state.rx), "attach receiver");
    for (int i = 0; i < WORKERS; i++) {
        check(chan_prepare_sender(ch, 0, &tx), "prepare sender");
        if (fork() == 0)
            work(tx);
        chan_close_sender(tx);
    }
    int fd = chan_receiver_fd(state.rx);
    check(fd, "descriptor");
    state.poll.data = state.timer.data = &state;
    check(uv_poll_init(loop, &state.poll, fd), "uv_poll_init");
    check(uv_poll_start(&state.poll, UV_READABLE, on_readable), "uv_poll_start");
    check(uv_timer_init(loop, &state.timer), "uv_timer_init");
    check(uv_timer_start(&state.timer, on_tick, 10, 10), "uv_timer_start");
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    printf("%u reports from %d workers\n", state.received, WORKERS);
    while (wait(&status) > 0)
        failures += status != 0;
    chan_close_receiver(state.rx);
    chan_close(ch);
    return failures || state.received != WORKERS * REPORTS;
}
