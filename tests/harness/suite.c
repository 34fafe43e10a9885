/* SPDX-License-Identifier: Apache-2.0 */
/* Runs cases over flavours as cmocka tests. */
#include "suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox.h"

#define DEADLINE_SECONDS 20

/* Deadlines are those of a machine that has nothing else to do; on a busy one a process gets a part of the time. */
#define BUSY 4

/* One test: a case in a flavour, or a plain case. */
struct test {
    char name[192];
    const struct conformance_case *of;
    const struct plain_case *plain;
    struct flavour flavour;
    unsigned seconds;
};

static void run_body(void *argument)
{
    const struct test *test = argument;
    if (test->plain)
        test->plain->body();
    else
        test->of->body(&test->flavour);
}

static void run_in_sandbox(void **state)
{
    struct test *test = *state;
    int verdict = sandbox_run(run_body, test, BUSY * (test->seconds ? test->seconds : DEADLINE_SECONDS));
    if (verdict == SANDBOX_SKIPPED)
        skip();
    assert_int_equal(verdict, SANDBOX_PASSED);
}

/* SUITE_PART=i/n in the environment: every n-th test, beginning with number i. Where all are run in one build, others
 * need not take as long. */
static size_t keep_part(struct test *tests, size_t count)
{
    const char *wanted = getenv("SUITE_PART");
    unsigned part, parts;
    if (!wanted || sscanf(wanted, "%u/%u", &part, &parts) != 2 || part >= parts || count <= parts)
        return count;
    size_t kept = 0;
    for (size_t i = part; i < count; i += parts)
        tests[kept++] = tests[i];
    return kept;
}

static int run_all(const char *name, struct test *tests, size_t count, int argc, char **argv)
{
    count = keep_part(tests, count);
    struct CMUnitTest *units = calloc(count, sizeof *units);
    if (!units)
        return 1;
    for (size_t i = 0; i < count; i++)
        units[i] = (struct CMUnitTest){
            .name = tests[i].name, .test_func = run_in_sandbox, .initial_state = &tests[i]};
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    int failures = _cmocka_run_group_tests(name, units, count, NULL, NULL);
    free(units);
    return failures > 0;
}

/* A half fraction of a half fraction: eight flavours in which any two properties occur in all four
 * combinations; two of the fair and of the growable ones beside. */
static int is_among_few(const struct flavour *flavour)
{
    if (flavour->order == CHAN_FAIR || flavour->kind == CHAN_GROWABLE)
        return flavour->senders == CHAN_MANY && flavour->receivers == CHAN_MANY;
    int a = flavour->senders == CHAN_ONE, b = flavour->receivers == CHAN_ONE;
    int c = flavour->lifetime == CHAN_DURABLE;
    return flavour->large == (a ^ b) && flavour->anonymous == (a ^ c);
}

/* Only queues are of these. */
static int is_special(const struct flavour *flavour)
{
    return flavour->order == CHAN_FAIR || flavour->kind == CHAN_GROWABLE;
}

static int speaks_about(unsigned wanted, const struct flavour *flavour)
{
    return !((wanted & FOR_MANY_SENDERS && flavour->senders != CHAN_MANY) ||
             (wanted & FOR_MANY_RECEIVERS && flavour->receivers != CHAN_MANY) ||
             (wanted & FOR_ONE_SENDER && flavour->senders != CHAN_ONE) ||
             (wanted & FOR_ONE_RECEIVER && flavour->receivers != CHAN_ONE) ||
             (wanted & FOR_EPHEMERAL && flavour->lifetime != CHAN_EPHEMERAL) ||
             (wanted & FOR_DURABLE && flavour->lifetime != CHAN_DURABLE) ||
             (wanted & FOR_NAMED && flavour->anonymous) || (wanted & FOR_INLINE && flavour->large) ||
             (wanted & FOR_LARGE && !flavour->large) || (wanted & FOR_FAIR && flavour->order != CHAN_FAIR) ||
             (wanted & NOT_GROWABLE && flavour->kind == CHAN_GROWABLE) ||
             (wanted & OF_ITS_OWN_KIND && is_special(flavour)));
}

/* Whether "few" can be honoured: with other properties pinned, the eight may not hold them all. */
static int is_pinned(unsigned wanted)
{
    return (wanted & ~(FOR_FEW | WITHOUT_KEEPER_TOO | OF_BROADCAST | OF_RENDEZVOUS | OF_ITS_OWN_KIND |
                       RENDEZVOUS_TOO | NOT_GROWABLE)) != 0;
}

static void add_test(struct test **tests, size_t *count, const struct conformance_case *of,
                     const struct flavour *flavour)
{
    char flavour_text[96];
    struct test *more = realloc(*tests, (*count + 1) * sizeof **tests);
    if (!more)
        abort();
    *tests = more;
    struct test *test = &more[(*count)++];
    *test = (struct test){.of = of, .flavour = *flavour, .seconds = of->seconds};
    flavour_name(flavour, flavour_text, sizeof flavour_text);
    snprintf(test->name, sizeof test->name, "%s [%s]", of->name, flavour_text);
}

/* Of one kind, and of one policy where it has several. */
static void add_flavours(struct test **tests, size_t *count, const struct conformance_case *of, uint32_t kind,
                         uint32_t overflow)
{
    struct flavour flavour;
    for (unsigned number = 0; flavour_number(number, &flavour); number++) {
        if (kind != CHAN_QUEUE && is_special(&flavour))
            continue;
        if (kind != CHAN_QUEUE)
            flavour.kind = kind;
        flavour.overflow = overflow;
        if (!speaks_about(of->flavours, &flavour))
            continue;
        bool few = of->flavours & FOR_FEW || (of->flavours & RENDEZVOUS_TOO && kind == CHAN_RENDEZVOUS);
        if (few && !is_pinned(of->flavours) && !is_among_few(&flavour))
            continue;
        if (few && is_pinned(of->flavours) && flavour.large != flavour.anonymous)
            continue;
        add_test(tests, count, of, &flavour);
        if (of->flavours & WITHOUT_KEEPER_TOO) {
            flavour.flags |= CHAN_NO_KEEPER;
            add_test(tests, count, of, &flavour);
        }
    }
}

static void add_case(struct test **tests, size_t *count, const struct conformance_case *of)
{
    if (of->flavours & OF_LAG)
        add_flavours(tests, count, of, CHAN_BROADCAST, CHAN_LAG);
    if (of->flavours & OF_BLOCK)
        add_flavours(tests, count, of, CHAN_BROADCAST, CHAN_BLOCK);
    if (of->flavours & (OF_RENDEZVOUS | RENDEZVOUS_TOO))
        add_flavours(tests, count, of, CHAN_RENDEZVOUS, 0);
    if (!(of->flavours & (OF_BROADCAST | OF_RENDEZVOUS)))
        add_flavours(tests, count, of, CHAN_QUEUE, 0);
}

int suite_run(const char *name, const struct conformance_case *cases, size_t count, int argc, char **argv)
{
    struct test *tests = NULL;
    size_t number = 0;
    for (size_t i = 0; i < count; i++)
        add_case(&tests, &number, &cases[i]);
    int failed = run_all(name, tests, number, argc, argv);
    free(tests);
    return failed;
}

int suite_run_plain(const char *name, const struct plain_case *cases, size_t count, int argc, char **argv)
{
    struct test *tests = calloc(count, sizeof *tests);
    if (!tests)
        return 1;
    for (size_t i = 0; i < count; i++) {
        tests[i].plain = &cases[i];
        tests[i].seconds = cases[i].seconds;
        snprintf(tests[i].name, sizeof tests[i].name, "%s", cases[i].name);
    }
    int failed = run_all(name, tests, count, argc, argv);
    free(tests);
    return failed;
}
