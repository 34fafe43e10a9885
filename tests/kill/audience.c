/* SPDX-License-Identifier: Apache-2.0 */
/* Working on around victims in a broadcast, and after them: a survivor that is subscribed throughout gets every message
 * that was sent, once, whole and in order. */
#include "audience.h"

#include <errno.h>
#include <string.h>

/* What is sent only to overwrite something is no message of the books. */
static bool is_filler(const struct chan_view *view)
{
    return view->size == FILLER_BYTES && !memcmp(view->data, FILLER, 4);
}

void audience_drain(struct trial *t, bool may_lag)
{
    struct chan_view view;
    for (unsigned i = 0; t->rx && i < 100; i++) {
        int result = chan_try_recv_view(t->rx, &view);
        if (result == -EOVERFLOW && may_lag)
            continue;
        if (result == -EAGAIN || result == -EPIPE)
            return;
        if (result) {
            trial_fail(t, "receiving: %s", chan_error_name(result));
            return;
        }
        if (!is_filler(&view))
            survivors_book(t, view.data, view.size, view.deliveries);
        trial_must(t, "chan_release", chan_release(t->rx, &view));
    }
}

static bool may_refuse(struct trial *t)
{
    struct chan_stat stat;
    trial_stat(t, &stat);
    return stat_refuses(&stat);
}

void audience_work(struct trial *t, uint32_t count, bool may_be_held_up)
{
    for (uint32_t i = 0; t->tx && t->rx && i < count; i++) {
        int result = survivors_send(t, t->tx);
        if (result && !(result == -EAGAIN && may_be_held_up) && !(result == -EPIPE && may_refuse(t)))
            trial_fail(t, "sending: %s", chan_error_name(result));
        audience_drain(t, false);
    }
}

/* Exactly so many are kept; one more waits, or overwrites exactly one. */
static void check_capacity(struct trial *t)
{
    if (!t->tx || !t->rx || may_refuse(t))
        return;
    for (uint32_t i = 0; i < t->scene->messages; i++)
        trial_must(t, "filling", survivors_send(t, t->tx));
    if (t->scene->overflow == CHAN_BLOCK) {
        int result = survivors_send(t, t->tx);
        if (result != -EAGAIN)
            trial_fail(t, "more messages fit than may be kept: %s", chan_error_name(result));
        audience_drain(t, false);
        return;
    }
    uint32_t overwritten = t->next_id - t->scene->messages;
    trial_must(t, "overwriting", survivors_send(t, t->tx));
    struct chan_view view;
    int result = chan_try_recv_view(t->rx, &view);
    if (result != -EOVERFLOW || chan_receiver_lagged(t->rx) != 1)
        trial_fail(t, "one message too many: %s, %lu missed", chan_error_name(result),
                   chan_receiver_lagged(t->rx));
    t->delivered[overwritten] = 1;
    t->newest_id = overwritten;
    audience_drain(t, false);
}

void audience_newcomers(struct trial *t)
{
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;
    unsigned char buffer[MESSAGE_BYTES_MAX];
    size_t size;
    bool refuses = t->tx && t->rx && may_refuse(t);
    int rx_result = chan_attach_receiver(t->ch, 0, &rx), tx_result = chan_attach_sender(t->ch, 0, &tx);
    if (rx_result && rx_result != -EPIPE)
        trial_fail(t, "a newcomer cannot attach as receiver: %s", chan_error_name(rx_result));
    if (tx_result && tx_result != -EPIPE)
        trial_fail(t, "a newcomer cannot attach as sender: %s", chan_error_name(tx_result));
    if (rx && tx && !refuses && !may_refuse(t)) {
        int result = chan_try_recv(rx, buffer, sizeof buffer, &size);
        if (result != -EAGAIN)
            trial_fail(t, "a newcomer receives from before: %s", chan_error_name(result));
        trial_must(t, "a newcomer sends", survivors_send(t, tx));
        result = chan_try_recv(rx, buffer, sizeof buffer, &size);
        if (result || message_id(t->scene, buffer, size) != t->next_id - 1)
            trial_fail(t, "a newcomer does not receive: %s", chan_error_name(result));
        if (!t->rx)
            t->delivered[t->next_id - 1] = 1;
    }
    chan_close_sender(tx);
    chan_close_receiver(rx);
    audience_drain(t, false);
}

static void account_for(struct trial *t)
{
    for (uint32_t id = 1; t->rx && id < IDS_MAX; id++) {
        uint32_t index;
        const struct part *sender = trial_sender_of(t, id, &index);
        bool sent = t->sent[id] || (sender && index < sender->journal->sent);
        if (!t->delivered[id] && sent) {
            t->tally.lost++;
            trial_fail(t, "message %u is lost", id);
        }
        if (t->delivered[id] && !sent && !sender)
            trial_fail(t, "message %u was never sent", id);
    }
}

/* What the victim has received was whole, killed or not. */
static void check_victims_messages(struct trial *t)
{
    const struct journal *j = t->parts[0].journal;
    if (j->phase != PHASE_DONE || j->result || !t->parts[0].operation->takes)
        return;
    for (uint32_t i = 0; i < BATCH; i++)
        if (j->got[i] && message_id(t->scene, j->buffer[i], message_size(t->scene, j->got[i])) != j->got[i])
            trial_fail(t, "the victim received a torn message");
}

/* No payload is left in use once all that is kept are small messages. */
static void check_memory(struct trial *t)
{
    struct chan_stat stat;
    if (!t->tx || !t->rx || may_refuse(t))
        return;
    for (uint32_t i = 0; i < t->scene->messages; i++)
        trial_must(t, "sending a small one", chan_try_send(t->tx, FILLER, FILLER_BYTES));
    audience_drain(t, false);
    trial_stat(t, &stat);
    if (stat.units_used || stat.dead || stat.held || stat.orphaned)
        trial_fail(t, "left over: units %lu, dead %u, held %lu, orphaned %lu", stat.units_used, stat.dead,
                   stat.held, stat.orphaned);
}

static void check_records(struct trial *t)
{
    for (uint32_t number = 0; number < ENDPOINTS; number++) {
        struct chan_endpoint_stat stat = {.size = sizeof stat};
        if ((t->tx && number == chan_sender_number(t->tx)) ||
            (t->rx && number == chan_receiver_number(t->rx)) ||
            (t->extra && number == chan_sender_number(t->extra)))
            continue;
        if (chan_endpoint_stat(t->ch, number, &stat) != -ENOENT)
            trial_fail(t, "endpoint record %u is not free: state %u", number, stat.state);
    }
}

void audience_settle(struct trial *t)
{
    struct chan_repair_report report;
    char text[200];
    trial_must(t, "chan_repair", chan_repair(t->ch, 0, &report));
    if (report.dead != report.repaired)
        trial_fail(t, "%u dead, %u repaired", report.dead, report.repaired);
    audience_drain(t, false);
    audience_newcomers(t);
    check_capacity(t);
    if (t->killed_ns)
        tally_recovery(&t->tally, chan_now() - t->killed_ns);
    t->killed_ns = 0;
    audience_work(t, t->scene->messages + 1, false);
    account_for(t);
    check_victims_messages(t);
    check_memory(t);
    check_records(t);
    if (chan_check(t->ch, text, sizeof text))
        trial_fail(t, "chan_check: %s", text);
}
