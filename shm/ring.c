/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of cells: walking to the tail and the head, and the exchange of blocks. */
#include "shm/ring.h"

#include "shm/copy.h"
#include "shm/owner.h"

#include <errno.h>

/* Hints move once per cache line of cells: measured better than at every message, and a walk of at most a
 * line. */
#define HINT_EVERY 8u

/* How far ahead blocks are fetched. Measured between two processes: 2 is better than 3 and 6 where lines
 * travel far, the same where they do not; further ahead there is often nothing yet. */
#define PREFETCH_CELLS 2u

static struct cursor next_of(const struct geometry *g, struct cursor at)
{
    if (++at.index == g->messages) {
        at.index = 0;
        at.lap++;
    }
    return at;
}

uint64_t chan__ring_number(const struct geometry *g, struct cursor at)
{
    return (at.lap - 1) * g->messages + at.index;
}

struct cursor chan__ring_position(const struct geometry *g, uint64_t number)
{
    return (struct cursor){.lap = number / g->messages + 1, .index = (uint32_t)(number % g->messages)};
}

static uint64_t hint_word(const struct geometry *g, struct cursor at)
{
    return at.lap << g->index_bits | at.index;
}

static struct cursor hint_cursor(const struct geometry *g, uint64_t hint)
{
    return (struct cursor){.lap = hint >> g->index_bits,
                           .index = (uint32_t)(hint & ((UINT64_C(1) << g->index_bits) - 1))};
}

/* Hints wrap, as turns do. */
static bool is_before(uint64_t hint, uint64_t other)
{
    return (int64_t)(other - hint) > 0;
}

struct cursor chan__ring_start(const struct segment *s, const atomic_u64 *hint)
{
    struct cursor at = hint_cursor(&s->g, load_acquire(hint));
    if (at.index >= s->g.messages)
        at.index = 0; /* nonsense: the walk will come to the same conclusion */
    return at;
}

/* Start a walk no earlier than the hint. */
static int catch_up(const struct geometry *g, const atomic_u64 *hint, struct cursor *at)
{
    uint64_t word = load_acquire(hint);
    struct cursor hinted = hint_cursor(g, word);
    if (hinted.index >= g->messages)
        return -EBADMSG;
    if (is_before(hint_word(g, *at), word))
        *at = hinted;
    return 0;
}

/* Where the cursor is now, all before has been passed: never backwards. */
OUT_OF_LINE static void move_hint(const struct party *party, atomic_u64 *hint)
{
    uint64_t now = load_relaxed(hint);
    uint64_t to = hint_word(&party->segment->g, party->cursor);
    if (is_before(now, to))
        (void)cas_acq_rel_u64(hint, now, to); /* if somebody else moved it meanwhile, that will do */
}

/* The cursor's position has been passed. True if it is time to tell those who come after. */
static inline bool step(struct party *party)
{
    party->cursor = next_of(&party->segment->g, party->cursor);
    return party->cursor.index % HINT_EVERY == 0;
}

enum side { TAIL = 0, HEAD = 1 };

/* Walk from `at`, before which everything is passed (filled for the tail, taken for the head), to the
 * first position that is not, and return the word of its cell. A cell says how far it has come: in turn 2L
 * + side it waits to be passed in lap L; any later turn means that `at` has been passed, and up to which
 * lap. */
static int walk(const struct segment *s, enum side side, struct cursor *at, uint64_t *word)
{
    const struct geometry *g = &s->g;
    const atomic_u64 *hint = side == TAIL ? &seg_hot(s)->tail_hint : &seg_hot(s)->head_hint;
    for (uint64_t steps = 0; steps < RING_STEPS_MAX(g); steps++) {
        *word = load_acquire(seg_ring_cell(s, at->index)); /* PUBLISH */
        int64_t ahead = cell_ahead(g, *word, 2 * at->lap + side);
        if (ahead == 0 || ahead == -1)
            return 0;
        /* So far behind that the turns between no longer fit in the difference: only the hint can tell. */
        if (ahead < 0 && steps)
            return -EBADMSG;
        if (ahead > 0) {
            at->lap += (uint64_t)(ahead - 1) / 2;
            *at = next_of(g, *at);
        }
        if (steps == 0) {
            int result = catch_up(g, hint, at);
            if (result)
                return result;
        }
    }
    return -EBADMSG;
}

/* True if the cell that the walk ended at waits for this side: empty for the tail, full for the head. */
static bool is_ready(const struct geometry *g, enum side side, struct cursor at, uint64_t word)
{
    return cell_is_in(g, word, 2 * at.lap + side);
}

/* True if another of this side has passed it. */
static bool is_passed(const struct geometry *g, enum side side, struct cursor at, uint64_t word)
{
    return cell_ahead(g, word, 2 * at.lap + side) > 0;
}

/* Whether the last `length` messages before `at`, at most a lap, have not been taken: the oldest of them has not. */
static bool are_queued(const struct segment *s, struct cursor at, uint64_t length)
{
    if (at.index < length) {
        at.index += (uint32_t)s->g.messages;
        at.lap--;
    }
    at.index -= (uint32_t)length;
    return is_ready(&s->g, HEAD, at, load_relaxed(seg_ring_cell(s, at.index)));
}

/* The longest queue there has been, looked for now and then by a sender that has just lengthened it. It costs the
 * look at one cell, unless there is something new; that is found by halving. Each look says what was true when it
 * was made, so the result was, too. */
static void note_peak(const struct party *party)
{
    const struct segment *s = party->segment;
    uint64_t peak = load_relaxed(&party->record->peak);
    if (peak >= s->g.messages || !are_queued(s, party->cursor, peak + 1))
        return;
    for (uint64_t stride = UINT64_C(1) << s->g.index_bits; stride; stride /= 2)
        if (peak + stride <= s->g.messages && are_queued(s, party->cursor, peak + stride))
            peak += stride;
    store_relaxed(&party->record->peak, peak);
}

OUT_OF_LINE static void tell_of_tail(const struct party *party)
{
    move_hint(party, &seg_hot(party->segment)->tail_hint);
    note_peak(party);
}

static int locate(const struct segment *s, enum side side, struct cursor *out)
{
    struct cursor at = chan__ring_start(s, side == TAIL ? &seg_hot(s)->tail_hint : &seg_hot(s)->head_hint);
    uint64_t word;
    int result = walk(s, side, &at, &word);
    if (!result)
        *out = at;
    return result;
}

int chan__ring_tail(const struct segment *s, struct cursor *out)
{
    return locate(s, TAIL, out);
}

int chan__ring_head(const struct segment *s, struct cursor *out)
{
    return locate(s, HEAD, out);
}

int chan__ring_length(const struct segment *s, struct cursor *head, uint64_t *length)
{
    if (!s->g.messages) { /* a rendezvous channel: nothing is ever queued */
        *head = (struct cursor){.lap = 1};
        *length = 0;
        return 0;
    }
    /* If the tail has not moved while the head was looked for, both were there at one moment. */
    struct cursor before, after;
    int result = chan__ring_tail(s, &after);
    for (int tries = 0; !result && tries < 16; tries++) {
        before = after;
        result = chan__ring_head(s, head);
        if (!result)
            result = chan__ring_tail(s, &after);
        if (!result && before.lap == after.lap && before.index == after.index)
            break;
    }
    if (result)
        return result;
    uint64_t tail_number = chan__ring_number(&s->g, after), head_number = chan__ring_number(&s->g, *head);
    *length = tail_number > head_number ? tail_number - head_number : 0;
    if (*length > s->g.messages)
        *length = s->g.messages;
    return 0;
}

/* The exchange, whatever the cell. On the hot paths `turns`, cell_turns() of the cell, and `kind` are
 * constants. `seal` is added to the new word. Afterwards *hand is what the hold has then. */
static ALWAYS_INLINE bool exchange(struct party *party, uint32_t number, atomic_u64 *cell, uint64_t old,
                                   uint64_t turns, struct held *hand, enum intent_kind kind, uint64_t seal)
{
    const struct segment *s = party->segment;
    const struct geometry *g = &s->g;
    struct seg_record *record = party->record;
    uint64_t got = cell_block(g, old);
    if (got >= g->blocks)
        return false; /* corrupt: the caller says so, or gives up counting steps */
    struct seg_block *got_block = seg_block(s, got);
    prefetch_for_write(got_block); /* its owner word is written next */
    uint64_t new = cell_exchanged(g, old, turns, hand->word) | seal;
    uint64_t now_held = cell_exchanged(g, hand->word, hold_turns(kind), old);
    uint64_t count = load_relaxed(chan__counter_of(record, kind));

    chan__owner_ensure(hand->block, party->number);
    chan__intent_set(record, &(struct intent){old, hand->word, count, number, hand->hold, kind});
    bool done = cas_seq_cst_u64(cell, old, new); /* PUBLISH, SLEEP */
    if (done) {
        chan__owner_take(got_block, party->number);
        store_release(&record->holds[hand->hold], now_held);
        store_release(chan__counter_of(record, kind), count + 1);
        *hand = (struct held){hand->hold, (uint32_t)got, now_held, got_block};
    }
    chan__intent_clear(record);
    return done;
}

/* In a ring cell that is emptied before it is filled again, every exchange is one turn. */
static ALWAYS_INLINE bool exchange_in_ring(struct party *party, uint64_t old, struct held *hand,
                                           enum intent_kind kind, uint64_t seal)
{
    uint32_t index = party->cursor.index;
    return exchange(party, index, seg_ring_cell(party->segment, index), old, 1, hand, kind, seal);
}

bool chan__exchange(struct party *party, uint32_t cell, uint64_t old, const struct held *spare,
                    enum intent_kind kind)
{
    const struct segment *s = party->segment;
    struct held hand = *spare;
    return exchange(party, cell, seg_cell(s, cell), old, cell_turns(&s->g, cell, old, kind), &hand, kind, 0);
}

OUT_OF_LINE static int walk_to_room(struct party *party, uint64_t *word)
{
    const struct geometry *g = &party->segment->g;
    int result = walk(party->segment, TAIL, &party->cursor, word);
    if (result)
        return result;
    if (*word & g->seal)
        return -EPIPE;
    if (is_ready(g, TAIL, party->cursor, *word))
        return 0;
    store_relaxed(&party->record->peak, g->messages);
    return -EAGAIN;
}

/* Where nobody else sends, the cursor is where the walk would end. */
static inline int find_room(struct party *party, uint64_t *word)
{
    *word = load_acquire(seg_ring_cell(party->segment, party->cursor.index)); /* PUBLISH */
    if (cell_is_open_in(&party->segment->g, *word, 2 * party->cursor.lap + TAIL))
        return 0;
    return walk_to_room(party, word);
}

/* True also after a walk past what others have filled. A full or a sealed ring: false. */
static ALWAYS_INLINE bool has_room_next(struct party *party, uint64_t *word)
{
    const struct geometry *g = &party->segment->g;
    *word = load_acquire(seg_ring_cell(party->segment, party->cursor.index)); /* PUBLISH */
    if (cell_is_open_in(g, *word, 2 * party->cursor.lap + TAIL))
        return true;
    return is_passed(g, TAIL, party->cursor, *word) && !walk_to_room(party, word);
}

bool chan__ring_room_next(struct party *party, uint64_t *word)
{
    return has_room_next(party, word);
}

int chan__ring_find_tail(struct party *party, uint64_t *word)
{
    int result = find_room(party, word);
    return result == -EAGAIN ? 0 : result; /* full: still the tail */
}

void chan__ring_pass_tail(struct party *party)
{
    if (step(party))
        move_hint(party, &seg_hot(party->segment)->tail_hint);
}

void chan__ring_pass_head(const struct party *party, struct cursor at)
{
    struct party passing = *party;
    passing.cursor = at;
    if (step(&passing))
        move_hint(&passing, &seg_hot(party->segment)->head_hint);
}

int chan__ring_has_room(struct party *party)
{
    uint64_t word;
    return find_room(party, &word);
}

int chan__ring_has_places(struct party *party, uint64_t count)
{
    const struct segment *s = party->segment;
    uint64_t word;
    int result = find_room(party, &word);
    if (result || count <= 1)
        return result;
    if (count > s->g.messages)
        return -EAGAIN;
    struct cursor at = {party->cursor.lap, party->cursor.index + (uint32_t)count - 1};
    if (at.index >= s->g.messages) {
        at.index -= (uint32_t)s->g.messages;
        at.lap++;
    }
    return is_ready(&s->g, TAIL, at, load_acquire(seg_ring_cell(s, at.index))) ? 0 : -EAGAIN;
}

/* Fetch a block ready for writing: whoever gets it writes its owner word, and the sender its message. */
static ALWAYS_INLINE void prefetch_block(const struct seg_block *block)
{
    prefetch_for_write(block);
    prefetch_for_write((const unsigned char *)block + 64);
}

/* Fetch the block that this side will own some positions further on: every message crosses from one
 * processor's cache to another's and back, and the exchange would wait for it. Only where the cell is this
 * side's already: the other side is still using the others. */
static ALWAYS_INLINE void prefetch_ahead(const struct segment *s, enum side side, struct cursor at)
{
    const struct geometry *g = &s->g;
    at.index += PREFETCH_CELLS;
    if (at.index >= g->messages)
        return;
    uint64_t word = load_relaxed(seg_ring_cell(s, at.index));
    uint64_t block = cell_block(g, word);
    if (is_ready(g, side, at, word) && block < g->blocks)
        prefetch_block(seg_block(s, block));
}

int chan__ring_put(struct party *party, const struct held *spare)
{
    const struct segment *s = party->segment;
    const struct geometry *g = &s->g;
    for (uint64_t steps = 0; steps < RING_STEPS_MAX(g); steps++) {
        uint64_t word;
        int result = find_room(party, &word);
        if (result)
            return result;
        struct held hand = *spare;
        if (exchange_in_ring(party, word, &hand, INTENT_SEND, g->sent_seal)) {
            prefetch_ahead(s, TAIL, party->cursor);
            if (step(party))
                tell_of_tail(party);
            return 0;
        }
        if (cell_block(g, word) >= g->blocks)
            return -EBADMSG; /* no walk would get past it */
    }
    return -EBADMSG;
}

/* A message into the next cell, which has room and holds `word`. */
static ALWAYS_INLINE bool put_small(struct party *party, uint64_t word, struct held *hand, const void *data,
                                    size_t size, uint64_t sent_ns)
{
    store_relaxed(&hand->block->extent_count, 0);
    copy_bytes(hand->block->payload, data, size);
    chan__block_describe(hand->block, size, sent_ns, party->number);
    if (!exchange_in_ring(party, word, hand, INTENT_SEND, 0))
        return false;
    prefetch_ahead(party->segment, TAIL, party->cursor);
    return true;
}

static ALWAYS_INLINE void pass_small(struct party *party, size_t size)
{
    struct seg_record *record = party->record;
    if (step(party))
        tell_of_tail(party);
    store_relaxed(&record->sent_bytes, load_relaxed(&record->sent_bytes) + size);
}

bool chan__ring_put_small(struct party *party, uint64_t word, const struct held *spare, const void *data,
                          size_t size, uint64_t sent_ns)
{
    struct held hand = *spare;
    if (!put_small(party, word, &hand, data, size, sent_ns))
        return false;
    pass_small(party, size);
    return true;
}

size_t chan__ring_put_run(struct party *party, const struct held *spare, const struct iovec *messages,
                          size_t count, uint64_t sent_ns)
{
    /* A party whose address no call takes, so that what it says stays in registers. */
    const struct segment segment = *party->segment;
    struct party run = *party;
    run.segment = &segment;
    struct held hand = *spare;
    size_t sent = 0;
    for (; sent < count; sent++) {
        const struct iovec *m = &messages[sent];
        uint64_t word;
        if (!m->iov_base || m->iov_len > segment.g.message_size || !has_room_next(party, &word))
            break;
        run.cursor = party->cursor;
        if (!put_small(&run, word, &hand, m->iov_base, m->iov_len, sent_ns))
            break;
        pass_small(party, m->iov_len);
    }
    return sent;
}

OUT_OF_LINE static int walk_to_message(struct party *party, uint64_t *word)
{
    const struct geometry *g = &party->segment->g;
    int result = walk(party->segment, HEAD, &party->cursor, word);
    if (result || is_ready(g, HEAD, party->cursor, *word))
        return result;
    return *word & g->seal ? -EPIPE : -EAGAIN;
}

/* As find_room(). */
static inline int find_message(struct party *party, uint64_t *word)
{
    *word = load_acquire(seg_ring_cell(party->segment, party->cursor.index)); /* PUBLISH */
    if (is_ready(&party->segment->g, HEAD, party->cursor, *word))
        return 0;
    return walk_to_message(party, word);
}

/* As has_room_next(). */
static ALWAYS_INLINE bool has_message_next(struct party *party, uint64_t *word)
{
    const struct geometry *g = &party->segment->g;
    *word = load_acquire(seg_ring_cell(party->segment, party->cursor.index)); /* PUBLISH */
    if (is_ready(g, HEAD, party->cursor, *word))
        return true;
    return is_passed(g, HEAD, party->cursor, *word) && !walk_to_message(party, word);
}

bool chan__ring_message_next(struct party *party, uint64_t *word)
{
    return has_message_next(party, word);
}

int chan__ring_has_message(struct party *party)
{
    uint64_t word;
    return find_message(party, &word);
}

static ALWAYS_INLINE int take(struct party *party, const struct held *spare, enum intent_kind kind,
                              uint64_t limit, const struct cursor *end, struct message *out)
{
    const struct segment *s = party->segment;
    const struct geometry *g = &s->g;
    for (uint64_t steps = 0; steps < RING_STEPS_MAX(g); steps++) {
        uint64_t word;
        int result = find_message(party, &word);
        if (result)
            return result;
        if (end && !is_before(hint_word(g, party->cursor), hint_word(g, *end)))
            return -EAGAIN;
        uint64_t number = cell_block(g, word);
        if (number >= g->blocks)
            return -EBADMSG;
        struct seg_block *block = seg_block(s, number);
        prefetch_block(block);
        *out = (struct message){.block = block, .number = (uint32_t)number};
        if (limit < g->message_size) {
            /* Read before the block is ours: if the cell still has the same word afterwards, nobody has
             * touched it. */
            out->size = load_acquire(&block->size);
            if (out->size > limit) {
                if (load_relaxed(seg_ring_cell(s, party->cursor.index)) != word)
                    continue;
                return -EMSGSIZE;
            }
        }
        struct held hand = *spare;
        if (exchange_in_ring(party, word, &hand, kind, 0)) {
            prefetch_ahead(s, HEAD, party->cursor);
            if (step(party))
                move_hint(party, &seg_hot(s)->head_hint);
            out->size = load_relaxed(&block->size);
            return 0;
        }
    }
    return -EBADMSG;
}

int chan__ring_take(struct party *party, const struct held *spare, uint64_t limit, struct message *out)
{
    return take(party, spare, INTENT_TAKE, limit, NULL, out);
}

int chan__ring_take_before(struct party *party, const struct held *spare, uint64_t limit, struct cursor end,
                           struct message *out)
{
    return take(party, spare, INTENT_TAKE, limit, &end, out);
}

int chan__ring_discard(struct party *party, const struct held *spare, struct message *out)
{
    return take(party, spare, INTENT_DISCARD, UINT64_MAX, NULL, out);
}

/* The next cell's message, which is there as `word` says, if it is no larger than `limit`. */
static ALWAYS_INLINE bool take_small(struct party *party, uint64_t word, struct held *hand, uint64_t limit,
                                     size_t *size)
{
    const struct segment *s = party->segment;
    const struct geometry *g = &s->g;
    uint64_t number = cell_block(g, word);
    if (number >= g->blocks)
        return false;
    struct seg_block *block = seg_block(s, number);
    prefetch_for_write(seg_ring_cell(s, party->cursor.index)); /* the exchange waits for the size, too */
    prefetch_block(block);
    /* As in take(): the exchange fails if anybody has touched the block since the cell was read. */
    *size = load_acquire(&block->size);
    if (*size > limit || *size > g->message_size || !exchange_in_ring(party, word, hand, INTENT_TAKE, 0))
        return false;
    prefetch_ahead(s, HEAD, party->cursor);
    return true;
}

static ALWAYS_INLINE void hand_small(struct party *party, struct held *hand, void *buffer, size_t size)
{
    struct seg_record *record = party->record;
    store_relaxed(&hand->block->deliveries, 1); /* what has been delivered before never lies in the ring */
    copy_bytes(buffer, hand->block->payload, size);
    hand->word = hold_released(&party->segment->g, hand->word);
    store_release(&record->holds[hand->hold], hand->word); /* ACK */
    store_relaxed(&record->received_bytes, load_relaxed(&record->received_bytes) + size);
}

bool chan__ring_take_small(struct party *party, uint64_t word, struct held *hand, uint64_t limit,
                           size_t *size)
{
    if (!take_small(party, word, hand, limit, size))
        return false;
    if (step(party))
        move_hint(party, &seg_hot(party->segment)->head_hint);
    return true;
}

void chan__ring_hand_small(struct party *party, struct held *hand, void *buffer, size_t size)
{
    hand_small(party, hand, buffer, size);
}

size_t chan__ring_take_run(struct party *party, const struct held *spare, struct iovec *messages,
                           size_t count)
{
    /* As in chan__ring_put_run(). */
    const struct segment segment = *party->segment;
    struct party run = *party;
    run.segment = &segment;
    struct held hand = *spare;
    size_t taken = 0;
    for (; taken < count; taken++) {
        struct iovec *m = &messages[taken];
        uint64_t word;
        size_t size;
        if (!m->iov_base || !has_message_next(party, &word))
            break;
        run.cursor = party->cursor;
        if (!take_small(&run, word, &hand, m->iov_len, &size))
            break;
        if (step(party))
            move_hint(party, &seg_hot(party->segment)->head_hint);
        hand_small(&run, &hand, m->iov_base, size);
        m->iov_len = size;
    }
    return taken;
}

int chan__ring_seal(const struct segment *s)
{
    const struct geometry *g = &s->g;
    struct cursor at = chan__ring_start(s, &seg_hot(s)->tail_hint);
    for (uint64_t steps = 0; steps < RING_STEPS_MAX(g); steps++) {
        uint64_t word;
        int result = walk(s, TAIL, &at, &word);
        if (result)
            return result;
        /* Whoever fills or empties this cell first changes its word: the seal lands at the tail or not at
         * all. */
        if (word & g->seal || cas_seq_cst_u64(seg_ring_cell(s, at.index), word, word | g->seal))
            return 0;
    }
    return -EBADMSG;
}

bool chan__ring_is_sealed(const struct segment *s)
{
    struct cursor at = chan__ring_start(s, &seg_hot(s)->tail_hint);
    uint64_t word;
    return !walk(s, TAIL, &at, &word) && word & s->g.seal;
}

static void hold_change(struct party *party, uint32_t hold, enum hold_state state)
{
    atomic_u64 *cell = &party->record->holds[hold];
    store_release(cell, hold_changed(&party->segment->g, load_relaxed(cell), state)); /* ACK */
}

void chan__hold_release(struct party *party, uint32_t hold)
{
    hold_change(party, hold, HOLD_SPARE);
}

void chan__hold_orphan(struct party *party, uint32_t hold)
{
    hold_change(party, hold, HOLD_ORPHAN);
}
