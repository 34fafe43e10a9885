/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into a channel from outside: figures, endpoints, queued messages; repair and check.
 *
 * All of these but chan_repair() work on a channel opened CHAN_READ_ONLY and change nothing in it: the
 * channel does not know that it is being looked at. Figures are exact when nobody is in the middle of an
 * operation; between, each is off by at most what the running calls have in hand. */
#ifndef SHMCHAN_INSPECT_H
#define SHMCHAN_INSPECT_H

#include <shmchan/channel.h>

CHAN_BEGIN

/* Totals of a channel since its creation, over all endpoints there have been. At any quiescent moment,
 * once the dead are repaired: sent == received + discarded + dead_lettered + held + orphaned + queued.
 *
 * Of a broadcast: `sent` are messages, `received` and `lagged` are those of all receivers added up (plain counts, short
 * by what a killed call had in hand), `queued` are the messages retained, the latest `messages` of them, and `discarded`
 * those given up earlier because their payload memory was needed. A receiver that has been there from message a to
 * message b and holds no view has b - a == received + lagged. receivers_gone: there is none now. */
struct chan_stat {
    uint32_t size; /* in: sizeof(struct chan_stat) */
    uint32_t format_version;
    uint64_t sent;          /* messages */
    uint64_t received;      /* messages whose receive is complete */
    uint64_t discarded;     /* messages dropped: last receiver gone, or max_deliveries reached */
    uint64_t redelivered;   /* times that a message given back was taken again, to be received */
    uint64_t dead_lettered; /* messages moved to a dead-letter channel */
    uint64_t
        unreturned; /* of those received: acknowledged in calls that never returned, because their process
                             * died in them: by a copying receive they may have gone with it */
    uint64_t sent_bytes; /* counted after the fact: short by what a killed call had in hand */
    uint64_t received_bytes;
    uint64_t queued;   /* in the queue now */
    uint64_t held;     /* in the hands of receivers now */
    uint64_t orphaned; /* given back by dead receivers, waiting for redelivery */
    uint64_t permits;  /* places kept for senders of a fair queue: permits, and sends about to take effect */
    uint64_t units_used; /* payload units in use, of chan_memory.units */
    int64_t oldest_ns;   /* age of the oldest queued message, nanoseconds; -1 if none */
    uint32_t senders;    /* attached */
    uint32_t receivers;
    uint32_t dead;         /* endpoints whose process is gone and whose repair is not done yet */
    uint32_t shut_down;    /* 0 or 1 */
    uint32_t senders_gone; /* disconnected for good (ephemeral) */
    uint32_t receivers_gone;
    int64_t created_ns; /* CLOCK_REALTIME */
    uint32_t creator_pid;
    uint32_t creator_uid;
    uint32_t owner_uid; /* of the object */
    uint32_t owner_gid;
    uint32_t mode;           /* permission bits of the object */
    uint32_t unlinked;       /* the object has no name any more (or never had) */
    uint64_t resident_bytes; /* blocks of the object that have memory behind them */
    uint32_t weak_senders;
    uint32_t reserved;
    uint64_t
        high_water; /* the longest that the queue has been. Senders look when they fill every eighth position
                          * and when it is full: so it is exact if it ever was full, and else at most 7 short */
    /* Messages that senders could not send, and still have: not among those sent. Calls that gave up counted
     * once each, a batch for the message that stopped it. */
    uint64_t refused_full;   /* -EAGAIN */
    uint64_t refused_late;   /* -ETIMEDOUT */
    uint64_t refused_closed; /* -EPIPE */
    /* How often, and how long in all, senders slept for want of room, and receivers for want of messages or (CHAN_CALL)
     * callers for answers. */
    uint64_t send_waits;
    int64_t send_waited_ns;
    uint64_t recv_waits;
    int64_t recv_waited_ns;
    /* What came back from the dead, counted once however many repaired it. */
    uint64_t deaths; /* endpoints that were never closed, lapsed ones too, and whose records are free again */
    uint64_t given_back; /* times that a message came back, also from receivers that closed with it in hand */
    uint64_t units_reclaimed; /* payload units of loans, and of releases cut short */
    uint64_t lagged;          /* broadcast: messages that receivers were told to have missed, in all */
    uint64_t answered;        /* CHAN_CALL: requests answered */
    uint64_t finished;        /* of which the callers have read that many */
    uint64_t calls_open;      /* calls that wait for their answer now */
    uint64_t answers_unread;  /* answers that wait for their callers now */
    uint32_t offers;          /* rendezvous: senders that wait for a receiver now */
    uint32_t demands;         /* rendezvous: receivers that wait for a sender now */
    uint64_t
        committed_bytes; /* of the object, that will not be refused: of a growable queue those that it has
                               * committed and not given back; of the other kinds all */
};

CHAN_API CHAN_MUST_USE int chan_stat(const struct chan *ch,
                                     struct chan_stat *out); /* set out->size first. Since 0.1 */

#define CHAN_ROLE_SENDER 1u
#define CHAN_ROLE_RECEIVER 2u
#define CHAN_ROLE_WEAK 3u /* a weak sender: keeps nobody connected */

#define CHAN_STATE_ATTACHING 1u
#define CHAN_STATE_LIVE 2u
#define CHAN_STATE_PREPARED 3u /* waits for a child to adopt it */
#define CHAN_STATE_DEAD 4u     /* its process is gone */

#define CHAN_WAITS_FOR_NOTHING 0u
#define CHAN_WAITS_FOR_MESSAGE 1u
#define CHAN_WAITS_FOR_SPACE 2u
#define CHAN_WAITS_FOR_CLOSE 3u  /* chan_wait_closed() */
#define CHAN_WAITS_FOR_ANSWER 4u /* CHAN_CALL */

struct chan_endpoint_stat {
    uint32_t size; /* in: sizeof(struct chan_endpoint_stat) */
    uint32_t number;
    uint32_t role;  /* CHAN_ROLE_* */
    uint32_t state; /* CHAN_STATE_* */
    uint32_t pid;   /* as its own pid namespace numbers it */
    uint32_t tid;   /* thread that attached */
    uint32_t uid;
    uint32_t same_pid_namespace; /* 1 if `pid` means the same process here */
    uint64_t start_time;         /* of the process, in clock ticks since boot, as in /proc/PID/stat */
    uint64_t generation;         /* how often this record has been taken */
    int64_t attached_ns;         /* CLOCK_REALTIME */
    char command[16];            /* NUL-terminated */
    uint32_t waits_for;          /* CHAN_WAITS_* */
    uint32_t in_operation;       /* 1 while in the middle of an exchange */
    int64_t waiting_ns;          /* for how long it has been waiting; 0 if it is not */
    uint64_t messages;           /* sent or received by this endpoint */
    uint64_t bytes;
    uint64_t waits;    /* times it went to sleep, in sends or receives */
    int64_t waited_ns; /* time asleep in these, in all */
    uint64_t permits;  /* places kept for it (sender) now */
    uint32_t held;     /* views (receiver) now */
    uint32_t orphaned; /* messages in this record that wait for redelivery */
    uint64_t
        unread; /* broadcast, receiver: messages sent that it is not done with, overwritten ones included */
};

/* Endpoint `number`, 0 .. options.endpoints-1. -ENOENT: nobody has that record; -ERANGE: no such number.
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_endpoint_stat(const struct chan *ch, uint32_t number,
                                              struct chan_endpoint_stat *out);

/* Copy the queued (of a broadcast: retained) message at *position without consuming it. Positions count messages from 0 in the order
 * they were sent. If that message was received meanwhile, the oldest queued one is copied instead, and
 * info->skipped says how many were passed over. On success *position is that of the next message,
 * info->size the message's full length, of which at most `capacity` bytes were copied. -EAGAIN: nothing
 * there yet. Since 0.1. */
struct chan_peek_info {
    uint64_t position;
    uint64_t skipped;
    size_t size;
    uint32_t sender;
    uint32_t reserved;
    int64_t sent_ns;
};
CHAN_API CHAN_MUST_USE int chan_peek(const struct chan *ch, uint64_t *position, void *buffer, size_t capacity,
                                     struct chan_peek_info *info);

/* Undo or finish what dead endpoints left: free records, messages to redeliver, payload memory. Live peers
 * do the same when they meet it. With dry_run nothing is changed. Any number may repair at once; a killed
 * or stopped repairer harms nobody. Since 0.1. */
struct chan_repair_report {
    uint32_t dead;        /* endpoints found dead */
    uint32_t repaired;    /* of which their records are free again */
    uint32_t orphaned;    /* messages made available for redelivery */
    uint32_t units_freed; /* payload units */
};
CHAN_API CHAN_MUST_USE int chan_repair(struct chan *ch, int dry_run, struct chan_repair_report *out);

/* Account for every block, unit and message. The result means something only at a quiescent moment.
 * Returns 0 if all is well, 1 if not, with a sentence in `text` (always NUL-terminated). Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_check(const struct chan *ch, char *text, size_t capacity);

CHAN_END

#endif
