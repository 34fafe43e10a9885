/* SPDX-License-Identifier: Apache-2.0 */
/* The inotify instance that wakes the keeper, made to outlast what proves this process alive.
 *
 * With an instance's last reference the kernel waits for a grace period that the whole machine shares: a
 * fraction of a millisecond, or tens of them where processors are busy. A dying process lets go of its
 * mappings first and of its descriptors second, but what was let go last is closed first (task work). So the
 * descriptor's end would hold up that of the mappings, whose locks are the verdict (shm/endpoint.h), and all
 * peers with it. Therefore there is a second reference, the anchor: a message with the descriptor in it, which
 * nobody ever receives. It goes in the closing of its socket, as work that comes after all that was there
 * before. */
#include "src/handle.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Ours, and not one that the program has opened under its number: see level.c. */
#define MARK SIGCONT

/* False where a sandbox refuses it: any instance is taken for ours then. Also read by a keeper that was forsaken. */
static atomic_bool is_marked;

/* The socket with that message. Its inode tells whether the number is still ours. */
static struct {
    int fd;
    dev_t device;
    ino_t inode;
} anchor = {.fd = -1};

static bool send_descriptor(int socket, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof fd)];
    } control = {
        .header = {.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof control};
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 0;
}

/* Where there are no such sockets, our death is noticed as much later as the grace period is long. */
static void drop_anchor(int fd)
{
    int sockets[2];
    struct stat st;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets))
        return;
    if (send_descriptor(sockets[0], fd) && !fstat(sockets[1], &st)) {
        anchor.fd = sockets[1];
        anchor.device = st.st_dev;
        anchor.inode = st.st_ino;
    } else {
        close(sockets[1]);
    }
    close(sockets[0]);
}

static void weigh_anchor(void)
{
    struct stat st;
    if (anchor.fd >= 0 && !fstat(anchor.fd, &st) && st.st_dev == anchor.device && st.st_ino == anchor.inode)
        close(anchor.fd);
    anchor.fd = -1;
}

int chan__instance_open(void)
{
    weigh_anchor(); /* of one whose descriptor was closed */
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return fd;
    store_release(&is_marked, !fcntl(fd, F_SETSIG, MARK));
    drop_anchor(fd);
    return fd;
}

bool chan__instance_is(int fd)
{
    static const char expected[] = "anon_inode:inotify";
    char path[40], target[sizeof expected];
    if (fd < 0 || (load_acquire(&is_marked) && fcntl(fd, F_GETSIG) != MARK))
        return false;
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
    return readlink(path, target, sizeof target) == (ssize_t)sizeof expected - 1 &&
           !memcmp(target, expected, sizeof expected - 1);
}

void chan__instance_close(int fd)
{
    weigh_anchor();
    if (chan__instance_is(fd))
        close(fd);
}
