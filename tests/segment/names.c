/* SPDX-License-Identifier: Apache-2.0 */
/* Wrong names and wrong options are refused by every function that takes one, and leave nothing behind. */
#include <errno.h>
#include <string.h>

#include "expect.h"
#include "sandbox.h"
#include "suite.h"

static void expect_name(const char *name, int promised)
{
    struct chan *ch = NULL;
    struct chan_options options = CHAN_OPTIONS_INIT;
    expect_result(chan_create(name, NULL, &ch), promised);
    expect_result(chan_open(name, 0, &ch), promised);
    expect_result(chan_open_or_create(name, &options, &ch), promised);
    expect_result(chan_unlink(name), promised);
    expect(ch == NULL);
    expect_number(sandbox_names(), 0);
}

static void test_names_that_would_leave_the_directory_or_hide_are_refused(void)
{
    static const char *const names[] = {"", ".", "..", "a/b", "/a", "a/", "../a", ".hidden", "/"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_name(names[i], -EINVAL);
    expect_name(NULL, -EINVAL);
}

static void test_names_with_control_characters_are_refused(void)
{
    for (int c = 1; c < 32; c++) {
        char name[] = {'a', (char)c, 'b', 0};
        expect_name(name, -EINVAL);
    }
    expect_name("a\177b", -EINVAL);
}

static void test_the_longest_name_works_and_one_byte_more_does_not(void)
{
    char name[CHAN_NAME_MAX + 2];
    struct chan *ch, *again;
    memset(name, 'x', sizeof name);
    name[CHAN_NAME_MAX] = 0;
    expect_result(chan_create(name, NULL, &ch), 0);
    expect(strcmp(chan_name(ch), name) == 0);
    expect_result(chan_open(name, 0, &again), 0);
    expect(strcmp(chan_name(again), name) == 0);
    chan_close(again);
    chan_close(ch);
    expect_result(chan_unlink(name), 0);
    name[CHAN_NAME_MAX] = 'x';
    name[CHAN_NAME_MAX + 1] = 0;
    expect_name(name, -ENAMETOOLONG);
}

static void test_unusual_names_that_are_allowed_work(void)
{
    static const char *const names[] = {"a",     "-", "--help", "a b", "a.b", "%s%n", "\xc3\xa9\xe2\x82\xac",
                                        "$HOME", "*", "a\\b"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct chan *ch;
        expect_result(chan_create(names[i], NULL, &ch), 0);
        expect(strcmp(chan_name(ch), names[i]) == 0);
        chan_close(ch);
        expect_result(chan_open(names[i], 0, &ch), 0);
        chan_close(ch);
        expect_result(chan_unlink(names[i]), 0);
    }
}

static void expect_options(const struct chan_options *options, int promised)
{
    struct chan *ch = NULL;
    struct chan_memory memory;
    expect_result(chan_create("o", options, &ch), promised);
    expect_result(chan_create_anonymous(options, &ch), promised);
    expect_result(chan_open_or_create("o", options, &ch), promised);
    expect_result(chan_memory(options, &memory), promised);
    expect(ch == NULL);
    expect_number(sandbox_names(), 0);
}

#define REFUSE(field, value, promised)                                                                       \
    do {                                                                                                     \
        struct chan_options wrong = CHAN_OPTIONS_INIT;                                                       \
        wrong.field = (value);                                                                               \
        expect_options(&wrong, promised);                                                                    \
    } while (0)

static void test_options_out_of_range_are_refused(void)
{
    REFUSE(size, 0, -EINVAL);
    REFUSE(size, 4, -EINVAL);
    REFUSE(kind, 77, -EINVAL);
    REFUSE(messages, (1u << 24) + 1, -EINVAL);
    REFUSE(messages, UINT64_MAX, -EINVAL);
    REFUSE(message_size, (1ull << 40) + 1, -EINVAL);
    REFUSE(message_size, UINT64_MAX, -EINVAL);
    REFUSE(endpoints, 1025, -EINVAL);
    REFUSE(endpoints, UINT32_MAX, -EINVAL);
    REFUSE(holds, 65, -EINVAL);
    REFUSE(holds, UINT32_MAX, -EINVAL);
    REFUSE(senders, 2, -EINVAL);
    REFUSE(receivers, 2, -EINVAL);
    REFUSE(lifetime, 2, -EINVAL);
    REFUSE(reserved, 1, -EINVAL);
}

/* What the memory formula does not look at. */
static void expect_creation_refused(const struct chan_options *options)
{
    struct chan *ch = NULL;
    expect_result(chan_create("o", options, &ch), -EINVAL);
    expect_result(chan_create_anonymous(options, &ch), -EINVAL);
    expect_number(sandbox_names(), 0);
}

static void test_flags_and_modes_that_do_not_exist_are_refused(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.flags = 0x40000000;
    expect_creation_refused(&options);
    options.flags = CHAN_READ_ONLY; /* open only */
    expect_creation_refused(&options);
    options.flags = 0;
    options.mode = 01000000;
    expect_creation_refused(&options);
    struct chan *ch, *again = NULL;
    struct chan_sender *tx = NULL;
    struct chan_receiver *rx = NULL;
    expect_result(chan_create("o", NULL, &ch), 0);
    expect_result(chan_open("o", 0x40000000, &again), -EINVAL);
    expect_result(chan_open_fd(chan_fd(ch), 0x40000000, &again), -EINVAL);
    expect_result(chan_attach_sender(ch, 0x40000000, &tx), -EINVAL);
    expect_result(chan_attach_receiver(ch, 0x40000000, &rx), -EINVAL);
    expect(again == NULL && tx == NULL && rx == NULL);
    chan_close(ch);
    expect_result(chan_unlink("o"), 0);
}

static void test_sums_that_do_not_fit_are_too_big_not_wrapped_around(void)
{
    struct chan_memory memory;
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.messages = 1 << 24;
    options.message_size = 1ull << 40;
    options.bytes = UINT64_MAX;
    int result = chan_memory(&options, &memory);
    expect(result == -EFBIG || result == -EINVAL);
    options.bytes = INT64_MAX;
    result = chan_memory(&options, &memory);
    expect(result == -EFBIG || result == -EINVAL);
    struct chan *ch = NULL;
    options.bytes = 1ull << 60;
    result = chan_create("o", &options, &ch);
    expect(result == -EFBIG || result == -ENOMEM || result == -ENOSPC || result == -EINVAL);
    expect(ch == NULL);
    expect_number(sandbox_names(), 0);
}

static void test_null_outputs_and_handles_are_refused(void)
{
    struct chan *ch;
    size_t size;
    char byte;
    expect_result(chan_create("n", NULL, NULL), -EINVAL);
    expect_result(chan_open("n", 0, NULL), -EINVAL);
    expect_result(chan_create_anonymous(NULL, NULL), -EINVAL);
    expect_result(chan_memory(NULL, NULL), -EINVAL);
    expect_result(chan_create("n", NULL, &ch), 0);
    expect_result(chan_attach_sender(ch, 0, NULL), -EINVAL);
    expect_result(chan_attach_receiver(NULL, 0, NULL), -EINVAL);
    expect_result(chan_send(NULL, "x", 1), -EINVAL);
    expect_result(chan_recv(NULL, &byte, 1, &size), -EINVAL);
    expect_result(chan_shutdown(NULL), -EINVAL);
    chan_close(NULL);
    chan_close_sender(NULL);
    chan_close_receiver(NULL);
    chan_close(ch);
    expect_result(chan_unlink("n"), 0);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_names_that_would_leave_the_directory_or_hide_are_refused, 0),
        PLAIN(test_names_with_control_characters_are_refused, 0),
        PLAIN(test_the_longest_name_works_and_one_byte_more_does_not, 0),
        PLAIN(test_unusual_names_that_are_allowed_work, 0),
        PLAIN(test_options_out_of_range_are_refused, 0),
        PLAIN(test_flags_and_modes_that_do_not_exist_are_refused, 0),
        PLAIN(test_sums_that_do_not_fit_are_too_big_not_wrapped_around, 0),
        PLAIN(test_null_outputs_and_handles_are_refused, 0),
    };
    return suite_run_plain("names", cases, sizeof cases / sizeof *cases, argc, argv);
}
