/* SPDX-License-Identifier: Apache-2.0 */
/* The operations that a victim is stepped through. */
#ifndef KILL_OPERATION_H
#define KILL_OPERATION_H

#include "scene.h"

#include <shmchan.h>

#define BATCH 3u

/* What the victim writes down, in memory that outlives it. */
struct journal {
    int phase;
    int result;          /* of the operation, once it is over */
    uint32_t sent;       /* messages of its own that surely were sent */
    uint32_t viewed;     /* id of the message that it was given to look at */
    uint32_t released;   /* the same, once chan_release() has been called */
    uint32_t got[BATCH]; /* ids of those that it surely received by copying */
    unsigned char buffer[BATCH][MESSAGE_BYTES_MAX];
    size_t sizes[BATCH];
};

/* The victim's side of a trial. */
struct actor {
    const struct scene *scene;
    struct chan *ch;
    struct journal *journal;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_sender *tx_clone;
    struct chan_receiver *rx_clone;
    struct chan_weak_sender *weak;
    uint32_t fill; /* messages that it has to queue itself, numbered from fill_id */
    uint32_t fill_id;
    struct chan_loan loan;
    struct chan_view view;
    uint32_t first_id; /* of what it sends */
};

struct operation {
    const char *name;
    uint32_t role;  /* CHAN_ROLE_* of the victim, 0: none */
    uint32_t sends; /* at most so many messages */
    uint32_t takes; /* at most so many are gone with the victim */
    uint32_t needs; /* messages that must be there for it not to block */
    uint32_t room;  /* messages for which there must be room */
    bool permits;   /* the queue must be a fair one */
    bool orphan;    /* a message given back must be there */
    bool attaches;  /* the victim's role is attached by the operation itself */
    bool clones;    /* the operation attaches a second endpoint of the victim's role */
    bool weak;      /* it makes, or has, a weak sender beside */
    bool leaves;    /* the operation ends the victim's part in the channel */
    bool shuts_down;
    bool meets;                           /* of rendezvous channels only: may find nobody */
    void (*prepare)(struct actor *actor); /* after attaching; may be NULL */
    int (*run)(struct actor *actor);
};

extern const struct operation operations[];
extern const unsigned operation_count;

/* By its name. */
const struct operation *operation_find(const char *name);

/* The victim's life: attach, prepare, be stepped through the operation. */
void operation_perform(const struct operation *operation, struct actor *actor);

/* True if the operation neither blocks nor is pointless in this scene. */
bool operation_fits(const struct operation *operation, const struct scene *scene);

#endif
