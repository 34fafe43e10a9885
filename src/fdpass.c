/* SPDX-License-Identifier: Apache-2.0 */
/* Passing a channel's descriptor over a UNIX socket. */
#include "src/handle.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many as the room for one may have place for, by its alignment; on all machines, so that a second one shows. */
#define DESCRIPTORS_MAX 2

/* Aligned as control messages have to be. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
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

/* The one descriptor that came, or -ENOMSG: there was none, or there were several. Those are this process's by now, also
 * where more were sent than there was room for. */
static int only_descriptor(struct msghdr *message)
{
    int fds[DESCRIPTORS_MAX];
    size_t count = 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        count = (header->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
        memcpy(fds, CMSG_DATA(header), count * sizeof *fds);
    }
    if (count == 1)
        return fds[0];
    while (count)
        close(fds[--count]);
    return -ENOMSG;
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
