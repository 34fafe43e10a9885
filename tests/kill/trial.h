/* SPDX-License-Identifier: Apache-2.0 */
/* One trial: a fresh channel, one or two victims in the middle of an operation, and the survivors' books
 * about every message. */
#ifndef KILL_TRIAL_H
#define KILL_TRIAL_H

#include "operation.h"
#include "scene.h"
#include "tally.h"
#include "victim.h"

#include <shmchan.h>
#include <shmchan/inspect.h>

#define IDS_MAX 512u
#define SURVIVOR_IDS 20u /* what victims send is numbered below, all else from here */

#define PARTS_MAX 3u
#define ENDPOINTS 8u /* records of the channel */

/* A victim's part. */
struct part {
    const struct operation *operation;
    struct actor actor;
    struct journal *journal; /* shared with the victim */
};

struct trial {
    const struct scene *scene;
    struct part parts[PARTS_MAX];
    unsigned part_count;
    struct chan *ch;
    struct chan_sender *tx; /* the survivor's; NULL where the victim has the only seat, or is to be alone */
    struct chan_receiver *rx;
    struct chan_sender *occupant; /* growable: has a loan in the first step of memory */
    uint64_t committed;           /* growable: bytes, at creation */
    struct chan_sender *extra;    /* occupies the record that has the orphan, or one that is to be reused */
    struct journal *journals;     /* PARTS_MAX of them, shared with the victims */
    unsigned dead_too;            /* records of victims that are dead while others are stopped */
    unsigned bystanders;          /* other processes that end as endpoints, without closing */
    bool joined;                  /* a newcomer has taken part beside the victim, which was alone */
    uint32_t next_id;
    uint32_t newest_id;    /* last one received in order */
    uint32_t first_queued; /* id of the oldest message that was queued when the victim began */
    uint8_t sent[IDS_MAX];
    uint8_t delivered[IDS_MAX]; /* to survivors */
    uint32_t received;          /* by survivors */
    char where[300];            /* for reports */
    uint32_t given_back;        /* messages that the repair gave back */
    uint32_t gone;              /* messages that the victim has had */
    int64_t killed_ns;          /* when the last victim was killed; 0 before, and after that has been noted */
    struct tally tally;         /* of all trials so far */
};

/* Set the scene for a victim of each of the operations. */
void trial_begin(struct trial *trial, const struct scene *scene, const struct operation *const victims[],
                 unsigned count);
void trial_end(struct trial *trial);

/* Fork the victim of a part and bring it to the beginning of its operation. */
void trial_start(struct trial *trial, unsigned part, struct victim *victim);

/* Kill a victim: the time until everything works again counts from here. */
void trial_kill(struct trial *trial, struct victim *victim);

/* Let a victim that was stopped finish its operation. */
void trial_continue(struct trial *trial, unsigned part, struct victim *victim);

/* More about where it happens, for reports. */
__attribute__((format(printf, 2, 3))) void trial_where(struct trial *trial, const char *format, ...);

/* Counts a broken promise and says which. */
__attribute__((format(printf, 2, 3))) void trial_fail(struct trial *trial, const char *format, ...);

/* `what` has to succeed. */
void trial_must(struct trial *trial, const char *what, int result);

void trial_stat(struct trial *trial, struct chan_stat *stat);

/* The channel does not take anything more, whatever the reason. */
static inline bool stat_refuses(const struct chan_stat *stat)
{
    return stat->shut_down || stat->senders_gone || stat->receivers_gone;
}

/* The part of the victim that sends this message, or NULL; *index counts its messages. */
const struct part *trial_sender_of(const struct trial *trial, uint32_t id, uint32_t *index);

/* True if a victim was given the message to look at. */
bool trial_was_viewed(const struct trial *trial, uint32_t id);

/* The victims are dead: repair, account for every message, and audit the channel. */
void trial_settle(struct trial *trial);

#endif
