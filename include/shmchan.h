/* SPDX-License-Identifier: Apache-2.0 */
/* shmchan: channels between processes in shared memory. This is the one header to include. */
#ifndef SHMCHAN_H
#define SHMCHAN_H

#include <shmchan/base.h>
#include <shmchan/channel.h>
#include <shmchan/endpoint.h>
#include <shmchan/send.h>
#include <shmchan/permit.h>
#include <shmchan/recv.h>
#include <shmchan/stream.h>
#include <shmchan/broadcast.h>
#include <shmchan/watch.h>
#include <shmchan/call.h>
#include <shmchan/address.h>
#include <shmchan/inspect.h>
#include <shmchan/timer.h>
#include <shmchan/select.h>
#include <shmchan/poll.h>
#include <shmchan/waiter.h>

#endif
