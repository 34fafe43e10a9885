/* SPDX-License-Identifier: Apache-2.0 */
/* Words as they would be after years: whatever counts is about to wrap. */
#ifndef UNIT_WRAPS_H
#define UNIT_WRAPS_H

#include "src/handle.h"

/* The empty, fresh channel's ring and hold cells wrap after so many laps, and the generations of its
 * records, the sequences of its blocks, the tags of their extents, and the versions of its words after as
 * many steps. */
void wraps_set(struct chan *ch, uint64_t laps);

#endif
