/* SPDX-License-Identifier: Apache-2.0 */
/* One trial: a fresh channel, one or two victims in the middle of an operation, and the survivors' books
 * about every message. */
#ifndef KILL_TRIAL_H
#define KILL_TRIAL_H

#include "operation.h"
#include "scene.h"
#include "victim.h"

#include <shmchan.h>

#define IDS_MAX 512u
#define SURVIVOR_IDS 20u /* what victims send is numbered below, all else from here */

#define PARTS_MAX 2u

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
    struct chan_sender *extra; /* occupies the record that has the orphan */
    struct journal *journals;  /* PARTS_MAX of them, shared with the victims */
    unsigned dead_too;         /* one of the victims is dead while others are stopped */
    bool joined;               /* a newcomer has taken part beside the victim, which was alone */
    uint32_t next_id;
    uint32_t newest_id;    /* last one received in order */
    uint32_t first_queued; /* id of the oldest message that was queued when the victim began */
    uint8_t sent[IDS_MAX];
    uint8_t delivered[IDS_MAX]; /* to survivors */
    uint32_t received;          /* by survivors */
    char where[200];            /* for reports */
    uint32_t given_back;        /* messages that the repair gave back */
    uint32_t gone;              /* messages that the victim has had */
    unsigned failures;
    unsigned missed; /* victims that took another way than the one observed first */
};

/* Set the scene for a victim of each of the operations; the second may be NULL. */
void trial_begin(struct trial *trial, const struct scene *scene, const struct operation *first,
                 const struct operation *second);
void trial_end(struct trial *trial);

/* Fork the victim of a part and bring it to the beginning of its operation. */
void trial_start(struct trial *trial, unsigned part, struct victim *victim);

/* Let a victim that was stopped finish its operation. */
void trial_continue(struct trial *trial, unsigned part, struct victim *victim);

/* More about where it happens, for reports. */
__attribute__((format(printf, 2, 3))) void trial_where(struct trial *trial, const char *format, ...);

/* Counts a broken promise and says which. */
__attribute__((format(printf, 2, 3))) void trial_fail(struct trial *trial, const char *format, ...);

/* Let the survivors work: fill and drain the channel for `laps` laps. They repair nothing. */
void trial_work(struct trial *trial, unsigned laps);

/* Enter a received message in the books. */
void trial_book(struct trial *trial, const void *data, size_t size, uint32_t deliveries);

/* Receive all there is. */
void trial_drain(struct trial *trial);

/* Send one message. */
void trial_send(struct trial *trial);

/* Send until the channel is full; returns how many. */
uint32_t trial_fill(struct trial *trial);

/* A newcomer on each side where there is a seat sends, receives, and leaves. */
void trial_newcomers(struct trial *trial);

/* Victims are stopped: the others lack only what these hold, and do not take them for dead. Leaves a message
 * for each that is to receive one. */
void trial_work_around(struct trial *trial);

/* The victims are dead: repair, account for every message, and audit the channel. */
void trial_settle(struct trial *trial);

#endif
