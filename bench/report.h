/* SPDX-License-Identifier: Apache-2.0 */
/* The results, for people and for programs. */
#ifndef REPORT_H
#define REPORT_H

#include "campaign.h"

#include <stdio.h>

/* A table per group, each with its ratios to the pipe. */
void report_text(const struct campaign *campaign, FILE *out);

/* Every series with its spreads and every single run. */
void report_json(const struct campaign *campaign, FILE *out);

#endif
