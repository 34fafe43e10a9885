/* SPDX-License-Identifier: Apache-2.0 */
/* What a select shows on rendezvous channels, so that two selects meet.
 *
 * A call that waits for one thing shows an offer or a demand, and a peer meets it by one exchange. A select shows one
 * thing, too, whatever the number of its operations, and takes it back, by the same CAS as any call, before it tries
 * another operation: so one of them takes effect, or none, wherever it is killed or stopped, and there is nothing to
 * repair that is not repaired after any call. A word that several channels' peers agreed on, "selected", would have to
 * be in memory that all of them map, and trust; channels have none in common.
 *
 * What to show? Each select that waits says so on all its channels (SELECTS). It shows something where another one
 * waits on the other side, if there is any, and rings there; who is rung looks at all its operations, finds what is
 * shown, takes back its own and meets that. If it is for one who does not go on, stopped or busy elsewhere, and others
 * wait on other channels, it is the next one's turn after a while.
 *
 * Of two that see what each other shows, on one channel the receiver acts (rendezvous.c). On different channels both
 * may, and find that the other has taken it back; then each chooses by chance what to show next, biased or not. If
 * both choose the same channel one acts, so they do not miss each other for ever. */
#include "src/arms.h"

#include "shm/match.h"

/* What speaks for showing an operation. */
enum rank { CANNOT, MAY, STAYS, NEXT_TURN, SERVES, SERVES_AS_BEFORE, SERVES_NEWCOMER };

static enum rank rank_of(const struct chan_select *sel, int index, enum occasion occasion)
{
    const struct arm *arm = &sel->arms[index];
    bool is_shown = index == sel->showing.index;
    if (!is_rendezvous(arm) || arm->refused)
        return CANNOT;
    if (!chan__rendezvous_is_selected(arm->handle))
        return is_shown ? STAYS : MAY;
    if (is_shown)
        return occasion == TIME_IS_UP ? NEXT_TURN : SERVES_AS_BEFORE;
    return occasion == WAS_RUNG && arm->was_rung ? SERVES_NEWCOMER : SERVES;
}

int chan__showing_choose(struct chan_select *sel, enum occasion occasion)
{
    enum rank best = CANNOT;
    uint32_t equal = 0, serving = 0;
    int chosen = -1;
    for (int i = 0; i < (int)sel->count; i++) {
        enum rank rank = rank_of(sel, i, occasion);
        serving += rank >= NEXT_TURN;
        if (rank == CANNOT || rank < best)
            continue;
        equal = rank > best ? 1 : equal + 1;
        best = rank;
        if (!chan__select_random(sel, equal)) /* each of the best with the same chance */
            chosen = i;
    }
    sel->showing.others_wait = serving > (best >= NEXT_TURN);
    return chosen;
}

static bool show(struct chan_select *sel, const struct arm *arm)
{
    struct showing *shown = &sel->showing;
    const struct segment *s = &arm->handle->chan->segment;
    if (arm->operation == SEND) {
        shown->offer = (struct sending){
            .tx = arm->tx, .data = arm->data, .size = arm->size, .ticket = match_ticket(s, MATCH_OFFERS)};
        return chan__rendezvous_offer(&shown->offer);
    }
    shown->demand =
        (struct receiving){.rx = arm->rx, .limit = UINT64_MAX, .ticket = match_ticket(s, MATCH_DEMANDS)};
    return chan__rendezvous_demand(&shown->demand);
}

void chan__showing_begin(struct chan_select *sel, int index)
{
    while (index >= 0) {
        struct arm *arm = &sel->arms[index];
        bool entered = !chan__handle_enter(arm->handle);
        bool shows = entered && show(sel, arm);
        if (entered)
            chan__handle_leave(arm->handle);
        if (shows) {
            sel->showing.index = index;
            return;
        }
        arm->refused = true;
        index = chan__showing_choose(sel, NOTHING_NEW);
    }
}

bool chan__showing_is_over(const struct chan_select *sel)
{
    return chan__rendezvous_is_over(sel->arms[sel->showing.index].handle);
}

int chan__showing_end(struct chan_select *sel, struct chan_selected *out)
{
    struct showing *shown = &sel->showing;
    struct chan_selected selected = {.index = shown->index};
    bool sends = sel->arms[shown->index].operation == SEND;
    shown->index = -1;
    selected.result = sends ? chan__rendezvous_stop_offer(&shown->offer)
                            : chan__rendezvous_stop_demand(&shown->demand, &selected.view);
    if (selected.result == -EAGAIN)
        return -EAGAIN;
    *out = selected;
    return 0;
}

void chan__showing_join(struct chan_select *sel)
{
    for (uint32_t i = 0; i < sel->count; i++)
        if (is_rendezvous(&sel->arms[i]))
            chan__rendezvous_select(sel->arms[i].handle, sel->selection);
}

void chan__showing_leave(struct chan_select *sel)
{
    for (uint32_t i = 0; i < sel->count; i++)
        if (is_rendezvous(&sel->arms[i]))
            chan__rendezvous_unselect(sel->arms[i].handle);
}
