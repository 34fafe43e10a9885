/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints: attach as sender or receiver, clone, prepare for a child process, close.
 *
 * A handle belongs to one thread at a time and to the process that attached it: after fork() the child's
 * use of it is -ECHILD, unless it was prepared for the child. Exit without close, exec and death by signal
 * all count as close: the others notice within 10 ms of the process being gone. The library's helper
 * thread is a thread of the process: a program that ends by the end of its last own thread has to close
 * its handles first. */
#ifndef SHMCHAN_ENDPOINT_H
#define SHMCHAN_ENDPOINT_H

#include <shmchan/channel.h>

CHAN_BEGIN

struct chan_sender;
struct chan_receiver;

/* Flags of attach and prepare. */
#define CHAN_INTERRUPTIBLE                                                                                   \
    0x100u                  /* blocking calls return -EINTR when a signal handler ran while they slept; one
                                   * that runs just before is not noticed, so pair it with a timeout */
#define CHAN_NO_SPIN 0x200u /* blocking calls sleep at once instead of spinning briefly first */

/* Attach to the channel.
 *   -EPIPE   shut down (sender), or the channel is disconnected for good
 *   -EBUSY   the side admits one endpoint, and it is alive      -EUSERS  all records are taken
 *   -EACCES  opened CHAN_READ_ONLY, or the object's mode keeps this user out          -EMFILE -ENOMEM
 * Needs a descriptor for a moment. The first attach of a process opens two (inotify, a socket) that stay until
 * the process ends, unless the channel was opened CHAN_NO_KEEPER. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_attach_sender(struct chan *ch, uint32_t flags, struct chan_sender **out);
CHAN_API CHAN_MUST_USE int chan_attach_receiver(struct chan *ch, uint32_t flags, struct chan_receiver **out);

/* Another handle on the same side of the same channel, for another thread, with the same flags. May be
 * called while the original is in use elsewhere. Errors as attach. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_clone_sender(const struct chan_sender *tx, struct chan_sender **out);
CHAN_API CHAN_MUST_USE int chan_clone_receiver(const struct chan_receiver *rx, struct chan_receiver **out);

/* Detach. Open loans are aborted; open views are given back for redelivery. NULL is fine. In a child
 * that inherited the handle it only frees the memory. Since 0.1. */
CHAN_API void chan_close_sender(struct chan_sender *tx);
CHAN_API void chan_close_receiver(struct chan_receiver *rx);

/* For a child: prepare before fork(); the endpoint counts as attached from then on, so nothing is
 * disconnected in between. After fork() the parent closes its copy (that detaches nothing), and the child
 * adopts its own, which makes it an ordinary handle there. A child that dies or execs without adopting
 * takes the endpoint with it. Every other child that is forked in between has a copy too, and has to close
 * it. Adopting in the preparing process itself is allowed. -EINVAL: not prepared. -ENOENT: somebody
 * has attached in its place, or its lease has ended (shmchan/address.h). Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_prepare_sender(struct chan *ch, uint32_t flags, struct chan_sender **out);
CHAN_API CHAN_MUST_USE int chan_prepare_receiver(struct chan *ch, uint32_t flags, struct chan_receiver **out);
CHAN_API CHAN_MUST_USE int chan_adopt_sender(struct chan_sender *tx);
CHAN_API CHAN_MUST_USE int chan_adopt_receiver(struct chan_receiver *rx);

/* A weak sender keeps nobody connected, and cannot send; a sender can be had from it as long as there is another
 * one. For who may want to send but is not to keep the channel open: a receiver that sends to itself, a cache of
 * senders.
 *
 * downgrade: a weak sender beside the sender, which stays. upgrade: a sender beside the weak one, which stays,
 * with its flags. -EPIPE: there is no sender any more, or it was killed; receivers do not matter (where they are
 * gone, the sender's sends say so). On a durable channel a newly attached sender makes upgrading possible again.
 * -EBUSY where the side admits one sender, which is there. A weak sender takes an endpoint's record (-EUSERS) and
 * no seat; downgrade, clone and upgrade may be called while the original is in use elsewhere; other errors as
 * attach. Since 0.1. */
struct chan_weak_sender;
CHAN_API CHAN_MUST_USE int chan_downgrade_sender(const struct chan_sender *tx, struct chan_weak_sender **out);
CHAN_API CHAN_MUST_USE int chan_upgrade_sender(const struct chan_weak_sender *weak, struct chan_sender **out);
CHAN_API CHAN_MUST_USE int chan_clone_weak_sender(const struct chan_weak_sender *weak,
                                                  struct chan_weak_sender **out);
CHAN_API void chan_close_weak_sender(struct chan_weak_sender *weak); /* NULL is fine */
CHAN_API struct chan *chan_of_weak_sender(const struct chan_weak_sender *weak);

/* Have a call on the handle return -ECANCELED in place of waiting: the one that waits now, or else the next one
 * that would wait, once. A cancelled call has had no effect on the channel; one that need not wait is not
 * cancelled, and the try_ forms never are. Any thread may call it while the handle exists, also while another
 * uses it; async-signal-safe; does not block. Wakes the others that sleep on the same side of the channel for a
 * moment. -ECHILD; -EINVAL: NULL. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_cancel_sender(struct chan_sender *tx);
CHAN_API CHAN_MUST_USE int chan_cancel_receiver(struct chan_receiver *rx);

/* The channel of a handle; valid as long as the handle. Since 0.1. */
CHAN_API struct chan *chan_of_sender(const struct chan_sender *tx);
CHAN_API struct chan *chan_of_receiver(const struct chan_receiver *rx);

/* The number of its record, 0 .. endpoints-1: the index for chan_endpoint_stat(). Since 0.1. */
CHAN_API uint32_t chan_sender_number(const struct chan_sender *tx);
CHAN_API uint32_t chan_receiver_number(const struct chan_receiver *rx);

CHAN_END

#endif
