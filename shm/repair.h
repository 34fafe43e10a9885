/* SPDX-License-Identifier: Apache-2.0 */
/* Repair: decide what a dead endpoint's last exchange did, and make everything it held available again.
 * Any number may do it at once, and any of them may be killed or stopped at any instruction; nobody waits
 * for anybody. */
#ifndef SHM_REPAIR_H
#define SHM_REPAIR_H

#include "shm/endpoint.h"

#include <shmchan/inspect.h>

/* Look at every record, and repair those whose holders are dead. `report` adds up; with dry_run it only
 * counts. */
void chan__repair_all(const struct segment *s, bool dry_run, struct chan_repair_report *report);

/* True if what record `number`, whose holder is dead, was in the middle of took effect: it was to put `new`
 * into `cell`. */
bool chan__decide(const struct segment *s, uint32_t number, uint64_t new, uint32_t cell);

/* True if record `number`, live or dead, is in the middle of an exchange that has taken effect: what it
 * got is in no cell yet that could be looked at. Also true while it is too busy to tell. */
bool chan__exchange_took(const struct segment *s, uint32_t number);

/* True if the record's endpoint has just sent a message that its counter, which was `sent`, does not say yet. False
 * if that cannot be told. */
bool chan__send_is_uncounted(const struct segment *s, uint32_t number, uint64_t sent);

#endif
