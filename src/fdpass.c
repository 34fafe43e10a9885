/* SPDX-License-Identifier: Apache-2.0 */
/* Passing a channel's descriptor over a UNIX socket. */
#include "src/handle.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor, aligned as control messages have to be. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
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
                             .msg_controllen = sizeof control.bytes};
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
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof(int)))
        return -ENOMSG;
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    int result = chan_open_fd(fd, flags, out);
    close(fd);
    return result;
}
