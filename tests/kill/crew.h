/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a soak as whoever directs it sees them: started, killed, stopped, brought to rest. */
#ifndef KILL_CREW_H
#define KILL_CREW_H

#include "worker.h"

#include <sys/types.h>

#define CREW_MAX (BOOK_DESKS / WORKER_THREADS_MAX)

struct member {
    struct worker worker;
    _Atomic pid_t pid; /* 0: not running */
    bool stopped;
    int64_t stopped_at; /* since then */
};

/* What has been done to them. */
struct toll {
    uint64_t kills, kills_stopped, stops, prepared, apart, many_threads;
    uint64_t may_be_sent, may_be_lost; /* messages in calls of those that were found dead */
};

/* Of a process beside the crew that is never disturbed. */
struct witnessed {
    atomic_uint ready, closing;
    atomic_uint number; /* of its endpoint */
    atomic_ullong missed;
};

struct crew {
    unsigned size;
    void (*run)(const struct worker *worker); /* what members do; never returns */
    bool one_sender, one_receiver;
    bool prepares; /* now and then a handle is prepared for a member */
    struct witnessed witnessed;
    bool nursery; /* pid namespaces can be had */
    struct book *book;
    struct chan *kept;   /* with a keeper in each process */
    struct chan *polled; /* the same channel, without */
    uint64_t random;
    struct toll toll;
    struct member members[CREW_MAX];
};

/* In memory that children share. */
struct crew *crew_open(void);
void crew_close(struct crew *crew);

/* Something happens to one of them: it is started, killed, stopped or continued. A dead one may stay a zombie
 * for a while. */
void crew_disturb(struct crew *crew);

/* Everybody who lives rests between two calls, and the dead are buried. Then: work on. */
void crew_rest(struct crew *crew, unsigned number);
void crew_go_on(struct crew *crew);

/* Let them end by themselves. */
void crew_end(struct crew *crew);

#endif
