/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: copies, batches, and loans. */
#include "src/kind.h"

#include "shm/arena.h"
#include "shm/copy.h"
#include "shm/event.h"
#include "shm/overwrite.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

/* Above this, look whether there is room before copying; below, copying is cheaper than looking twice. */
#define LOOK_FIRST_BYTES 512u

static struct segment *segment_of(const struct chan_sender *tx)
{
    return &tx->handle.chan->segment;
}

/* Closed comes before everything, room or not; who has a place in a fair queue may use it after a shutdown. */
static int check_open(struct chan_sender *tx, bool has_place)
{
    uint64_t state = chan__life_state(tx->handle.chan);
    if (!(state & (STATE_SHUT_DOWN | STATE_RECEIVERS_GONE)))
        return 0;
    if (state & STATE_RECEIVERS_GONE)
        chan__discard_all(&tx->handle); /* the last receiver may have been killed, and nobody else be left */
    return has_place && !(state & STATE_RECEIVERS_GONE) ? 0 : -EPIPE;
}

OUT_OF_LINE static int claim(struct sending *op)
{
    if (segment_of(op->tx)->g.steps)
        return chan__growable_claim(op);
    return chan__arena_claim(segment_of(op->tx), op->spare.number, op->size, &op->tx->arena_hint);
}

/* Some kinds have memory in use that they can do without, one message's at a time. */
OUT_OF_LINE static int make_room_and_claim(struct sending *op)
{
    int (*make_room)(struct sending *) = chan__kind(op->tx->handle.chan)->make_room;
    int result = -EAGAIN;
    for (uint64_t i = 0; result == -EAGAIN && i <= segment_of(op->tx)->g.messages; i++) {
        if (!make_room || make_room(op))
            return -EAGAIN;
        result = claim(op);
    }
    return result;
}

static inline int get_memory(struct sending *op)
{
    const struct segment *s = segment_of(op->tx);
    if (op->size <= s->g.inline_size) {
        store_relaxed(&op->spare.block->extent_count, 0);
    } else {
        int result = claim(op);
        if (result == -EAGAIN)
            result = make_room_and_claim(op);
        if (result)
            return result;
    }
    op->has_memory = true;
    return 0;
}

static void drop_memory(struct sending *op)
{
    op->has_memory = false;
    if (!chan__arena_free(segment_of(op->tx), op->spare.number))
        return;
    chan__event_notify_after_store(&seg_hot(segment_of(op->tx))->space_event, INT_MAX);
    if (segment_of(op->tx)->g.steps)
        chan__growable_shrink(&op->tx->handle);
}

static uint64_t coarse_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static bool heads_a_batch(const struct sending *op)
{
    return !op->batch || !op->batch->unannounced;
}

static inline uint64_t sending_time(struct sending *op)
{
    if (!op->batch)
        return coarse_now();
    if (heads_a_batch(op))
        op->batch->sent_ns = coarse_now();
    return op->batch->sent_ns;
}

static ALWAYS_INLINE int describe(struct sending *op)
{
    struct seg_block *block = op->spare.block;
    unsigned char *payload = chan__payload(segment_of(op->tx), block, op->size);
    if (!payload)
        return -EBADMSG;
    if (op->data && op->size >= COPY_LEARNING_BYTES)
        chan__copy_learning(&op->tx->copier, payload, op->data, op->size);
    else if (op->data && op->size)
        copy_bytes(payload, op->data, op->size);
    chan__block_describe(block, op->size, sending_time(op), op->tx->handle.endpoint.party.number);
    return 0;
}

static inline int fill(struct sending *op)
{
    int result = get_memory(op);
    return result ? result : describe(op);
}

/* Into the ring, and tell receivers. */
static inline int place(struct sending *op)
{
    struct party *party = &op->tx->handle.endpoint.party;
    atomic_u32 *event = &seg_hot(party->segment)->data_event;
    uint32_t warned = 0;
    if (heads_a_batch(op) && chan__event_has_sleepers(event) && !chan__ring_has_room(party))
        warned = chan__event_warn(event, 1);
    int result = chan__ring_put(party, &op->spare);
    if (result)
        return result;
    store_relaxed(&party->record->sent_bytes, load_relaxed(&party->record->sent_bytes) + op->size);
    if (op->batch)
        op->batch->unannounced++;
    else
        chan__event_notify_warned(event, warned, 1);
    return 0;
}

static ALWAYS_INLINE int attempt(struct sending *op, bool has_place)
{
    int result = check_open(op->tx, has_place);
    if (!result && !op->has_memory) {
        if (op->size > LOOK_FIRST_BYTES)
            result = chan__ring_has_room(&op->tx->handle.endpoint.party);
        if (!result)
            result = fill(op);
    }
    return result ? result : place(op);
}

static int attempt_put(void *sending)
{
    return attempt(sending, false);
}

int chan__queue_attempt_put(void *sending)
{
    return attempt(sending, false);
}

int chan__sending_place(struct sending *op)
{
    return attempt(op, true);
}

/* Full at one place twice: a place that had become free in between would still be, or the next sender's would be
 * another. */
int chan__queue_send_ready(struct chan_sender *tx, struct stamp *stamp)
{
    struct party *party = &tx->handle.endpoint.party;
    int result = check_open(tx, false);
    if (!result)
        result = chan__ring_has_room(party);
    *stamp = (struct stamp){{chan__ring_number(&party->segment->g, party->cursor)}};
    return result == -EAGAIN ? result : 0;
}

int chan__queue_put(struct sending *op, int64_t deadline_ns)
{
    return chan__wait(&op->tx->handle, attempt_put, op, deadline_ns);
}

static inline int put(struct sending *op, int64_t deadline_ns)
{
    struct handle *h = &op->tx->handle;
    if (chan__is_queue(h->chan))
        return chan__wait(h, attempt_put, op, deadline_ns);
    return chan__kind(h->chan)->put(op, deadline_ns);
}

int chan__sending_check_open(struct chan_sender *tx)
{
    return check_open(tx, false);
}

int chan__sending_memory(struct sending *op)
{
    return get_memory(op);
}

int chan__sending_describe(struct sending *op)
{
    return describe(op);
}

int chan__sending_compose(struct sending *op)
{
    chan__overwrite_fence();
    return fill(op);
}

bool chan__sending_heads_a_batch(const struct sending *op)
{
    return heads_a_batch(op);
}

int chan__sending_fill(struct sending *op)
{
    return op->has_memory ? 0 : fill(op);
}

void chan__sending_drop(struct sending *op)
{
    if (op->has_memory)
        drop_memory(op);
}

static inline void count_one(atomic_u64 *count)
{
    store_relaxed(count, load_relaxed(count) + 1);
}

/* A message that could not be sent stays its user's: it is in no other count. */
static void count_refusal(struct chan_sender *tx, int result)
{
    struct seg_record *record = tx->handle.endpoint.party.record;
    if (result == -EAGAIN)
        count_one(&record->refused_full);
    else if (result == -ETIMEDOUT)
        count_one(&record->refused_late);
    else if (result == -EPIPE)
        count_one(&record->refused_closed);
}

static inline int find_spare(struct chan_sender *tx, struct held *out)
{
    if (!chan__is_queue(tx->handle.chan) && chan__kind(tx->handle.chan)->spare)
        return chan__kind(tx->handle.chan)->spare(tx, out);
    return chan__handle_spare(&tx->handle, out);
}

static int send_copy(struct chan_sender *tx, const void *data, size_t size, int64_t deadline_ns,
                     struct batch *batch)
{
    struct sending op = {.tx = tx, .data = data, .size = size, .batch = batch};
    if (size > segment_of(tx)->g.message_size)
        return -EMSGSIZE;
    int result = chan__handle_spare(&tx->handle, &op.spare);
    if (!result)
        result = put(&op, deadline_ns);
    if (result && op.has_memory)
        chan__sending_drop(&op);
    if (result && !(batch && result == -EAGAIN)) /* a batch may go on to wait */
        count_refusal(tx, result);
    return result;
}

int chan__send_copy(struct chan_sender *tx, const void *data, size_t size, int64_t deadline_ns)
{
    return send_copy(tx, data, size, deadline_ns, NULL);
}

/* Whether small messages can go the short way: the queue is open, and no receiver has to be warned. */
static inline bool may_go_short(struct chan_sender *tx, bool heads_a_batch, struct held *spare)
{
    const struct segment *s = segment_of(tx);
    return !(chan__life_state(tx->handle.chan) & (STATE_SHUT_DOWN | STATE_RECEIVERS_GONE)) &&
           !(heads_a_batch && chan__event_has_sleepers(&seg_hot(s)->data_event)) &&
           !chan__handle_spare(&tx->handle, spare);
}

/* False: nothing has happened, and the long way is to be gone. */
static inline bool send_small(struct chan_sender *tx, const void *data, size_t size)
{
    const struct segment *s = segment_of(tx);
    struct party *party = &tx->handle.endpoint.party;
    struct held spare;
    uint64_t word;
    if (!s->g.small || !data || size > s->g.message_size || !chan__ring_room_next(party, &word) ||
        !may_go_short(tx, true, &spare) ||
        !chan__ring_put_small(party, word, &spare, data, size, coarse_now()))
        return false;
    chan__event_notify(&seg_hot(s)->data_event, 1);
    return true;
}

/* How many went the short way. */
static size_t send_run(struct chan_sender *tx, const struct iovec *messages, size_t count,
                       struct batch *batch)
{
    struct held spare;
    if (!segment_of(tx)->g.small || !may_go_short(tx, !batch->unannounced, &spare))
        return 0;
    if (!batch->unannounced)
        batch->sent_ns = coarse_now();
    size_t room = BATCH_UNANNOUNCED - batch->unannounced;
    size_t sent = chan__ring_put_run(&tx->handle.endpoint.party, &spare, messages,
                                     count < room ? count : room, batch->sent_ns);
    batch->unannounced += (uint32_t)sent;
    return sent;
}

static int send_until(struct chan_sender *tx, const void *data, size_t size, int64_t deadline_ns)
{
    if (!tx || (!data && size))
        return -EINVAL;
    int result = chan__handle_enter(&tx->handle);
    if (result)
        return result;
    if (!send_small(tx, data, size))
        result = send_copy(tx, data, size, deadline_ns, NULL);
    chan__handle_leave(&tx->handle);
    return result;
}

int chan_send(struct chan_sender *tx, const void *data, size_t size)
{
    return send_until(tx, data, size, CHAN_FOREVER);
}

int chan_try_send(struct chan_sender *tx, const void *data, size_t size)
{
    return send_until(tx, data, size, DEADLINE_TRY);
}

int chan_send_timeout(struct chan_sender *tx, const void *data, size_t size, int64_t timeout_ns)
{
    return send_until(tx, data, size, chan_deadline(timeout_ns));
}

int chan_send_until(struct chan_sender *tx, const void *data, size_t size, int64_t deadline_ns)
{
    return send_until(tx, data, size, chan__user_deadline(deadline_ns));
}

void chan__send_announce(struct chan_sender *tx, struct batch *batch)
{
    int count = chan__is_queue(tx->handle.chan) ? (int)batch->unannounced : INT_MAX;
    if (batch->unannounced)
        chan__event_notify(&seg_hot(segment_of(tx))->data_event, count);
    batch->unannounced = 0;
}

void chan__send_many_ends(struct chan_sender *tx, struct batch *batch, int result)
{
    chan__send_announce(tx, batch);
    if (result == -EAGAIN)
        count_refusal(tx, result);
}

int chan__send_one_of_many(struct chan_sender *tx, const struct iovec *message, int64_t deadline_ns,
                           struct batch *batch)
{
    if (!message->iov_base && message->iov_len)
        return -EINVAL;
    int result = send_copy(tx, message->iov_base, message->iov_len, DEADLINE_TRY, batch);
    if (result == -EAGAIN || batch->unannounced == BATCH_UNANNOUNCED)
        chan__send_announce(tx, batch);
    if (result == -EAGAIN && deadline_ns != DEADLINE_TRY)
        result = send_copy(tx, message->iov_base, message->iov_len, deadline_ns, NULL);
    return result;
}

static ssize_t send_many_until(struct chan_sender *tx, const struct iovec *messages, size_t count,
                               int64_t deadline_ns)
{
    if (!tx || (!messages && count))
        return -EINVAL;
    int result = chan__handle_enter(&tx->handle);
    if (result)
        return result;
    size_t sent = 0;
    struct batch batch = {0};
    while (!result && sent < count && sent < SSIZE_MAX) {
        size_t run = send_run(tx, &messages[sent], count - sent, &batch);
        if (!run)
            result = chan__send_one_of_many(tx, &messages[sent], deadline_ns, &batch);
        else if (batch.unannounced == BATCH_UNANNOUNCED)
            chan__send_announce(tx, &batch);
        sent += run ? run : !result;
    }
    chan__send_many_ends(tx, &batch, result);
    chan__handle_leave(&tx->handle);
    return sent ? (ssize_t)sent : result;
}

ssize_t chan_send_many(struct chan_sender *tx, const struct iovec *messages, size_t count)
{
    return send_many_until(tx, messages, count, CHAN_FOREVER);
}

ssize_t chan_try_send_many(struct chan_sender *tx, const struct iovec *messages, size_t count)
{
    return send_many_until(tx, messages, count, DEADLINE_TRY);
}

ssize_t chan_send_many_timeout(struct chan_sender *tx, const struct iovec *messages, size_t count,
                               int64_t timeout_ns)
{
    return send_many_until(tx, messages, count, chan_deadline(timeout_ns));
}

ssize_t chan_send_many_until(struct chan_sender *tx, const struct iovec *messages, size_t count,
                             int64_t deadline_ns)
{
    return send_many_until(tx, messages, count, chan__user_deadline(deadline_ns));
}

static int attempt_memory(void *operation)
{
    struct sending *op = operation;
    int result = check_open(op->tx, false);
    return result ? result : get_memory(op);
}

static int open_loan(struct chan_sender *tx, size_t size, struct chan_loan *loan, int64_t deadline_ns)
{
    const struct segment *s = segment_of(tx);
    struct sending op = {.tx = tx, .size = size};
    if (size > s->g.message_size)
        return -EMSGSIZE;
    if (chan__all_holds_open(&tx->handle))
        return -ENOBUFS;
    int result = find_spare(tx, &op.spare);
    if (!result)
        result = chan__wait(&tx->handle, attempt_memory, &op, deadline_ns);
    if (result)
        return result;
    unsigned char *payload = chan__payload(s, op.spare.block, size);
    if (!payload)
        return -EBADMSG;
    if (!chan__is_queue(tx->handle.chan))
        chan__overwrite_fence();
    tx->handle.open |= hold_bit(&tx->handle, op.spare.hold);
    *loan = (struct chan_loan){.data = payload, .size = size, .hold = op.spare.hold + 1};
    return 0;
}

static int reserve_until(struct chan_sender *tx, size_t size, struct chan_loan *loan, int64_t deadline_ns)
{
    if (!tx || !loan)
        return -EINVAL;
    int result = chan__handle_enter(&tx->handle);
    if (result)
        return result;
    result = open_loan(tx, size, loan, deadline_ns);
    if (result)
        count_refusal(tx, result);
    chan__handle_leave(&tx->handle);
    return result;
}

int chan_reserve(struct chan_sender *tx, size_t size, struct chan_loan *loan)
{
    return reserve_until(tx, size, loan, CHAN_FOREVER);
}

int chan_try_reserve(struct chan_sender *tx, size_t size, struct chan_loan *loan)
{
    return reserve_until(tx, size, loan, DEADLINE_TRY);
}

int chan_reserve_timeout(struct chan_sender *tx, size_t size, struct chan_loan *loan, int64_t timeout_ns)
{
    return reserve_until(tx, size, loan, chan_deadline(timeout_ns));
}

int chan_reserve_until(struct chan_sender *tx, size_t size, struct chan_loan *loan, int64_t deadline_ns)
{
    return reserve_until(tx, size, loan, chan__user_deadline(deadline_ns));
}

/* The block of an open loan; false if it is none. loan->hold is the hold cell + 1, so that a zeroed loan is
 * no loan. Its address tells it from other senders' loans. */
static ALWAYS_INLINE bool find_loan(const struct chan_sender *tx, const struct chan_loan *loan,
                                    struct held *out)
{
    if (loan->hold < 1 || loan->hold > segment_of(tx)->g.role_cells ||
        !(tx->handle.open & hold_bit(&tx->handle, loan->hold - 1)))
        return false;
    return !chan__hold_read(&tx->handle.endpoint.party, loan->hold - 1, out) &&
           chan__payload(segment_of(tx), out->block, 0) == loan->data;
}

static ALWAYS_INLINE int begin_commit(struct chan_sender *tx, const struct chan_loan *loan, size_t size,
                                      struct sending *out)
{
    *out = (struct sending){.tx = tx, .size = size, .has_memory = true};
    if (!find_loan(tx, loan, &out->spare) || size > loan->size)
        return -EINVAL;
    return describe(out);
}

static ALWAYS_INLINE void end_loan(struct chan_sender *tx, const struct sending *op, struct chan_loan *loan)
{
    tx->handle.open &= ~hold_bit(&tx->handle, op->spare.hold);
    *loan = (struct chan_loan){0};
}

static int commit_loan(struct chan_sender *tx, struct chan_loan *loan, size_t size, int64_t deadline_ns)
{
    struct sending op;
    int result = begin_commit(tx, loan, size, &op);
    if (!result)
        result = put(&op, deadline_ns);
    if (!result)
        end_loan(tx, &op, loan);
    return result;
}

int chan__commit_loan(struct chan_sender *tx, struct chan_loan *loan, size_t size, int64_t deadline_ns)
{
    int result = commit_loan(tx, loan, size, deadline_ns);
    if (result)
        count_refusal(tx, result);
    return result;
}

int chan__sending_loan(struct chan_sender *tx, const struct chan_loan *loan, size_t size, struct sending *out)
{
    return begin_commit(tx, loan, size, out);
}

void chan__sending_end_loan(struct chan_sender *tx, const struct sending *op, struct chan_loan *loan)
{
    end_loan(tx, op, loan);
}

static int commit_until(struct chan_sender *tx, struct chan_loan *loan, size_t size, int64_t deadline_ns)
{
    if (!tx || !loan)
        return -EINVAL;
    int result = chan__handle_enter(&tx->handle);
    if (result)
        return result;
    result = chan__commit_loan(tx, loan, size, deadline_ns);
    chan__handle_leave(&tx->handle);
    return result;
}

int chan_commit(struct chan_sender *tx, struct chan_loan *loan, size_t size)
{
    return commit_until(tx, loan, size, CHAN_FOREVER);
}

int chan_try_commit(struct chan_sender *tx, struct chan_loan *loan, size_t size)
{
    return commit_until(tx, loan, size, DEADLINE_TRY);
}

int chan_commit_timeout(struct chan_sender *tx, struct chan_loan *loan, size_t size, int64_t timeout_ns)
{
    return commit_until(tx, loan, size, chan_deadline(timeout_ns));
}

int chan_commit_until(struct chan_sender *tx, struct chan_loan *loan, size_t size, int64_t deadline_ns)
{
    return commit_until(tx, loan, size, chan__user_deadline(deadline_ns));
}

int chan_abort(struct chan_sender *tx, struct chan_loan *loan)
{
    if (!tx || !loan)
        return -EINVAL;
    int result = chan__handle_enter(&tx->handle);
    if (result)
        return result;
    struct sending op = {.tx = tx};
    if (find_loan(tx, loan, &op.spare)) {
        drop_memory(&op);
        end_loan(tx, &op, loan);
    } else {
        result = -EINVAL;
    }
    chan__handle_leave(&tx->handle);
    return result;
}
