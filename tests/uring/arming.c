/* SPDX-License-Identifier: Apache-2.0 */
/* One endpoint on a ring: armed, completed, cancelled, closed. */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "refusal.h"

#define NAME "c"

/* A channel, with a receiver of this process on a ring. */
struct scene {
    struct chan *ch;
    struct chan_receiver *rx;
    struct io_uring ring;
    struct chan_uring *u;
};

static struct scene *scene_open(uint64_t messages)
{
    static struct scene s;
    loop_open(&s.ring);
    s.ch = loop_create(NAME, messages);
    expect_result(chan_attach_receiver(s.ch, 0, &s.rx), 0);
    expect_result(chan_uring_of_receiver(&s.ring, s.rx, 1, &s.u), 0);
    return &s;
}

/* Waiters go first, cancelled; then the ring. */
static void put_away(struct io_uring *ring, struct chan_uring *u)
{
    struct io_uring_cqe cqe;
    expect_result(chan_uring_cancel(u), 0);
    if (loop_next(ring, 0, &cqe))
        (void)!chan_uring_complete(u, &cqe);
    chan_uring_close(u);
}

static void scene_close(struct scene *s)
{
    put_away(&s->ring, s->u);
    io_uring_queue_exit(&s->ring);
    chan_close_receiver(s->rx);
    chan_close(s->ch);
}

static void put(struct chan_sender *tx, uint32_t message)
{
    expect_result(chan_try_send(tx, &message, sizeof message), 0);
}

/* The message, or the error. */
static int64_t taken(struct chan_uring *u)
{
    uint32_t message;
    int result = chan_uring_recv(u, &message, sizeof message, NULL);
    return result ? result : (int64_t)message;
}

/* A child waits until somebody waits, sends so many, and leaves or is killed. */
struct errand {
    uint32_t messages;
    uint32_t waiting; /* endpoints, before it begins */
    bool dies;
    uint32_t for_what; /* they wait for that; 0: a message */
};

static int64_t send_to_who_waits(void *argument)
{
    const struct errand *e = argument;
    struct chan *ch;
    struct chan_sender *tx = loop_sender(NAME, &ch);
    loop_until_waiting(ch, e->for_what ? e->for_what : CHAN_WAITS_FOR_MESSAGE, e->waiting);
    for (uint32_t i = 0; i < e->messages; i++)
        expect_result(chan_send(tx, &i, sizeof i), 0);
    if (e->dies)
        raise(SIGKILL);
    chan_close_sender(tx);
    chan_close(ch);
    return 0;
}

static void test_a_message_completes_what_is_armed(void)
{
    struct scene *s = scene_open(4);
    struct errand errand = {.messages = 1, .waiting = 1};
    struct child child;
    expect_result(chan_uring_arm(s->u), 0);
    expect_result(chan_uring_arm(s->u), 0); /* is armed */
    child_spawn(&child, send_to_who_waits, &errand);
    expect_result(loop_wait(&s->ring, s->u, SOON), 0);
    expect_number(taken(s->u), 0);
    expect_number(child_finish(&child), 0);
    scene_close(s);
}

static void test_what_is_there_completes_at_once(void)
{
    struct scene *s = scene_open(4);
    struct chan_sender *tx;
    struct io_uring_cqe cqe;
    expect_result(chan_attach_sender(s->ch, 0, &tx), 0);
    put(tx, 5);
    for (int round = 0; round < 3; round++) { /* not taken, it stays ready */
        expect_result(chan_uring_arm(s->u), 0);
        expect(loop_next(&s->ring, SOON, &cqe));
        expect_number(cqe.user_data, 1);
        expect_result(chan_uring_complete(s->u, &cqe), 0);
    }
    expect_number(taken(s->u), 5);
    expect_number(taken(s->u), -EAGAIN);
    while (loop_next(&s->ring, 50 * MS, &cqe)) /* it looks around, which is nothing to the user */
        expect_result(chan_uring_complete(s->u, &cqe), -EAGAIN);
    chan_close_sender(tx);
    expect_result(loop_wait(&s->ring, s->u, SOON), 0);
    expect_number(taken(s->u), -EPIPE);
    scene_close(s);
}

static void test_what_comes_before_submission_is_not_missed(void)
{
    struct scene *s = scene_open(4);
    struct chan_sender *tx;
    expect_result(chan_attach_sender(s->ch, 0, &tx), 0);
    for (uint32_t round = 0; round < 100; round++) {
        expect_number(taken(s->u), -EAGAIN);
        put(tx, round);
        expect_result(loop_wait(&s->ring, s->u, SOON), 0);
        expect_number(taken(s->u), round);
    }
    chan_close_sender(tx);
    scene_close(s);
}

/* No other completion than one for each wait, time-outs included. */
static void test_messages_come_for_as_long_as_they_are_taken(void)
{
    enum { MESSAGES = 20000 };
    struct scene *s = scene_open(64);
    struct errand errand = {.messages = MESSAGES, .waiting = 1};
    struct child child;
    int64_t result;
    uint32_t expected = 0;
    expect_result(chan_uring_arm(s->u), 0);
    child_spawn(&child, send_to_who_waits, &errand);
    do {
        expect_result(loop_wait(&s->ring, s->u, SOON), 0);
        while ((result = taken(s->u)) >= 0)
            expect_number(result, expected++);
    } while (result == -EAGAIN);
    expect_result(result, -EPIPE);
    expect_number(expected, MESSAGES);
    expect_number(child_finish(&child), 0);
    struct io_uring_cqe cqe;
    expect(!loop_next(&s->ring, 0, &cqe));
    scene_close(s);
}

static void test_views_and_any_other_call_can_be_tried(void)
{
    struct scene *s = scene_open(4);
    struct chan_sender *tx;
    struct chan_view view;
    expect_result(chan_attach_sender(s->ch, 0, &tx), 0);
    expect_result(chan_uring_recv_view(s->u, &view), -EAGAIN);
    put(tx, 9);
    expect_result(loop_wait(&s->ring, s->u, SOON), 0);
    expect_result(chan_uring_recv_view(s->u, &view), 0);
    expect_number(view.size, sizeof(uint32_t));
    expect_result(chan_release(s->rx, &view), 0);
    expect_result(chan_uring_send(s->u, "x", 1), -EINVAL); /* it is for the receiver */
    chan_close_sender(tx);
    scene_close(s);
}

static void test_the_end_completes(void)
{
    struct scene *s = scene_open(4);
    expect_result(chan_uring_arm(s->u), 0);
    expect_number(io_uring_submit(&s->ring), 2);
    expect_result(chan_shutdown(s->ch), 0);
    expect_result(loop_wait(&s->ring, s->u, SOON), 0);
    expect_number(taken(s->u), -EPIPE);
    scene_close(s);
}

static void end_by_death(uint32_t flags)
{
    struct io_uring ring;
    struct chan *own, *ch;
    struct chan_receiver *rx;
    struct chan_uring *u;
    struct errand errand = {.waiting = 1, .dies = true};
    struct child child;
    loop_open(&ring);
    own = loop_create(NAME, 4);
    expect_result(chan_open(NAME, flags, &ch), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_uring_of_receiver(&ring, rx, 1, &u), 0);
    child_spawn(&child, send_to_who_waits, &errand);
    while (!chan_senders(ch))
        usleep(1000);
    expect_result(chan_uring_arm(u), 0);
    expect_result(loop_wait(&ring, u, SOON), 0);
    expect_number(taken(u), -EPIPE);
    child_reap(&child);
    put_away(&ring, u);
    io_uring_queue_exit(&ring);
    chan_close_receiver(rx);
    chan_close(ch);
    chan_close(own);
}

static void test_the_death_of_the_last_sender_completes(void)
{
    end_by_death(0);
}

static void test_the_death_of_the_last_sender_completes_without_a_keeper(void)
{
    end_by_death(CHAN_NO_KEEPER);
}

/* For so long, completions of waits for which there is nothing; user_data is the wait's place in `u`. */
static int completions_within(struct io_uring *ring, struct chan_uring **u, int64_t time_ns)
{
    struct io_uring_cqe cqe;
    int completions = 0;
    for (int64_t end = chan_deadline(time_ns); chan_now() < end;)
        if (loop_next(ring, end - chan_now(), &cqe)) {
            completions++;
            expect_result(chan_uring_complete(u[cqe.user_data], &cqe), -EAGAIN);
        }
    return completions;
}

/* Until waits look around by themselves once in 1.25 s, and not more often, as at first. */
#define CALM (750 * MS)

static void test_an_idle_wait_comes_back_about_once_a_second_and_not_to_the_user(void)
{
    struct scene *s = scene_open(4);
    expect_result(chan_uring_arm(s->u), 0);
    struct chan_uring *u[] = {NULL, s->u};
    (void)completions_within(&s->ring, u, CALM);
    int completions = completions_within(&s->ring, u, 4000 * MS);
    expect(completions >= 2 && completions <= 4);
    scene_close(s);
}

static void test_a_cancelled_wait_completes_and_takes_nothing(void)
{
    struct scene *s = scene_open(4);
    struct chan_sender *tx;
    struct io_uring_cqe cqe;
    expect_result(chan_attach_sender(s->ch, 0, &tx), 0);
    expect_result(chan_uring_cancel(s->u), 0); /* is not armed */
    for (int submitted = 0; submitted < 2; submitted++) {
        expect_result(chan_uring_arm(s->u), 0);
        if (submitted)
            expect_number(io_uring_submit(&s->ring), 2);
        expect_result(chan_uring_cancel(s->u), 0);
        expect(loop_next(&s->ring, SOON, &cqe));
        expect_number(cqe.user_data, 1);
        expect_result(chan_uring_complete(s->u, &cqe), -ECANCELED);
        expect_result(chan_uring_complete(s->u, &cqe), -EINVAL); /* twice */
        expect_number(loop_count_waiting(s->ch, CHAN_WAITS_FOR_MESSAGE), 0);
    }
    put(tx, 3);
    expect(!loop_next(&s->ring, 50 * MS, &cqe));
    expect_number(chan_len(s->ch), 1);
    expect_number(taken(s->u), 3);
    chan_close_sender(tx);
    scene_close(s);
}

static void test_the_programs_own_cancellation_ends_it_too(void)
{
    struct scene *s = scene_open(4);
    struct io_uring_sync_cancel_reg all = {
        .fd = -1, .flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL, .timeout = {-1, -1}};
    struct chan_uring *u[] = {NULL, s->u};
    expect_result(chan_uring_arm(s->u), 0);
    (void)completions_within(&s->ring, u, CALM); /* at its end it would be taken to have ended by itself */
    expect(io_uring_submit(&s->ring) >= 0);
    expect(io_uring_register_sync_cancel(&s->ring, &all) >= 0);
    expect_result(loop_wait(&s->ring, s->u, SOON), -ECANCELED);
    scene_close(s);
}

/* A receiver that sleeps in a call. */
static int64_t receive_in_a_call(void *argument)
{
    (void)argument;
    struct chan *ch;
    struct chan_receiver *rx = loop_receiver(NAME, &ch);
    uint32_t message;
    expect_result(chan_recv(rx, &message, sizeof message, NULL), 0);
    chan_close_receiver(rx);
    chan_close(ch);
    return 0;
}

#define WAITS 2 /* as many as a message wakes: one as a warning, one after it */

/* Who begins to wait looks around after 8, 32, 128 and 512 ms, and then once in 1.25 s. */
#define FIRST_LONG_SLEEP_ENDS (1930 * MS)

/* Waits on a ring sleep on the channel before somebody in a call does: they are woken first. Nobody is about to look around
 * by himself: the waits began 600 ms earlier, and each is in its first long sleep. */
struct contest {
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx[WAITS];
    struct chan_uring *u[WAITS];
    struct io_uring ring;
    struct child sleeper;
    int64_t sleep_until_ns; /* all of them, at least */
};

static struct contest *contest_open(void)
{
    static struct contest c;
    int64_t begin = chan_now();
    loop_open(&c.ring);
    c.ch = loop_create(NAME, 4);
    expect_result(chan_attach_sender(c.ch, 0, &c.tx), 0);
    for (uint64_t i = 0; i < WAITS; i++) {
        expect_result(chan_attach_receiver(c.ch, 0, &c.rx[i]), 0);
        expect_result(chan_uring_of_receiver(&c.ring, c.rx[i], i, &c.u[i]), 0);
        expect_result(chan_uring_arm(c.u[i]), 0);
    }
    c.sleep_until_ns = begin + FIRST_LONG_SLEEP_ENDS;
    (void)completions_within(&c.ring, c.u, 600 * MS);
    child_spawn(&c.sleeper, receive_in_a_call, NULL);
    loop_until_waiting(c.ch, CHAN_WAITS_FOR_MESSAGE, WAITS + 1);
    (void)completions_within(&c.ring, c.u, CALM);
    return &c;
}

/* The sleeper has the message sooner than it would have looked for it by itself. */
static void contest_decide(struct contest *c)
{
    expect(child_finishes_within(&c->sleeper, SOON / MS));
    expect_number(child_finish(&c->sleeper), 0);
}

static void contest_close(struct contest *c)
{
    for (int i = 0; i < WAITS; i++)
        chan_close_receiver(c->rx[i]);
    chan_close_sender(c->tx);
    chan_close(c->ch);
}

static void test_a_wake_up_that_was_cancelled_is_passed_on(void)
{
    struct contest *c = contest_open();
    struct io_uring_cqe cqe;
    put(c->tx, 1);
    for (int i = 0; i < WAITS; i++)
        expect_result(chan_uring_cancel(c->u[i]), 0);
    for (int i = 0; i < WAITS; i++) {
        expect(loop_next(&c->ring, SOON, &cqe));
        expect_result(chan_uring_complete(c->u[cqe.user_data], &cqe), -ECANCELED);
    }
    contest_decide(c);
    for (int i = 0; i < WAITS; i++)
        chan_uring_close(c->u[i]);
    io_uring_queue_exit(&c->ring);
    contest_close(c);
}

/* False: it came too late, on a busy machine, to know who slept. */
static bool closing_passes_it_on(void)
{
    struct contest *c = contest_open();
    struct io_uring_cqe cqe;
    int results[WAITS];
    put(c->tx, 1);
    for (int i = 0; i < WAITS; i++)
        results[i] =
            loop_next(&c->ring, SOON, &cqe) ? chan_uring_complete(c->u[cqe.user_data], &cqe) : -ETIMEDOUT;
    bool in_time = chan_now() < c->sleep_until_ns;
    for (int i = 0; in_time && i < WAITS; i++)
        expect_result(results[i], 0);
    for (int i = 0; i < WAITS; i++)
        chan_uring_close(c->u[i]);
    contest_decide(c);
    io_uring_queue_exit(&c->ring);
    contest_close(c);
    return in_time;
}

static void test_a_wake_up_that_nothing_followed_is_passed_on_by_closing(void)
{
    while (!closing_passes_it_on())
        continue;
}

/* What still sleeps in a ring that is being taken apart swallows no wake-up. */
static void test_a_ring_that_is_gone_keeps_no_message_from_another(void)
{
    struct contest *c = contest_open();
    io_uring_queue_exit(&c->ring);
    for (int i = 0; i < WAITS; i++)
        chan_uring_close(c->u[i]);
    put(c->tx, 1);
    contest_decide(c);
    contest_close(c);
}

static void test_a_full_submission_queue_is_submitted(void)
{
    struct scene *s = scene_open(4);
    struct io_uring_cqe cqe;
    int nothing = 0;
    while (io_uring_sq_space_left(&s->ring) > 1) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);
        io_uring_prep_nop(sqe);
        sqe->user_data = 2;
        nothing++;
    }
    expect_result(chan_uring_arm(s->u), 0);
    expect_result(chan_shutdown(s->ch), 0);
    while (loop_next(&s->ring, SOON, &cqe) && cqe.user_data == 2)
        nothing--;
    expect_number(nothing, 0);
    expect_number(cqe.user_data, 1);
    expect_result(chan_uring_complete(s->u, &cqe), 0);
    scene_close(s);
}

static void test_a_sender_waits_for_room(void)
{
    struct io_uring ring;
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_uring *u;
    loop_open(&ring);
    ch = loop_create(NAME, 1);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_uring_of_sender(&ring, tx, 1, &u), 0);
    expect_result(chan_uring_recv(u, NULL, 0, NULL), -EINVAL); /* it is for the sender */
    for (int round = 0; round < 20; round++) {
        expect_result(chan_uring_send(u, "a", 1), 0);
        expect_result(chan_uring_send(u, "b", 1), -EAGAIN);
        expect_result(loop_wait(&ring, u, round ? 1 : 20 * MS), -ETIMEDOUT);
        expect_result(chan_try_recv(rx, &(char){0}, 1, NULL), 0);
        expect_result(loop_wait(&ring, u, SOON), 0);
    }
    expect_result(chan_uring_send(u, "c", 1), 0);
    expect_result(chan_uring_send(u, "d", 1), -EAGAIN);
    chan_close_receiver(rx);
    expect_result(loop_wait(&ring, u, SOON), 0);
    expect_result(chan_uring_send(u, "d", 1), -EPIPE);
    put_away(&ring, u);
    io_uring_queue_exit(&ring);
    chan_close_sender(tx);
    chan_close(ch);
}

/* There is a place, but no payload memory: the wait is for that, and does not come back until there is some.
 * */
static void test_a_large_message_waits_for_memory(void)
{
    enum { LARGE = 100000 };
    static char large[LARGE];
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct io_uring ring;
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_uring *u;
    struct io_uring_cqe cqe;
    int sent = 0, spurious = 0;
    loop_open(&ring);
    options.messages = 8;
    options.message_size = LARGE;
    options.bytes = 2 * LARGE + 20000;
    expect_result(chan_create(NAME, &options, &ch), 0);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_uring_of_sender(&ring, tx, 1, &u), 0);
    while (!chan_uring_send(u, large, LARGE))
        sent++;
    expect(sent > 0 && chan_available(ch) > 0);
    for (int64_t end = chan_deadline(200 * MS); chan_now() < end;)
        if (loop_next(&ring, 20 * MS, &cqe)) {
            spurious++;
            if (!chan_uring_complete(u, &cqe))
                expect_result(chan_uring_send(u, large, LARGE), -EAGAIN);
        }
    expect(spurious <= 5);
    expect_result(chan_recv(rx, large, LARGE, NULL), 0);
    expect_result(loop_wait(&ring, u, SOON), 0);
    expect_result(chan_uring_send(u, large, LARGE), 0);
    put_away(&ring, u);
    io_uring_queue_exit(&ring);
    chan_close_receiver(rx);
    chan_close_sender(tx);
    chan_close(ch);
}

static int64_t use_what_was_inherited(void *argument)
{
    struct scene *s = argument;
    struct chan_uring *other;
    expect_result(chan_uring_arm(s->u), -ECHILD);
    expect_number(taken(s->u), -ECHILD);
    expect_result(chan_uring_of_receiver(&s->ring, s->rx, 2, &other), -ECHILD);
    chan_uring_close(s->u);
    return 0;
}

static void test_a_child_is_refused_what_it_inherited(void)
{
    struct scene *s = scene_open(1);
    struct child child;
    child_spawn(&child, use_what_was_inherited, s);
    expect_number(child_finish(&child), 0);
    expect_number(taken(s->u), -EAGAIN);
    scene_close(s);
}

static int count_attempts(void *count)
{
    ++*(int *)count;
    return -EAGAIN;
}

static int64_t use_what_was_armed(void *argument)
{
    struct scene *s = argument;
    struct io_uring_cqe cqe = {.user_data = 1};
    int attempts = 0;
    expect_result(chan_uring_cancel(s->u), -ECHILD);
    expect_result(chan_uring_arm(s->u), -ECHILD);
    expect_result(chan_uring_try(s->u, count_attempts, &attempts), -ECHILD);
    expect_number(attempts, 0);
    expect_result(chan_uring_complete(s->u, &cqe), -ECHILD);
    chan_uring_close(s->u);
    return 0;
}

/* The ring is shared with the child: what it did there would be done to the parent's wait. */
static void test_a_child_leaves_alone_what_its_parent_has_armed(void)
{
    struct scene *s = scene_open(1);
    struct chan_sender *tx;
    struct child child;
    expect_result(chan_attach_sender(s->ch, 0, &tx), 0);
    expect_result(chan_uring_arm(s->u), 0);
    expect_number(io_uring_submit(&s->ring), 2);
    child_spawn(&child, use_what_was_armed, s);
    expect_number(child_finish(&child), 0);
    put(tx, 7);
    expect_result(loop_wait(&s->ring, s->u, SOON), 0);
    expect_number(taken(s->u), 7);
    chan_close_sender(tx);
    scene_close(s);
}

static void test_a_kernel_that_does_not_let_the_ring_be_asked_is_told_of(void)
{
    struct io_uring ring;
    struct chan *ch;
    struct chan_receiver *rx;
    struct chan_uring *u;
    loop_open(&ring);
    ch = loop_create(NAME, 1);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    if (refuse_ring_calls(NULL, 0, 0))
        skip_test("no seccomp filters here");
    expect_result(chan_uring_of_receiver(&ring, rx, 1, &u), -EOPNOTSUPP);
    io_uring_queue_exit(&ring);
    chan_close_receiver(rx);
    chan_close(ch);
}

static void test_misuse_is_refused(void)
{
    struct scene *s = scene_open(1);
    struct chan_uring *u;
    struct io_uring tiny;
    struct io_uring_cqe cqe = {.user_data = 1};
    expect_number(io_uring_queue_init(1, &tiny, 0), 0);
    expect_result(chan_uring_of_receiver(&tiny, s->rx, 1, &u), -EINVAL);
    io_uring_queue_exit(&tiny);
    expect_result(chan_uring_of_receiver(NULL, s->rx, 1, &u), -EINVAL);
    expect_result(chan_uring_of_sender(&s->ring, NULL, 1, &u), -EINVAL);
    expect_result(chan_uring_arm(NULL), -EINVAL);
    expect_result(chan_uring_cancel(NULL), -EINVAL);
    expect_result(chan_uring_complete(s->u, &cqe), -EINVAL); /* it is not armed */
    chan_uring_close(NULL);
    scene_close(s);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_a_message_completes_what_is_armed, 20),
        PLAIN(test_what_is_there_completes_at_once, 20),
        PLAIN(test_what_comes_before_submission_is_not_missed, 20),
        PLAIN(test_messages_come_for_as_long_as_they_are_taken, 60),
        PLAIN(test_views_and_any_other_call_can_be_tried, 20),
        PLAIN(test_the_end_completes, 20),
        PLAIN(test_the_death_of_the_last_sender_completes, 20),
        PLAIN(test_the_death_of_the_last_sender_completes_without_a_keeper, 20),
        PLAIN(test_an_idle_wait_comes_back_about_once_a_second_and_not_to_the_user, 20),
        PLAIN(test_a_cancelled_wait_completes_and_takes_nothing, 20),
        PLAIN(test_the_programs_own_cancellation_ends_it_too, 20),
        PLAIN(test_a_wake_up_that_was_cancelled_is_passed_on, 20),
        PLAIN(test_a_wake_up_that_nothing_followed_is_passed_on_by_closing, 40),
        PLAIN(test_a_ring_that_is_gone_keeps_no_message_from_another, 20),
        PLAIN(test_a_full_submission_queue_is_submitted, 20),
        PLAIN(test_a_sender_waits_for_room, 20),
        PLAIN(test_a_large_message_waits_for_memory, 20),
        PLAIN(test_a_child_is_refused_what_it_inherited, 20),
        PLAIN(test_a_child_leaves_alone_what_its_parent_has_armed, 20),
        PLAIN(test_a_kernel_that_does_not_let_the_ring_be_asked_is_told_of, 20),
        PLAIN(test_misuse_is_refused, 20),
    };
    return suite_run_plain("uring_arming", cases, sizeof cases / sizeof *cases, argc, argv);
}
