/* SPDX-License-Identifier: Apache-2.0 */
/* A watch with victims at work on it: the operations they are stepped through, and the survivors' books about every
 * value there has been. */
#ifndef KILL_WATCHING_H
#define KILL_WATCHING_H

#include "trial.h"

#define HOLDS 3u
#define PINNED (2 * HOLDS) /* two receivers' views */
#define SENDS_AFTER 41u /* odd: two blocks take turns, and a stale one is not to be the current one again */

#define WATCHERS_MAX 2u
#define VALUES_MAX 512u

struct setting {
    const char *name;
    struct scene scene; /* for the sizes of values */
    bool pinned;        /* the victims find their spares pinned by survivors */
    bool sleeper;       /* somebody waits for a change */
};

/* What a victim writes down, in memory that outlives it. */
struct notes {
    int phase;
    int result;
    size_t size; /* of the value that it read */
    unsigned char read[MESSAGE_BYTES_MAX];
};

struct watch_act;

/* A victim, and its side of the trial. */
struct watcher {
    const struct setting *setting;
    const struct watch_act *act;
    struct chan *ch;
    struct notes *notes;
    uint32_t value; /* number of the one that it sends */
    unsigned since; /* the value in the books that was current when it began */
    unsigned again; /* the one that was when it was continued */
    struct chan_sender *tx;
    struct chan_receiver *rx, *clone;
    struct chan_view view;
    struct chan_loan loan;
    unsigned char buffer[MESSAGE_BYTES_MAX];
};

struct watch_act {
    const char *name;
    uint32_t role; /* that the victim is attached in; 0: it attaches itself, if at all */
    bool writes, silent, reads;
    unsigned attaches; /* endpoints, by itself */
    void (*prepare)(struct watcher *w);
    int (*run)(struct watcher *w);
};

extern const struct watch_act watch_acts[];
extern const unsigned watch_act_count;

/* One trial: the survivors are in this process, and have no keeper. */
struct watching {
    struct trial trial; /* reports, and the channel that is observed */
    const struct setting *setting;
    struct watcher watchers[WATCHERS_MAX];
    struct notes *notes; /* WATCHERS_MAX of them, shared with the victims */
    struct chan_sender *tx;
    struct chan_receiver *rx[2];
    struct chan_view views[PINNED];
    uint32_t viewed[PINNED], view_count;
    uint32_t values[VALUES_MAX]; /* numbers of all that there have been, in their order */
    unsigned value_count;        /* the last of them is current */
    uint32_t next;
    uint64_t version;
};

/* Set the scene. */
void watching_begin(struct watching *s, const struct setting *setting);

/* Fork a victim and bring it to the beginning of its act. */
void watching_start(struct watching *s, unsigned number, const struct watch_act *act, struct victim *victim);

/* Let a victim that was stopped finish its act. */
void watching_continue(struct watching *s, unsigned number, struct victim *victim);

/* Number of the value that is current by the books. */
uint32_t watching_value(const struct watching *s);

/* The survivors send the next value. */
void watching_send(struct watching *s);

/* The value is the one before or, if that victim alone has moved since and may have sent it, the one after; with the
 * version that goes with it. Returns whether the victim's is there, for the first time. */
bool watching_look(struct watching *s, const struct watcher *moved);

/* Sending and reading goes on, whoever is dead or stopped. */
void watching_work(struct watching *s);

/* That victim has finished: it sent its value, and what it read was current while it ran or, if it sent one, was the one
 * before that. */
void watching_check_done(struct watching *s, const struct watcher *w);

/* The victims are dead: repair, work, and account for every block, unit and record. */
void watching_settle(struct watching *s);

void watching_end(struct watching *s);

#endif
