/* SPDX-License-Identifier: Apache-2.0 */
/* The table of errors: every code of the headers has its name and a text, and anything else is said to be
 * unknown. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <shmchan.h>

#define CODE(name)                                                                                           \
    {                                                                                                        \
        name, #name                                                                                          \
    }

static const struct {
    int code;
    const char *name;
} documented[] = {
    CODE(EAGAIN),          CODE(ETIMEDOUT),    CODE(EPIPE),  CODE(EMSGSIZE), CODE(EBADMSG),
    CODE(EPROTONOSUPPORT), CODE(EBUSY),        CODE(EUSERS), CODE(ENOBUFS),  CODE(EINTR),
    CODE(ECHILD),          CODE(EINVAL),       CODE(ENOENT), CODE(EEXIST),   CODE(EACCES),
    CODE(EPERM),           CODE(ENAMETOOLONG), CODE(ENOSPC), CODE(ENOMEM),   CODE(EFBIG),
    CODE(EMFILE),          CODE(ENFILE),       CODE(ELOOP),  CODE(ENOMSG),   CODE(ERANGE),
    CODE(EOPNOTSUPP),      CODE(EOVERFLOW),
};
#define DOCUMENTED (sizeof documented / sizeof *documented)

static void test_every_documented_code_has_its_name_either_sign(void **state)
{
    (void)state;
    for (size_t i = 0; i < DOCUMENTED; i++) {
        assert_string_equal(chan_error_name(-documented[i].code), documented[i].name);
        assert_string_equal(chan_error_name(documented[i].code), documented[i].name);
    }
}

static void test_every_documented_code_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < DOCUMENTED; i++) {
        const char *text = chan_strerror(-documented[i].code);
        assert_non_null(text);
        assert_true(strlen(text) > 5);
        assert_string_equal(text, chan_strerror(documented[i].code));
        assert_string_not_equal(text, chan_strerror(99999));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(text, chan_strerror(documented[k].code));
    }
}

static void test_an_unknown_code_is_said_to_be_one(void **state)
{
    static const int unknown[] = {99999, -99999, -ENOTTY, INT32_MIN, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_string_equal(chan_error_name(unknown[i]), "E?");
        assert_non_null(chan_strerror(unknown[i]));
        assert_true(strlen(chan_strerror(unknown[i])) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_documented_code_has_its_name_either_sign),
        cmocka_unit_test(test_every_documented_code_has_a_text_of_its_own),
        cmocka_unit_test(test_an_unknown_code_is_said_to_be_one),
    };
    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
