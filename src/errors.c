/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of errors. */
#include <errno.h>
#include <shmchan/base.h>

static const struct {
    int code;
    const char *name;
    const char *text;
} errors[] = {
    {0, "OK", "success"},
    {EAGAIN, "EAGAIN", "the channel is full (send) or empty (receive)"},
    {ETIMEDOUT, "ETIMEDOUT", "the deadline passed"},
    {EPIPE, "EPIPE", "the channel is closed"},
    {EMSGSIZE, "EMSGSIZE", "message too large for the channel or for the buffer"},
    {EBADMSG, "EBADMSG", "not a channel, or its segment is corrupt"},
    {EPROTONOSUPPORT, "EPROTONOSUPPORT", "the channel has another format version"},
    {EBUSY, "EBUSY", "the one seat of this side is taken, or the object is just being replaced"},
    {EUSERS, "EUSERS", "all endpoint records of the channel are taken"},
    {ENOBUFS, "ENOBUFS", "the endpoint holds as many loans or views as the channel allows"},
    {EINTR, "EINTR", "interrupted by a signal handler"},
    {ECANCELED, "ECANCELED", "another thread cancelled the call"},
    {ECHILD, "ECHILD", "the handle was inherited over fork and not prepared for it"},
    {EINVAL, "EINVAL", "invalid argument, or misuse of a handle"},
    {ENOENT, "ENOENT", "no such channel"},
    {EEXIST, "EEXIST", "a channel of that name exists and is not what was asked for"},
    {EACCES, "EACCES", "permission denied, or the channel was opened read-only"},
    {EPERM, "EPERM", "not permitted: another user's object, or a descriptor without seals"},
    {ENAMETOOLONG, "ENAMETOOLONG", "channel name too long"},
    {ELOOP, "ELOOP", "the channel's name is a symbolic link"},
    {ENOSPC, "ENOSPC", "no room left in the directory of channels"},
    {ENODATA, "ENODATA", "no operation is left to wait for"},
    {ENOMEM, "ENOMEM", "not enough memory, or more than may be locked"},
    {EFBIG, "EFBIG", "the channel would be larger than the limit on file size"},
    {EMFILE, "EMFILE", "too many open descriptors in this process"},
    {ENFILE, "ENFILE", "too many open files in the system"},
    {EOPNOTSUPP, "EOPNOTSUPP",
     "this kind of channel cannot do that, or the file system cannot hold channels"},
    {EOVERFLOW, "EOVERFLOW", "the receiver has missed messages"},
    {ENOTDIR, "ENOTDIR", "the directory of channels is not a directory"},
    {EROFS, "EROFS", "the directory of channels is read-only"},
    {ENOMSG, "ENOMSG", "what was received carried no descriptor"},
    {ERANGE, "ERANGE", "no such endpoint number"},
};

static int position_of(int error)
{
    unsigned code = error < 0 ? 0u - (unsigned)error : (unsigned)error;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if ((unsigned)errors[i].code == code)
            return (int)i;
    return -1;
}

const char *chan_strerror(int error)
{
    int i = position_of(error);
    return i < 0 ? "unknown error" : errors[i].text;
}

const char *chan_error_name(int error)
{
    int i = position_of(error);
    return i < 0 ? "E?" : errors[i].name;
}
