/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of messages: all bytes, and no others, whatever the addresses are to each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shm/copy.h"

#define PAGE 4096
#define LIMIT COPY_LIBRARY_BYTES
#define LONGEST (4 * LIMIT)
#define UNTOUCHED 0xa5

static _Alignas(PAGE) unsigned char from[PAGE + LONGEST], to[2 * PAGE + LONGEST];

/* Where the copy has been made. */
static void expect_copied(size_t at, size_t size)
{
    assert_memory_equal(to + at, from, size);
    for (size_t i = 0; i < sizeof to; i++)
        if (i < at || i >= at + size)
            assert_int_equal(to[i], UNTOUCHED);
}

static void expect_copy(size_t at, size_t size)
{
    memset(to, UNTOUCHED, sizeof to);
    copy_bytes(to + at, from, size);
    expect_copied(at, size);
}

static void fill(void)
{
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (unsigned char)(i % 251);
}

static void each_distance_and_length(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 64, LIMIT - 1, LIMIT, LIMIT + 1, 2 * LIMIT, LONGEST - 1, LONGEST};
    fill();
    for (size_t distance = 0; distance < 66; distance++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            expect_copy(distance, sizes[i]);
            expect_copy(PAGE + distance, sizes[i]);
        }
}

/* A trial of each way, and what follows from it, twice. */
static void each_way_that_is_tried(void **state)
{
    (void)state;
    struct copier copier = {0};
    fill();
    for (size_t i = 0; i < 1100; i++) {
        size_t at = i % 67, size = LONGEST - i % 129;
        memset(to, UNTOUCHED, sizeof to);
        chan__copy_learning(&copier, to + at, from, size);
        expect_copied(at, size);
    }
}

/* As if the fastest message in the trial of each way had taken so long, except for the last one, which takes longer. */
static void decide(struct copier *copier, uint64_t through_ps, uint64_t past_ps)
{
    fill();
    do
        chan__copy_learning(copier, to, from, LONGEST);
    while (copier->count != 63);
    copier->least_ps[false] = through_ps;
    copier->least_ps[true] = past_ps;
    chan__copy_learning(copier, to, from, LONGEST);
}

static void the_way_past_the_caches_has_to_be_much_faster(void **state)
{
    (void)state;
    struct copier copier = {0};
    decide(&copier, 1000, 0);
    assert_true(copier.goes_past);
    decide(&copier, 2, 1);
    assert_false(copier.goes_past);
    decide(&copier, 1, 2);
    assert_false(copier.goes_past);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_distance_and_length),
        cmocka_unit_test(each_way_that_is_tried),
        cmocka_unit_test(the_way_past_the_caches_has_to_be_much_faster),
    };
    return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
