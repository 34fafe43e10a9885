/* SPDX-License-Identifier: Apache-2.0 */
/* Opens channels read-only and judges their state. */
#include "look.h"

#include <errno.h>
#include <string.h>

const char *state_name(enum channel_state state)
{
    switch (state) {
    case STATE_OPEN:
        return "open";
    case STATE_CLOSED:
        return "closed";
    case STATE_DRAINED:
        return "drained";
    case STATE_STALE:
        return "stale";
    case STATE_CORRUPT:
        return "corrupt";
    case STATE_OTHER_VERSION:
        return "other version";
    case STATE_NO_PERMISSION:
        return "no permission";
    case STATE_ABSENT:
        return "absent";
    case STATE_UNKNOWN:
        break;
    }
    return "unknown";
}

static void judge_failure(struct look *look)
{
    look->reason = chan_strerror(look->error);
    switch (look->error) {
    case -ENOENT:
        look->state = STATE_ABSENT;
        break;
    case -EBADMSG:
    case -ELOOP:
        look->state = STATE_CORRUPT;
        break;
    case -EPROTONOSUPPORT:
        look->state = STATE_OTHER_VERSION;
        break;
    case -EACCES:
    case -EPERM:
        look->state = STATE_NO_PERMISSION;
        break;
    default:
        look->state = STATE_UNKNOWN;
        break;
    }
}

static void judge_state(struct look *look)
{
    const struct chan_stat *stat = &look->stat;
    int broadcast = look->options.kind == CHAN_BROADCAST;
    int had_endpoints = look->dead > 0 || stat->senders_gone || (stat->receivers_gone && !broadcast);

    look->reason = "";
    if (look->options.lifetime == CHAN_EPHEMERAL && look->live == 0 && had_endpoints) {
        look->state = STATE_STALE;
        look->reason = "all its endpoints are gone";
        return;
    }
    look->state = STATE_OPEN;
    if (look->dead > 0)
        look->reason = "endpoints of dead processes await repair";
    if (broadcast && stat->receivers_gone && !stat->senders_gone && !stat->shut_down) {
        look->reason = "no receiver is attached";
        return;
    }
    if (!chan_is_closed(look->ch))
        return;
    look->state = chan_is_drained(look->ch) ? STATE_DRAINED : STATE_CLOSED;
    look->reason = stat->shut_down        ? "shut down"
                   : stat->senders_gone   ? "all senders have left"
                   : stat->receivers_gone ? "all receivers have left"
                                          : "";
}

static void count_endpoints(struct look *look)
{
    look->live_senders = look->live_receivers = look->live_weak = look->dead = 0;
    for (uint32_t i = 0; i < look->options.endpoints; i++) {
        struct chan_endpoint_stat endpoint = {.size = sizeof(endpoint)};

        if (chan_endpoint_stat(look->ch, i, &endpoint) != 0)
            continue;
        if (endpoint.state == CHAN_STATE_DEAD) {
            look->dead++;
            continue;
        }
        look->live_senders += endpoint.role == CHAN_ROLE_SENDER;
        look->live_receivers += endpoint.role == CHAN_ROLE_RECEIVER;
        look->live_weak += endpoint.role == CHAN_ROLE_WEAK;
    }
    look->live = look->live_senders + look->live_receivers;
}

int look_again(struct look *look)
{
    struct chan_stat stat = {.size = sizeof(stat)};
    int error;

    error = chan_stat(look->ch, &stat);
    if (error != 0) {
        look->error = error;
        judge_failure(look);
        return error;
    }
    look->stat = stat;
    count_endpoints(look);
    judge_state(look);
    return 0;
}

int look_at(struct look *look, const char *name)
{
    memset(look, 0, sizeof(*look));
    look->name = name;
    look->error = chan_open(name, LOOK_FLAGS, &look->ch);
    if (look->error == 0) {
        chan_options_of(look->ch, &look->options);
        look->error = chan_memory(&look->options, &look->memory);
    }
    if (look->error != 0) {
        judge_failure(look);
        return look->error;
    }
    return look_again(look);
}

void look_away(struct look *look)
{
    chan_close(look->ch);
    look->ch = NULL;
}
