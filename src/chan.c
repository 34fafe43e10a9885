/* SPDX-License-Identifier: Apache-2.0 */
/* Channels as objects of this process: create, open, close, unlink; what they are and how full. */
#include "src/kind.h"

#include "shm/admission.h"
#include "shm/orphans.h"
#include "shm/overwrite.h"
#include "shm/subscription.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ /* C libraries older than Linux 5.14; the numbers are the kernel's */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

#define OPEN_FLAGS                                                                                           \
    (CHAN_PREFAULT | CHAN_MLOCK | CHAN_HUGE_PAGES | CHAN_READ_ONLY | CHAN_NO_KEEPER | CHAN_ANY_OWNER |       \
     CHAN_UNSEALED)

/* Rounds of "it exists" against "it does not" before open-or-create gives up: each one takes another
 * process that creates or removes the name at just that moment. */
#define RACE_ROUNDS 100

static int prepare_memory(const struct segment *s, uint32_t flags)
{
    size_t bytes = (size_t)s->g.begins_with; /* to touch what is not committed would be to commit it */
    if (flags & CHAN_HUGE_PAGES)
        (void)madvise(s->base, bytes, MADV_HUGEPAGE); /* a hint */
    if (flags & CHAN_MLOCK && mlock(s->base, bytes))
        return errno == EAGAIN ? -ENOMEM : -errno;
    if (flags & CHAN_PREFAULT &&
        madvise(s->base, bytes, s->read_only ? MADV_POPULATE_READ : MADV_POPULATE_WRITE) && errno == EINVAL)
        for (size_t at = 0; at < bytes; at += 4096) /* a kernel before 5.14 */
            (void)load_relaxed((atomic_u32 *)(void *)(s->base + at));
    return 0;
}

/* Takes over the segment and, on success, `path`. */
static int wrap(struct segment *s, uint32_t flags, const char *name, char *path, struct chan **out)
{
    int result = prepare_memory(s, flags);
    struct chan *ch = result ? NULL : calloc(1, sizeof *ch);
    if (!ch) {
        chan__segment_close(s);
        return result ? result : -ENOMEM;
    }
    ch->segment = *s;
    atomic_init(&ch->references, 1);
    ch->flags = flags;
    ch->watch = -1;
    ch->path = path;
    strncpy(ch->name, name, sizeof ch->name - 1);
    *out = ch;
    return 0;
}

struct chan *chan__acquire(struct chan *ch)
{
    atomic_fetch_add(&ch->references, 1);
    return ch;
}

void chan_close(struct chan *ch)
{
    if (!ch || atomic_fetch_sub(&ch->references, 1) != 1)
        return;
    chan__segment_close(&ch->segment);
    free(ch->path);
    free(ch);
}

static mode_t mode_of(const struct chan_options *options)
{
    return options && options->mode ? (mode_t)options->mode : 0600;
}

static gid_t group_of(const struct chan_options *options)
{
    return options ? (gid_t)options->group : (gid_t)-1;
}

/* Remove what stands at `path` if it is an ephemeral channel that everybody has left. */
static int remove_stale(const char *path)
{
    struct chan probe = {.watch = -1};
    int result = chan__segment_open(path, false, false, &probe.segment);
    if (result)
        return result == -ENOENT ? 0 : -EEXIST;
    result = chan__life_is_stale(&probe) ? chan__segment_unlink(probe.segment.fd, path) : -EEXIST;
    chan__segment_close(&probe.segment);
    return result == -ENOENT ? 0 : result;
}

/* Everything that can fail comes before the name: nothing half-made is ever seen. */
static int create_at(const char *name, char *path, const struct geometry *g,
                     const struct chan_options *options, struct chan **out)
{
    struct segment_facts facts = {.name = name, .mode = mode_of(options), .group = group_of(options)};
    struct segment s;
    struct chan *ch;
    int result = chan__segment_create(path ? chan_dir() : NULL, g, &facts, &s);
    if (!result && options && options->initial_size) {
        result = chan__watch_begin(&s, options);
        if (result)
            chan__segment_close(&s);
    }
    if (!result)
        result = wrap(&s, options ? options->flags : 0, name, NULL, &ch);
    if (result)
        return result;
    chan__life_begin(ch);
    for (int round = 0; path && round < RACE_ROUNDS; round++) {
        result = chan__segment_link(&ch->segment, path);
        if (result != -EEXIST || (result = remove_stale(path)))
            break;
        result = -EEXIST; /* in case this was the last round */
    }
    if (result) {
        chan_close(ch);
        return result;
    }
    ch->path = path;
    *out = ch;
    return 0;
}

int chan_create(const char *name, const struct chan_options *options, struct chan **out)
{
    struct geometry g;
    char *path;
    if (!out)
        return -EINVAL;
    int result = chan__options_geometry(options, &g);
    if (!result)
        result = chan__name_path(name, &path);
    if (result)
        return result;
    result = create_at(name, path, &g, options, out);
    if (result)
        free(path);
    return result;
}

int chan_create_anonymous(const struct chan_options *options, struct chan **out)
{
    struct geometry g;
    if (!out)
        return -EINVAL;
    int result = chan__options_geometry(options, &g);
    return result ? result : create_at("", NULL, &g, options, out);
}

int chan_open(const char *name, uint32_t flags, struct chan **out)
{
    char *path;
    struct segment s;
    if (!out || flags & ~OPEN_FLAGS)
        return -EINVAL;
    int result = chan__name_path(name, &path);
    if (result)
        return result;
    result = chan__segment_open(path, flags & CHAN_READ_ONLY, flags & CHAN_ANY_OWNER, &s);
    if (!result) {
        struct chan probe = {.segment = s, .watch = -1};
        if (!(flags & CHAN_READ_ONLY) && chan__life_is_stale(&probe)) {
            (void)chan__segment_unlink(s.fd, path);
            chan__segment_close(&s);
            result = -ENOENT;
        } else {
            result = wrap(&s, flags, name, path, out);
        }
    }
    if (result)
        free(path);
    return result;
}

/* A ceiling that nobody asked for, but that follows from what is free just now, is no reason to refuse a channel. */
static uint64_t messages_asked_for(const struct chan_options *options, const struct geometry *want)
{
    return options && options->kind == CHAN_GROWABLE ? options->messages : want->messages;
}

/* An existing channel serves a request if nothing that the requester may do would surprise it. */
static bool serves(const struct geometry *have, const struct geometry *want)
{
    return have->kind == want->kind && have->lifetime == want->lifetime && have->senders == want->senders &&
           have->receivers == want->receivers && have->overflow == want->overflow &&
           have->order == want->order && have->messages >= want->messages &&
           have->message_size >= want->message_size;
}

int chan_open_or_create(const char *name, const struct chan_options *options, struct chan **out)
{
    struct geometry g;
    struct chan *ch;
    if (!out)
        return -EINVAL;
    int result = chan__options_geometry(options, &g);
    if (result)
        return result;
    for (int round = 0; round < RACE_ROUNDS; round++) {
        result = chan_open(name, options ? options->flags : 0, &ch);
        if (result == -ENOENT)
            result = chan_create(name, options, &ch);
        if (result != -EEXIST)
            break;
    }
    if (result)
        return result;
    g.messages = messages_asked_for(options, &g);
    if (!serves(&ch->segment.g, &g)) {
        chan_close(ch);
        return -EEXIST;
    }
    *out = ch;
    return 0;
}

int chan_open_fd(int fd, uint32_t flags, struct chan **out)
{
    if (!out || flags & ~OPEN_FLAGS)
        return -EINVAL;
    /* What can still shrink could be truncated under us, by whoever sent it. */
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 && errno == EBADF)
        return -EINVAL;
    if (!(flags & CHAN_UNSEALED) && (seals < 0 || !(seals & F_SEAL_SHRINK)))
        return -EPERM;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (own < 0)
        return -errno;
    struct segment s;
    int result = chan__segment_map(own, flags & CHAN_READ_ONLY, &s);
    if (result) {
        close(own);
        return result;
    }
    char name[SEG_NAME_BYTES] = "";
    memcpy(name, seg_header(&s)->name, sizeof name - 1);
    char *path = NULL;
    if (*name && chan__name_path(name, &path)) {
        chan__segment_close(&s);
        return -EBADMSG;
    }
    result = wrap(&s, flags, name, path, out);
    if (result)
        free(path);
    return result;
}

int chan_fd(const struct chan *ch)
{
    return ch->segment.fd;
}

int chan_unlink(const char *name)
{
    char *path;
    int result = chan__name_path(name, &path);
    if (result)
        return result;
    /* Not chan_open(): what is corrupt, or of another version, must be removable too. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0) {
        result = chan__segment_unlink(fd, path);
        close(fd);
    } else if (errno == EACCES || errno == ELOOP || errno == ENXIO) {
        result =
            unlink(path) ? -errno : 0; /* unreadable, a link or a socket: the directory's rights decide */
    } else {
        result = -errno;
    }
    free(path);
    return result;
}

const char *chan_name(const struct chan *ch)
{
    return ch->name;
}

void chan_id(const struct chan *ch, uint8_t id[16])
{
    memcpy(id, seg_header(&ch->segment)->id, 16);
}

int chan_same(const struct chan *a, const struct chan *b)
{
    return !memcmp(seg_header(&a->segment)->id, seg_header(&b->segment)->id, 16);
}

uint64_t chan_capacity(const struct chan *ch)
{
    return ch->segment.g.messages;
}

static uint64_t queued(const struct chan *ch)
{
    struct cursor head;
    uint64_t length;
    if (ch->segment.g.kind == CHAN_BROADCAST)
        return chan__broadcast_unseen(&ch->segment);
    if (ch->segment.g.kind == CHAN_WATCH)
        return 0; /* its one cell has always a value, which nobody takes */
    return chan__ring_length(&ch->segment, &head, &length) ? 0 : length;
}

/* That senders have without having used them. */
static uint64_t places_held(const struct chan *ch)
{
    return ch->segment.g.order == CHAN_FAIR ? chan__admission_total(&ch->segment) : 0;
}

uint64_t chan_len(const struct chan *ch)
{
    uint64_t length = queued(ch) + chan__holds_total(&ch->segment, HOLD_ORPHAN);
    return length < chan_capacity(ch) ? length : chan_capacity(ch);
}

static bool never_fills(const struct chan *ch)
{
    return ch->segment.g.kind == CHAN_BROADCAST && ch->segment.g.overflow == CHAN_LAG;
}

uint64_t chan_available(const struct chan *ch)
{
    if (never_fills(ch))
        return chan_capacity(ch);
    uint64_t taken = queued(ch) + places_held(ch);
    return taken < chan_capacity(ch) ? chan_capacity(ch) - taken : 0;
}

int chan_is_empty(const struct chan *ch)
{
    return chan_len(ch) == 0;
}

int chan_is_full(const struct chan *ch)
{
    return !never_fills(ch) && chan_available(ch) == 0;
}

uint32_t chan_senders(const struct chan *ch)
{
    return chan__endpoint_count(&ch->segment, CHAN_ROLE_SENDER);
}

uint32_t chan_receivers(const struct chan *ch)
{
    return chan__endpoint_count(&ch->segment, CHAN_ROLE_RECEIVER);
}

int chan_is_closed(const struct chan *ch)
{
    bool ended = chan__life_state(ch) & (STATE_SHUT_DOWN | STATE_SENDERS_GONE | STATE_RECEIVERS_GONE);
    return ended || (ch->segment.g.kind == CHAN_ONESHOT && chan__ring_is_sealed(&ch->segment));
}

int chan_is_drained(const struct chan *ch)
{
    return chan_is_closed(ch) && places_held(ch) == 0 && queued(ch) == 0 &&
           chan__holds_total(&ch->segment, HOLD_ORPHAN) == 0 &&
           chan__holds_total(&ch->segment, HOLD_HELD) == 0;
}
