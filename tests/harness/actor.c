/* SPDX-License-Identifier: Apache-2.0 */
/* A process that plays one party of a case and does what it is told. */
#include "actor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "process.h"

struct order {
    step *what; /* the same address in both: one forked from the other */
    int64_t a, b;
};

#define BLOCKING_MS 40 /* longer than any spinning before sleep */

static int read_whole(int socket, void *data, size_t size)
{
    ssize_t got;
    do
        got = recv(socket, data, size, MSG_WAITALL);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)size;
}

__attribute__((noreturn)) static void obey(struct party *me, int socket)
{
    struct order order;
    while (read_whole(socket, &order, sizeof order)) {
        int64_t result = order.what(me, order.a, order.b);
        expect(send(socket, &result, sizeof result, MSG_NOSIGNAL) == (ssize_t)sizeof result);
    }
    struct chan *ch = me->ch;
    party_leave(me);
    chan_close(ch);
    _exit(0);
}

__attribute__((noreturn)) static void play(const struct flavour *flavour, int socket)
{
    struct party me;
    struct chan *ch = NULL;
    if (flavour->anonymous)
        expect_result(chan_recv_fd(socket, flavour->flags, &ch), 0);
    else
        expect_result(chan_open(FLAVOUR_CHANNEL, flavour->flags, &ch), 0);
    party_open(&me, flavour, ch);
    obey(&me, socket);
}

struct actor *actor_start(const struct flavour *flavour, struct chan *ch, unsigned roles)
{
    struct actor *actor = malloc(sizeof *actor);
    int ends[2];
    expect(actor != NULL);
    expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    actor->pid = child_fork();
    if (actor->pid == 0) {
        close(ends[0]);
        play(flavour, ends[1]);
    }
    close(ends[1]);
    actor->socket = ends[0];
    if (flavour->anonymous)
        expect_result(chan_send_fd(actor->socket, ch), 0);
    if (roles & ACTOR_SENDER)
        expect_result(tell(actor, attach_sender, 0), 0);
    if (roles & ACTOR_RECEIVER)
        expect_result(tell(actor, attach_receiver, 0), 0);
    return actor;
}

void actor_begin(struct actor *actor, step *what, int64_t a, int64_t b)
{
    struct order order = {.what = what, .a = a, .b = b};
    expect(send(actor->socket, &order, sizeof order, MSG_NOSIGNAL) == (ssize_t)sizeof order);
}

int64_t actor_finish(struct actor *actor)
{
    int64_t result;
    if (!read_whole(actor->socket, &result, sizeof result))
        expect_never("actor %d ended in the middle of a step", (int)actor->pid);
    return result;
}

int64_t actor_do(struct actor *actor, step *what, int64_t a, int64_t b)
{
    actor_begin(actor, what, a, b);
    return actor_finish(actor);
}

int64_t actor_finish_within(struct actor *actor, int milliseconds)
{
    struct pollfd entry = {.fd = actor->socket, .events = POLLIN};
    return process_poll(&entry, milliseconds) == 0 ? -EINPROGRESS : actor_finish(actor);
}

void actor_begin_blocking(struct actor *actor, step *what, int64_t a, int64_t b)
{
    actor_begin(actor, what, a, b);
    int64_t early = actor_finish_within(actor, BLOCKING_MS);
    while (early == -EINPROGRESS &&
           process_state(actor->pid) != 'S') /* on a loaded machine it may not have got there */
        early = actor_finish_within(actor, 1);
    if (early != -EINPROGRESS)
        expect_never("a call that was to block returned %lld", (long long)early);
}

static void reap(struct actor *actor)
{
    close(actor->socket);
    pid_t pid;
    do
        pid = waitpid(actor->pid, NULL, 0);
    while (pid < 0 && errno == EINTR);
    expect(pid == actor->pid);
    free(actor);
}

void actor_end(struct actor *actor)
{
    int status;
    shutdown(actor->socket, SHUT_WR);
    child_wait_zombie(actor->pid);
    expect(waitpid(actor->pid, &status, 0) == actor->pid);
    if (status != 0)
        expect_never("actor %d ended with status %#x", (int)actor->pid, (unsigned)status);
    close(actor->socket);
    free(actor);
}

void actor_kill(struct actor *actor)
{
    expect(kill(actor->pid, SIGKILL) == 0);
    child_wait_zombie(actor->pid);
}

void actor_bury(struct actor *actor)
{
    kill(actor->pid, SIGKILL);
    reap(actor);
}
