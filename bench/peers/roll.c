/* SPDX-License-Identifier: Apache-2.0 */
/* The roll: a count of senders in a shared mapping. */
#include "roll.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

struct roll {
    size_t bytes; /* of the mapping */
    unsigned receivers;
    _Atomic unsigned senders;
    _Alignas(128) unsigned char room[];
};

struct roll *roll_new(const struct shape *shape, size_t room)
{
    size_t bytes = sizeof(struct roll) + room;
    struct roll *roll = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (roll == MAP_FAILED)
        die("mmap", strerror(errno));
    roll->bytes = bytes;
    roll->receivers = shape->receivers;
    atomic_init(&roll->senders, shape->senders);
    return roll;
}

void roll_free(struct roll *roll)
{
    munmap(roll, roll->bytes);
}

void *roll_room(struct roll *roll)
{
    return roll->room;
}

/* The release pairs with roll_over()'s acquire; the acquire puts the last sender's empty messages behind
 * those of the others. */
unsigned roll_leave(struct roll *roll)
{
    return atomic_fetch_sub_explicit(&roll->senders, 1, memory_order_acq_rel) == 1 ? roll->receivers : 0;
}

/* Acquire: what the senders did before roll_leave() is seen. */
int roll_over(const struct roll *roll)
{
    return atomic_load_explicit(&roll->senders, memory_order_acquire) == 0;
}

void roll_wait(const struct roll *roll)
{
    while (!roll_over(roll))
        usleep(100);
}
