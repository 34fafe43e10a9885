/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a segment: every shared struct, each offset asserted. docs/format.md is the same in words.
 *
 *   offset 0        header: identity and geometry, immutable after creation
 *          1024     hot words, 128 bytes apart
 *          4096     endpoint records, `record_bytes` each
 *          cells_at ring cells, 8 bytes each
 *          blocks_at blocks, `block_bytes` each
 *          units_at  one owner word for each payload unit
 *          steps_at  CHAN_GROWABLE: two bits for each step of them
 *          arena_at  payload units
 *
 * Nothing here is a pointer, size_t, bool or enum; all integers are in the machine's byte order (the magic
 * tells a foreign one). Reserved bytes are 0. "Writer" says who may change a field once the object has its
 * name. */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include "shm/atomic.h"

#include <stddef.h>

#define SEG_MAGIC UINT64_C(0x314e4148434d4853) /* "SHMCHAN1" read as little-endian */
#define SEG_FORMAT_VERSION 1u
#define SEG_FEATURES 0u /* bits an opener must know to use the segment */

#define SEG_LINE                                                                                             \
    128u /* words of different writers stand this far apart: two lines, for the adjacent-line prefetcher */
#define SEG_HOT_AT 1024u
#define SEG_RECORDS_AT 4096u
#define SEG_NAME_BYTES 208u

struct seg_header {
    uint64_t magic;
    uint32_t format_version;
    uint32_t features;
    uint64_t signature; /* of this file's offsets: chan__layout_signature() */
    uint64_t total_bytes;
    uint32_t kind; /* CHAN_QUEUE ...: the CHAN_* values of the public headers are the format's */
    uint32_t lifetime;
    uint32_t senders;
    uint32_t receivers;
    uint64_t messages; /* ring cells */
    uint64_t message_size;
    uint64_t payload_bytes; /* the budget as asked for */
    uint32_t endpoints;     /* records */
    uint32_t holds;         /* loans or views that an endpoint may have; one hold cell more for each role */
    uint32_t max_deliveries;
    uint32_t order;       /* CHAN_BARGING, CHAN_FAIR */
    uint64_t inline_size; /* from here to record_bytes all follow from the fields above */
    uint64_t block_bytes;
    uint64_t blocks;
    uint64_t unit_bytes;
    uint64_t units;
    uint64_t records_at;
    uint64_t cells_at;
    uint64_t blocks_at;
    uint64_t units_at;
    uint64_t arena_at;
    uint64_t record_bytes;
    uint8_t id[16];
    int64_t created_ns; /* CLOCK_REALTIME */
    uint64_t creator_start;
    uint32_t creator_pid;
    uint32_t creator_uid;
    uint64_t creator_pid_namespace;
    uint32_t overflow; /* broadcast: CHAN_LAG or CHAN_BLOCK */
    uint32_t reserved2;
    uint64_t step_units; /* CHAN_GROWABLE; both follow from the fields above, too */
    uint64_t steps_at;
    uint64_t reserved1;
    char name[SEG_NAME_BYTES];
};

/* Hot words, each alone in its 128 bytes. */
struct seg_hot {
    /* {version:48, flags:16}. Writer: anybody, by CAS; every change raises the version. */
    _Alignas(SEG_LINE) atomic_u64 state;
    /* Positions {lap, index} that were the tail and the head once. Writer: senders and receivers, by CAS,
     * upwards. A rendezvous channel has neither, but {version:32, groups:32} for offers and for demands: as
     * `orphans`, of OPEN cells. */
    union {
        _Alignas(SEG_LINE) atomic_u64 tail_hint;
        atomic_u64 offers;
    };
    union {
        _Alignas(SEG_LINE) atomic_u64 head_hint;
        atomic_u64 demands;
    };
    /* Futex words {sequence:31, sleepers:1}. Writer: see event.h. */
    _Alignas(SEG_LINE) atomic_u32 data_event;  /* receivers sleep here */
    _Alignas(SEG_LINE) atomic_u32 space_event; /* senders sleep here */
    /* {version:32, groups:32}: bit g: a record r with r % 32 == g may have ORPHAN cells. Writer: anybody,
     * by CAS. */
    _Alignas(SEG_LINE) atomic_u64 orphans;
    _Alignas(SEG_LINE) atomic_u32 life_event; /* as the others: who waits for the end sleeps here */
    /* Records from this number on have never been taken. Writer: claimers, by CAS, upwards, before they claim. */
    _Alignas(SEG_LINE) atomic_u64 records_used;
    /* Fair queues (admission.h). Tickets that have been drawn; writer: whoever shows a claim, by fetch-and-add. */
    _Alignas(SEG_LINE) atomic_u64 tickets;
    /* Senders have had records below this. Writer: claimers of records, by CAS, upwards. */
    atomic_u32 sender_records;
    /* A payload unit that was freed lately: a hint. Writer: whoever frees an extent. */
    atomic_u32 freed_unit;
};

#define STATE_SENDERS_SEEN UINT64_C(0x1) /* a sender has been attached */
#define STATE_RECEIVERS_SEEN UINT64_C(0x2)
#define STATE_SENDERS_GONE UINT64_C(0x4) /* ephemeral: disconnected for good */
#define STATE_RECEIVERS_GONE UINT64_C(0x8)
#define STATE_SHUT_DOWN UINT64_C(0x10)
#define STATE_FINISHED UINT64_C(0x20)   /* ephemeral: the last endpoint is gone; to be unlinked */
#define STATE_NO_SENDERS UINT64_C(0x40) /* durable: there is none now; the next one takes it away */
#define STATE_VERSION UINT64_C(0x10000)

/* A sender's claims to places in a fair queue: admission.h. Writer: owner; `claim` also helpers, by CAS. */
struct seg_admission {
    atomic_u64 claim;   /* {ticket:62, state:2} */
    atomic_u64 secured; /* it has places for so many messages: `sent` has not come to that yet */
    atomic_u64 wanted;  /* and waits for places for so many, while the claim waits */
};

/* Who offers or demands something on a rendezvous channel: match.h. Writer: owner; of the bell, see event.h. */
struct seg_match {
    atomic_u32 bell; /* the event that it sleeps on while it shows something */
    uint32_t reserved0;
    atomic_u64 ticket; /* tells whose call came first */
    atomic_u64 limit;  /* the largest message that a demand is for */
    /* The number of the select that waits with an operation of this endpoint among others; 0: none does. */
    atomic_u64 selection;
};

/* A broadcast's receiver, as long as its record is LIVE or PREPARED: shm/subscription.h. Numbers count messages
 * from 0 in the order of sending. Writer: owner. */
struct seg_subscription {
    atomic_u64 cursor; /* the first message that it is not done with */
    atomic_u64 since;  /* the first message that it subscribed to */
    atomic_u64 lagged; /* messages that it was told to have missed: a plain count, over all owners */
};

/* Which values an endpoint of a watch reads: shm/watch.h. */
#define WATCH_PINS 7u
struct seg_watch {
    /* 0; {turn, no block}: asks for a value no older than that; a cell word: the answer, pinned. Writer: owner
     * (stores, and CAS to 0), senders (CAS from a question). */
    atomic_u64 request;
    atomic_u64 pins[WATCH_PINS]; /* cell words of values being read, or 0. Writer: owner */
};

/* CHAN_CALL. */
struct seg_call {
    atomic_u32 reply_event; /* a futex word as in seg_hot: the owner sleeps here for answers */
    uint32_t reserved;
    atomic_u64 answered; /* calls (INTENT_ANSWER). Writer: owner, repairers */
    atomic_u64 finished; /* own calls whose answer has been read: a plain count. Writer: owner */
};

#define LEASE_LAPSED 1u /* `lapses_ns`: the first nanosecond since the machine started has always passed */

/* An endpoint's record. "Owner": the endpoint that has it, as long as it lives; after its death any
 * repairer, by CAS. */
struct seg_record {
    /* {generation:40, reserved:8, role:8, state:8}. Writer: claimer (CAS from FREE), owner, repairers
     * (CAS). */
    _Alignas(SEG_LINE) atomic_u64 status;
    atomic_u32 pid; /* identity, all written by the owner between ATTACHING and LIVE */
    atomic_u32 tid;
    atomic_u64 start_time;
    atomic_u64 pid_namespace;
    atomic_u32 uid;
    atomic_u32 gives_back;    /* 1 while the owner turns HELD cells into ORPHAN ones. Writer: owner */
    atomic_u64 attached_ns;   /* CLOCK_REALTIME */
    atomic_u64 command[2];    /* bytes of the command name, NUL-padded */
    atomic_u64 base_messages; /* the counters when it attached: counters run on over generations */
    atomic_u64 base_bytes;
    atomic_u64 base_waits;
    atomic_u64 base_waited_ns;
    /* What repairs found in this record, counted once for each generation. Writer: repairers, by CAS. */
    atomic_u64 deaths;          /* {generation:40, count:24} */
    atomic_u64 units_reclaimed; /* {generation:24, count:40} */
    /* PREPARED: from when on it counts as dead, CLOCK_MONOTONIC; 0: never; LEASE_LAPSED: for good. Writer: owner, by CAS
     * from what has not passed; whoever finds that it has passed, by CAS to LEASE_LAPSED. */
    atomic_u64 lapses_ns;
    uint64_t reserved1[1];

    /* Intent of the exchange in progress; intent_old != 0 makes it valid. Writer: owner, never a repairer. */
    _Alignas(SEG_LINE) atomic_u64 intent_old;
    atomic_u32 intent_cell;
    atomic_u16 intent_hold;
    atomic_u16 intent_kind;
    atomic_u64 intent_held;  /* the hold cell's word before the exchange */
    atomic_u64 intent_count; /* the kind's counter before the exchange */
    /* Messages, counted once each by the exchange that moved them. Writer: owner. */
    atomic_u64 sent;
    atomic_u64 taken;       /* from the ring, to be received */
    atomic_u64 discarded;   /* from the ring */
    atomic_u64 redelivered; /* orphans taken, to be received */
    atomic_u64 orphans_discarded;
    atomic_u64 sent_bytes;
    atomic_u64 received_bytes;
    atomic_u64 moves;         /* orphans taken, to be moved to a dead-letter channel */
    atomic_u64 dead_lettered; /* of which that many have arrived there */
    atomic_u64 returned;      /* messages acknowledged in calls that have come to their end: a plain count */
    atomic_u64 peak;          /* the longest queue that senders of this record have seen */
    atomic_u64 swaps;         /* spares exchanged for others, because somebody reads these (watch) */

    /* Waiting. Writer: owner. */
    _Alignas(SEG_LINE) atomic_u32 waits_for; /* CHAN_WAITS_FOR_* */
    uint32_t reserved3;
    atomic_u64 waiting_since_ns; /* CLOCK_MONOTONIC */
    /* Plain counts, by the role that the record had. */
    atomic_u64 send_waits;
    atomic_u64 send_waited_ns;
    atomic_u64 recv_waits;
    atomic_u64 recv_waited_ns;
    atomic_u64 refused_full; /* messages that could not be sent, by the reason */
    atomic_u64 refused_late;
    atomic_u64 refused_closed;
    uint64_t reserved4[7];

    /* What only some kinds of channel need. */
    _Alignas(SEG_LINE) union {
        struct seg_subscription subscription;
        struct seg_watch watch;
        struct seg_call call;
        struct seg_admission admission;
        struct seg_match match;
        uint64_t reserved[16];
    } own;

    /* 2 x (holds + 1) cells; the first half for senders. Writer: owner (stores, from SPARE and HELD);
     * repairers and takers of orphans (CAS). Behind them the reply cells, if any (shm/reply.h). */
    _Alignas(SEG_LINE) atomic_u64 holds[];
};

#define DEATHS_BITS 24u
#define DEATHS_MASK ((UINT64_C(1) << DEATHS_BITS) - 1)
#define UNITS_RECLAIMED_BITS 40u
#define UNITS_RECLAIMED_MASK ((UINT64_C(1) << UNITS_RECLAIMED_BITS) - 1)

#define RECORD_FREE 0u /* the other states are CHAN_STATE_* */

/* Kinds of intent: which counter, and what the hold cell becomes. Those of orphans are exchanges with another
 * record's hold cell, or changes in place of the record's own (shm/orphans.h). */
enum intent_kind {
    INTENT_SEND = 1,           /* sent; SPARE */
    INTENT_TAKE = 2,           /* taken; HELD */
    INTENT_DISCARD = 3,        /* discarded; SPARE */
    INTENT_REDELIVER = 4,      /* redelivered; HELD */
    INTENT_DISCARD_ORPHAN = 5, /* orphans_discarded; SPARE */
    INTENT_MOVE = 6,           /* moves; HELD */
    INTENT_DEAD_LETTER = 7,    /* dead_lettered; HELD -> SPARE, in place only */
    INTENT_SWAP = 8,           /* swaps; SPARE for SPARE (watch) */
    INTENT_ANSWER = 9,         /* answered; SPARE, on a reply cell */
    INTENT_OFFER = 10,         /* sent; in place: OPEN, and a receiver takes what is in it (shm/match.h) */
    INTENT_DEMAND = 11,        /* taken; in place: OPEN, and a sender puts a message there */
    INTENT_LAST = INTENT_DEMAND,
};

/* CHAN_GROWABLE: bits for the steps of payload units, in words of 64: first those of the steps that are ready, then
 * those of the steps that have been touched (steps.h). Writer: whoever owns a unit in the step. */

/* A block: the home of one message. Writer of everything but `owner`: whoever owns the block. */
struct seg_block {
    _Alignas(16)
        atomic_u64 owner; /* {sequence:40, record:24}. Writer: whoever obtains the block; repairers (CAS) */
    atomic_u64 size;      /* of the message */
    atomic_u64 sent_ns;   /* CLOCK_MONOTONIC_COARSE */
    union {
        struct {
            atomic_u32 sender; /* record number */
            atomic_u32 deliveries;
        };
        atomic_u64 version; /* of a watch's value: {version:48, sender:16} */
    };
    atomic_u32 extent_first; /* payload units, if extent_count > 0; else the payload is inline */
    atomic_u32 extent_count;
    atomic_u32 extent_tag; /* counts this block's extents: part of each unit's owner word */
    uint32_t reserved0;
    unsigned char payload[];
};

#define BLOCK_HEADER_BYTES 48u

/* CHAN_CALL: the last bytes of a block, behind the inline payload, say where the answer to a request is to go. Writer:
 * whoever owns the block. */
struct seg_request {
    atomic_u64 reply_word;
    atomic_u32 reply_cell;
    uint32_t reserved;
};

/* Where each thing is, and what a segment of these options takes: a private, validated copy. */
struct geometry {
    uint32_t kind, lifetime, senders, receivers;
    uint64_t messages, message_size, payload_bytes;
    uint32_t endpoints, holds, max_deliveries, overflow, order;
    uint32_t role_cells;  /* hold cells of a role: holds + 1, so that copying works while all holds are out. A
                          * watch has one more: as many as a receiver may have words that name a block */
    uint32_t reply_cells; /* of an endpoint: holds (CHAN_CALL), or none */
    uint32_t record_cells; /* all of an endpoint's */
    uint64_t inline_size, block_bytes, blocks, unit_bytes, units;
    uint64_t sent_units; /* of those: for what is sent; the others are for answers */
    uint64_t step_units; /* growable: so many units are committed, and given back, at a time; else 0 */
    uint64_t steps;      /* and so many times */
    uint64_t records_at, cells_at, blocks_at, units_at, steps_at, arena_at, record_bytes, total_bytes;
    uint64_t begins_with; /* bytes from the beginning that have memory from creation on and for ever */
    bool plain;           /* a queue whose senders come in no order */
    bool small;           /* one whose messages all fit into their blocks */
    bool wakes_all;       /* a place that is free may be for any of those who wait for one */
    unsigned block_bits;  /* of a cell word, for the block number */
    unsigned index_bits;  /* of a hint, for the cell's index */
    uint64_t block_mask;  /* those block_bits */
    uint64_t seal;        /* the bit above them */
    uint64_t sent_seal;   /* what sending adds to a cell's word: of a oneshot the seal, else nothing */
    uint64_t turn_unit;   /* the bit above that: one turn */
};

/* Fill in everything that follows from the first three lines of `g`. -EINVAL: out of range; -EFBIG. */
int chan__geometry_complete(struct geometry *g);

/* Size of a payload unit of a channel of this kind with messages up to this size. */
uint64_t chan__unit_bytes(uint32_t kind, uint64_t message_size);

/* A number that changes when any offset here does. */
uint64_t chan__layout_signature(void);

_Static_assert(sizeof(struct seg_header) == 464, "header");
_Static_assert(offsetof(struct seg_header, signature) == 16, "header");
_Static_assert(offsetof(struct seg_header, kind) == 32, "header");
_Static_assert(offsetof(struct seg_header, messages) == 48, "header");
_Static_assert(offsetof(struct seg_header, endpoints) == 72, "header");
_Static_assert(offsetof(struct seg_header, inline_size) == 88, "header");
_Static_assert(offsetof(struct seg_header, records_at) == 128, "header");
_Static_assert(offsetof(struct seg_header, record_bytes) == 168, "header");
_Static_assert(offsetof(struct seg_header, id) == 176, "header");
_Static_assert(offsetof(struct seg_header, created_ns) == 192, "header");
_Static_assert(offsetof(struct seg_header, creator_pid_namespace) == 216, "header");
_Static_assert(offsetof(struct seg_header, overflow) == 224, "header");
_Static_assert(offsetof(struct seg_header, step_units) == 232, "header");
_Static_assert(offsetof(struct seg_header, name) == 256, "header");

_Static_assert(offsetof(struct seg_hot, state) == 0, "hot words");
_Static_assert(offsetof(struct seg_hot, tail_hint) == 128, "hot words");
_Static_assert(offsetof(struct seg_hot, head_hint) == 256, "hot words");
_Static_assert(offsetof(struct seg_hot, data_event) == 384, "hot words");
_Static_assert(offsetof(struct seg_hot, space_event) == 512, "hot words");
_Static_assert(offsetof(struct seg_hot, orphans) == 640, "hot words");
_Static_assert(offsetof(struct seg_hot, life_event) == 768, "hot words");
_Static_assert(offsetof(struct seg_hot, records_used) == 896, "hot words");
_Static_assert(offsetof(struct seg_hot, tickets) == 1024, "hot words");
_Static_assert(offsetof(struct seg_hot, sender_records) == 1032, "hot words");
_Static_assert(offsetof(struct seg_hot, freed_unit) == 1036, "hot words");

_Static_assert(offsetof(struct seg_record, pid) == 8, "record");
_Static_assert(offsetof(struct seg_record, start_time) == 16, "record");
_Static_assert(offsetof(struct seg_record, uid) == 32, "record");
_Static_assert(offsetof(struct seg_record, gives_back) == 36, "record");
_Static_assert(offsetof(struct seg_record, command) == 48, "record");
_Static_assert(offsetof(struct seg_record, base_messages) == 64, "record");
_Static_assert(offsetof(struct seg_record, deaths) == 96, "record");
_Static_assert(offsetof(struct seg_record, lapses_ns) == 112, "record");
_Static_assert(offsetof(struct seg_record, intent_old) == 128, "record");
_Static_assert(offsetof(struct seg_record, intent_cell) == 136, "record");
_Static_assert(offsetof(struct seg_record, sent) == 160, "record");
_Static_assert(offsetof(struct seg_record, received_bytes) == 208, "record");
_Static_assert(offsetof(struct seg_record, returned) == 232, "record");
_Static_assert(offsetof(struct seg_record, peak) == 240, "record");
_Static_assert(offsetof(struct seg_record, waits_for) == 256, "record");
_Static_assert(offsetof(struct seg_record, waiting_since_ns) == 264, "record");
_Static_assert(offsetof(struct seg_record, refused_full) == 304, "record");
_Static_assert(offsetof(struct seg_record, own) == 384, "record");
_Static_assert(offsetof(struct seg_record, own.subscription.cursor) == 384, "record");
_Static_assert(offsetof(struct seg_record, own.subscription.since) == 392, "record");
_Static_assert(offsetof(struct seg_record, own.subscription.lagged) == 400, "record");
_Static_assert(offsetof(struct seg_record, own.admission.wanted) == 400, "record");
_Static_assert(offsetof(struct seg_record, own.match.ticket) == 392, "record");
_Static_assert(offsetof(struct seg_record, own.match.limit) == 400, "record");
_Static_assert(offsetof(struct seg_record, own.match.selection) == 408, "record");
_Static_assert(offsetof(struct seg_record, holds) == 512, "record");

_Static_assert(offsetof(struct seg_watch, pins) == 8 && sizeof(struct seg_watch) == 64, "watch");
_Static_assert(offsetof(struct seg_call, answered) == 8, "call");
_Static_assert(sizeof(struct seg_call) == 24, "call");
_Static_assert(sizeof(struct seg_request) == 16, "request");

_Static_assert(offsetof(struct seg_block, size) == 8, "block");
_Static_assert(offsetof(struct seg_block, sent_ns) == 16, "block");
_Static_assert(offsetof(struct seg_block, sender) == 24, "block");
_Static_assert(offsetof(struct seg_block, version) == 24, "block");
_Static_assert(offsetof(struct seg_block, extent_first) == 32, "block");
_Static_assert(offsetof(struct seg_block, extent_tag) == 40, "block");
_Static_assert(offsetof(struct seg_block, payload) == BLOCK_HEADER_BYTES, "block");

#endif
