/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for the dead. */
#include "look.h"

#include "expect.h"
#include "process.h"

int64_t count_dead(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    struct chan_repair_report found;
    expect_result(chan_repair(me->ch, 1, &found), 0);
    return found.dead;
}

int64_t repair_for(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    int64_t end = chan_deadline(a * 1000000), repaired = 0;
    do {
        struct chan_repair_report done;
        expect_result(chan_repair(me->ch, 0, &done), 0);
        repaired += done.repaired;
    } while (chan_now() < end);
    return repaired;
}

void look_wait_state(pid_t pid, char state)
{
    while (process_state(pid) != state)
        process_sleep_ms(1);
}
