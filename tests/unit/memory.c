/* SPDX-License-Identifier: Apache-2.0 */
/* The memory formula: as documented, and what an object really takes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <shmchan.h>

static uint64_t rounded(uint64_t bytes, uint64_t to)
{
    return (bytes + to - 1) / to * to;
}

/* The header's formula. */
static uint64_t documented_total(const struct chan_options *options, const struct chan_memory *memory)
{
    uint64_t endpoints = options->endpoints ? options->endpoints : 64;
    uint64_t messages = options->messages ? options->messages : 64;
    uint64_t sum = 4096 + endpoints * memory->record_bytes + rounded(messages * 8, 128) +
                   rounded(memory->blocks * memory->block_bytes, 128) + memory->units * 8;
    return rounded(sum, 4096) + memory->units * memory->unit_bytes;
}

static void expect_formula(const struct chan_options *options)
{
    struct chan_memory memory;
    struct stat object;
    struct chan *ch;
    assert_int_equal(chan_memory(options, &memory), 0);
    assert_int_equal(memory.total_bytes, documented_total(options, &memory));
    assert_int_equal(chan_create_anonymous(options, &ch), 0);
    assert_int_equal(fstat(chan_fd(ch), &object), 0);
    assert_int_equal(object.st_size, memory.total_bytes);
    assert_true((uint64_t)object.st_blocks * 512 >= memory.total_bytes); /* all committed */
    chan_close(ch);
}

static void test_the_formula_is_the_size_of_the_object(void **state)
{
    static const uint64_t messages[] = {0, 1, 2, 15, 16, 17, 1000},
                          sizes[] = {0, 1, 16, 17, 1040, 1041, 4096, 4097, 100000};
    static const uint32_t endpoints[] = {0, 1, 2, 33, 100}, holds[] = {0, 1, 3, 63};
    (void)state;
    srand(5);
    for (int i = 0; i < 200; i++) {
        struct chan_options options = CHAN_OPTIONS_INIT;
        options.messages = messages[rand() % 7];
        options.message_size = sizes[rand() % 9];
        options.endpoints = endpoints[rand() % 5];
        options.holds = holds[rand() % 4];
        if (rand() % 2)
            options.bytes = options.message_size + (uint64_t)rand() % 1000000;
        expect_formula(&options);
    }
}

static void test_no_options_are_the_default_options(void **state)
{
    struct chan_options defaults = CHAN_OPTIONS_INIT;
    struct chan_memory of_null, of_defaults;
    (void)state;
    assert_int_equal(chan_memory(NULL, &of_null), 0);
    assert_int_equal(chan_memory(&defaults, &of_defaults), 0);
    assert_memory_equal(&of_null, &of_defaults, sizeof of_null);
}

static void test_payload_units_are_there_for_messages_that_no_block_holds(void **state)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan_memory memory;
    (void)state;
    for (uint64_t size = 0; size <= 1 << 20; size = size * 3 + 1) {
        options.message_size = size;
        assert_int_equal(chan_memory(&options, &memory), 0);
        if (size <= memory.inline_size)
            assert_int_equal(memory.units, 0);
        else
            assert_true(memory.units * memory.unit_bytes >= size);
    }
}

/* messages x message_size, at most the larger of 64 MiB and 4 x message_size. */
static void test_the_default_budget_is_as_documented(void **state)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan_memory memory;
    (void)state;
    options.messages = 10;
    options.message_size = 100000;
    assert_int_equal(chan_memory(&options, &memory), 0);
    uint64_t units_each = rounded(options.message_size, memory.unit_bytes) / memory.unit_bytes;
    assert_int_equal(memory.units, 10 * units_each);
    options.messages = 1 << 20;
    assert_int_equal(chan_memory(&options, &memory), 0);
    uint64_t most = (UINT64_C(64) << 20) + options.message_size + memory.unit_bytes;
    assert_true(memory.units * memory.unit_bytes <= most);
    assert_true(memory.units * memory.unit_bytes >= (UINT64_C(64) << 20) - options.message_size);
    options.messages = 1000;
    options.message_size = UINT64_C(64) << 20;
    assert_int_equal(chan_memory(&options, &memory), 0);
    assert_true(memory.units * memory.unit_bytes >= 4 * options.message_size);
    assert_true(memory.units * memory.unit_bytes <= 5 * options.message_size);
}

static void test_a_budget_that_cannot_hold_one_message_is_refused(void **state)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan_memory memory;
    (void)state;
    options.message_size = 100000;
    options.bytes = 99999;
    assert_int_equal(chan_memory(&options, &memory), -EINVAL);
    options.bytes = 100000;
    assert_int_equal(chan_memory(&options, &memory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_formula_is_the_size_of_the_object),
        cmocka_unit_test(test_no_options_are_the_default_options),
        cmocka_unit_test(test_payload_units_are_there_for_messages_that_no_block_holds),
        cmocka_unit_test(test_the_default_budget_is_as_documented),
        cmocka_unit_test(test_a_budget_that_cannot_hold_one_message_is_refused),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
