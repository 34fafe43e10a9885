/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's side of calls: starting, finishing, giving up. */
#include "src/kind.h"

#include "shm/arena.h"
#include "shm/copy.h"
#include "shm/event.h"

#include <limits.h>

static struct segment *segment_of(const struct chan_sender *tx)
{
    return &tx->handle.chan->segment;
}

static int enter(struct chan_sender *tx)
{
    if (tx->handle.chan->segment.g.kind != CHAN_CALL)
        return -EOPNOTSUPP;
    return chan__handle_enter(&tx->handle);
}

int chan__call_put(struct sending *op, int64_t deadline_ns)
{
    if (!op->tx->reply_to.word)
        return -EOPNOTSUPP; /* chan_send(): nobody to answer to */
    chan__reply_write(segment_of(op->tx), op->spare.block, op->tx->reply_to);
    return chan__queue_put(op, deadline_ns);
}

/* The request: a copy of `data`, or the first `size` bytes of a loan. */
struct request {
    const void *data;
    size_t size;
    struct chan_loan *loan;
};

static int send_request(struct chan_sender *tx, const struct request *request, int64_t deadline_ns)
{
    if (request->loan)
        return chan__commit_loan(tx, request->loan, request->size, deadline_ns);
    return chan__send_copy(tx, request->data, request->size, deadline_ns);
}

static int start(struct chan_sender *tx, const struct request *request, int64_t deadline_ns,
                 struct reply_to *call)
{
    int result = chan__reply_await(&tx->handle.endpoint.party, &tx->reply_to);
    if (result)
        return result;
    result = send_request(tx, request, deadline_ns);
    if (result)
        (void)chan__reply_withdraw(&tx->handle.endpoint.party, tx->reply_to);
    else
        *call = tx->reply_to;
    tx->reply_to = (struct reply_to){0};
    return result;
}

/* A call whose end is waited for. */
struct finishing {
    struct chan_sender *tx;
    struct reply_to call;
    void *buffer;
    size_t capacity;
    size_t size; /* of the answer, also of one that is too large */
};

/* The call is over: its cell is free for the next, and its block private again. */
static void end(struct chan_sender *tx, struct reply_to call, uint32_t block)
{
    struct segment *s = segment_of(tx);
    struct party *party = &tx->handle.endpoint.party;
    uint32_t cell = (call.cell - hold_cell_number(&s->g, party->number, 2 * s->g.role_cells));
    atomic_u32 *event = &seg_hot(s)->space_event;
    if (s->g.units)
        (void)chan__event_warn(event, INT_MAX);
    (void)chan__reply_clear(s, party->number, cell, 0);
    if (s->g.units && chan__arena_free(s, block))
        chan__event_notify_after_store(event, INT_MAX);
}

static int copy_answer(struct finishing *op, uint32_t number)
{
    const struct segment *s = segment_of(op->tx);
    struct seg_block *block = seg_block(s, number);
    uint64_t size = load_relaxed(&block->size);
    const unsigned char *payload = size <= s->g.message_size ? chan__payload(s, block, size) : NULL;
    if (!payload)
        return -EBADMSG;
    op->size = size;
    if (size > op->capacity)
        return -EMSGSIZE;
    if (size)
        copy_bytes(op->buffer, payload, size);
    return 0;
}

static void count_finished(struct chan_sender *tx)
{
    atomic_u64 *finished = &tx->handle.endpoint.party.record->own.call.finished;
    store_relaxed(finished, load_relaxed(finished) + 1);
}

static int attempt_finish(void *operation)
{
    struct finishing *op = operation;
    struct party *party = &op->tx->handle.endpoint.party;
    uint64_t life = chan__life_state(op->tx->handle.chan); /* before the cell */
    enum reply_state state;
    uint32_t block;
    int result = chan__reply_look(party, op->call, &state, &block);
    if (!result && state == REPLY_AWAITED) {
        if (!(life & STATE_RECEIVERS_GONE))
            return -EAGAIN;
        /* The servers were gone when the cell was read: what was not there will not come. But whoever repairs the last of
         * them may just have refused it. */
        if (chan__reply_withdraw(party, op->call))
            return -EPIPE;
        result = chan__reply_look(party, op->call, &state, &block);
    }
    if (result)
        return result;
    result = state == REPLY_ANSWERED ? copy_answer(op, block) : -EPIPE;
    if (result == -EMSGSIZE)
        return result;
    end(op->tx, op->call, block);
    if (!result)
        count_finished(op->tx);
    return result;
}

static int finish(struct finishing *op, int64_t deadline_ns)
{
    return chan__wait_for(&op->tx->handle, CHAN_WAITS_FOR_ANSWER, attempt_finish, op, deadline_ns);
}

/* Results of finishing after which the call is over. */
static bool is_over(int result)
{
    return !result || result == -EPIPE || result == -EBADMSG;
}

/* -EINVAL: it was not open. */
static int give_up(struct chan_sender *tx, struct reply_to call)
{
    enum reply_state state;
    uint32_t block;
    int result = chan__reply_look(&tx->handle.endpoint.party, call, &state, &block);
    if (result)
        return result;
    if (state == REPLY_AWAITED && chan__reply_withdraw(&tx->handle.endpoint.party, call))
        return 0;
    result = chan__reply_look(&tx->handle.endpoint.party, call, &state, &block);
    if (!result)
        end(tx, call, block);
    return 0;
}

void chan__call_end_all(struct chan_sender *tx)
{
    struct segment *s = segment_of(tx);
    uint32_t number = tx->handle.endpoint.party.number;
    for (uint32_t cell = 0; cell < s->g.reply_cells; cell++) {
        uint32_t at = hold_cell_number(&s->g, number, 2 * s->g.role_cells + cell);
        (void)chan__reply_clear(s, number, cell, 0);
        uint64_t block = cell_block(&s->g, load_relaxed(seg_cell(s, at)));
        if (s->g.units && block < s->g.blocks)
            (void)chan__arena_free(s, (uint32_t)block);
    }
}

static int call_until(struct chan_sender *tx, const void *data, size_t size, void *answer, size_t capacity,
                      size_t *answer_size, int64_t deadline_ns)
{
    const struct request request = {.data = data, .size = size};
    struct finishing op = {.tx = tx, .buffer = answer, .capacity = capacity};
    if (!tx || (!data && size) || (!answer && capacity))
        return -EINVAL;
    int result = enter(tx);
    if (result)
        return result;
    result = start(tx, &request, deadline_ns, &op.call);
    if (!result) {
        result = finish(&op, deadline_ns);
        /* Out of time: an answer that came just now is still one. */
        if (!is_over(result) && result != -EMSGSIZE &&
            !chan__reply_withdraw(&tx->handle.endpoint.party, op.call))
            result = attempt_finish(&op);
        if (result == -EMSGSIZE)
            (void)give_up(tx, op.call);
    }
    chan__handle_leave(&tx->handle);
    if (answer_size && op.call.word && (!result || result == -EMSGSIZE))
        *answer_size = op.size;
    return result;
}

int chan_call(struct chan_sender *tx, const void *request, size_t size, void *answer, size_t capacity,
              size_t *answer_size)
{
    return call_until(tx, request, size, answer, capacity, answer_size, CHAN_FOREVER);
}

int chan_call_timeout(struct chan_sender *tx, const void *request, size_t size, void *answer, size_t capacity,
                      size_t *answer_size, int64_t timeout_ns)
{
    return call_until(tx, request, size, answer, capacity, answer_size, chan_deadline(timeout_ns));
}

int chan_call_until(struct chan_sender *tx, const void *request, size_t size, void *answer, size_t capacity,
                    size_t *answer_size, int64_t deadline_ns)
{
    return call_until(tx, request, size, answer, capacity, answer_size, chan__user_deadline(deadline_ns));
}

static int start_until(struct chan_sender *tx, const struct request *request, struct chan_ticket *ticket,
                       int64_t deadline_ns)
{
    struct reply_to call;
    if (!tx || !ticket || (!request->data && !request->loan && request->size))
        return -EINVAL;
    int result = enter(tx);
    if (result)
        return result;
    result = start(tx, request, deadline_ns, &call);
    chan__handle_leave(&tx->handle);
    if (!result)
        *ticket = (struct chan_ticket){.word = call.word, .cell = call.cell};
    return result;
}

int chan_call_start(struct chan_sender *tx, const void *request, size_t size, struct chan_ticket *ticket)
{
    return start_until(tx, &(struct request){request, size, NULL}, ticket, CHAN_FOREVER);
}

int chan_try_call_start(struct chan_sender *tx, const void *request, size_t size, struct chan_ticket *ticket)
{
    return start_until(tx, &(struct request){request, size, NULL}, ticket, DEADLINE_TRY);
}

int chan_call_start_timeout(struct chan_sender *tx, const void *request, size_t size,
                            struct chan_ticket *ticket, int64_t timeout_ns)
{
    return start_until(tx, &(struct request){request, size, NULL}, ticket, chan_deadline(timeout_ns));
}

int chan_call_start_until(struct chan_sender *tx, const void *request, size_t size,
                          struct chan_ticket *ticket, int64_t deadline_ns)
{
    return start_until(tx, &(struct request){request, size, NULL}, ticket, chan__user_deadline(deadline_ns));
}

int chan_call_commit(struct chan_sender *tx, struct chan_loan *loan, size_t size, struct chan_ticket *ticket)
{
    return loan ? start_until(tx, &(struct request){NULL, size, loan}, ticket, CHAN_FOREVER) : -EINVAL;
}

static int finish_until(struct chan_sender *tx, struct chan_ticket *ticket, void *answer, size_t capacity,
                        size_t *answer_size, int64_t deadline_ns)
{
    if (!tx || !ticket || (!answer && capacity))
        return -EINVAL;
    int result = enter(tx);
    if (result)
        return result;
    struct finishing op = {
        .tx = tx, .call = {ticket->word, ticket->cell}, .buffer = answer, .capacity = capacity};
    result = finish(&op, deadline_ns);
    chan__handle_leave(&tx->handle);
    if (is_over(result))
        *ticket = (struct chan_ticket){0};
    if (answer_size && (!result || result == -EMSGSIZE))
        *answer_size = op.size;
    return result;
}

int chan_call_finish(struct chan_sender *tx, struct chan_ticket *ticket, void *answer, size_t capacity,
                     size_t *answer_size)
{
    return finish_until(tx, ticket, answer, capacity, answer_size, CHAN_FOREVER);
}

int chan_try_call_finish(struct chan_sender *tx, struct chan_ticket *ticket, void *answer, size_t capacity,
                         size_t *answer_size)
{
    return finish_until(tx, ticket, answer, capacity, answer_size, DEADLINE_TRY);
}

int chan_call_finish_timeout(struct chan_sender *tx, struct chan_ticket *ticket, void *answer,
                             size_t capacity, size_t *answer_size, int64_t timeout_ns)
{
    return finish_until(tx, ticket, answer, capacity, answer_size, chan_deadline(timeout_ns));
}

int chan_call_finish_until(struct chan_sender *tx, struct chan_ticket *ticket, void *answer, size_t capacity,
                           size_t *answer_size, int64_t deadline_ns)
{
    return finish_until(tx, ticket, answer, capacity, answer_size, chan__user_deadline(deadline_ns));
}

int chan_call_cancel(struct chan_sender *tx, struct chan_ticket *ticket)
{
    if (!tx || !ticket)
        return -EINVAL;
    int result = enter(tx);
    if (result)
        return result;
    result = give_up(tx, (struct reply_to){ticket->word, ticket->cell});
    chan__handle_leave(&tx->handle);
    if (!result)
        *ticket = (struct chan_ticket){0};
    return result;
}
