/* SPDX-License-Identifier: Apache-2.0 */
/* What a segment looked like, which of its words have changed since, and what those words are called. */
#ifndef KILL_IMAGE_H
#define KILL_IMAGE_H

#include "src/handle.h"

struct image {
    const struct segment *segment;
    unsigned char *copy;
};

void image_take(struct image *image, const struct chan *ch);
void image_drop(struct image *image);

/* True if a word of the segment other than payload has changed since; the image is brought up to date, and
 * `name` (which may be NULL) gets the name of the first that has, such as "own intent_old" or "ring cell". */
bool image_changed(struct image *image, char *name, size_t capacity);

#endif
