/* SPDX-License-Identifier: Apache-2.0 */
/* Admission to a fair queue: claims, tickets, and counting what comes before. */
#include "shm/admission.h"

#include "shm/endpoint.h"
#include "shm/repair.h"

#include <shmchan/inspect.h>

#define STATE_BITS 2u
#define STATE_MASK UINT64_C(3)

/* A record that changes so often while it is read is written to by somebody who keeps no rules. */
#define READS_MAX 1000

/* Each round more means that others have sent or come meanwhile. So often in a row that it is as good as full. */
#define ROUNDS_MAX 64

/* What a record says, read at moments so close that only places it has sent on meanwhile may be counted too many. */
struct claim {
    uint64_t ticket;
    uint32_t state;
    uint64_t held, pending;
};

static uint64_t claim_word(uint64_t ticket, uint32_t state)
{
    return ticket << STATE_BITS | state;
}

static uint32_t claim_state(uint64_t word)
{
    return (uint32_t)(word & STATE_MASK);
}

static uint64_t claim_with_state(uint64_t word, uint32_t state)
{
    return (word & ~STATE_MASK) | state;
}

static uint64_t draw_ticket(const struct segment *s)
{
    return atomic_fetch_add_explicit(&seg_hot(s)->tickets, 1, memory_order_acq_rel) + 1; /* TICKET */
}

/* Done by the endpoint itself and by all who meet it CHOOSING: the first one's ticket it is. */
static void choose(const struct segment *s, atomic_u64 *claim, uint64_t choosing)
{
    (void)cas_acq_rel_u64(claim, choosing, claim_word(draw_ticket(s), CLAIM_WAITING));
}

void chan__admission_enter(const struct segment *s, uint32_t number)
{
    struct seg_record *record = seg_record(s, number);
    atomic_u32 *records = &seg_hot(s)->sender_records;
    uint64_t sent = load_relaxed(&record->sent);
    store_relaxed(&record->own.admission.secured, sent);
    store_relaxed(&record->own.admission.wanted, sent);
    store_release(&record->own.admission.claim, claim_word(draw_ticket(s), CLAIM_WITHDRAWN));
    for (uint32_t now = load_relaxed(records); now <= number; now = load_relaxed(records))
        (void)cas_seq_cst_u32(records, now, number + 1);
}

void chan__admission_claim(struct party *party, uint64_t places)
{
    struct seg_admission *mine = &party->record->own.admission;
    uint64_t choosing = claim_with_state(load_relaxed(&mine->claim), CLAIM_CHOOSING);
    store_release(&mine->wanted, load_relaxed(&mine->secured) + places);
    store_release(&mine->claim, choosing); /* TICKET */
    choose(party->segment, &mine->claim, choosing);
}

/* As its counter says, or one more: its exchange may have happened already. */
static uint64_t sent_by(const struct segment *s, uint32_t number)
{
    struct seg_record *record = seg_record(s, number);
    uint64_t sent = load_acquire(&record->sent);
    return sent + chan__send_is_uncounted(s, number, sent);
}

static uint64_t difference(uint64_t more, uint64_t less)
{
    int64_t difference = (int64_t)(more - less);
    return difference > 0 ? (uint64_t)difference : 0;
}

static bool is_live_sender(uint64_t status)
{
    return status_role(status) == CHAN_ROLE_SENDER && status_state(status) == CHAN_STATE_LIVE;
}

/* False: somebody writes nonsense. */
static bool read_claim(const struct segment *s, uint32_t number, struct claim *out)
{
    struct seg_record *record = seg_record(s, number);
    struct seg_admission *theirs = &record->own.admission;
    for (int reads = 0; reads < READS_MAX; reads++) {
        uint64_t status = load_acquire(&record->status); /* STATUS */
        *out = (struct claim){0};
        if (!is_live_sender(status))
            return true;
        uint64_t word = load_acquire(&theirs->claim); /* TICKET */
        if (claim_state(word) == CLAIM_CHOOSING) {
            choose(s, &theirs->claim, word);
            continue;
        }
        /* What it has sent first: what is sent meanwhile is counted as held. */
        uint64_t sent = sent_by(s, number);
        uint64_t secured = load_seq_cst(&theirs->secured); /* ENDING, SLEEP */
        uint64_t wanted = load_acquire(&theirs->wanted);
        out->ticket = word >> STATE_BITS;
        out->state = claim_state(word);
        out->held = difference(secured, sent);
        out->pending = out->state == CLAIM_WAITING ? difference(wanted, secured) : 0;
        if (load_seq_cst(&theirs->claim) == word && load_acquire(&record->status) == status) /* SLEEP */
            return true;
    }
    return false;
}

static uint32_t records_of(const struct segment *s)
{
    uint32_t records = load_acquire(&seg_hot(s)->sender_records);
    return records < s->g.endpoints ? records : s->g.endpoints;
}

static bool has_been_granted(const struct claim *claim)
{
    return claim->state == CLAIM_GRANTED || (claim->state == CLAIM_WAITING && !claim->pending);
}

/* Places that others have, and that older claims wait for. 1: a younger one has been granted its places, with these
 * counted. */
static int places_before(const struct party *party, uint64_t ticket, uint64_t *places)
{
    const struct segment *s = party->segment;
    uint64_t most = s->g.messages;
    *places = 0;
    for (uint32_t number = 0, records = records_of(s); number < records; number++) {
        struct claim claim;
        if (number == party->number)
            continue;
        if (!read_claim(s, number, &claim))
            return -EBADMSG;
        if (claim.ticket > ticket && has_been_granted(&claim))
            return 1;
        *places += claim.held < most ? claim.held : most;
        if (claim.ticket < ticket)
            *places += claim.pending < most ? claim.pending : most;
    }
    return 0;
}

static void grant(struct seg_admission *mine, uint64_t word)
{
    store_seq_cst(&mine->secured, load_relaxed(&mine->wanted)); /* ENDING */
    store_release(&mine->claim, claim_with_state(word, CLAIM_GRANTED));
}

/* Whether there is room for `own` places of this party, and all that come before that ticket. -EAGAIN: at one moment
 * there was not. */
static int find_room(struct party *party, uint64_t ticket, uint64_t own)
{
    const struct segment *s = party->segment;
    struct cursor seen = {0};
    uint64_t drawn = 0;
    for (int rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        uint64_t before;
        int result = places_before(party, ticket, &before);
        if (result == 0)
            result = chan__ring_has_places(party, before + own);
        if (result != -EAGAIN)
            return result < 0 ? result : 0;
        uint64_t drawn_now = load_acquire(&seg_hot(s)->tickets);
        bool same_tail = seen.lap == party->cursor.lap && seen.index == party->cursor.index;
        if (rounds && same_tail && drawn == drawn_now)
            break;
        seen = party->cursor;
        drawn = drawn_now;
    }
    return -EAGAIN;
}

int chan__admission_attempt(struct party *party)
{
    struct seg_admission *mine = &party->record->own.admission;
    uint64_t word = load_acquire(&mine->claim);
    uint64_t own = load_relaxed(&mine->wanted) - load_relaxed(&party->record->sent);
    int result = find_room(party, word >> STATE_BITS, own);
    if (!result)
        grant(mine, word);
    return result;
}

int chan__admission_look(struct party *party, uint64_t places)
{
    const struct seg_record *record = party->record;
    uint64_t own = load_relaxed(&record->own.admission.secured) - load_relaxed(&record->sent);
    return find_room(party, UINT64_MAX, own + places);
}

void chan__admission_withdraw(struct party *party)
{
    atomic_u64 *claim = &party->record->own.admission.claim;
    store_seq_cst(claim, claim_with_state(load_acquire(claim), CLAIM_WITHDRAWN)); /* SLEEP */
}

void chan__admission_release(struct party *party, uint64_t places)
{
    atomic_u64 *secured = &party->record->own.admission.secured;
    store_seq_cst(secured, load_relaxed(secured) - places); /* ENDING, SLEEP */
}

uint64_t chan__admission_held(const struct segment *s, uint32_t number)
{
    struct seg_record *record = seg_record(s, number);
    if (!is_live_sender(load_acquire(&record->status)))
        return 0;
    uint64_t sent = sent_by(s, number);
    uint64_t held = difference(load_seq_cst(&record->own.admission.secured), sent); /* ENDING */
    return held < s->g.messages ? held : s->g.messages;
}

uint64_t chan__admission_total(const struct segment *s)
{
    uint64_t held = 0;
    for (uint32_t number = 0, records = records_of(s); number < records; number++)
        held += chan__admission_held(s, number);
    return held < s->g.messages ? held : s->g.messages;
}
