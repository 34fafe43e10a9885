/* SPDX-License-Identifier: Apache-2.0 */
/* Working on around victims and after them. */
#include "survivors.h"

#include <errno.h>

/* A broken channel must not make a survivor loop for ever. */
#define ROUNDS_MAX 200u

int survivors_send(struct trial *t, struct chan_sender *tx)
{
    unsigned char message[MESSAGE_BYTES_MAX];
    uint32_t id = t->next_id;
    if (id >= IDS_MAX) {
        trial_fail(t, "the survivors send without end");
        return -E2BIG;
    }
    size_t size = message_size(t->scene, id);
    message_write(message, size, id);
    int result = chan_try_send(tx, message, size);
    if (!result) {
        t->sent[id] = 1;
        t->next_id++;
    }
    return result;
}

static bool is_known(const struct trial *t, uint32_t id)
{
    uint32_t index;
    return id && id < IDS_MAX && (t->sent[id] || trial_sender_of(t, id, &index));
}

void survivors_book(struct trial *t, const void *data, size_t size, uint32_t deliveries)
{
    uint32_t id = message_id(t->scene, data, size);
    t->received++;
    if (!is_known(t, id)) {
        trial_fail(t, "received a message that is torn, or was never sent (%u, %zu bytes)", id, size);
        return;
    }
    if (t->delivered[id]++)
        trial_fail(t, "message %u was delivered twice", id);
    if (t->scene->kind != CHAN_BROADCAST && trial_was_viewed(t, id) && deliveries == 1)
        trial_fail(t, "message %u was in the victim's hands, and its redelivery is not flagged", id);
    if (t->scene->max_deliveries && deliveries > t->scene->max_deliveries)
        trial_fail(t, "message %u is delivered for the %uth time", id, deliveries);
    /* What the victim took may come back late. */
    bool may_be_late = deliveries > 1 || id < t->first_queued + t->part_count * BATCH;
    if (id >= SURVIVOR_IDS && !may_be_late && id < t->newest_id)
        trial_fail(t, "message %u came after %u", id, t->newest_id);
    if (id > t->newest_id)
        t->newest_id = id;
}

int survivors_receive(struct trial *t, struct chan_receiver *rx)
{
    struct chan_view view;
    int result = chan_try_recv_view(rx, &view);
    if (result)
        return result;
    survivors_book(t, view.data, view.size, view.deliveries);
    trial_must(t, "chan_release", chan_release(rx, &view));
    return 0;
}

void survivors_drain(struct trial *t)
{
    int result = -EAGAIN;
    for (unsigned i = 0; t->rx && i < ROUNDS_MAX; i++) {
        result = survivors_receive(t, t->rx);
        if (result)
            break;
    }
    if (result != -EAGAIN && result != -EPIPE)
        trial_fail(t, "draining ended with %s", chan_error_name(result));
}

uint32_t survivors_fill(struct trial *t)
{
    uint32_t count = 0;
    int result = t->tx ? 0 : -EAGAIN;
    while (!result && count < ROUNDS_MAX) {
        result = survivors_send(t, t->tx);
        count += !result;
    }
    if (result != -EAGAIN && result != -EPIPE)
        trial_fail(t, "filling ended with %s", chan_error_name(result));
    return count;
}

void survivors_work(struct trial *t, unsigned laps)
{
    for (unsigned lap = 0; lap < laps; lap++) {
        (void)survivors_fill(t);
        survivors_drain(t);
    }
}

void survivors_newcomers(struct trial *t)
{
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;
    int tx_result = chan_attach_sender(t->ch, 0, &tx);
    int rx_result = chan_attach_receiver(t->ch, 0, &rx);
    struct chan_stat stat;
    trial_stat(t, &stat);
    bool refuses = stat_refuses(&stat);
    if (tx_result && !(tx_result == -EPIPE && refuses) &&
        !(tx_result == -EBUSY && t->scene->senders == CHAN_ONE))
        trial_fail(t, "a newcomer cannot attach as sender: %s", chan_error_name(tx_result));
    if (rx_result && !(rx_result == -EPIPE && stat.receivers_gone) &&
        !(rx_result == -EBUSY && t->scene->receivers == CHAN_ONE))
        trial_fail(t, "a newcomer cannot attach as receiver: %s", chan_error_name(rx_result));
    if (tx) {
        int result = survivors_send(t, tx);
        if (result && result != -EAGAIN && !(result == -EPIPE && refuses))
            trial_fail(t, "a newcomer cannot send: %s", chan_error_name(result));
    }
    if (rx) {
        int result = survivors_receive(t, rx);
        if (result && result != -EAGAIN && !(result == -EPIPE && refuses))
            trial_fail(t, "a newcomer cannot receive: %s", chan_error_name(result));
    }
    /* Where the victim was alone, the newcomer stays. */
    t->joined |= (!t->tx && tx) || (!t->rx && rx);
    if (!t->tx)
        t->tx = tx;
    else
        chan_close_sender(tx);
    if (!t->rx)
        t->rx = rx;
    else
        chan_close_receiver(rx);
}

void survivors_check_capacity(struct trial *t, uint32_t missing)
{
    if (!t->tx || !t->rx)
        return;
    struct chan_stat stat;
    survivors_drain(t);
    uint32_t filled = survivors_fill(t);
    trial_stat(t, &stat);
    survivors_drain(t);
    if (stat_refuses(&stat))
        return;
    if (filled > t->scene->messages || filled + missing < t->scene->messages)
        trial_fail(t, "%u messages fit instead of %u", filled, t->scene->messages);
}

void survivors_work_around(struct trial *t)
{
    struct chan_repair_report report;
    survivors_work(t, 2);
    trial_must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    if (report.dead > t->dead_too)
        trial_fail(t, "a stopped victim is taken for dead");
    survivors_newcomers(t);
    uint32_t missing = 0, wanted = 0;
    for (unsigned i = 0; i < t->part_count; i++) {
        const struct operation *o = t->parts[i].operation;
        missing += t->scene->large ? o->room + o->needs + o->orphan : 0;
        missing += t->scene->fair ? o->room : 0;
        wanted += o->role == CHAN_ROLE_RECEIVER && (o->needs || o->orphan) && !o->leaves;
    }
    survivors_check_capacity(t, missing);
    for (uint32_t i = 0; t->tx && i < wanted; i++) {
        int result = survivors_send(t, t->tx);
        /* The memory may be in the hands of a victim that needs no other message. */
        if (result && result != -EPIPE && !(result == -EAGAIN && (!t->rx || missing)))
            trial_fail(t, "feeding the victim: %s", chan_error_name(result));
    }
}
