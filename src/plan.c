/* SPDX-License-Identifier: Apache-2.0 */
/* How many messages a channel should hold. */
#include <shmchan/channel.h>

#define SMALLEST_PLAN UINT64_C(64)

uint64_t chan_plan_messages(uint64_t sent_per_second, uint64_t received_per_second, uint64_t burst_ms)
{
    if (received_per_second >= sent_per_second)
        return SMALLEST_PLAN;
    uint64_t excess = sent_per_second - received_per_second;
    uint64_t left = burst_ms && excess > UINT64_MAX / burst_ms ? UINT64_MAX : excess * burst_ms;
    uint64_t planned = SMALLEST_PLAN;
    while (planned < left / 1000)
        planned *= 2; /* fits: left / 1000 is below 2^55 */
    return planned;
}
