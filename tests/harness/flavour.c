/* SPDX-License-Identifier: Apache-2.0 */
/* The flavours of channel that every case of the conformance suite runs over. */
#include "flavour.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "expect.h"
#include "sandbox.h"

#define INLINE_LARGEST 120u
#define INLINE_SMALLEST 8u
#define LARGE_RANGE 10000u /* one to several payload units */

/* Eight flavours in which any two properties occur in all four combinations. */
static struct flavour fair_flavour(unsigned number)
{
    int a = number & 1, b = number >> 1 & 1, c = number >> 2 & 1;
    return (struct flavour){
        .kind = CHAN_QUEUE,
        .senders = a ? CHAN_ONE : CHAN_MANY,
        .receivers = b ? CHAN_ONE : CHAN_MANY,
        .lifetime = c ? CHAN_DURABLE : CHAN_EPHEMERAL,
        .large = a ^ b,
        .anonymous = a ^ c,
        .order = CHAN_FAIR,
    };
}

/* Four, by name: each value of each property with each of the others' but for one sender to many, and many to one. */
static struct flavour growable_flavour(unsigned number)
{
    int a = number & 1, b = number >> 1 & 1;
    return (struct flavour){
        .kind = CHAN_GROWABLE,
        .senders = b ? CHAN_ONE : CHAN_MANY,
        .receivers = b ? CHAN_ONE : CHAN_MANY,
        .lifetime = a ? CHAN_DURABLE : CHAN_EPHEMERAL,
        .large = a ^ b,
    };
}

int flavour_number(unsigned number, struct flavour *out)
{
    if (number >= 44)
        return 0;
    if (number >= 40) {
        *out = growable_flavour(number - 40);
        return 1;
    }
    if (number >= 32) {
        *out = fair_flavour(number - 32);
        return 1;
    }
    *out = (struct flavour){
        .kind = CHAN_QUEUE,
        .senders = number & 1 ? CHAN_ONE : CHAN_MANY,
        .receivers = number & 2 ? CHAN_ONE : CHAN_MANY,
        .lifetime = number & 4 ? CHAN_DURABLE : CHAN_EPHEMERAL,
        .large = (number & 8) != 0,
        .anonymous = (number & 16) != 0,
    };
    return 1;
}

void flavour_name(const struct flavour *flavour, char *text, size_t capacity)
{
    static const char *const policies[] = {" lag", " block"};
    snprintf(text, capacity, "%s>%s %s %s %s%s%s%s", flavour->senders == CHAN_ONE ? "one" : "many",
             flavour->receivers == CHAN_ONE ? "one" : "many",
             flavour->lifetime == CHAN_DURABLE ? "durable" : "ephemeral", flavour->large ? "large" : "inline",
             flavour->anonymous ? "anonymous" : "named", flavour->order == CHAN_FAIR ? " fair" : "",
             flavour->flags & CHAN_NO_KEEPER ? " no-keeper" : "",
             flavour->kind == CHAN_BROADCAST    ? policies[flavour->overflow]
             : flavour->kind == CHAN_RENDEZVOUS ? " rendezvous"
             : flavour->kind == CHAN_GROWABLE   ? " growable"
                                                : "");
}

/* The largest message that any channel keeps in its block. */
static size_t inline_limit(void)
{
    static size_t limit;
    if (limit == 0) {
        struct chan_options options = CHAN_OPTIONS_INIT;
        struct chan_memory memory;
        options.message_size = 1 << 20;
        expect_result(chan_memory(&options, &memory), 0);
        limit = (size_t)memory.inline_size;
    }
    return limit;
}

size_t flavour_smallest(const struct flavour *flavour)
{
    return flavour->large ? inline_limit() + 1 : INLINE_SMALLEST;
}

size_t flavour_largest(const struct flavour *flavour)
{
    return flavour->large ? inline_limit() + LARGE_RANGE : INLINE_LARGEST;
}

size_t flavour_size(const struct flavour *flavour, uint64_t sequence)
{
    size_t smallest = flavour_smallest(flavour);
    size_t range = flavour_largest(flavour) - smallest + 1;
    return smallest + (size_t)(sequence * 7919 % range);
}

struct chan_options flavour_options(const struct flavour *flavour, uint64_t messages)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.kind = flavour->kind;
    options.messages = flavour->kind == CHAN_RENDEZVOUS ? 0 : messages;
    options.message_size = flavour_largest(flavour);
    options.endpoints = 8;
    options.holds = 4;
    options.senders = flavour->senders;
    options.receivers = flavour->receivers;
    options.lifetime = flavour->lifetime;
    options.order = flavour->order;
    options.flags = flavour->flags;
    options.overflow = flavour->overflow;
    if (flavour->large)
        options.bytes =
            (messages + 2 * (uint64_t)options.holds * options.endpoints) * 2 * options.message_size;
    return options;
}

struct chan *flavour_create_with(const struct flavour *flavour, const struct chan_options *options)
{
    struct chan *ch = NULL;
    if (flavour->anonymous)
        expect_result(chan_create_anonymous(options, &ch), 0);
    else
        expect_result(chan_create(FLAVOUR_CHANNEL, options, &ch), 0);
    expect(ch != NULL);
    return ch;
}

struct chan *flavour_create(const struct flavour *flavour, uint64_t messages)
{
    struct chan_options options = flavour_options(flavour, messages);
    return flavour_create_with(flavour, &options);
}

int flavour_exists(void)
{
    char path[256];
    snprintf(path, sizeof path, "%s/shmchan.%s", sandbox_directory(), FLAVOUR_CHANNEL);
    return access(path, F_OK) == 0;
}

void flavour_finish(const struct flavour *flavour, struct chan *ch)
{
    chan_close(ch);
    if (flavour->anonymous || !flavour_exists())
        return;
    expect_result(chan_unlink(FLAVOUR_CHANNEL), 0);
}
