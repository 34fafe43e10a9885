/* SPDX-License-Identifier: Apache-2.0 */
/* Segments as objects: create complete or not at all, open with validation, map, name, unlink. */
#ifndef SHM_SEGMENT_H
#define SHM_SEGMENT_H

#include "shm/layout.h"

#include <stddef.h>
#include <sys/types.h>

struct segment {
    unsigned char *base; /* the mapping of g.total_bytes */
    atomic_u64 *cells;   /* in it: those of the ring */
    unsigned char *blocks;
    struct geometry g; /* validated once; geometry in the segment is never read again */
    int fd;
    dev_t device; /* of the object: programs that close all descriptors make `fd` somebody else's number */
    ino_t inode;
    bool read_only;
};

/* What a new segment gets beside its geometry. */
struct segment_facts {
    const char *name; /* "" for an anonymous one */
    mode_t mode;
    gid_t group; /* (gid_t)-1 leaves it */
};

/* Create an object with no name in `directory` (anonymous: a memfd), its memory committed and its contents
 * complete. chan__segment_link() gives it a name. -ENOSPC -ENOMEM -EFBIG -EMFILE -EPERM -EOPNOTSUPP
 * -ENOENT. */
int chan__segment_create(const char *directory, const struct geometry *g, const struct segment_facts *facts,
                         struct segment *out);

/* Give a created object its name in one step. -EEXIST: the name is taken. */
int chan__segment_link(const struct segment *segment, const char *path);

/* Open what stands at `path`. Refuses symbolic links, what is no regular file, and, unless any_owner, what
 * belongs to neither this user nor root. */
int chan__segment_open(const char *path, bool read_only, bool any_owner, struct segment *out);

/* Map and validate the object behind `fd`, which the segment takes over on success only.
 * -EBADMSG -EPROTONOSUPPORT -ENOMEM. */
int chan__segment_map(int fd, bool read_only, struct segment *out);

void chan__segment_close(struct segment *segment);

/* Remove `path` if it still leads to the object behind `fd`: lock the inode, look again, unlink, so that
 * two unlinkers never remove each other's successor. -ENOENT: it does not (any more); -EBUSY: somebody
 * else is at it. */
int chan__segment_unlink(int fd, const char *path);

/* True if `fd` still is the segment's object. */
bool chan__segment_has_fd(const struct segment *segment);

/* A second open file description of the same object, for locks. -EBADF: `fd` has been closed under us. */
int chan__segment_reopen(const struct segment *segment);

static inline struct seg_header *seg_header(const struct segment *s)
{
    return (void *)s->base;
}

static inline struct seg_hot *seg_hot(const struct segment *s)
{
    return (void *)(s->base + SEG_HOT_AT);
}

/* The callers of these have checked their index against s->g: it is private, or was compared just before. */
static inline struct seg_record *seg_record(const struct segment *s, uint64_t record)
{
    return (void *)(s->base + s->g.records_at + record * s->g.record_bytes);
}

static inline atomic_u64 *seg_ring_cell(const struct segment *s, uint64_t index)
{
    return &s->cells[index];
}

static inline struct seg_block *seg_block(const struct segment *s, uint64_t block)
{
    return (void *)(s->blocks + block * s->g.block_bytes);
}

static inline atomic_u64 *seg_unit(const struct segment *s, uint64_t unit)
{
    return (void *)(s->base + s->g.units_at + unit * 8);
}

static inline unsigned char *seg_arena(const struct segment *s, uint64_t unit)
{
    return s->base + s->g.arena_at + unit * s->g.unit_bytes;
}

#endif
