/* SPDX-License-Identifier: Apache-2.0 */
/* Selects and the list of their operations. */
#include "src/arms.h"

#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

int chan_select_create(uint32_t flags, struct chan_select **out)
{
    if (!out || flags & ~CHAN_SELECT_BIASED)
        return -EINVAL;
    struct chan_select *sel = calloc(1, sizeof *sel);
    if (!sel)
        return -ENOMEM;
    sel->biased = flags & CHAN_SELECT_BIASED;
    sel->fork_count = chan__fork_count();
    if (getrandom(&sel->random, sizeof sel->random, GRND_NONBLOCK) < 0 || !sel->random)
        sel->random = (uint64_t)getpid() << 40 ^ ((uint64_t)chan_now() | 1);
    sel->selection = sel->random;
    sel->showing.index = -1;
    *out = sel;
    return 0;
}

void chan_select_close(struct chan_select *sel)
{
    if (!sel)
        return;
    chan__waitset_close(&sel->waitset, sel->fork_count != chan__fork_count());
    free(sel->arms);
    free(sel->order);
    free(sel->keys);
    free(sel->fds);
    free(sel);
}

uint32_t chan__select_random(struct chan_select *sel, uint32_t bound)
{
    uint64_t x = sel->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    sel->random = x;
    return (uint32_t)((x * UINT64_C(0x2545f4914f6cdd1d) >> 32) * bound >> 32);
}

static bool grow(void *array, size_t element, uint32_t capacity)
{
    void *moved = realloc(*(void **)array, element * capacity);
    if (moved)
        *(void **)array = moved;
    return moved;
}

static int add(struct chan_select *sel, const struct arm *arm)
{
    if (sel->count == sel->capacity) {
        uint32_t capacity = sel->capacity ? 2 * sel->capacity : 8;
        if (!grow(&sel->arms, sizeof *sel->arms, capacity) ||
            !grow(&sel->order, sizeof *sel->order, capacity) ||
            !grow(&sel->keys, sizeof *sel->keys, capacity) || !grow(&sel->fds, sizeof *sel->fds, capacity))
            return -ENOMEM;
        sel->capacity = capacity;
    }
    sel->arms[sel->count] = *arm;
    sel->order[sel->count] = sel->count;
    return (int)sel->count++;
}

int chan_select_recv(struct chan_select *sel, struct chan_receiver *rx)
{
    if (!sel || !rx)
        return -EINVAL;
    return add(sel, &(struct arm){.operation = RECV, .handle = &rx->handle, .rx = rx});
}

int chan_select_send(struct chan_select *sel, struct chan_sender *tx, const void *data, size_t size)
{
    if (!sel || !tx || (!data && size))
        return -EINVAL;
    return add(sel,
               &(struct arm){.operation = SEND, .handle = &tx->handle, .tx = tx, .data = data, .size = size});
}

int chan_select_permit(struct chan_select *sel, struct chan_sender *tx)
{
    if (!sel || !tx)
        return -EINVAL;
    if (tx->handle.chan->segment.g.order != CHAN_FAIR)
        return -EOPNOTSUPP;
    return add(sel, &(struct arm){.operation = PERMIT, .handle = &tx->handle, .tx = tx});
}

int chan_select_timer(struct chan_select *sel, struct chan_timer *timer)
{
    if (!sel || !timer)
        return -EINVAL;
    return add(sel, &(struct arm){.operation = TIMER, .timer = timer});
}

int chan_select_fd(struct chan_select *sel, int fd, short events)
{
    if (!sel || fd < 0)
        return -EINVAL;
    return add(sel, &(struct arm){.operation = DESCRIPTOR, .fd = {.fd = fd, .events = events}});
}

static struct arm *arm_of(const struct chan_select *sel, int index)
{
    bool exists = sel && index >= 0 && (uint32_t)index < sel->count && sel->arms[index].operation != REMOVED;
    return exists ? &sel->arms[index] : NULL;
}

int chan_select_set_message(struct chan_select *sel, int index, const void *data, size_t size)
{
    struct arm *arm = arm_of(sel, index);
    if (!arm || arm->operation != SEND || (!data && size))
        return -EINVAL;
    arm->data = data;
    arm->size = size;
    return 0;
}

int chan_select_remove(struct chan_select *sel, int index)
{
    struct arm *arm = arm_of(sel, index);
    if (!arm)
        return -EINVAL;
    *arm = (struct arm){.operation = REMOVED};
    return 0;
}

static int set_disabled(struct chan_select *sel, int index, bool disabled)
{
    struct arm *arm = arm_of(sel, index);
    if (!arm)
        return -EINVAL;
    arm->disabled = disabled;
    return 0;
}

int chan_select_disable(struct chan_select *sel, int index)
{
    return set_disabled(sel, index, true);
}

int chan_select_enable(struct chan_select *sel, int index)
{
    return set_disabled(sel, index, false);
}
