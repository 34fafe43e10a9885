/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of channels and prepared endpoints. */
#include "src/kind.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADDRESS_FORM 1u

/* What the bytes of a struct chan_address are. */
struct address {
    uint32_t form;
    uint32_t pid; /* where the channel has no name: who has it open, and by which descriptor */
    uint8_t id[16];
    int32_t fd;
    uint32_t record; /* of a prepared endpoint, if status is not 0 */
    uint64_t status;
    uint64_t device; /* of the object */
    uint64_t inode;
    char name[216];
};
_Static_assert(sizeof(struct address) == sizeof(struct chan_address), "address");

/* A bad one is no error of this process's. */
static int read_address(const struct chan_address *address, struct address *out)
{
    memcpy(out, address, sizeof *out);
    if (out->form != ADDRESS_FORM || !memchr(out->name, 0, sizeof out->name) ||
        (!*out->name && (out->fd < 0 || !out->pid)))
        return -EINVAL;
    return *out->name ? chan__name_check(out->name) : 0;
}

static void describe(const struct chan *ch, struct address *out)
{
    const struct segment *s = &ch->segment;
    *out = (struct address){
        .form = ADDRESS_FORM, .pid = (uint32_t)getpid(), .device = s->device, .inode = s->inode};
    out->fd = ch->path ? -1 : s->fd;
    chan_id(ch, out->id);
    if (ch->path)
        snprintf(out->name, sizeof out->name, "%s", ch->name);
}

int chan_address_of(const struct chan *ch, struct chan_address *out)
{
    struct address a;
    if (!ch || !out)
        return -EINVAL;
    describe(ch, &a);
    memcpy(out, &a, sizeof a);
    return 0;
}

static int address_of_prepared(const struct handle *h, struct chan_address *out)
{
    struct address a;
    if (h->state != CHAN_STATE_PREPARED)
        return -EINVAL;
    describe(h->chan, &a);
    a.record = h->endpoint.party.number;
    a.status = h->endpoint.status;
    memcpy(out, &a, sizeof a);
    return 0;
}

int chan_address_of_sender(const struct chan_sender *prepared, struct chan_address *out)
{
    return prepared && out ? address_of_prepared(&prepared->handle, out) : -EINVAL;
}

int chan_address_of_receiver(const struct chan_receiver *prepared, struct chan_address *out)
{
    return prepared && out ? address_of_prepared(&prepared->handle, out) : -EINVAL;
}

static int lease(const struct handle *h, int64_t deadline_ns)
{
    if (h->state != CHAN_STATE_PREPARED)
        return -EINVAL;
    uint64_t lapses_ns = deadline_ns < 1 ? LEASE_LAPSED : (uint64_t)deadline_ns;
    return chan__endpoint_lease(&h->endpoint, deadline_ns == CHAN_FOREVER ? 0 : lapses_ns);
}

int chan_lease_sender(struct chan_sender *prepared, int64_t deadline_ns)
{
    return prepared ? lease(&prepared->handle, deadline_ns) : -EINVAL;
}

int chan_lease_receiver(struct chan_receiver *prepared, int64_t deadline_ns)
{
    return prepared ? lease(&prepared->handle, deadline_ns) : -EINVAL;
}

/* The descriptor of another process, once it is seen to lead to that object: what an address says is anybody's word, and
 * opening whatever it leads to, a device or a FIFO, could do more than open it. */
static int open_descriptor(const struct address *a, uint32_t flags)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%" PRIu32 "/fd/%" PRId32, a->pid, a->fd);
    int at = open(path, O_PATH | O_CLOEXEC);
    if (at < 0)
        return errno == EPERM ? -EACCES : -errno;
    int fd = -ENOENT;
    if (!fstat(at, &st) && S_ISREG(st.st_mode) && st.st_dev == a->device && st.st_ino == a->inode) {
        snprintf(path, sizeof path, "/proc/thread-self/fd/%d", at);
        fd = open(path, (flags & CHAN_READ_ONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC);
        fd = fd < 0 ? -errno : fd;
    }
    close(at);
    return fd;
}

static int open_address(const struct address *a, uint32_t flags, struct chan **out)
{
    struct chan *ch;
    int result;
    if (*a->name) {
        result = chan_open(a->name, flags, &ch);
    } else {
        int fd = open_descriptor(a, flags);
        if (fd < 0)
            return fd;
        result = chan_open_fd(fd, flags, &ch);
        close(fd);
    }
    if (result)
        return result;
    uint8_t id[16];
    chan_id(ch, id);
    if (memcmp(id, a->id, sizeof id)) {
        chan_close(ch);
        return -ENOENT;
    }
    *out = ch;
    return 0;
}

int chan_open_address(const struct chan_address *address, uint32_t flags, struct chan **out)
{
    struct address a;
    if (!address || !out)
        return -EINVAL;
    int result = read_address(address, &a);
    return result ? result : open_address(&a, flags, out);
}

static bool is_grant(const struct chan *ch, const struct address *a, uint32_t role)
{
    return a->record < ch->segment.g.endpoints && status_role(a->status) == role &&
           status_state(a->status) == CHAN_STATE_PREPARED;
}

/* The endpoint that was prepared is given up for the one that is attached now: from one moment on the one counts and not
 * the other. Its lock stays with its process until that closes its handle; until then nobody takes the record. */
static int take_place(const struct chan *ch, const struct address *a)
{
    atomic_u64 *status = &seg_record(&ch->segment, a->record)->status;
    return cas_acq_rel_u64(status, a->status, status_with_state(a->status, RECORD_FREE)) ? 0 : -ENOENT;
}

int chan_attach_sender_at(const struct chan_address *address, uint32_t open_flags, uint32_t attach_flags,
                          struct chan_sender **out)
{
    struct address a;
    struct chan *ch;
    struct chan_sender *tx;
    if (!address || !out)
        return -EINVAL;
    int result = read_address(address, &a);
    if (!result)
        result = open_address(&a, open_flags, &ch);
    if (result)
        return result;
    result =
        a.status && !is_grant(ch, &a, CHAN_ROLE_SENDER) ? -EINVAL : chan_attach_sender(ch, attach_flags, &tx);
    if (!result && a.status && (result = take_place(ch, &a)))
        chan_close_sender(tx);
    if (!result)
        *out = tx;
    chan_close(ch);
    return result;
}

int chan_attach_receiver_at(const struct chan_address *address, uint32_t open_flags, uint32_t attach_flags,
                            struct chan_receiver **out)
{
    struct address a;
    struct chan *ch;
    struct chan_receiver *rx;
    if (!address || !out)
        return -EINVAL;
    int result = read_address(address, &a);
    if (!result)
        result = open_address(&a, open_flags, &ch);
    if (result)
        return result;
    result = a.status && !is_grant(ch, &a, CHAN_ROLE_RECEIVER) ? -EINVAL
                                                               : chan_attach_receiver(ch, attach_flags, &rx);
    if (!result && a.status && chan__kind(ch)->inherit)
        chan__kind(ch)->inherit(rx, a.record);
    if (!result && a.status && (result = take_place(ch, &a)))
        chan_close_receiver(rx);
    if (!result)
        *out = rx;
    chan_close(ch);
    return result;
}

/* ---- text: shmchan:ID:PID.FD.DEVICE.INODE:RECORD.STATUS:NAME, numbers in hexadecimal ---- */

static void write_hex(const uint8_t *bytes, size_t count, char *text)
{
    for (size_t i = 0; i < count; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
}

static bool read_hex(const char *text, size_t count, uint8_t *bytes)
{
    for (size_t i = 0; i < count; i++) {
        unsigned value;
        if (!strchr("0123456789abcdef", text[2 * i]) || !strchr("0123456789abcdef", text[2 * i + 1]) ||
            !text[2 * i] || !text[2 * i + 1] || sscanf(text + 2 * i, "%2x", &value) != 1)
            return false;
        bytes[i] = (uint8_t)value;
    }
    return true;
}

int chan_address_text(const struct chan_address *address, char *text, size_t capacity)
{
    struct address a;
    char id[33], name[2 * CHAN_NAME_MAX + 1] = "";
    if (!address || !text)
        return -EINVAL;
    int result = read_address(address, &a);
    if (result)
        return result;
    write_hex(a.id, sizeof a.id, id);
    write_hex((const uint8_t *)a.name, strlen(a.name), name); /* names may have spaces */
    char line[CHAN_ADDRESS_TEXT_MAX];
    int length = snprintf(line, sizeof line, "shmchan:%s:%x.%x.%" PRIx64 ".%" PRIx64 ":%x.%" PRIx64 ":%s", id,
                          a.pid, (unsigned)a.fd, a.device, a.inode, a.record, a.status, name);
    if ((size_t)length >= capacity)
        return -EMSGSIZE;
    memcpy(text, line, (size_t)length + 1);
    return 0;
}

int chan_address_parse(const char *text, struct chan_address *out)
{
    struct address a = {.form = ADDRESS_FORM};
    unsigned fd;
    int id_at = 0, end = 0;
    if (!text || !out || strncmp(text, "shmchan:", 8) || strlen(text) < 8 + 32 ||
        !read_hex(text + 8, sizeof a.id, a.id))
        return -EINVAL;
    id_at = 8 + 32;
    if (sscanf(text + id_at, ":%x.%x.%" SCNx64 ".%" SCNx64 ":%x.%" SCNx64 ":%n", &a.pid, &fd, &a.device,
               &a.inode, &a.record, &a.status, &end) != 6 ||
        !end)
        return -EINVAL;
    a.fd = (int32_t)fd;
    const char *name = text + id_at + end;
    if (strlen(name) > 2 * CHAN_NAME_MAX || strlen(name) % 2 ||
        !read_hex(name, strlen(name) / 2, (uint8_t *)a.name))
        return -EINVAL;
    struct chan_address parsed;
    memcpy(&parsed, &a, sizeof a);
    int result = read_address(&parsed, &a);
    if (!result)
        *out = parsed;
    return result;
}
