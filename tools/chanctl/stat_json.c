/* SPDX-License-Identifier: Apache-2.0 */
/* Shows a channel to programs. */
#include <string.h>

#include "channel_options.h"
#include "json.h"
#include "kinds.h"
#include "process.h"
#include "stat_print.h"
#include "text.h"

static void put_shape(struct json *json, const struct look *look)
{
    const struct chan_options *options = &look->options;

    json_open_object(json, "shape");
    json_unsigned(json, "messages", options->messages);
    json_unsigned(json, "message_size", options->message_size);
    json_unsigned(json, "bytes", options->bytes);
    json_unsigned(json, "endpoints", options->endpoints);
    json_unsigned(json, "holds", options->holds);
    json_boolean(json, "one_sender", options->senders == CHAN_ONE);
    json_boolean(json, "one_receiver", options->receivers == CHAN_ONE);
    json_unsigned(json, "max_deliveries", options->max_deliveries);
    json_boolean(json, "fair", options->order == CHAN_FAIR);
    if (options->kind == CHAN_BROADCAST)
        json_string(json, "overflow", options->overflow == CHAN_BLOCK ? "block" : "lag");
    json_close(json);
}

static void put_memory(struct json *json, const struct look *look)
{
    json_open_object(json, "memory");
    json_unsigned(json, "total_bytes", look->memory.total_bytes);
    json_unsigned(json, "committed_bytes", look->stat.committed_bytes);
    json_unsigned(json, "resident_bytes", look->stat.resident_bytes);
    json_unsigned(json, "inline_size", look->memory.inline_size);
    json_unsigned(json, "unit_bytes", look->memory.unit_bytes);
    json_unsigned(json, "units", look->memory.units);
    json_unsigned(json, "units_used", look->stat.units_used);
    json_close(json);
}

static void put_object(struct json *json, const struct chan_stat *stat)
{
    char owner[FIGURE_MAX], group[FIGURE_MAX];

    json_open_object(json, "object");
    json_string(json, "directory", chan_dir());
    json_string(json, "owner", format_user(stat->owner_uid, owner));
    json_string(json, "group", format_group(stat->owner_gid, group));
    json_unsigned(json, "uid", stat->owner_uid);
    json_unsigned(json, "gid", stat->owner_gid);
    json_unsigned(json, "mode", stat->mode);
    json_boolean(json, "unlinked", (int)stat->unlinked);
    json_signed(json, "created_ns", stat->created_ns);
    json_unsigned(json, "creator_pid", stat->creator_pid);
    json_unsigned(json, "creator_uid", stat->creator_uid);
    json_close(json);
}

static void put_queue(struct json *json, const struct look *look)
{
    const struct chan_stat *stat = &look->stat;

    json_open_object(json, "queue");
    json_unsigned(json, "queued", stat->queued);
    json_unsigned(json, "capacity", chan_capacity(look->ch));
    json_unsigned(json, "available", chan_available(look->ch));
    json_unsigned(json, "held", stat->held);
    json_unsigned(json, "permits", stat->permits);
    json_unsigned(json, "orphaned", stat->orphaned);
    if (look->options.kind == CHAN_BROADCAST)
        json_unsigned(json, "unread", chan_len(look->ch));
    json_unsigned(json, "offers", stat->offers);
    json_unsigned(json, "demands", stat->demands);
    if (stat->oldest_ns < 0)
        json_null(json, "oldest_ns");
    else
        json_signed(json, "oldest_ns", stat->oldest_ns);
    json_close(json);
    json_open_object(json, "totals");
    json_unsigned(json, "sent", stat->sent);
    json_unsigned(json, "received", stat->received);
    json_unsigned(json, "discarded", stat->discarded);
    json_unsigned(json, "redelivered", stat->redelivered);
    json_unsigned(json, "dead_lettered", stat->dead_lettered);
    json_unsigned(json, "unreturned", stat->unreturned);
    json_unsigned(json, "sent_bytes", stat->sent_bytes);
    json_unsigned(json, "received_bytes", stat->received_bytes);
    if (look->options.kind == CHAN_BROADCAST) {
        json_unsigned(json, "lagged", stat->lagged);
    } else {
        json_boolean(json, "conserved", unaccounted(look) == 0);
        json_signed(json, "unaccounted", unaccounted(look));
    }
    json_close(json);
    if (look->options.kind != CHAN_CALL)
        return;
    json_open_object(json, "calls");
    json_unsigned(json, "answered", stat->answered);
    json_unsigned(json, "finished", stat->finished);
    json_unsigned(json, "open", stat->calls_open);
    json_unsigned(json, "answers_unread", stat->answers_unread);
    json_close(json);
}

static void put_metrics(struct json *json, const struct chan_stat *stat)
{
    json_open_object(json, "metrics");
    json_unsigned(json, "high_water", stat->high_water);
    json_unsigned(json, "refused_full", stat->refused_full);
    json_unsigned(json, "refused_late", stat->refused_late);
    json_unsigned(json, "refused_closed", stat->refused_closed);
    json_unsigned(json, "send_waits", stat->send_waits);
    json_signed(json, "send_waited_ns", stat->send_waited_ns);
    json_unsigned(json, "recv_waits", stat->recv_waits);
    json_signed(json, "recv_waited_ns", stat->recv_waited_ns);
    json_unsigned(json, "deaths", stat->deaths);
    json_unsigned(json, "given_back", stat->given_back);
    json_unsigned(json, "units_reclaimed", stat->units_reclaimed);
    json_close(json);
}

static void put_endpoint(struct json *json, const struct chan_endpoint_stat *endpoint)
{
    char user[FIGURE_MAX];

    json_open_object(json, NULL);
    json_unsigned(json, "number", endpoint->number);
    json_string(json, "role", role_name(endpoint));
    json_string(json, "state", endpoint_state(endpoint));
    json_unsigned(json, "pid", endpoint->pid);
    json_boolean(json, "same_pid_namespace", (int)endpoint->same_pid_namespace);
    json_unsigned(json, "tid", endpoint->tid);
    json_unsigned(json, "uid", endpoint->uid);
    json_string(json, "user", format_user(endpoint->uid, user));
    json_text(json, "command", endpoint->command, strnlen(endpoint->command, sizeof(endpoint->command)));
    json_signed(json, "attached_ns", endpoint->attached_ns);
    json_unsigned(json, "generation", endpoint->generation);
    json_string(json, "waits_for", waits_for(endpoint));
    json_signed(json, "waiting_ns", endpoint->waiting_ns);
    json_boolean(json, "in_operation", (int)endpoint->in_operation);
    json_unsigned(json, "messages", endpoint->messages);
    json_unsigned(json, "bytes", endpoint->bytes);
    json_unsigned(json, "waits", endpoint->waits);
    json_signed(json, "waited_ns", endpoint->waited_ns);
    json_unsigned(json, "held", endpoint->held);
    json_unsigned(json, "permits", endpoint->permits);
    json_unsigned(json, "orphaned", endpoint->orphaned);
    json_unsigned(json, "unread", endpoint->unread);
    json_close(json);
}

void print_stat_json(const struct look *look)
{
    struct json json = JSON_ON(stdout);
    uint8_t id[16];

    chan_id(look->ch, id);
    json_open_object(&json, NULL);
    json_string(&json, "name", look->name);
    json_hex(&json, "id", id, sizeof(id));
    json_string(&json, "kind", kind_name(look->options.kind));
    json_string(&json, "lifetime", lifetime_name(&look->options));
    json_string(&json, "state", state_name(look->state));
    json_string(&json, "reason", look->reason);
    json_unsigned(&json, "format_version", look->stat.format_version);
    json_boolean(&json, "shut_down", (int)look->stat.shut_down);
    json_boolean(&json, "senders_gone", (int)look->stat.senders_gone);
    json_boolean(&json, "receivers_gone", (int)look->stat.receivers_gone);
    json_unsigned(&json, "senders", look->live_senders);
    json_unsigned(&json, "receivers", look->live_receivers);
    json_unsigned(&json, "weak_senders", look->live_weak);
    json_unsigned(&json, "dead", look->dead);
    put_shape(&json, look);
    put_memory(&json, look);
    put_object(&json, &look->stat);
    put_queue(&json, look);
    put_metrics(&json, &look->stat);
    json_open_array(&json, "endpoints");
    for (uint32_t i = 0; i < look->options.endpoints; i++) {
        struct chan_endpoint_stat endpoint = {.size = sizeof(endpoint)};

        if (chan_endpoint_stat(look->ch, i, &endpoint) == 0)
            put_endpoint(&json, &endpoint);
    }
    json_close(&json);
    json_close(&json);
}
