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

static void expect_copy(size_t at, size_t size)
{
    memset(to, UNTOUCHED, sizeof to);
    copy_bytes(to + at, from, size);
    assert_memory_equal(to + at, from, size);
    for (size_t i = 0; i < sizeof to; i++)
        if (i < at || i >= at + size)
            assert_int_equal(to[i], UNTOUCHED);
}

static void each_distance_and_length(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 64, LIMIT - 1, LIMIT, LIMIT + 1, 2 * LIMIT, LONGEST - 1, LONGEST};
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (unsigned char)(i % 251);
    for (size_t distance = 0; distance < 66; distance++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            expect_copy(distance, sizes[i]);
            expect_copy(PAGE + distance, sizes[i]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_distance_and_length)};
    return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
