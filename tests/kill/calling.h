/* SPDX-License-Identifier: Apache-2.0 */
/* A channel of calls with victims on it, callers or servers: the operations they are stepped through, and the survivors,
 * who go on calling and serving. */
#ifndef KILL_CALLING_H
#define KILL_CALLING_H

#include "trial.h"

#define HOLDS 2u
#define PEERS_MAX 2u

/* Numbers of requests; the answer to number n is message n + ANSWER. */
#define OWN                                                                                                  \
    1u /* the survivor's calls, which servers are to answer: so many as there are victims that serve */
#define VICTIMS 10u /* the calls of victims, each with its own number */
#define LATER 20u   /* calls to see that all works */
#define STAYING 40u /* that of a newcomer who stays */
#define ANSWER 100u

struct calling;
struct peer;

struct call_act {
    const char *name;
    bool serves, calls;                       /* what the victim is attached as; or nothing */
    unsigned attaches;                        /* endpoints, by itself */
    void (*prepare)(struct peer *peer);       /* by the victim */
    void (*meanwhile)(struct calling *calls); /* what the survivors do before it begins */
    int (*run)(struct peer *peer);
    bool ends_calls; /* refuses what it has in hand, however often that may be delivered */
};

extern const struct call_act call_acts[];
extern const unsigned call_act_count;

/* What a victim was seen to do, in memory shared with it. */
struct sight {
    int phase;
    int result;
    size_t viewed_size; /* of the request that it was given */
    size_t size;        /* of the answer that it got */
    unsigned char viewed[MESSAGE_BYTES_MAX];
    unsigned char answer[MESSAGE_BYTES_MAX];
};

struct peer {
    const struct call_act *act;
    const struct scene *scene;
    struct chan *ch;
    struct sight *sight;
    uint32_t id; /* of its call */
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_ticket ticket;
    struct chan_view view;
    unsigned char message[MESSAGE_BYTES_MAX]; /* that it sends */
    size_t size;
};

/* The survivors are in this process, and have no keeper. */
struct calling {
    struct trial trial; /* for reports, and the channel that is observed */
    struct scene scene;
    uint32_t max_deliveries;
    struct peer peers[PEERS_MAX];
    struct sight *sights;   /* PEERS_MAX of them */
    struct chan_sender *tx; /* has the own calls */
    struct chan_receiver *rx;
    struct chan_ticket own[PEERS_MAX];
    struct chan_reply_address stale[8]; /* of requests of victims */
    unsigned stale_count;
    uint64_t answers; /* that have surely been given */
    uint64_t nobodys; /* of which to victims */
    uint32_t served;  /* number of own calls that the surviving server answered */
};

void calling_begin(struct calling *s, const struct chan_options *options);
void calling_end(struct calling *s);

/* Fork a victim, which attaches and prepares. */
void calling_start(struct calling *s, unsigned number, const struct call_act *act, struct victim *victim);

/* The number of the request that a victim was given, 0: none. */
uint32_t calling_viewed(struct calling *s, unsigned number);

/* The answer that a victim got, if it did, is whole and its own. */
void calling_check_answer(struct calling *s, unsigned number);

/* The survivors' side of a call. */
int calling_call(struct calling *s, struct chan_sender *tx, uint32_t id, struct chan_ticket *ticket);
int calling_finish(struct calling *s, struct chan_sender *tx, uint32_t id, struct chan_ticket *ticket);

/* Answer all that is queued or given back. */
void calling_serve(struct calling *s);

/* So many calls at once by that caller, each of which is answered. */
void calling_in_places(struct calling *s, struct chan_sender *tx, uint32_t places);

/* All places of that caller, and of a newcomer. */
void calling_in_all_places(struct calling *s);

/* The victims are dead and repaired, and all calls over: nothing is left, and all was counted. */
void calling_check(struct calling *s);

#endif
