/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations that hold in any process and thread of a test: a broken one says where, and ends the
 * process. */
#ifndef HARNESS_EXPECT_H
#define HARNESS_EXPECT_H

#include <stdint.h>

/* cmocka's assertions jump back into the runner, which must not happen in a forked child or in a second
 * thread; hence these. Every test body runs in a process of its own (sandbox.h), so ending it is enough. */
#define expect(condition) ((condition) ? (void)0 : expect_failed(__FILE__, __LINE__, #condition))

/* For results of the library, printed by their symbolic names. */
#define expect_result(actual, promised)                                                                      \
    expect_result_at(__FILE__, __LINE__, #actual, (int64_t)(actual), (int64_t)(promised))

/* For numbers. */
#define expect_number(actual, promised)                                                                      \
    expect_number_at(__FILE__, __LINE__, #actual, (int64_t)(actual), (int64_t)(promised))

/* What another process, or a keeper's thread, may still be about to do: the condition comes true within ten seconds. */
#define expect_soon(condition)                                                                               \
    for (int expect_waited_ms = 0; !(condition);)                                                            \
    expect_wait_at(__FILE__, __LINE__, #condition, &expect_waited_ms)

/* A broken expectation with a text of its own. */
#define expect_never(...) expect_never_at(__FILE__, __LINE__, __VA_ARGS__)

/* Ends the test as skipped, for a reason that lies outside of the library. */
#define SKIPPED_STATUS 77
#define skip_test(reason) skip_test_at(__FILE__, __LINE__, reason)

__attribute__((noreturn)) void expect_failed(const char *file, int line, const char *condition);
void expect_result_at(const char *file, int line, const char *what, int64_t actual, int64_t promised);
void expect_wait_at(const char *file, int line, const char *condition, int *waited_ms);
void expect_number_at(const char *file, int line, const char *what, int64_t actual, int64_t promised);
__attribute__((noreturn, format(printf, 3, 4))) void expect_never_at(const char *file, int line,
                                                                     const char *format, ...);
__attribute__((noreturn)) void skip_test_at(const char *file, int line, const char *reason);

#endif
