/* SPDX-License-Identifier: Apache-2.0 */
/* What every shmchan header needs: export macros, version, time, error codes. */
#ifndef SHMCHAN_BASE_H
#define SHMCHAN_BASE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
#define CHAN_BEGIN extern "C" {
#define CHAN_END }
#else
#define CHAN_BEGIN
#define CHAN_END
#endif

#define CHAN_API __attribute__((visibility("default")))
#define CHAN_MUST_USE __attribute__((warn_unused_result))

CHAN_BEGIN

/* Results. Every function that can fail returns 0, or a count, on success and a negative errno value on
 * failure; errno means nothing afterwards. Outputs are untouched on failure unless a function says otherwise.
 *
 *   -EAGAIN           full (send) or empty (receive), from the try_ forms
 *   -ETIMEDOUT        the deadline passed first
 *   -EPIPE            closed: no receiver will come (send), or nothing is left and nobody will send (receive)
 *   -EMSGSIZE         message larger than the channel's maximum, or than the caller's buffer
 *   -EOVERFLOW        receiving from a broadcast: messages were missed (chan_receiver_lagged() says how many)
 *   -EOPNOTSUPP       the channel's kind has no such operation
 *   -EBADMSG          the segment is corrupt, or is no channel
 *   -EPROTONOSUPPORT  the segment has another format version, or a feature this library does not know
 *   -EBUSY            the one sender's or one receiver's seat is taken; or the object is being replaced
 *   -EUSERS           all endpoint records are taken
 *   -ENOBUFS          the endpoint holds as many loans or views as the channel allows
 *   -EINTR            a signal handler ran (only endpoints attached with CHAN_INTERRUPTIBLE)
 *   -ECANCELED        another thread cancelled the call, which would have waited
 *   -ECHILD           handle inherited over fork() and not prepared for it
 *   -ENODATA          a select has no operation left to wait for
 *   -EINVAL           misuse: NULL, a bad name, option or flag; in checked builds also a handle in use by
 *                     another thread at the same moment
 *   -ENOENT -EEXIST -EACCES -EPERM -ENAMETOOLONG -ENOSPC -ENOMEM -EFBIG -EMFILE -ENFILE   as of the calls
 *                     that create and open objects; each function lists its own
 *
 * Only results that a caller meets in ordinary use stand at each function.
 *
 * Threads: a `struct chan` may be used by any number of threads. An endpoint handle (sender, receiver)
 * belongs to one thread at a time, like an unlocked FILE; clone it for another thread. Signals: shmchan(7)
 * lists the functions that are async-signal-safe; sending and receiving are not among them. Processes: any
 * process may be killed or stopped at any instruction inside any of these functions; what that means for
 * the others stands in shmchan(7). */

/* A short text for a negative (or positive) errno value of this library, for people; never NULL. Static
 * storage; async-signal-safe. Since 0.1. */
CHAN_API const char *chan_strerror(int error);

/* The symbolic name, "EPIPE" for -EPIPE; "E?" for a value the library never returns. Static storage;
 * async-signal-safe. Since 0.1. */
CHAN_API const char *chan_error_name(int error);

/* Version of the library, "0.1.0", and of the segment format it writes. Since 0.1. */
CHAN_API const char *chan_version(void);
CHAN_API uint32_t chan_format_version(void);

/* Time is in nanoseconds, deadlines are absolute on CLOCK_MONOTONIC. */
#define CHAN_FOREVER INT64_MAX

/* CLOCK_MONOTONIC now, in nanoseconds. Async-signal-safe. Since 0.1. */
CHAN_API int64_t chan_now(void);

/* The deadline `timeout_ns` from now; negative counts as 0, and what does not fit is CHAN_FOREVER.
 * Async-signal-safe. Since 0.1. */
CHAN_API int64_t chan_deadline(int64_t timeout_ns);

CHAN_END

#endif
