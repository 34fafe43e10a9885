/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors for event loops: poll(2), select(2), epoll(7) with or without EPOLLET, io_uring's poll,
 * libuv, libevent, asyncio and whatever else waits for descriptors to become readable. Each stands for what
 * one handle waits for.
 *
 * What the loop does:
 *
 *   1. Once: fd = chan_receiver_fd(rx), and have the loop wait for it to be readable (POLLIN, EPOLLIN) and
 *      nothing else.
 *   2. When it is readable: call try_ forms on the handle, one or many. One that returns -EAGAIN makes the
 *      descriptor unreadable until there is something again. As long as none has, it stays readable, and a
 *      loop that is told of levels comes back by itself: it may take one message at a time. With EPOLLET go
 *      on until -EAGAIN.
 *   3. Never read from it, write to it, or close it.
 *
 * So the descriptor is readable whenever the handle was not found wanting since it last became ready: a
 * receiver's if a receive would not block, a sender's if a send would not, also because it would fail:
 * closed is ready. It may be readable though nothing is there (another receiver was faster; nobody has
 * looked since the last message was taken; a look around, see below); then a try says -EAGAIN. It is never
 * left unreadable while there is something that the last try would have found. A sender's speaks of what
 * was tried last: after a large message found no memory, of memory for that.
 *
 * What it costs: senders and receivers on the other side nothing while the descriptor is readable, and
 * else, at the change, what it costs to wake a process that sleeps in a call: one system call, or two if
 * somebody falls asleep meanwhile. In this process a thread, one for all descriptors, sleeps in place of
 * the loop. A descriptor that nobody asks for costs nothing. Waking through it takes one switch of threads
 * more than a blocking call does.
 *
 * Who waits by a descriptor is as good as who waits in a call: deaths of peers, closing, and shutdown make
 * it readable; the two mix freely on one channel. A message wakes one of them; a loop that has not come to
 * its handle 8 ms after its descriptor became readable for it has the next one woken, too. After having
 * been woken for nothing the descriptor becomes readable again after 8, 32, 128 and 512 ms and 2 s, and from
 * then on, as when nothing happens at all, every 4 s (the first time after 2 to 6): in case a peer was
 * stopped just before it woke anybody.
 *
 * Blocking calls on the same handle are fine, and leave the descriptor readable. On a rendezvous a try_
 * form only meets who waits in a call: if both sides are event loops, they never meet.
 *
 * Threads: as the handle, one at a time; which thread waits for the descriptor does not matter. fork(): the
 * child has copies that say what the parent's do, but the handle is not its own (-ECHILD): it leaves them
 * alone, or closes the handle, which closes them there. exec() closes them. Closing the handle closes its
 * descriptors: take them out of the loop before. A program that closes descriptors that are not its own
 * loses them: the handle then is as one that is never ready; what has taken their numbers is not touched. */
#ifndef SHMCHAN_POLL_H
#define SHMCHAN_POLL_H

#include <shmchan/recv.h>
#include <shmchan/send.h>

CHAN_BEGIN

/* The descriptor of a receiver, readable while something can be received, or was lost, or the end is
 * reached; of a sender, readable while something can be sent, or nothing ever will. The same at each call,
 * and valid until the handle is closed. Non-blocking and close-on-exec. -EMFILE -ENFILE, or as a sandbox
 * refuses eventfd(2); -ENOMEM: no memory, or no thread, is to be had; -ECHILD; -EINVAL. Where there is none
 * nothing has changed, and it may be asked for again. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_receiver_fd(struct chan_receiver *rx);
CHAN_API CHAN_MUST_USE int chan_sender_fd(struct chan_sender *tx);

/* One of a sender that becomes readable when nobody will receive any more: of chan_try_wait_closed(). Since
 * 0.1. */
CHAN_API CHAN_MUST_USE int chan_sender_closed_fd(struct chan_sender *tx);

/* One of a caller (CHAN_CALL), for all its open calls: readable when chan_try_call_finish() would not say -EAGAIN of
 * every one. A try of one that does say so makes it unreadable, whatever has come for the others. So when it is
 * readable, try each, and end with chan_caller_ready(): 0 means that there is something after all, and that the
 * descriptor is readable (with EPOLLET: try each again, until -EAGAIN). -EOPNOTSUPP: the channel is of another kind.
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_caller_fd(struct chan_sender *tx);

/* Look without doing anything: 0 if a receive, a small send, or finishing some open call, would not block,
 * and the descriptor, if there is one, is readable; else -EAGAIN, and it is unreadable until it would not. For
 * loops that do not go on until -EAGAIN, but want to be called no more often than need be. Nothing is reserved.
 * -ECHILD; -EINVAL; caller: -EOPNOTSUPP. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_receiver_ready(struct chan_receiver *rx);
CHAN_API CHAN_MUST_USE int chan_sender_ready(struct chan_sender *tx);
CHAN_API CHAN_MUST_USE int chan_caller_ready(struct chan_sender *tx);

CHAN_END

#endif
