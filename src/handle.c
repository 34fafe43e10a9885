/* SPDX-License-Identifier: Apache-2.0 */
/* Entering and leaving calls on a handle. */
#include "src/handle.h"

#include <errno.h>

int chan__handle_enter(struct handle *h)
{
    if (h->state != CHAN_STATE_LIVE || h->fork_count != chan__fork_count())
        return -ECHILD;
#ifdef CHAN_CHECKED
    if (atomic_flag_test_and_set_explicit(&h->in_use, memory_order_acquire))
        return -EINVAL;
#endif
    return 0;
}

void chan__handle_leave(struct handle *h)
{
#ifdef CHAN_CHECKED
    atomic_flag_clear_explicit(&h->in_use, memory_order_release);
#else
    (void)h;
#endif
}

int chan__handle_spare_hold(struct handle *h, uint32_t *hold)
{
    const struct geometry *g = &h->chan->segment.g;
    uint32_t first = hold_first(g, h->endpoint.role);
    for (uint32_t tries = 0; tries < g->role_cells; tries++) {
        uint64_t word = load_relaxed(&h->endpoint.party.record->holds[h->hold]);
        if (!(h->open & hold_bit(h, h->hold)) && hold_state(g, word) == HOLD_SPARE) {
            *hold = h->hold;
            return 0;
        }
        h->hold = h->hold + 1 == first + g->role_cells ? first : h->hold + 1;
    }
    return -ENOBUFS;
}
