/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of channels by name. */
#ifndef CHANCTL_KINDS_H
#define CHANCTL_KINDS_H

#include <stdint.h>

#include "command.h"

/* "queue"; "kind 7" for one that this program does not know. Static storage. */
const char *kind_name(uint32_t kind);

uint32_t kind_argument(const struct command *command, const char *text);

#endif
