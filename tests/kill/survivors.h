/* SPDX-License-Identifier: Apache-2.0 */
/* The survivors of a trial, all in the harness's process: they send, receive, come, go, and keep the
 * books. */
#ifndef KILL_SURVIVORS_H
#define KILL_SURVIVORS_H

#include "trial.h"

/* A message that is sent, or received and entered in the books. As chan_try_send(), chan_try_recv_view(). */
int survivors_send(struct trial *trial, struct chan_sender *tx);
int survivors_receive(struct trial *trial, struct chan_receiver *rx);

/* Let the survivors work: fill and drain the channel for `laps` laps. They repair nothing. */
void survivors_work(struct trial *trial, unsigned laps);

/* Enter a received message in the books. */
void survivors_book(struct trial *trial, const void *data, size_t size, uint32_t deliveries);

/* Send until the channel is full; returns how many. */
uint32_t survivors_fill(struct trial *trial);

/* Receive all there is. */
void survivors_drain(struct trial *trial);

/* Room for n messages, no more, no less but for what a stopped victim may hold. */
void survivors_check_capacity(struct trial *trial, uint32_t missing);

/* A newcomer on each side where there is a seat sends, receives, and leaves. */
void survivors_newcomers(struct trial *trial);

/* Victims are stopped: the others lack only what these hold, and do not take them for dead. Leaves a message
 * for each that is to receive one. */
void survivors_work_around(struct trial *trial);

#endif
