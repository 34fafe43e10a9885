/* SPDX-License-Identifier: Apache-2.0 */
/* Everything one can do with a channel, to be done with one that is not sound. */
#ifndef SEGMENT_EXERCISE_H
#define SEGMENT_EXERCISE_H

#include <shmchan.h>

/* Looks into it, attaches, sends, receives, repairs, leaves. Results are not judged, beyond being
 * documented ones; surviving it is. */
void exercise(struct chan *ch);
void exercise_read_only(const struct chan *ch);

/* One call with a batch of up to EXERCISE_BATCH messages, of which some are empty, some without an address, and at times
 * one cannot be sent, or has no room. The channel's messages have up to `message_size` bytes, at most
 * EXERCISE_BYTES_MAX. Fails the test if anything is written behind a buffer, or a message is larger than it may be.
 * What the call returned. */
#define EXERCISE_BATCH 8
#define EXERCISE_BYTES_MAX 8192u
int64_t exercise_send_many(struct chan_sender *tx, size_t message_size, int64_t timeout_ns, unsigned *seed);
int64_t exercise_recv_many(struct chan_receiver *rx, size_t message_size, int64_t timeout_ns, unsigned *seed);

/* Fails the test unless it is a result that the headers know. */
void expect_documented(int64_t result);

#endif
