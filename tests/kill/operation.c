/* SPDX-License-Identifier: Apache-2.0 */
/* What victims do, one function an operation. */
#include "operation.h"

#include "victim.h"

#include <shmchan/inspect.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

/* Only what is stepped through: whether the message is sound is for the survivor to see. */
static uint32_t id_of(const void *message)
{
    uint32_t id;
    memcpy(&id, message, sizeof id);
    return id;
}

static size_t compose(struct actor *a, uint32_t index)
{
    size_t size = message_size(a->scene, a->first_id + index);
    message_write(a->journal->buffer[index], size, a->first_id + index);
    return size;
}

static void compose_all(struct actor *a)
{
    for (uint32_t i = 0; i < BATCH; i++)
        a->journal->sizes[i] = compose(a, i);
}

static int run_send(struct actor *a)
{
    int result = chan_send(a->tx, a->journal->buffer[0], a->journal->sizes[0]);
    a->journal->sent += !result;
    return result;
}

static int run_send_many(struct actor *a)
{
    struct iovec messages[BATCH];
    for (uint32_t i = 0; i < BATCH; i++)
        messages[i] = (struct iovec){a->journal->buffer[i], a->journal->sizes[i]};
    ssize_t sent = chan_try_send_many(a->tx, messages, BATCH);
    if (sent < 0)
        return (int)sent;
    a->journal->sent += (uint32_t)sent;
    return 0;
}

/* A deadline that has passed: shown, and withdrawn unless somebody was as fast. */
#define LONG_AGO 1

static int unless_met(int result)
{
    return result == -ETIMEDOUT ? 0 : result;
}

static int run_offer(struct actor *a)
{
    int result = chan_send_until(a->tx, a->journal->buffer[0], a->journal->sizes[0], LONG_AGO);
    a->journal->sent += !result;
    return unless_met(result);
}

static int run_try_send(struct actor *a)
{
    int result = chan_try_send(a->tx, a->journal->buffer[0], a->journal->sizes[0]);
    a->journal->sent += !result;
    return result;
}

static int run_demand(struct actor *a)
{
    struct journal *j = a->journal;
    int result = chan_recv_until(a->rx, j->buffer[0], sizeof j->buffer[0], &j->sizes[0], LONG_AGO);
    if (!result)
        j->got[0] = id_of(j->buffer[0]);
    return unless_met(result);
}

static int run_try_recv(struct actor *a)
{
    struct journal *j = a->journal;
    int result = chan_try_recv(a->rx, j->buffer[0], sizeof j->buffer[0], &j->sizes[0]);
    if (!result)
        j->got[0] = id_of(j->buffer[0]);
    return result;
}

static int run_demand_view(struct actor *a)
{
    int result = chan_recv_view_until(a->rx, &a->view, LONG_AGO);
    if (!result)
        a->journal->viewed = id_of(a->view.data);
    return unless_met(result);
}

static int run_try_view(struct actor *a)
{
    int result = chan_try_recv_view(a->rx, &a->view);
    if (!result)
        a->journal->viewed = id_of(a->view.data);
    return result;
}

static int run_reserve_commit(struct actor *a)
{
    size_t size = a->journal->sizes[0];
    int result = chan_reserve(a->tx, size, &a->loan);
    if (result)
        return result;
    memcpy(a->loan.data, a->journal->buffer[0], size);
    result = chan_commit(a->tx, &a->loan, size);
    a->journal->sent += !result;
    return result;
}

static int run_reserve_abort(struct actor *a)
{
    int result = chan_reserve(a->tx, a->journal->sizes[0], &a->loan);
    return result ? result : chan_abort(a->tx, &a->loan);
}

static int run_reserve_permit(struct actor *a)
{
    return chan_permit_reserve(a->tx, 1);
}

static int run_reserve_permits(struct actor *a)
{
    return chan_permit_reserve(a->tx, 2);
}

static int run_permit_send(struct actor *a)
{
    int result = chan_permit_send(a->tx, a->journal->buffer[0], a->journal->sizes[0]);
    a->journal->sent += !result;
    return result;
}

static int run_permit_commit(struct actor *a)
{
    int result = chan_permit_commit(a->tx, &a->loan, a->journal->sizes[0]);
    a->journal->sent += !result;
    return result;
}

static int run_permit_release(struct actor *a)
{
    return chan_permit_release(a->tx, 1);
}

static void prepare_permit(struct actor *a)
{
    compose_all(a);
    (void)run_reserve_permit(a);
}

static void prepare_permits(struct actor *a)
{
    compose_all(a);
    (void)run_reserve_permits(a);
}

static void prepare_permit_and_shutdown(struct actor *a)
{
    prepare_permit(a);
    if (chan_shutdown(a->ch))
        abort();
}

static int run_recv(struct actor *a)
{
    struct journal *j = a->journal;
    int result = chan_recv(a->rx, j->buffer[0], sizeof j->buffer[0], &j->sizes[0]);
    if (!result)
        j->got[0] = id_of(j->buffer[0]);
    return result;
}

static int run_recv_many(struct actor *a)
{
    struct journal *j = a->journal;
    struct iovec messages[BATCH];
    for (uint32_t i = 0; i < BATCH; i++)
        messages[i] = (struct iovec){j->buffer[i], sizeof j->buffer[i]};
    ssize_t count = chan_try_recv_many(a->rx, messages, BATCH);
    for (ssize_t i = 0; i < count; i++)
        j->got[i] = id_of(j->buffer[i]);
    return count < 0 ? (int)count : 0;
}

static int run_drain(struct actor *a)
{
    struct journal *j = a->journal;
    struct iovec messages[BATCH];
    for (uint32_t i = 0; i < BATCH; i++)
        messages[i] = (struct iovec){j->buffer[i], sizeof j->buffer[i]};
    ssize_t count = chan_drain(a->rx, messages, BATCH);
    for (ssize_t i = 0; i < count; i++)
        j->got[i] = id_of(j->buffer[i]);
    return count < 0 ? (int)count : 0;
}

static int run_recv_view(struct actor *a)
{
    int result = chan_recv_view(a->rx, &a->view);
    if (!result)
        a->journal->viewed = id_of(a->view.data);
    return result;
}

static int run_release(struct actor *a)
{
    a->journal->released = a->journal->viewed;
    return chan_release(a->rx, &a->view);
}

static int run_view_release(struct actor *a)
{
    int result = run_recv_view(a);
    return result ? result : run_release(a);
}

/* Taken back is also that it was looked at. */
static int run_give_back(struct actor *a)
{
    a->journal->viewed = 0;
    return chan_give_back(a->rx, &a->view);
}

/* Nothing is running that it could cancel: the next call that would wait does not. */
static int run_cancel_sender(struct actor *a)
{
    return chan_cancel_sender(a->tx);
}

static int run_cancel_receiver(struct actor *a)
{
    return chan_cancel_receiver(a->rx);
}

static int run_write(struct actor *a)
{
    ssize_t written = chan_write(a->tx, a->journal->buffer[0], a->journal->sizes[0]);
    if (written < 0)
        return (int)written;
    a->journal->sent++;
    return 0;
}

/* Read into the journal from `at` on, at most `size` bytes. */
static int read_at(struct actor *a, size_t at, size_t size)
{
    ssize_t got = chan_read(a->rx, (unsigned char *)a->journal->buffer + at, size);
    return got < 0 ? (int)got : 0;
}

/* All messages that are there, one behind the other. */
static int run_read(struct actor *a)
{
    struct journal *j = a->journal;
    const unsigned char *bytes = (const unsigned char *)j->buffer;
    int result = read_at(a, 0, sizeof j->buffer);
    for (uint32_t i = 0; !result && i < BATCH; i++) {
        j->got[i] = id_of(bytes);
        bytes += j->got[i] ? message_size(a->scene, j->got[i]) : 0;
    }
    return result;
}

/* So few that they are never a whole message. */
#define PART_BYTES 5u

static int run_read_part(struct actor *a)
{
    int result = read_at(a, 0, PART_BYTES);
    if (!result)
        a->journal->viewed = id_of(a->journal->buffer);
    return result;
}

static int run_read_rest(struct actor *a)
{
    uint32_t id = a->journal->viewed;
    int result = read_at(a, PART_BYTES, message_size(a->scene, id) - PART_BYTES);
    if (!result)
        a->journal->got[0] = id;
    return result;
}

static void prepare_part(struct actor *a)
{
    (void)run_read_part(a);
}

static void prepare_view(struct actor *a)
{
    (void)run_recv_view(a);
}

static void prepare_loan(struct actor *a)
{
    compose_all(a);
    if (!chan_reserve(a->tx, a->journal->sizes[0], &a->loan))
        memcpy(a->loan.data, a->journal->buffer[0], a->journal->sizes[0]);
}

static void prepare_permit_and_loan(struct actor *a)
{
    (void)run_reserve_permit(a);
    prepare_loan(a);
}

static int run_attach_sender(struct actor *a)
{
    return chan_attach_sender(a->ch, CHAN_NO_SPIN, &a->tx);
}

static int run_attach_receiver(struct actor *a)
{
    return chan_attach_receiver(a->ch, CHAN_NO_SPIN, &a->rx);
}

static int run_clone_sender(struct actor *a)
{
    return chan_clone_sender(a->tx, &a->tx_clone);
}

static int run_clone_receiver(struct actor *a)
{
    return chan_clone_receiver(a->rx, &a->rx_clone);
}

static int run_downgrade(struct actor *a)
{
    return chan_downgrade_sender(a->tx, &a->weak);
}

static void prepare_weak(struct actor *a)
{
    (void)run_downgrade(a);
}

static int run_upgrade(struct actor *a)
{
    return chan_upgrade_sender(a->weak, &a->tx_clone);
}

static int run_close_weak(struct actor *a)
{
    chan_close_weak_sender(a->weak);
    return 0;
}

static int run_prepare_adopt_sender(struct actor *a)
{
    int result = chan_prepare_sender(a->ch, CHAN_NO_SPIN, &a->tx);
    return result ? result : chan_adopt_sender(a->tx);
}

static int run_prepare_adopt_receiver(struct actor *a)
{
    int result = chan_prepare_receiver(a->ch, CHAN_NO_SPIN, &a->rx);
    return result ? result : chan_adopt_receiver(a->rx);
}

/* An endpoint that is prepared, and handed over by its address; here to the same process. */
static int run_hand_over_sender(struct actor *a)
{
    struct chan_address address;
    struct chan_sender *prepared;
    int result = chan_prepare_sender(a->ch, CHAN_NO_SPIN, &prepared);
    if (result)
        return result;
    result = chan_address_of_sender(prepared, &address);
    if (!result)
        result = chan_attach_sender_at(&address, CHAN_NO_KEEPER, CHAN_NO_SPIN, &a->tx);
    chan_close_sender(prepared);
    return result;
}

static int run_hand_over_receiver(struct actor *a)
{
    struct chan_address address;
    struct chan_receiver *prepared;
    int result = chan_prepare_receiver(a->ch, CHAN_NO_SPIN, &prepared);
    if (result)
        return result;
    result = chan_address_of_receiver(prepared, &address);
    if (!result)
        result = chan_attach_receiver_at(&address, CHAN_NO_KEEPER, CHAN_NO_SPIN, &a->rx);
    chan_close_receiver(prepared);
    return result;
}

static int run_close_sender(struct actor *a)
{
    chan_close_sender(a->tx);
    return 0;
}

static int run_close_receiver(struct actor *a)
{
    chan_close_receiver(a->rx);
    return 0;
}

static int run_shutdown(struct actor *a)
{
    return chan_shutdown(a->ch);
}

static int run_repair(struct actor *a)
{
    struct chan_repair_report report;
    return chan_repair(a->ch, 0, &report);
}

#define TX CHAN_ROLE_SENDER
#define RX CHAN_ROLE_RECEIVER

const struct operation operations[] = {
    {.name = "send", .role = TX, .sends = 1, .room = 1, .prepare = compose_all, .run = run_send},
    {.name = "send_many",
     .role = TX,
     .sends = BATCH,
     .room = 1,
     .prepare = compose_all,
     .run = run_send_many},
    {.name = "reserve+commit",
     .role = TX,
     .sends = 1,
     .room = 1,
     .prepare = compose_all,
     .run = run_reserve_commit},
    {.name = "reserve+abort", .role = TX, .room = 1, .prepare = compose_all, .run = run_reserve_abort},
    {.name = "permit", .role = TX, .room = 1, .permits = true, .run = run_reserve_permit},
    {.name = "two permits", .role = TX, .room = 2, .permits = true, .run = run_reserve_permits},
    {.name = "permit send",
     .role = TX,
     .sends = 1,
     .room = 1,
     .permits = true,
     .prepare = prepare_permit,
     .run = run_permit_send},
    {.name = "permit send, one left",
     .role = TX,
     .sends = 1,
     .room = 2,
     .permits = true,
     .prepare = prepare_permits,
     .run = run_permit_send},
    {.name = "permit send, shut down",
     .role = TX,
     .sends = 1,
     .room = 1,
     .permits = true,
     .shuts_down = true,
     .prepare = prepare_permit_and_shutdown,
     .run = run_permit_send},
    {.name = "permit commit",
     .role = TX,
     .sends = 1,
     .room = 1,
     .permits = true,
     .prepare = prepare_permit_and_loan,
     .run = run_permit_commit},
    {.name = "send, permit",
     .role = TX,
     .sends = 1,
     .room = 2,
     .permits = true,
     .prepare = prepare_permit,
     .run = run_send},
    {.name = "permit release",
     .role = TX,
     .room = 1,
     .permits = true,
     .prepare = prepare_permit,
     .run = run_permit_release},
    {.name = "permit release, shut down",
     .role = TX,
     .room = 1,
     .permits = true,
     .shuts_down = true,
     .prepare = prepare_permit_and_shutdown,
     .run = run_permit_release},
    {.name = "close sender, permit",
     .role = TX,
     .leaves = true,
     .room = 1,
     .permits = true,
     .prepare = prepare_permit,
     .run = run_close_sender},
    {.name = "write", .role = TX, .sends = 1, .room = 1, .prepare = compose_all, .run = run_write},
    {.name = "recv", .role = RX, .takes = 1, .needs = 1, .run = run_recv},
    {.name = "recv_many", .role = RX, .takes = BATCH, .needs = 1, .run = run_recv_many},
    {.name = "drain", .role = RX, .takes = BATCH, .needs = 1, .run = run_drain},
    {.name = "recv_view", .role = RX, .needs = 1, .run = run_recv_view},
    {.name = "view+release", .role = RX, .takes = 1, .needs = 1, .run = run_view_release},
    {.name = "release", .role = RX, .takes = 1, .needs = 1, .prepare = prepare_view, .run = run_release},
    {.name = "give back", .role = RX, .needs = 1, .prepare = prepare_view, .run = run_give_back},
    {.name = "cancel sender", .role = TX, .run = run_cancel_sender},
    {.name = "cancel receiver", .role = RX, .run = run_cancel_receiver},
    /* The buffer has room for some of those that come meanwhile. */
    {.name = "read", .role = RX, .takes = 2 * BATCH, .needs = 1, .run = run_read},
    {.name = "read_part", .role = RX, .needs = 1, .run = run_read_part},
    {.name = "read_rest", .role = RX, .takes = 1, .needs = 1, .prepare = prepare_part, .run = run_read_rest},
    {.name = "redelivery", .role = RX, .takes = 1, .orphan = true, .run = run_recv},
    {.name = "redelivery view", .role = RX, .orphan = true, .run = run_recv_view},
    {.name = "attach sender", .role = TX, .attaches = true, .run = run_attach_sender},
    {.name = "attach receiver", .role = RX, .attaches = true, .run = run_attach_receiver},
    {.name = "clone sender", .role = TX, .clones = true, .run = run_clone_sender},
    {.name = "clone receiver", .role = RX, .clones = true, .run = run_clone_receiver},
    {.name = "downgrade", .role = TX, .weak = true, .run = run_downgrade},
    {.name = "upgrade",
     .role = TX,
     .clones = true,
     .weak = true,
     .prepare = prepare_weak,
     .run = run_upgrade},
    {.name = "close weak sender", .role = TX, .weak = true, .prepare = prepare_weak, .run = run_close_weak},
    {.name = "prepare+adopt sender", .role = TX, .attaches = true, .run = run_prepare_adopt_sender},
    {.name = "prepare+adopt receiver", .role = RX, .attaches = true, .run = run_prepare_adopt_receiver},
    {.name = "hand over sender", .role = TX, .attaches = true, .clones = true, .run = run_hand_over_sender},
    {.name = "hand over receiver",
     .role = RX,
     .attaches = true,
     .clones = true,
     .run = run_hand_over_receiver},
    {.name = "close sender", .role = TX, .leaves = true, .run = run_close_sender},
    {.name = "close sender, loan",
     .role = TX,
     .leaves = true,
     .room = 1,
     .prepare = prepare_loan,
     .run = run_close_sender},
    {.name = "close receiver", .role = RX, .leaves = true, .run = run_close_receiver},
    {.name = "close receiver, view",
     .role = RX,
     .needs = 1,
     .leaves = true,
     .prepare = prepare_view,
     .run = run_close_receiver},
    {.name = "offer", .role = TX, .sends = 1, .meets = true, .prepare = compose_all, .run = run_offer},
    {.name = "try_send", .role = TX, .sends = 1, .meets = true, .prepare = compose_all, .run = run_try_send},
    {.name = "demand", .role = RX, .takes = 1, .meets = true, .run = run_demand},
    {.name = "demand view", .role = RX, .meets = true, .run = run_demand_view},
    {.name = "try_recv", .role = RX, .takes = 1, .meets = true, .run = run_try_recv},
    {.name = "try_view", .role = RX, .meets = true, .run = run_try_view},
    {.name = "shutdown", .shuts_down = true, .run = run_shutdown},
    {.name = "repair", .run = run_repair},
};
const unsigned operation_count = sizeof operations / sizeof operations[0];

const struct operation *operation_find(const char *name)
{
    for (unsigned i = 0; i < operation_count; i++)
        if (!strcmp(operations[i].name, name))
            return &operations[i];
    abort();
}

/* A receiver's messages are sent by an endpoint that is gone again before its operation. */
static int fill(struct actor *a)
{
    struct chan_sender *tx = a->tx, *own = NULL;
    int result = a->fill && !tx ? chan_attach_sender(a->ch, CHAN_NO_SPIN, &own) : 0;
    for (uint32_t i = 0; !result && i < a->fill; i++) {
        unsigned char message[MESSAGE_BYTES_MAX];
        uint32_t id = a->fill_id + i;
        message_write(message, message_size(a->scene, id), id);
        result = chan_try_send(tx ? tx : own, message, message_size(a->scene, id));
    }
    chan_close_sender(own);
    return result;
}

void operation_perform(const struct operation *operation, struct actor *actor)
{
    int result = 0;
    /* The channel that was inherited has no keeper. */
    if (actor->scene->kept)
        result = chan_open_fd(chan_fd(actor->ch), 0, &actor->ch);
    if (!result && !operation->attaches && operation->role == TX)
        result = chan_attach_sender(actor->ch, CHAN_NO_SPIN, &actor->tx);
    if (!result && !operation->attaches && operation->role == RX)
        result = chan_attach_receiver(actor->ch, CHAN_NO_SPIN, &actor->rx);
    if (!result)
        result = fill(actor);
    if (!result && operation->prepare)
        operation->prepare(actor);
    actor->journal->result = result;
    victim_enter(&actor->journal->phase);
    if (!result)
        actor->journal->result = operation->run(actor);
    victim_leave(&actor->journal->phase);
}

bool operation_fits(const struct operation *operation, const struct scene *scene)
{
    bool seat = (operation->role == TX && scene->senders == CHAN_ONE) ||
                (operation->role == RX && scene->receivers == CHAN_ONE);
    if (operation->meets && scene->messages)
        return false;
    if (seat && (!scene->alone || operation->clones))
        return false;
    if (scene->alone && !operation->role)
        return false;
    if (operation->permits && !scene->fair)
        return false;
    /* What was there before has to have been sent and received by somebody. */
    if (scene->alone && scene->lifetime == CHAN_EPHEMERAL &&
        (scene->laps || scene->orphan || (scene->queued && operation->role == TX && operation->attaches)))
        return false;
    if (scene->orphan && (operation->role == TX || seat))
        return false;
    if (operation->orphan && !scene_has_orphan(scene))
        return false;
    return scene->queued >= operation->needs && scene->messages - scene->queued >= operation->room;
}
