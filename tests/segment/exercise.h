/* SPDX-License-Identifier: Apache-2.0 */
/* Everything one can do with a channel, to be done with one that is not sound. */
#ifndef SEGMENT_EXERCISE_H
#define SEGMENT_EXERCISE_H

#include <shmchan.h>

/* Looks into it, attaches, sends, receives, repairs, leaves. Results are not judged, beyond being
 * documented ones; surviving it is. */
void exercise(struct chan *ch);
void exercise_read_only(const struct chan *ch);

/* Fails the test unless it is a result that the headers know. */
void expect_documented(int64_t result);

#endif
