/* SPDX-License-Identifier: Apache-2.0 */
/* The table from library errors to exit codes, sentences and advice. */
#include "exit_codes.h"

#include <errno.h>
#include <shmchan.h>

static const struct failure failures[] = {
    {-ENOENT, CODE_NO_CHANNEL, "no such channel", "see 'chanctl ls', or make it with 'chanctl create'"},
    {-EEXIST, CODE_OTHER, "it exists already", "choose another name, or remove it with 'chanctl rm'"},
    {-EINVAL, CODE_USAGE, "the name or an option is not valid",
     "a name has no '/' and no control character and does not begin with '.'; see 'chanctl create --help'"},
    {-ENAMETOOLONG, CODE_USAGE, "the name is too long", "use at most 200 bytes"},
    {-EACCES, CODE_PERMISSION, "no permission",
     "ask its owner for access: see 'chanctl create --mode --group'"},
    {-EPERM, CODE_PERMISSION, "not permitted for this user",
     "run it as the owner of the channel, or as root"},
    {-ETIMEDOUT, CODE_TIMED_OUT, "timed out", "see with 'chanctl stat' what the other side is doing"},
    {-EPIPE, CODE_CLOSED, "the channel is closed", "remove it with 'chanctl rm' and create it anew"},
    {-EBADMSG, CODE_UNSOUND, "the object is corrupt, or no channel", "remove it with 'chanctl rm'"},
    {-EPROTONOSUPPORT, CODE_UNSOUND, "another version of the library made it",
     "use the chanctl of that version, or remove it with 'chanctl rm'"},
    {-ELOOP, CODE_UNSOUND, "the object is a symbolic link", "remove it with 'chanctl rm'"},
    {-EMSGSIZE, CODE_TOO_LARGE, "message too large", "create the channel with a larger --message-size"},
    {-ENOSPC, CODE_NO_ROOM, "not enough shared memory", "free some, or enlarge it: see 'chanctl doctor'"},
    {-ENOMEM, CODE_NO_ROOM, "not enough memory", "free some, or raise the limit: see 'chanctl doctor'"},
    {-EFBIG, CODE_NO_ROOM, "larger than the limit on file sizes", "raise 'ulimit -f', or ask for less"},
    {-EMFILE, CODE_NO_ROOM, "too many open files in this process", "raise 'ulimit -n'"},
    {-ENFILE, CODE_NO_ROOM, "too many open files in the system", "raise fs.file-max"},
    {-EUSERS, CODE_NO_ROOM, "all its endpoint records are taken",
     "create it with more --endpoints, or end some: see 'chanctl stat'"},
    {-EBUSY, CODE_NO_ROOM, "the only seat of this side is taken, or the object is being replaced",
     "wait for its holder to leave: see 'chanctl stat'"},
    {-EOPNOTSUPP, CODE_OTHER, "this kind of channel cannot do that, or its directory cannot hold channels",
     "see the kind with 'chanctl ls'; set SHMCHAN_DIR to a directory on a tmpfs"},
};

const struct failure *failure_of(int error)
{
    static struct failure other = {0, CODE_OTHER, "", "see 'chanctl doctor'"};

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
        if (failures[i].error == error)
            return &failures[i];
    other.error = error;
    other.what = chan_strerror(error);
    return &other;
}
