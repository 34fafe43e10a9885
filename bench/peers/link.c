/* SPDX-License-Identifier: Apache-2.0 */
/* The link, and the count of its senders in a shared mapping. */
#include "link.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct roll {
    size_t bytes; /* of the mapping */
    unsigned receivers;
    _Atomic unsigned senders;
    _Alignas(128) unsigned char room[];
};

void *link_new(const struct shape *shape, size_t bytes, size_t room)
{
    static unsigned number;
    struct link *link = calloc(1, bytes);
    struct roll *roll =
        mmap(NULL, sizeof(struct roll) + room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (!link || roll == MAP_FAILED)
        die("create link", strerror(errno));
    snprintf(link->name, sizeof link->name, "chanbench-%ld-%u", (long)getpid(), number++);
    roll->bytes = sizeof(struct roll) + room;
    roll->receivers = shape->receivers;
    atomic_init(&roll->senders, shape->senders);
    link->roll = roll;
    return link;
}

void link_free(void *end)
{
    struct link *link = end;

    munmap(link->roll, link->roll->bytes);
    free(link);
}

void *link_room(const void *end)
{
    const struct link *link = end;

    return link->roll->room;
}

/* 1 if it was the last. The release pairs with link_over()'s acquire; the acquire puts the last sender's
 * empty messages behind those of the others. */
static int strike(struct roll *roll)
{
    return atomic_fetch_sub_explicit(&roll->senders, 1, memory_order_acq_rel) == 1;
}

void link_leave(void *end, link_send *send_bytes)
{
    struct link *link = end;

    if (!strike(link->roll))
        return;
    for (unsigned i = 0; i < link->roll->receivers; i++)
        send_bytes(end, "", 0);
}

void link_leave_silently(void *end)
{
    struct link *link = end;

    strike(link->roll);
}

void link_leave_alone(void *end, link_send *send_bytes)
{
    send_bytes(end, "", 0);
    while (!link_over(end))
        usleep(100);
}

int link_cross_off(void *end)
{
    struct link *link = end;

    return strike(link->roll);
}

/* Acquire: what the senders did before strike() is seen. */
int link_over(const void *end)
{
    const struct link *link = end;

    return atomic_load_explicit(&link->roll->senders, memory_order_acquire) == 0;
}
