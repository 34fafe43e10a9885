/* SPDX-License-Identifier: Apache-2.0 */
/* How messages stand in a stream of bytes. */
#ifndef CHANCTL_FRAMING_H
#define CHANCTL_FRAMING_H

#include "arguments.h"

enum framing {
    FRAME_LINES,  /* each ends with '\n', which is not part of the message */
    FRAME_NUL,    /* each ends with '\0', which is not part of the message */
    FRAME_LENGTH, /* before each stands its length, 4 bytes, big endian */
    FRAME_WHOLE,  /* the whole input is one message; messages are written with nothing between them */
};

#define LENGTH_PREFIX 4u
#define LENGTH_PREFIX_MOST UINT32_MAX

/* For the array given to next_option(); the values are 'l', '0', 'p' and 'w'. */
/* clang-format off */
#define FRAMING_OPTIONS                                                                                      \
    {"lines", no_argument, NULL, 'l'},                                                                       \
    {"nul", no_argument, NULL, '0'},                                                                         \
    {"length-prefix", no_argument, NULL, 'p'},                                                               \
    {"whole", no_argument, NULL, 'w'}
/* clang-format on */

/* Take `option` if it is one of FRAMING_OPTIONS: 1; else 0. */
static inline int take_framing_option(int option, enum framing *out)
{
    switch (option) {
    case 'l':
        *out = FRAME_LINES;
        return 1;
    case '0':
        *out = FRAME_NUL;
        return 1;
    case 'p':
        *out = FRAME_LENGTH;
        return 1;
    case 'w':
        *out = FRAME_WHOLE;
        return 1;
    default:
        return 0;
    }
}

#endif
