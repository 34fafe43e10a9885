/* SPDX-License-Identifier: Apache-2.0 */
/* Passing a channel's descriptor over a UNIX socket. */
#include "src/handle.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SCM_PIDFD /* C libraries older than Linux 6.5; the number is the kernel's */
#define SCM_PIDFD 4
#endif

/* Of all that the options of a socket let the kernel add: credentials, a security label, a time, a pidfd. Where there is
 * no room for that, it leaves out what comes after, which may be the descriptor. */
#define CONTROL_BYTES 1024

/* Aligned as control messages have to be. */
union control {
    struct cmsghdr header;
    char bytes[CONTROL_BYTES];
};

int chan_send_fd(int socket, const struct chan *ch)
{
    if (!ch)
        return -EINVAL;
    char mark = 'c'; /* a stream socket carries descriptors only beside data */
    struct iovec data = {.iov_base = &mark, .iov_len = 1};
    union control control = {0};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(sizeof(int))};
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &ch->segment.fd, sizeof(int));
    ssize_t n;
    do
        n = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* Those of one control message. The first one passed is kept, all others are closed. */
static void sort_out(struct cmsghdr *header, int *kept, size_t *passed)
{
    const unsigned char *data = CMSG_DATA(header);
    if (header->cmsg_level != SOL_SOCKET ||
        (header->cmsg_type != SCM_RIGHTS && header->cmsg_type != SCM_PIDFD))
        return;
    for (size_t at = 0; at + CMSG_LEN(sizeof(int)) <= header->cmsg_len; at += sizeof(int)) {
        int fd;
        memcpy(&fd, data + at, sizeof fd);
        if (header->cmsg_type == SCM_RIGHTS && !(*passed)++)
            *kept = fd;
        else
            close(fd);
    }
}

/* The one descriptor that came, or -ENOMSG: there was none, or there were several. Those are this process's by now, also
 * where more were sent than there was room for. */
static int only_descriptor(struct msghdr *message)
{
    int fd = -ENOMSG;
    size_t passed = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header))
        sort_out(header, &fd, &passed);
    if (passed > 1) {
        close(fd);
        return -ENOMSG;
    }
    return fd;
}

int chan_recv_fd(int socket, uint32_t flags, struct chan **out)
{
    if (!out)
        return -EINVAL;
    char mark;
    struct iovec data = {.iov_base = &mark, .iov_len = 1};
    union control control = {0};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t n;
    do
        n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -EPIPE;
    int fd = only_descriptor(&message);
    if (fd < 0)
        return fd;
    int result = chan_open_fd(fd, flags, out);
    close(fd);
    return result;
}
