/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the channel before the victim's operation. */
#ifndef KILL_SCENE_H
#define KILL_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum orphan {
    ORPHAN_NONE,
    ORPHAN_OWN,       /* in the record that the victim is going to have */
    ORPHAN_ELSEWHERE, /* in the record of another endpoint */
    ORPHAN_TAKEN,     /* it was in the victim's record, where its taker has put a spare */
};

struct scene {
    uint32_t kind;     /* CHAN_QUEUE, CHAN_BROADCAST, CHAN_GROWABLE; a rendezvous has messages 0 */
    uint32_t overflow; /* of a broadcast */
    uint32_t messages; /* capacity */
    uint32_t senders;  /* CHAN_MANY or CHAN_ONE */
    uint32_t receivers;
    uint32_t lifetime;
    uint32_t max_deliveries;
    bool large;         /* messages live in payload units */
    uint32_t occupied;  /* growable: units of the first step that are in use for the time of the trial */
    uint32_t laps;      /* messages that went through before */
    uint32_t queued;    /* messages in the queue */
    enum orphan orphan; /* a message that a receiver gave back */
    bool alone;         /* the victim is the only endpoint of its side */
    bool fair;          /* senders come in order */
    bool kept;          /* the victim's process has a keeper */
    bool wraps;         /* turns, generations, sequences and tags are about to wrap */
};

/* True if a message is there that a receiver gave back. */
static inline bool scene_has_orphan(const struct scene *scene)
{
    return scene->orphan == ORPHAN_OWN || scene->orphan == ORPHAN_ELSEWHERE;
}

/* Messages are told apart by their number, and every byte follows from it. */
#define MESSAGE_BYTES_MAX 4400u

size_t message_size(const struct scene *scene, uint32_t id);
void message_write(void *data, size_t size, uint32_t id);

/* The number of a sound message, or 0. */
uint32_t message_id(const struct scene *scene, const void *data, size_t size);

/* In a few letters, for reports. */
#define SCENE_NAME_BYTES 80u
void scene_name(const struct scene *scene, char name[SCENE_NAME_BYTES]);

#endif
