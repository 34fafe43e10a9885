/* SPDX-License-Identifier: Apache-2.0 */
/* Channels as objects: create, open, pass to another process, describe, shut down, unlink, list.
 *
 * A `struct chan` is this process's mapping of a channel. It is no endpoint: having one keeps nobody
 * connected. Endpoints (shmchan/endpoint.h) are attached through it and keep the mapping themselves, so
 * chan_close() right after attaching is fine. */
#ifndef SHMCHAN_CHANNEL_H
#define SHMCHAN_CHANNEL_H

#include <shmchan/base.h>

CHAN_BEGIN

struct chan;

/* Longest name, in bytes, without the NUL. A name has at least one byte, no '/', no control character, and
 * does not begin with '.'. The object is $SHMCHAN_DIR/shmchan.NAME; SHMCHAN_DIR is /dev/shm unless set,
 * and is ignored in set-user-ID programs. */
#define CHAN_NAME_MAX 200

/* Kinds of channel. */
#define CHAN_QUEUE 0u     /* bounded FIFO queue; each message goes to exactly one receiver */
#define CHAN_BROADCAST 1u /* each message goes to every receiver there is: shmchan/broadcast.h */
#define CHAN_WATCH 2u     /* the latest value; every receiver sees it (shmchan/watch.h) */
#define CHAN_ONESHOT                                                                                         \
    3u               /* one message, from the one sender to the one receiver; sending it closes the channel */
#define CHAN_CALL 4u /* queue of requests, each of which is answered to the endpoint that sent it: call.h */
#define CHAN_RENDEZVOUS 5u /* no room at all: a send ends when a receiver takes the message */
#define CHAN_GROWABLE                                                                                        \
    6u /* a queue whose payload memory is committed as messages need it, and then given back */

/* Rendezvous. A send succeeds when a live receiver that waits has been given the message, a receive when a live sender
 * waits; the try_ forms only with one that waits right now. A call that times out, is interrupted or cancelled has
 * had no part in a match, on either side. Whoever has waited longest is served first; of two whose calls began at the
 * same time, either. It is always empty and full: capacity, len and available are 0. A message that is larger than
 * the waiting receiver's buffer is not given to it; that receive ends with -EMSGSIZE once the sender waits, too. A
 * receiver killed before it has copied the message, or with a view of it, leaves it to another receiver, as in a
 * queue. Batches are sent one message after the other. Selects meet each other, too: see select.h. Each match asks
 * the kernel once whether the peer lives. */

/* Growable. A queue with all that CHAN_QUEUE has but an order of senders, for a number of messages that is seldom
 * needed: `messages` is a ceiling. Below it no send waits or is refused for want of room if message_size is at most 4096;
 * larger messages take several payload units in a row, and can leave gaps that are too small, though there are twice as
 * many units as they take unless `bytes` says otherwise. At the ceiling the queue is full, as queues are.
 *
 * What is committed at creation is chan_memory.fixed_bytes: about 72 bytes for a message of the ceiling, 8 for each
 * payload unit, and the first step. More payload memory is committed by the sender that needs it,
 * chan_memory.step_bytes at a time. Where it is not to be had, on a full /dev/shm, the send
 * fails with -ENOSPC (-ENOMEM), also one that could wait: its message stays its caller's, and the next attempt may
 * succeed. Nothing is ever SIGBUS. Before Linux 5.14 it takes the channel's descriptor: -EBADF where this process has
 * closed that. Once the queue is drained, each step that nobody has a message, view or loan in is
 * given back, but for the first: by the receiver that took the last message, or else by the next one that looks, or leaves.
 * Messages of up to chan_memory.inline_size bytes take no payload memory. Units are of the least power of two that has
 * room for message_size, 64 .. 4096 bytes.
 *
 * Ceiling if `messages` is 0: what fits into an eighth of the space that is free in chan_dir()'s file system, 64 at least
 * and 2^18 at most. `bytes` is rounded up to whole steps, and one more for each endpoint; 0: room for so many of the largest
 * size, and for all that endpoints may hold; twice that above 4096 bytes.
 *
 * CHAN_PREFAULT, CHAN_MLOCK and CHAN_HUGE_PAGES concern what is committed at creation. A process that has called
 * mlockall() commits everything by opening the channel, and gives nothing back. */

/* How many endpoints of a side may be attached at once. */
#define CHAN_MANY 0u
#define CHAN_ONE 1u

/* Lifetimes.
 *
 * Ephemeral: a side that had an endpoint and has none any more is disconnected for good; when the last
 * receiver goes, queued messages are discarded; when the last endpoint of all goes, the object is
 * unlinked. Durable: sides may go to zero and come back, messages stay; it ends by chan_shutdown() and
 * chan_unlink(). */
#define CHAN_EPHEMERAL 0u
#define CHAN_DURABLE 1u

/* In which order senders get the places of a queue that become free.
 *
 * Barging: whoever comes first. Fair: whoever has waited longest; nobody overtakes one who waits, try_ forms say
 * -EAGAIN although there is a place if somebody older waits for it, and places can be had before there is a message
 * (shmchan/permit.h). Each send costs more, and each place that becomes free wakes all who wait. Receivers have no
 * order: a message is for whoever comes. */
#define CHAN_BARGING 0u
#define CHAN_FAIR 1u
/* What a broadcast does with messages that a receiver has not read yet when `messages` later ones have been sent:
 * overwrite them, and tell the receiver how many it missed, or have the senders wait for it. */
#define CHAN_LAG 0u
#define CHAN_BLOCK 1u

/* Flags for creating and opening; they concern this process's mapping, not the object. */
/* Map every page now, so that no page fault comes later. */
#define CHAN_PREFAULT 0x1u
/* Lock the pages into memory: -ENOMEM or -EPERM where RLIMIT_MEMLOCK forbids it. */
#define CHAN_MLOCK 0x2u
/* Ask for transparent huge pages (a hint). */
#define CHAN_HUGE_PAGES 0x4u
/* Open only: map read-only, for inspection; nothing in the channel changes. */
#define CHAN_READ_ONLY 0x8u
/* Start no helper thread: deaths are then noticed by polling every 20 ms in calls that block, and by
 * attaching; not by calls that do not block. */
#define CHAN_NO_KEEPER 0x10u
/* Open only: accept an object that neither this user nor root owns. */
#define CHAN_ANY_OWNER 0x20u
/* Open by descriptor only: accept one that its sender could truncate, such as that of a named channel; a
 * truncation would be SIGBUS here. */
#define CHAN_UNSEALED 0x40u

struct chan_options {
    uint32_t size;           /* sizeof(struct chan_options): lets the structure grow */
    uint32_t kind;           /* CHAN_QUEUE ... */
    uint64_t messages;       /* capacity, 1 .. 2^24; 0 means 64 (CHAN_WATCH and CHAN_ONESHOT: 1, the only one;
                        * CHAN_RENDEZVOUS: 0; CHAN_GROWABLE: see above) */
    uint64_t message_size;   /* largest message in bytes, 0 .. 2^40; CHAN_OPTIONS_INIT says 4096 */
    uint64_t bytes;          /* payload budget, see below; 0 means a default */
    uint32_t endpoints;      /* most endpoints attached at once, 1 .. 1024; 0 means 64 (CHAN_ONESHOT: 4) */
    uint32_t holds;          /* most loans or views that one endpoint may hold, 1 .. 63; 0 means 4 */
    uint32_t senders;        /* CHAN_MANY or CHAN_ONE (CHAN_ONESHOT: always CHAN_ONE) */
    uint32_t receivers;      /* the same */
    uint32_t lifetime;       /* CHAN_EPHEMERAL or CHAN_DURABLE */
    uint32_t mode;           /* permission bits of the object, not reduced by the umask; 0 means 0600 */
    uint32_t group;          /* group of the object; CHAN_NO_GROUP leaves it */
    uint32_t flags;          /* CHAN_PREFAULT | CHAN_MLOCK | CHAN_HUGE_PAGES | CHAN_NO_KEEPER */
    uint32_t max_deliveries; /* see below; 0: no limit */
    uint32_t order;          /* CHAN_BARGING or CHAN_FAIR */
    uint32_t overflow;       /* broadcast: CHAN_LAG or CHAN_BLOCK; else 0 */
    const void *initial;     /* of a watch: the value it begins with, `initial_size` bytes; copied */
    size_t initial_size;
    uint32_t reserved; /* must be 0 */
};

/* bytes: the payload budget beside `messages`; the channel is full when either is used up. It concerns
 * only messages larger than chan_memory.inline_size. The default has room for `messages` of the largest
 * size, and for one more in a broadcast that overwrites, but at most for the larger of 64 MiB and four of them.
 *
 * max_deliveries: a message that was delivered this often and never released is moved to a dead-letter channel
 * (chan_receiver_set_dead_letters()), or discarded, instead of being delivered once more; both are counted. */

#define CHAN_NO_GROUP UINT32_MAX
#define CHAN_OPTIONS_INIT                                                                                    \
    {                                                                                                        \
        .size = sizeof(struct chan_options), .message_size = 4096, .group = CHAN_NO_GROUP                    \
    }

/* What a channel with these options takes. */
struct chan_memory {
    uint64_t total_bytes; /* of the object, all committed at creation (CHAN_GROWABLE: at most) */
    uint64_t inline_size; /* messages up to this size live in their block */
    uint64_t block_bytes; /* one block: header and inline payload */
    uint64_t
        blocks; /* messages + 2 x (holds + 1) x endpoints; a watch: holds + 2; calls: holds more for each endpoint */
    uint64_t unit_bytes;   /* larger messages take whole units ... */
    uint64_t units;        /* ... of this many */
    uint64_t record_bytes; /* one endpoint's record */
    uint64_t fixed_bytes;  /* committed at creation, and as long as the object exists */
    uint64_t step_bytes;   /* CHAN_GROWABLE: committed and given back at a time; else 0 */
};

/* The memory formula, without creating anything:
 *   total = header page + endpoints x record + messages x 8 + blocks x block + units x 8 + units x unit,
 * each part rounded up to 128 bytes and the units to a page (CHAN_GROWABLE: and two bits for each step of units; `units`
 * are those of `bytes`, and a step more for each endpoint). NULL options mean CHAN_OPTIONS_INIT.
 * -EINVAL: an option is out of range. -EFBIG: the sum does not fit. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_memory(const struct chan_options *options, struct chan_memory *out);

/* How many messages a channel should hold so that senders need not wait in a burst: if they send
 * `sent_per_second` for `burst_ms` milliseconds while receivers manage `received_per_second`, what is left over,
 * rounded up to a power of two; at least 64, also where receivers are fast enough. What does not fit into 64 bits
 * saturates; chan_options.messages takes 2^24 at most. Async-signal-safe. Since 0.1. */
CHAN_API uint64_t chan_plan_messages(uint64_t sent_per_second, uint64_t received_per_second,
                                     uint64_t burst_ms);

/* Create a channel. It appears under its name complete, or not at all. An ephemeral object of that name
 * whose endpoints are all dead is replaced. NULL options mean CHAN_OPTIONS_INIT. `*out` is released with
 * chan_close().
 *   -EEXIST  the name is taken            -ENOSPC -ENOMEM  not enough shared memory: nothing is left behind
 *   -EFBIG   larger than RLIMIT_FSIZE     -EOPNOTSUPP      the directory's file system has no O_TMPFILE
 *   -EPERM   group not allowed            -EINVAL -ENAMETOOLONG  name or options
 *   -ENOENT  no such directory, or no /proc (it is needed to create and to attach)
 * Does not wait for other processes. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_create(const char *name, const struct chan_options *options,
                                       struct chan **out);

/* Open an existing channel. `flags`: any of the above.
 *   -ENOENT   no such object, or an ephemeral one whose endpoints are all dead (it is removed)
 *   -EACCES   no permission               -EPERM  another user's object without CHAN_ANY_OWNER
 *   -ELOOP    the name is a symbolic link  -EBADMSG -EPROTONOSUPPORT  not a channel, corrupt, other version
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_open(const char *name, uint32_t flags, struct chan **out);

/* Open, or create if it does not exist; of racing callers one creates and the others open. An existing
 * channel must serve what is asked: same kind, order, multiplicities and lifetime, at least as many messages and
 * as large ones; else -EEXIST. Flags are those in the options. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_open_or_create(const char *name, const struct chan_options *options,
                                               struct chan **out);

/* Create a channel that has no name: a memfd, sealed against shrinking and growing. Others get it by
 * inheriting or receiving its descriptor; options->mode decides which users can attach then. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_create_anonymous(const struct chan_options *options, struct chan **out);

/* Map the channel behind a descriptor; the descriptor stays the caller's. -EPERM: it is not sealed against
 * shrinking, and CHAN_UNSEALED was not given. -EINVAL: no open descriptor.
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_open_fd(int fd, uint32_t flags, struct chan **out);

/* The channel's descriptor (close-on-exec), valid until chan_close(); to pass it over exec, dup() it.
 * Since 0.1. */
CHAN_API int chan_fd(const struct chan *ch);

/* Pass a channel over a connected UNIX socket (SCM_RIGHTS), one byte of data beside it; receive it so. They
 * block as the socket does. chan_recv_fd: -ENOMSG if what came carried no descriptor, or several,
 * which are closed then; -EPIPE at end of file. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_send_fd(int socket, const struct chan *ch);
CHAN_API CHAN_MUST_USE int chan_recv_fd(int socket, uint32_t flags, struct chan **out);

/* Release this process's mapping once its endpoints are closed too. NULL is fine. Since 0.1. */
CHAN_API void chan_close(struct chan *ch);

/* Remove the name. Who has the channel open keeps it. -ENOENT, -EACCES, -EPERM; -EBUSY: another process is
 * just removing or replacing it. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_unlink(const char *name);

/* End the channel: sends that have not taken effect fail with -EPIPE (but for those on permits), receivers get
 * what is queued and then -EPIPE. Everybody asleep is woken. Idempotent; permanent; works for both lifetimes. It is the half close
 * that receivers want, too: chan_shutdown(chan_of_receiver(rx)) refuses what comes and keeps what is there, for
 * all receivers; chan_close_receiver() of the last one throws it away. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_shutdown(struct chan *ch);

/* Calls visit(name, arg) for each object in the directory that has a channel's name (it need not be a
 * sound one), until visit returns nonzero, which is then returned. The directory is read as it goes.
 * Since 0.1. */
CHAN_API int chan_list(int (*visit)(const char *name, void *arg), void *arg);

/* The directory of named channels. Static storage. Since 0.1. */
CHAN_API const char *chan_dir(void);

/* The name it was created with ("" for an anonymous one); valid until chan_close(). Since 0.1. */
CHAN_API const char *chan_name(const struct chan *ch);

/* A random 128-bit number that no other channel has. Since 0.1. */
CHAN_API void chan_id(const struct chan *ch, uint8_t id[16]);

/* 1 if both map the same channel, else 0. Since 0.1. */
CHAN_API int chan_same(const struct chan *a, const struct chan *b);

/* The options in force (defaults filled in; flags 0). Since 0.1. */
CHAN_API void chan_options_of(const struct chan *ch, struct chan_options *out);

/* State, as the channel stands at one moment of the call. 0 <= len <= capacity always. len counts messages
 * that a receive could get now: queued, and given back by dead receivers (so during redelivery is_full
 * can be false though len == capacity); of a broadcast, those that not all receivers are done with, as
 * chan_sender_len(). None of them blocks or changes the channel. Since 0.1. */
CHAN_API uint64_t chan_capacity(const struct chan *ch);
CHAN_API uint64_t chan_len(const struct chan *ch);
CHAN_API uint64_t chan_available(const struct chan *ch); /* sends of inline messages that would not block */
CHAN_API int chan_is_empty(const struct chan *ch);
CHAN_API int chan_is_full(const struct chan *ch);
CHAN_API uint32_t chan_senders(const struct chan *ch); /* attached now, the dead that were noticed left out */
CHAN_API uint32_t chan_receivers(const struct chan *ch);
CHAN_API uint32_t chan_weak_senders(const struct chan *ch); /* not among the senders */

/* closed: shut down, or (ephemeral) a side is disconnected, or (CHAN_ONESHOT) sent: no further message
 * will be accepted. A side that has
 * the asker is not disconnected; so to a sender it means that nobody will receive, and to a receiver that nobody
 * will send, though messages may be left. drained: closed, and no message is left to receive or in a receiver's
 * hands. Since 0.1. */
CHAN_API int chan_is_closed(const struct chan *ch);
CHAN_API int chan_is_drained(const struct chan *ch);

CHAN_END

#endif
