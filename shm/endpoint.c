/* SPDX-License-Identifier: Apache-2.0 */
/* Claiming and leaving endpoint records, and the verdict on whether a holder is alive. */
#include "shm/endpoint.h"

#include "shm/admission.h"
#include "shm/match.h"
#include "shm/process.h"
#include "shm/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <shmchan/inspect.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Lock bytes lie beyond any size an object can have. */
#define LOCK_RECORDS_AT (INT64_C(1) << 48)
#define LOCK_SEATS_AT (LOCK_RECORDS_AT + (INT64_C(1) << 20))

static struct flock byte_lock(int64_t at)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
}

static int try_lock(int fd, int64_t at)
{
    struct flock lock = byte_lock(at);
    if (!fcntl(fd, F_OFD_SETLK, &lock))
        return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}

static void unlock(int fd, int64_t at)
{
    struct flock lock = byte_lock(at);
    lock.l_type = F_UNLCK;
    (void)fcntl(fd, F_OFD_SETLK, &lock); /* unlocking what one holds cannot fail */
}

/* A receiver needs one hold cell that no orphan sits in. */
static bool has_room(const struct segment *s, struct seg_record *record, uint32_t role)
{
    uint32_t first = hold_first(&s->g, role);
    for (uint32_t hold = first; hold < first + s->g.role_cells; hold++)
        if (hold_state(&s->g, load_acquire(&record->holds[hold])) == HOLD_SPARE)
            return true;
    return false;
}

static void raise_records_used(const struct segment *s, uint64_t to)
{
    atomic_u64 *used = &seg_hot(s)->records_used;
    /* It only rises, so it fails no more often than there are records. */
    for (uint32_t tries = 0; tries <= s->g.endpoints; tries++) {
        uint64_t now = load_relaxed(used);
        if (now >= to || cas_seq_cst_u64(used, now, to))
            return;
    }
}

static bool claim_record(const struct segment *s, int fd, uint32_t number, uint32_t role, struct endpoint *e)
{
    struct seg_record *record = seg_record(s, number);
    uint64_t status = load_acquire(&record->status); /* REPAIRED */
    if (status_state(status) != RECORD_FREE || try_lock(fd, LOCK_RECORDS_AT + number))
        return false;
    raise_records_used(s, number + 1);
    uint64_t mine = status_word(status_generation(status) + 1, role, CHAN_STATE_ATTACHING);
    if (!cas_acq_rel_u64(&record->status, status, mine)) { /* REPAIRED */
        unlock(fd, LOCK_RECORDS_AT + number);
        return false;
    }
    store_release(&record->intent_old, 0); /* left by the predecessor: repairers never touch intents */
    store_relaxed(&record->gives_back, 0);
    store_relaxed(&record->lapses_ns, 0);
    if (s->g.kind == CHAN_WATCH)
        chan__watch_forget(record);
    if (s->g.kind == CHAN_RENDEZVOUS)
        chan__match_forget(record);
    if (s->g.order == CHAN_FAIR && role == CHAN_ROLE_SENDER)
        chan__admission_enter(s, number);
    const struct seg_hot *hot = seg_hot(s);
    e->party = (struct party){
        .segment = s,
        .record = record,
        .number = number,
        .cursor = chan__ring_start(s, role == CHAN_ROLE_SENDER ? &hot->tail_hint : &hot->head_hint),
    };
    e->status = mine;
    e->role = role;
    return true;
}

/* The seats of a side that admits one endpoint. Weak senders have none. */
static bool has_one_seat(const struct geometry *g, uint32_t role)
{
    return (role == CHAN_ROLE_SENDER && g->senders == CHAN_ONE) ||
           (role == CHAN_ROLE_RECEIVER && g->receivers == CHAN_ONE);
}

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Find a record, records without orphans first; sender's hold cells never have any. */
static int claim_any(const struct segment *s, int fd, uint32_t role, struct endpoint *e)
{
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t number = 0; number < s->g.endpoints; number++)
            if ((pass || has_room(s, seg_record(s, number), role)) && claim_record(s, fd, number, role, e))
                return 0;
    return -EUSERS;
}

int chan__endpoint_claim(const struct segment *s, uint32_t role, struct endpoint *out)
{
    struct endpoint e = {0};
    int fd = chan__segment_reopen(s);
    if (fd < 0)
        return fd;
    int result = 0;
    e.life = mmap(NULL, page_bytes(), PROT_NONE, MAP_SHARED, fd, 0);
    if (e.life == MAP_FAILED)
        result = errno == EAGAIN ? -ENOMEM : -errno;
    else if (madvise(e.life, page_bytes(), MADV_DONTFORK))
        result = -errno;
    if (!result && has_one_seat(&s->g, role)) {
        result = try_lock(fd, LOCK_SEATS_AT + role);
        if (result == -EAGAIN)
            result = -EBUSY;
    }
    if (!result)
        result = claim_any(s, fd, role, &e);
    close(fd);
    if (!result)
        *out = e;
    else if (e.life != MAP_FAILED)
        munmap(e.life, page_bytes());
    return result;
}

static void show_command(struct seg_record *record)
{
    uint64_t words[2] = {0, 0};
    char name[sizeof words] = "";
    int fd = open("/proc/thread-self/comm", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, name, sizeof name);
        name[n > 0 ? n - 1 : 0] = '\0'; /* the kernel ends it with a newline */
        close(fd);
    }
    memcpy(words, name, sizeof words);
    store_relaxed(&record->command[0], words[0]);
    store_relaxed(&record->command[1], words[1]);
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static bool is_over(uint64_t lapses_ns)
{
    return lapses_ns && lapses_ns <= monotonic_ns();
}

/* Whoever prepared it lives, but has said until when. The mark comes before anybody is told, so that the lease cannot be
 * put off after that. A time that has passed has passed for every generation: to mark it late harms no successor. Who may
 * only look says what the time says. */
static bool has_lapsed(const struct segment *s, struct seg_record *record, uint64_t status)
{
    atomic_u64 *word = &record->lapses_ns;
    if (status_state(status) != CHAN_STATE_PREPARED)
        return false;
    uint64_t lapses_ns = load_relaxed(word);
    if (!is_over(lapses_ns))
        return false;
    return s->read_only || lapses_ns == LEASE_LAPSED || cas_acq_rel_u64(word, lapses_ns, LEASE_LAPSED) ||
           load_relaxed(word) == LEASE_LAPSED;
}

int chan__endpoint_lease(const struct endpoint *e, uint64_t lapses_ns)
{
    struct seg_record *record = e->party.record;
    uint64_t before;
    /* It fails where the end has been marked, after which it is over, or by a copy of this handle in a child. A record that
     * is no longer ours has no other owner as long as we have its lock. */
    do {
        before = load_relaxed(&record->lapses_ns);
        if (is_over(before))
            return -ENOENT;
    } while (!cas_acq_rel_u64(&record->lapses_ns, before, lapses_ns));
    return load_acquire(&record->status) == e->status ? 0 : -ENOENT;
}

int chan__endpoint_show(struct endpoint *e, uint32_t state)
{
    struct seg_record *record = e->party.record;
    if (has_lapsed(e->party.segment, record, e->status))
        return -ENOENT;
    if (madvise(e->life, page_bytes(), state == CHAN_STATE_PREPARED ? MADV_DOFORK : MADV_DONTFORK))
        return -errno;
    struct process_identity self;
    chan__process_self(&self);
    store_relaxed(&record->pid, self.pid);
    store_relaxed(&record->tid, (uint32_t)syscall(SYS_gettid));
    store_relaxed(&record->start_time, self.start_time);
    store_relaxed(&record->pid_namespace, self.pid_namespace);
    store_relaxed(&record->uid, self.uid);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    store_relaxed(&record->attached_ns, (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec);
    show_command(record);
    bool sends = e->role == CHAN_ROLE_SENDER;
    store_relaxed(&record->base_messages, load_relaxed(sends ? &record->sent : &record->taken));
    store_relaxed(&record->base_bytes, load_relaxed(sends ? &record->sent_bytes : &record->received_bytes));
    store_relaxed(&record->base_waits, load_relaxed(sends ? &record->send_waits : &record->recv_waits));
    store_relaxed(&record->base_waited_ns,
                  load_relaxed(sends ? &record->send_waited_ns : &record->recv_waited_ns));
    store_relaxed(&record->waits_for, CHAN_WAITS_FOR_NOTHING);
    uint64_t shown = status_with_state(e->status, state);
    if (!cas_acq_rel_u64(&record->status, e->status, shown)) { /* STATUS */
        if (status_state(e->status) == CHAN_STATE_PREPARED)
            (void)madvise(e->life, page_bytes(), MADV_DOFORK); /* a prepared one's handle still */
        return -ENOENT;
    }
    e->status = shown;
    return 0;
}

void chan__endpoint_forget(struct endpoint *e)
{
    munmap(e->life, page_bytes());
    e->life = NULL;
}

void chan__endpoint_leave(struct endpoint *e)
{
    /* Fails only if a repairer was told that we are dead, which the kernel does not say of the living. */
    cas_acq_rel_u64(&e->party.record->status, e->status,
                    status_with_state(e->status, RECORD_FREE)); /* REPAIRED */
    chan__endpoint_forget(e);
}

bool chan__endpoint_is_dead(const struct segment *s, uint32_t number, uint64_t status)
{
    struct flock lock = byte_lock(LOCK_RECORDS_AT + number);
    if (has_lapsed(s, seg_record(s, number), status))
        return load_acquire(&seg_record(s, number)->status) == status;
    if (!chan__segment_has_fd(s) || fcntl(s->fd, F_OFD_GETLK, &lock) || lock.l_type != F_UNLCK)
        return false;
    /* The lock was free; if the record has not changed hands since, it was this holder's. */
    return load_acquire(&seg_record(s, number)->status) == status;
}

uint32_t chan__endpoint_count(const struct segment *s, uint32_t role)
{
    uint32_t count = 0, used = chan__records_used(s);
    for (uint32_t number = 0; number < used; number++) {
        uint64_t status = load_acquire(&seg_record(s, number)->status); /* STATUS */
        uint32_t state = status_state(status);
        count += status_role(status) == role && (state == CHAN_STATE_LIVE || state == CHAN_STATE_PREPARED);
    }
    return count;
}
