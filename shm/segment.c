/* SPDX-License-Identifier: Apache-2.0 */
/* Creating, opening, validating and unlinking the objects that hold segments. */
#include "shm/segment.h"

#include "shm/cell.h"
#include "shm/process.h"
#include "shm/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* tmpfs undoes a whole fallocate() that a signal interrupts; pieces of this size get done between two
 * signals. */
#define COMMIT_PIECE (UINT64_C(16) << 20)

#define FD_PATH_BYTES 40

static void fd_path(int fd, char path[FD_PATH_BYTES])
{
    /* Not /proc/self: that is the first thread, which may have ended before the others. */
    snprintf(path, FD_PATH_BYTES, "/proc/thread-self/fd/%d", fd);
}

/* Bytes that can still be had without driving the machine out of memory; UINT64_MAX if /proc does not
 * tell. */
static uint64_t available_memory(void)
{
    uint64_t total = 0;
    unsigned long long kib;
    char line[128];
    FILE *meminfo = fopen("/proc/meminfo", "re");
    if (!meminfo)
        return UINT64_MAX;
    while (fgets(line, sizeof line, meminfo))
        if (sscanf(line, "MemAvailable: %llu", &kib) == 1 || sscanf(line, "SwapFree: %llu", &kib) == 1)
            total += kib * 1024;
    fclose(meminfo);
    return total;
}

/* What cannot fit is refused before a page is touched: tmpfs is often as large as all memory, and filling
 * it on the way to ENOSPC would have the kernel kill processes. */
static int check_room(int fd, uint64_t bytes)
{
    struct statvfs fs;
    if (!fstatvfs(fd, &fs) && fs.f_blocks && (bytes + fs.f_frsize - 1) / fs.f_frsize > fs.f_bavail)
        return -ENOSPC;
    return bytes > available_memory() ? -ENOMEM : 0;
}

/* Commit every page now, of a growable queue those that stay, so that a full file system is an error code here and not
 * a SIGBUS later. */
static int commit_memory(int fd, const struct geometry *g)
{
    struct rlimit limit;
    uint64_t bytes = g->begins_with;
    if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY &&
        g->total_bytes > limit.rlim_cur)
        return -EFBIG; /* ftruncate() would raise SIGXFSZ */
    int result = check_room(fd, bytes);
    if (result)
        return result;
    if (ftruncate(fd, (off_t)g->total_bytes))
        return -errno;
    for (uint64_t at = 0; at < bytes;) {
        uint64_t piece = bytes - at < COMMIT_PIECE ? bytes - at : COMMIT_PIECE;
        if (!fallocate(fd, 0, (off_t)at, (off_t)piece))
            at += piece;
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

static int open_unnamed(const char *directory, const struct segment_facts *facts)
{
    int fd = directory ? open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
                       : memfd_create("shmchan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return errno == EISDIR ? -EOPNOTSUPP : -errno; /* EISDIR: this kernel has no O_TMPFILE there */
    /* Group before mode: chown() clears set-id bits, and the mode must not apply to the wrong group for a
     * moment. */
    if ((facts->group != (gid_t)-1 && fchown(fd, (uid_t)-1, facts->group)) || fchmod(fd, facts->mode)) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static int identify(struct segment *s, struct stat *st)
{
    if (fstat(s->fd, st))
        return -errno;
    s->device = st->st_dev;
    s->inode = st->st_ino;
    return 0;
}

static void fill_header(struct segment *s, const struct segment_facts *facts)
{
    const struct geometry *g = &s->g;
    struct seg_header *h = seg_header(s);
    struct process_identity self;
    chan__process_self(&self);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *h = (struct seg_header){
        .magic = SEG_MAGIC,
        .format_version = SEG_FORMAT_VERSION,
        .features = SEG_FEATURES,
        .signature = chan__layout_signature(),
        .total_bytes = g->total_bytes,
        .kind = g->kind,
        .lifetime = g->lifetime,
        .senders = g->senders,
        .receivers = g->receivers,
        .messages = g->messages,
        .message_size = g->message_size,
        .payload_bytes = g->payload_bytes,
        .endpoints = g->endpoints,
        .holds = g->holds,
        .max_deliveries = g->max_deliveries,
        .order = g->order,
        .overflow = g->overflow,
        .inline_size = g->inline_size,
        .block_bytes = g->block_bytes,
        .blocks = g->blocks,
        .unit_bytes = g->unit_bytes,
        .units = g->units,
        .records_at = g->records_at,
        .cells_at = g->cells_at,
        .blocks_at = g->blocks_at,
        .units_at = g->units_at,
        .steps_at = g->steps_at,
        .step_units = g->step_units,
        .arena_at = g->arena_at,
        .record_bytes = g->record_bytes,
        .created_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec,
        .creator_start = self.start_time,
        .creator_pid = self.pid,
        .creator_uid = self.uid,
        .creator_pid_namespace = self.pid_namespace,
    };
    memcpy(h->name, facts->name, strnlen(facts->name, sizeof h->name - 1));
}

/* Blocks 0..n-1 into the ring cells, the others into the hold cells, in order. */
static void fill_cells(struct segment *s)
{
    const struct geometry *g = &s->g;
    uint64_t hint =
        g->messages ? UINT64_C(1) << g->index_bits : 0; /* lap 1, index 0; or no offer, no demand */
    store_relaxed(&seg_hot(s)->tail_hint, hint);
    store_relaxed(&seg_hot(s)->head_hint, hint);
    for (uint32_t cell = 0; cell < cell_count(g); cell++) {
        bool in_ring = cell < g->messages;
        store_relaxed(seg_cell(s, cell), cell_word(g, in_ring ? 2 : 4, cell));
    }
}

static void use_mapping(struct segment *s, void *base)
{
    s->base = base;
    s->cells = (void *)(s->base + s->g.cells_at);
    s->blocks = s->base + s->g.blocks_at;
}

int chan__segment_create(const char *directory, const struct geometry *g, const struct segment_facts *facts,
                         struct segment *out)
{
    if (g->total_bytes > SIZE_MAX)
        return -ENOMEM; /* of the address space */
    int fd = open_unnamed(directory, facts);
    if (fd < 0)
        return fd;
    struct segment s = {.g = *g, .fd = fd};
    struct stat st;
    int result = identify(&s, &st);
    if (!result)
        result = commit_memory(fd, g);
    void *base = MAP_FAILED;
    if (!result) {
        base = mmap(NULL, g->total_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (base == MAP_FAILED)
            result = errno == EAGAIN ? -ENOMEM : -errno;
    }
    if (!result) {
        use_mapping(&s, base);
        fill_header(&s, facts);
        fill_cells(&s);
        chan__steps_begin(&s);
        if (getrandom(seg_header(&s)->id, sizeof seg_header(&s)->id, 0) !=
                (ssize_t)sizeof seg_header(&s)->id ||
            (!directory && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)))
            result = -errno;
    }
    if (result) {
        if (base != MAP_FAILED)
            munmap(base, g->total_bytes);
        close(fd);
        return result;
    }
    *out = s;
    return 0;
}

bool chan__segment_has_fd(const struct segment *segment)
{
    struct stat st;
    return !fstat(segment->fd, &st) && st.st_dev == segment->device && st.st_ino == segment->inode;
}

int chan__segment_link(const struct segment *segment, const char *path)
{
    char self[FD_PATH_BYTES];
    fd_path(segment->fd, self);
    return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

int chan__segment_reopen(const struct segment *segment)
{
    char self[FD_PATH_BYTES];
    if (!chan__segment_has_fd(segment))
        return -EBADF;
    fd_path(segment->fd, self);
    int fd = open(self, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int check_owner(int fd, bool any_owner)
{
    struct stat st;
    if (fstat(fd, &st))
        return -errno;
    if (!any_owner && st.st_uid != geteuid() && st.st_uid != 0)
        return -EPERM;
    return 0;
}

int chan__segment_open(const char *path, bool read_only, bool any_owner, struct segment *out)
{
    /* O_NONBLOCK: a FIFO planted at the name must not hold us up. */
    int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == EISDIR || errno == ENXIO ? -EBADMSG : -errno;
    int result = check_owner(fd, any_owner);
    if (!result)
        result = chan__segment_map(fd, read_only, out);
    if (result)
        close(fd);
    return result;
}

/* The header's derived fields must be what the formula makes of its primary ones. */
static int validate_geometry(const struct seg_header *h, struct geometry *out)
{
    struct geometry g = {
        .kind = h->kind,
        .lifetime = h->lifetime,
        .senders = h->senders,
        .receivers = h->receivers,
        .messages = h->messages,
        .message_size = h->message_size,
        .payload_bytes = h->payload_bytes,
        .endpoints = h->endpoints,
        .holds = h->holds,
        .max_deliveries = h->max_deliveries,
        .order = h->order,
        .overflow = h->overflow,
    };
    if (chan__geometry_complete(&g))
        return -EBADMSG;
    if (h->inline_size != g.inline_size || h->block_bytes != g.block_bytes || h->blocks != g.blocks ||
        h->unit_bytes != g.unit_bytes || h->units != g.units || h->records_at != g.records_at ||
        h->cells_at != g.cells_at || h->blocks_at != g.blocks_at || h->units_at != g.units_at ||
        h->step_units != g.step_units || h->steps_at != g.steps_at || h->arena_at != g.arena_at ||
        h->record_bytes != g.record_bytes || h->total_bytes != g.total_bytes)
        return -EBADMSG;
    *out = g;
    return 0;
}

static int validate(int fd, const struct stat *st, struct geometry *out)
{
    struct seg_header h;
    if (!S_ISREG(st->st_mode))
        return -EBADMSG;
    ssize_t n = pread(fd, &h, sizeof h, 0);
    if (n < 0)
        return -errno;
    if ((size_t)n < sizeof h || h.magic != SEG_MAGIC)
        return -EBADMSG;
    if (h.format_version != SEG_FORMAT_VERSION || h.features & ~SEG_FEATURES ||
        h.signature != chan__layout_signature())
        return -EPROTONOSUPPORT;
    int result = validate_geometry(&h, out);
    if (result)
        return result;
    return (uint64_t)st->st_size == out->total_bytes ? 0 : -EBADMSG;
}

int chan__segment_map(int fd, bool read_only, struct segment *out)
{
    struct segment s = {.fd = fd, .read_only = read_only};
    struct stat st;
    int result = identify(&s, &st);
    if (!result)
        result = validate(fd, &st, &s.g);
    if (result)
        return result;
    if (s.g.total_bytes > SIZE_MAX)
        return -ENOMEM;
    void *base = mmap(NULL, (size_t)s.g.total_bytes, read_only ? PROT_READ : PROT_READ | PROT_WRITE,
                      MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return errno == EAGAIN ? -ENOMEM : -errno; /* EAGAIN: more than may be locked, after mlockall() */
    use_mapping(&s, base);
    *out = s;
    return 0;
}

void chan__segment_close(struct segment *segment)
{
    munmap(segment->base, (size_t)segment->g.total_bytes);
    if (chan__segment_has_fd(segment))
        close(segment->fd);
}

int chan__segment_unlink(int fd, const char *path)
{
    struct stat ours, theirs;
    if (fstat(fd, &ours))
        return -errno;
    /* Never wait: whoever holds the lock may be stopped. A few tries cover one that is only passing
     * through. */
    for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB); tries++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        if (tries == 10)
            return -EBUSY;
        usleep(1000);
    }
    int result = 0;
    if (lstat(path, &theirs) || ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino)
        result = -ENOENT;
    else if (unlink(path))
        result = -errno;
    flock(fd, LOCK_UN);
    return result;
}
