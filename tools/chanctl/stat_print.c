/* SPDX-License-Identifier: Apache-2.0 */
/* Shows a channel to people. */
#include "stat_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "channel_options.h"
#include "kinds.h"
#include "process.h"
#include "text.h"

int64_t unaccounted(const struct look *look)
{
    const struct chan_stat *stat = &look->stat;

    if (look->options.kind == CHAN_WATCH)
        return 0; /* a value is received by many, or by nobody */
    return (int64_t)(stat->sent - stat->received - stat->discarded - stat->dead_lettered - stat->held -
                     stat->orphaned - stat->queued);
}

const char *lifetime_name(const struct chan_options *options)
{
    return options->lifetime == CHAN_DURABLE ? "durable" : "ephemeral";
}

const char *waits_for(const struct chan_endpoint_stat *endpoint)
{
    switch (endpoint->waits_for) {
    case CHAN_WAITS_FOR_MESSAGE:
        return "message";
    case CHAN_WAITS_FOR_SPACE:
        return "space";
    case CHAN_WAITS_FOR_CLOSE:
        return "end";
    case CHAN_WAITS_FOR_ANSWER:
        return "answer";
    default:
        return "nothing";
    }
}

const char *role_name(const struct chan_endpoint_stat *endpoint)
{
    switch (endpoint->role) {
    case CHAN_ROLE_SENDER:
        return "sender";
    case CHAN_ROLE_WEAK:
        return "weak";
    default:
        return "receiver";
    }
}

static void print_object(const struct look *look)
{
    const struct chan_stat *stat = &look->stat;
    char owner[FIGURE_MAX], group[FIGURE_MAX], created[FIGURE_MAX], creator[FIGURE_MAX];
    uint8_t id[16];

    chan_id(look->ch, id);
    printf("channel    ");
    print_escaped(stdout, look->name, strlen(look->name));
    printf(", %s %s, %s%s%s%s\n", lifetime_name(&look->options), kind_name(look->options.kind),
           state_name(look->state), look->reason[0] ? " (" : "", look->reason, look->reason[0] ? ")" : "");
    printf("id         ");
    print_hex(stdout, id, sizeof(id));
    printf(", format %u\n", stat->format_version);
    printf("object     %s/shmchan.", chan_dir());
    print_escaped(stdout, look->name, strlen(look->name));
    printf("%s, mode %04o, owner %s:%s\n", stat->unlinked ? " (removed)" : "", stat->mode,
           format_user(stat->owner_uid, owner), format_group(stat->owner_gid, group));
    printf("created    %s by process %u of %s\n", format_date(stat->created_ns, created), stat->creator_pid,
           format_user(stat->creator_uid, creator));
}

static void print_shape(const struct look *look)
{
    const struct chan_options *options = &look->options;
    char size[FIGURE_MAX], total[FIGURE_MAX], resident[FIGURE_MAX], units[FIGURE_MAX];
    char committed[FIGURE_MAX], step[FIGURE_MAX];

    printf("shape      %" PRIu64 " messages of at most %s, %s, %s, %u endpoints, %u holds each",
           options->messages, format_bytes(options->message_size, size),
           options->senders == CHAN_ONE ? "one sender" : "many senders",
           options->receivers == CHAN_ONE ? "one receiver" : "many receivers", options->endpoints,
           options->holds);
    if (options->max_deliveries > 0)
        printf(", at most %u deliveries", options->max_deliveries);
    if (options->order == CHAN_FAIR)
        printf(", fair");
    if (options->kind == CHAN_BROADCAST)
        printf(", %s", options->overflow == CHAN_BLOCK ? "senders wait for slow receivers"
                                                       : "slow receivers miss messages");
    if (options->kind == CHAN_GROWABLE)
        printf("\nmemory     ceiling %s, %s committed in steps of %s, ",
               format_bytes(look->memory.total_bytes, total),
               format_bytes(look->stat.committed_bytes, committed),
               format_bytes(look->memory.step_bytes, step));
    else
        printf("\nmemory     %s, of which ", format_bytes(look->memory.total_bytes, total));
    printf("%s resident; payload %" PRIu64 " of %" PRIu64 " units of %s in use\n",
           format_bytes(look->stat.resident_bytes, resident), look->stat.units_used, look->memory.units,
           format_bytes(look->memory.unit_bytes, units));
}

static void print_queue(const struct look *look)
{
    const struct chan_stat *stat = &look->stat;
    char age[FIGURE_MAX], sent[FIGURE_MAX], received[FIGURE_MAX];
    int64_t difference = unaccounted(look);

    printf("queue      %" PRIu64 " of %" PRIu64 " queued, oldest %s; %" PRIu64 " held, %" PRIu64
           " to deliver again\n",
           stat->queued, chan_capacity(look->ch),
           stat->oldest_ns < 0 ? "none" : format_duration(stat->oldest_ns, age), stat->held, stat->orphaned);
    if (stat->permits > 0)
        printf("permits    %" PRIu64 " places kept for senders\n", stat->permits);
    if (look->options.kind == CHAN_RENDEZVOUS)
        printf("waiting    %u offers, %u demands\n", stat->offers, stat->demands);
    printf("totals     %" PRIu64 " sent (%s), %" PRIu64 " received (%s), %" PRIu64 " discarded, %" PRIu64
           " delivered again, %" PRIu64 " dead-lettered\n",
           stat->sent, format_bytes(stat->sent_bytes, sent), stat->received,
           format_bytes(stat->received_bytes, received), stat->discarded, stat->redelivered,
           stat->dead_lettered);
    if (stat->unreturned > 0)
        printf("           %" PRIu64
               " of those received in calls that are running now, or whose process died in them: "
               "these may be lost\n",
               stat->unreturned);
    if (look->options.kind == CHAN_CALL)
        printf("calls      %" PRIu64 " answered, %" PRIu64 " answers read; %" PRIu64
               " wait for an answer, %" PRIu64 " answers wait to be read\n",
               stat->answered, stat->finished, stat->calls_open, stat->answers_unread);
    if (difference == 0)
        printf("conserved  yes: sent = received + discarded + dead-lettered + held + to deliver again + "
               "queued\n");
    else
        printf("conserved  %+" PRId64 " messages in calls that are running now, or of dead endpoints\n",
               difference);
}

/* What a watch's receivers follow. */
static void print_value(const struct look *look)
{
    const struct chan_stat *stat = &look->stat;
    char age[FIGURE_MAX], size[FIGURE_MAX], sent[FIGURE_MAX], received[FIGURE_MAX];
    struct chan_peek_info info;
    uint64_t position = 0;

    if (chan_peek(look->ch, &position, NULL, 0, &info) != 0)
        printf("value      changing all the time\n");
    else if (info.position == 0)
        printf("value      version 0, %s\n", format_bytes(info.size, size));
    else
        printf("value      version %" PRIu64 ", %s, %s ago by %u\n", info.position,
               format_bytes(info.size, size), format_duration(chan_now() - info.sent_ns, age), info.sender);
    printf("totals     %" PRIu64 " sent (%s), %" PRIu64 " seen by receivers (%s)\n", stat->sent,
           format_bytes(stat->sent_bytes, sent), stat->received,
           format_bytes(stat->received_bytes, received));
}

static void print_metrics(const struct chan_stat *stat)
{
    char sending[FIGURE_MAX], receiving[FIGURE_MAX];

    printf("longest    %" PRIu64 " messages queued at once\n", stat->high_water);
    printf("refused    %" PRIu64 " full, %" PRIu64 " too late, %" PRIu64 " closed\n", stat->refused_full,
           stat->refused_late, stat->refused_closed);
    printf("blocked    senders %" PRIu64 " times, %s in all; receivers %" PRIu64 " times, %s\n",
           stat->send_waits, format_duration(stat->send_waited_ns, sending), stat->recv_waits,
           format_duration(stat->recv_waited_ns, receiving));
    printf("repaired   %" PRIu64 " endpoints that died; %" PRIu64 " messages given back, %" PRIu64
           " payload units\n",
           stat->deaths, stat->given_back, stat->units_reclaimed);
}

/* Every receiver has its own share: nothing adds up to what was sent. */
static void print_broadcast(const struct look *look)
{
    const struct chan_stat *stat = &look->stat;
    char age[FIGURE_MAX], sent[FIGURE_MAX], received[FIGURE_MAX];

    printf("kept       %" PRIu64 " of %" PRIu64 " messages, oldest %s; %" PRIu64 " not read by all\n",
           stat->queued, chan_capacity(look->ch),
           stat->oldest_ns < 0 ? "none" : format_duration(stat->oldest_ns, age), chan_len(look->ch));
    printf("totals     %" PRIu64 " sent (%s), %" PRIu64 " received by all together (%s), %" PRIu64
           " missed, %" PRIu64 " given up early for want of memory\n",
           stat->sent, format_bytes(stat->sent_bytes, sent), stat->received,
           format_bytes(stat->received_bytes, received), stat->lagged, stat->discarded);
}

static void print_endpoint(const struct chan_endpoint_stat *endpoint)
{
    char user[FIGURE_MAX], bytes[FIGURE_MAX], waiting[FIGURE_MAX], waited[FIGURE_MAX];

    printf("  %-4u %-8s %-9s %s%-8u %-10s ", endpoint->number, role_name(endpoint), endpoint_state(endpoint),
           endpoint->same_pid_namespace ? "" : "~", endpoint->pid, format_user(endpoint->uid, user));
    print_escaped(stdout, endpoint->command, strnlen(endpoint->command, sizeof(endpoint->command)));
    printf(": %" PRIu64 " messages, %s", endpoint->messages, format_bytes(endpoint->bytes, bytes));
    if (endpoint->waits_for != CHAN_WAITS_FOR_NOTHING)
        printf("; waits for %s for %s", waits_for(endpoint), format_duration(endpoint->waiting_ns, waiting));
    if (endpoint->waits > 0)
        printf("; slept %" PRIu64 " times, %s in all", endpoint->waits,
               format_duration(endpoint->waited_ns, waited));
    if (endpoint->held > 0)
        printf("; holds %u", endpoint->held);
    if (endpoint->permits > 0)
        printf("; has %" PRIu64 " permits", endpoint->permits);
    if (endpoint->orphaned > 0)
        printf("; %u to deliver again", endpoint->orphaned);
    if (endpoint->unread > 0)
        printf("; %" PRIu64 " unread", endpoint->unread);
    if (endpoint->in_operation)
        printf("; in an operation");
    putchar('\n');
}

void print_stat(const struct look *look)
{
    print_object(look);
    print_shape(look);
    if (look->options.kind == CHAN_BROADCAST)
        print_broadcast(look);
    else if (look->options.kind == CHAN_WATCH)
        print_value(look);
    else
        print_queue(look);
    print_metrics(&look->stat);
    printf("endpoints  %u senders, %u receivers, %u weak, %u dead\n", look->live_senders,
           look->live_receivers, look->live_weak, look->dead);
    for (uint32_t i = 0; i < look->options.endpoints; i++) {
        struct chan_endpoint_stat endpoint = {.size = sizeof(endpoint)};

        if (chan_endpoint_stat(look->ch, i, &endpoint) == 0)
            print_endpoint(&endpoint);
    }
}
