/* SPDX-License-Identifier: Apache-2.0 */
/* Nonsense in a cell is told at once, not after the steps that a busy channel is allowed. */
#include "src/handle.h"

#include "shm/match.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#define CALLS 100

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void test_a_cell_that_names_no_block_is_corrupt_at_once(void **state)
{
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    size_t size;
    (void)state;
    assert_int_equal(chan_create_anonymous(NULL, &ch), 0);
    assert_int_equal(chan_attach_sender(ch, 0, &tx), 0);
    assert_int_equal(chan_attach_receiver(ch, 0, &rx), 0);
    atomic_u64 *cell = seg_ring_cell(&ch->segment, 0);
    store_release(cell, load_acquire(cell) | ch->segment.g.block_mask);
    int64_t start = cpu_ns();
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(chan_try_send(tx, "", 1), -EBADMSG);
    store_release(cell, load_acquire(cell) + ch->segment.g.turn_unit); /* full */
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(chan_try_recv(rx, &size, sizeof size, NULL), -EBADMSG);
    assert_true(cpu_ns() - start < CALLS * INT64_C(10000000));
    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
}

/* As if somebody waited whom no repair would ever withdraw. */
static void test_what_a_free_record_shows_is_met_by_nobody(void **state)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    (void)state;
    options.kind = CHAN_RENDEZVOUS;
    options.endpoints = 4;
    assert_int_equal(chan_create_anonymous(&options, &ch), 0);
    assert_int_equal(chan_attach_sender(ch, 0, &tx), 0);
    assert_int_equal(chan_attach_receiver(ch, 0, &rx), 0);
    const struct segment *s = &ch->segment;
    struct seg_record *record = seg_record(s, 3);
    atomic_u64 *cell = &record->holds[s->g.role_cells];
    store_release(cell, hold_changed(&s->g, load_acquire(cell), HOLD_OPEN));
    store_release(&record->own.match.limit, UINT64_MAX);
    store_release(match_summary(s, MATCH_DEMANDS), load_acquire(match_summary(s, MATCH_DEMANDS)) | 1 << 3);
    assert_int_equal(chan_try_send(tx, "", 1), -EAGAIN);
    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cell_that_names_no_block_is_corrupt_at_once),
        cmocka_unit_test(test_what_a_free_record_shows_is_met_by_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
