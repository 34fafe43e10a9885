/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes by name, and the contents of messages. */
#include "scene.h"

#include <shmchan.h>
#include <stdio.h>
#include <string.h>

size_t message_size(const struct scene *scene, uint32_t id)
{
    return scene->large ? 4100 + id % 50 : 8 + id % 40;
}

static unsigned char byte_of(uint32_t id, size_t at)
{
    return (unsigned char)(id * 31 + at * 7 + (at >> 8) + 1);
}

void message_write(void *data, size_t size, uint32_t id)
{
    unsigned char *bytes = data;
    memcpy(bytes, &id, sizeof id);
    for (size_t at = sizeof id; at < size; at++)
        bytes[at] = byte_of(id, at);
}

uint32_t message_id(const struct scene *scene, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint32_t id;
    if (size < sizeof id)
        return 0;
    memcpy(&id, bytes, sizeof id);
    if (size != message_size(scene, id))
        return 0;
    unsigned char wrong =
        0; /* no way out in the middle, so that compilers use vectors: most of a trial would be this */
    for (size_t at = sizeof id; at < size; at++)
        wrong |= bytes[at] ^ byte_of(id, at);
    return wrong ? 0 : id;
}

void scene_name(const struct scene *s, char name[SCENE_NAME_BYTES])
{
    static const char *const policies[] = {"-lag", "-block"};
    static const char *const orphans[] = {"", "-orphan", "-orphan_elsewhere", "-orphan_taken"};
    char deliveries[16] = "", grows[16] = "";
    if (s->kind == CHAN_GROWABLE)
        snprintf(grows, sizeof grows, "-grows%u", s->occupied);
    if (s->max_deliveries)
        snprintf(deliveries, sizeof deliveries, "-max%u", s->max_deliveries);
    snprintf(name, SCENE_NAME_BYTES, "%c%c-%s-%s-n%u-q%u-l%u%s%s%s%s%s%s%s%s",
             s->senders == CHAN_ONE ? '1' : 'n', s->receivers == CHAN_ONE ? '1' : 'n',
             s->lifetime == CHAN_DURABLE ? "dur" : "eph", s->large ? "large" : "inline", s->messages,
             s->queued, s->laps, orphans[s->orphan], deliveries, s->alone ? "-alone" : "",
             s->fair ? "-fair" : "", s->kept ? "-kept" : "", s->wraps ? "-wraps" : "",
             s->kind == CHAN_BROADCAST ? policies[s->overflow] : "", grows);
}
