/* SPDX-License-Identifier: Apache-2.0 */
/* An eventfd, up (readable) or down: that of a pollable descriptor, or of a lookout (waitset.c).
 *
 * A program may close descriptors that are not its own, all of them even, and what it opens next gets their
 * numbers. Eight bytes written there would be damage. So ours bears a mark that no other has: the signal
 * that it would send if it were asynchronous, which an eventfd cannot be, is one that nobody would choose.
 * To look at it costs a tenth of a microsecond. What takes the number may be the next one of ours, which bears the same:
 * the last one that was opened with a number has it. */
#include "src/pollable.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MARK SIGCONT

/* Of numbers beyond, which are given out when all others are in use, the mark alone tells. */
#define NUMBERS 65536

static atomic_u32 opened; /* so many */
static atomic_u32
    last_of[NUMBERS]; /* by number of the descriptor; pages that no number leads to take no memory */

static void mark(struct level *level)
{
    level->is_marked = !fcntl(level->fd, F_SETSIG, MARK);
    level->serial = atomic_fetch_add(&opened, 1);
    if (level->fd < NUMBERS)
        atomic_store(&last_of[level->fd], level->serial);
}

int chan__level_open(struct level *level)
{
    int saved = errno, result = 0;
    level->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    if (level->fd < 0)
        result = -errno;
    else
        mark(level);
    errno = saved;
    return result;
}

bool chan__level_is_ours(const struct level *level)
{
    if (level->fd < NUMBERS && atomic_load(&last_of[level->fd]) != level->serial)
        return false;
    return !level->is_marked || fcntl(level->fd, F_GETSIG) == MARK;
}

void chan__level_close(const struct level *level)
{
    int saved = errno;
    if (chan__level_is_ours(level))
        close(level->fd);
    errno = saved;
}

void chan__level_raise(const struct level *level)
{
    const uint64_t one = 1;
    int saved = errno;
    if (chan__level_is_ours(level))
        (void)!write(level->fd, &one, sizeof one);
    errno = saved;
}

void chan__level_lower(const struct level *level)
{
    uint64_t count;
    int saved = errno;
    if (chan__level_is_ours(level))
        (void)!read(level->fd, &count, sizeof count);
    errno = saved;
}
