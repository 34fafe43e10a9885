/* SPDX-License-Identifier: Apache-2.0 */
/* No memory, no descriptor, no permission to lock: an error code, nothing left behind, nothing lost, no
 * signal. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "sandbox.h"
#include "suite.h"

#define NOBODY 65534
#define MAY_LOCK 1

static struct chan_options of_size(uint64_t bytes)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.endpoints = 2;
    options.holds = 1;
    options.messages = 4;
    options.message_size = bytes / 4;
    options.bytes = bytes;
    return options;
}

static char small_directory[128];

/* A file system of 1 MiB for channels, seen by this process alone; or the test is skipped. */
static void mount_small_tmpfs(void)
{
    snprintf(small_directory, sizeof small_directory, "%s/small", sandbox_directory());
    expect(mkdir(small_directory, 0700) == 0);
    if ((unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", small_directory, "tmpfs", 0, "size=1m") < 0) {
        sandbox_remove_names();
        skip_test("no mount namespace to be had");
    }
    expect(setenv("SHMCHAN_DIR", small_directory, 1) == 0);
}

static void unmount_small_tmpfs(void)
{
    expect(umount2(small_directory, 0) == 0);
    expect(rmdir(small_directory) == 0);
}

static int count_names(const char *name, void *arg)
{
    (void)name;
    ++*(int *)arg;
    return 0;
}

static int channels(void)
{
    int count = 0;
    expect_result(chan_list(count_names, &count), 0);
    return count;
}

static void test_a_full_file_system_refuses_to_create_and_leaves_nothing(void)
{
    mount_small_tmpfs();
    struct chan_options small = of_size(98304), large = of_size(2000000);
    struct chan *ch = NULL;
    for (int i = 0; i < 20; i++)
        expect_result(chan_create("large", &large, &ch), -ENOSPC);
    expect_result(chan_open_or_create("large", &large, &ch), -ENOSPC);
    expect(ch == NULL);
    expect_number(channels(), 0);
    expect_result(chan_create("small", &small, &ch), 0); /* all of the memory is there again */
    chan_close(ch);
    expect_result(chan_unlink("small"), 0);
    unmount_small_tmpfs();
}

static void test_channels_on_a_full_file_system_lose_nothing(void)
{
    mount_small_tmpfs();
    struct chan_options options = of_size(98304);
    struct chan *ch, *more;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    static unsigned char message[98304 / 4], got[98304 / 4];
    expect_result(chan_create("first", &options, &ch), 0);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    int created = 0, result;
    for (;; created++) {
        char name[16];
        snprintf(name, sizeof name, "more%d", created);
        result = chan_create(name, &options, &more);
        if (result < 0)
            break;
        chan_close(more);
    }
    expect_result(result, -ENOSPC);
    expect(created > 2);
    int fd = open(small_directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); /* use up the rest too */
    expect(fd >= 0);
    while (write(fd, message, 512) == 512)
        ;
    for (int lap = 0; lap < 10; lap++) { /* every page was committed at creation: no SIGBUS */
        for (int i = 0; i < 4; i++) {
            memset(message, lap * 4 + i, sizeof message);
            expect_result(chan_try_send(tx, message, sizeof message), 0);
        }
        for (int i = 0; i < 4; i++) {
            memset(message, lap * 4 + i, sizeof message);
            expect_result(chan_try_recv(rx, got, sizeof got, NULL), 0);
            expect(memcmp(message, got, sizeof got) == 0);
        }
    }
    close(fd);
    expect_number(channels(), created + 1);
    expect_result(chan_unlink("more0"), 0);
    expect_result(chan_create("again", &options, &more), 0);
    chan_close(more);
    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
    expect_number(channels(), created); /* the ephemeral one is gone */
    for (int i = 1; i < created; i++) {
        char name[16];
        snprintf(name, sizeof name, "more%d", i);
        expect_result(chan_unlink(name), 0);
    }
    expect_result(chan_unlink("again"), 0);
    unmount_small_tmpfs();
}

static void test_a_missing_or_forbidden_directory_is_told_of(void)
{
    struct chan *ch = NULL;
    expect(setenv("SHMCHAN_DIR", "/nonexistent/directory", 1) == 0);
    expect_result(chan_create("x", NULL, &ch), -ENOENT);
    expect_result(chan_open("x", 0, &ch), -ENOENT);
    expect_result(chan_unlink("x"), -ENOENT);
    expect(chan_list(count_names, &(int){0}) < 0);
    expect(ch == NULL);
}

static void test_the_file_size_limit_is_an_error_not_a_signal(void)
{
    struct rlimit limit = {.rlim_cur = 65536, .rlim_max = 65536};
    struct chan_options small = of_size(8192), large = of_size(1000000);
    struct chan *ch = NULL;
    signal(SIGXFSZ, SIG_DFL);
    expect(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    expect_result(chan_create("x", &large, &ch), -EFBIG);
    expect_result(chan_create_anonymous(&large, &ch), -EFBIG);
    expect_result(chan_open_or_create("x", &large, &ch), -EFBIG);
    expect(ch == NULL);
    expect_number(sandbox_names(), 0);
    expect_result(chan_create("x", &small, &ch), 0);
    chan_close(ch);
    expect_result(chan_unlink("x"), 0);
}

#define MOST_DESCRIPTORS 64

static int used_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < MOST_DESCRIPTORS; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Uses up all descriptors but `room`; gives them back. */
static int spare[MOST_DESCRIPTORS], spares;

static void use_up_descriptors(int room)
{
    struct rlimit limit = {.rlim_cur = MOST_DESCRIPTORS, .rlim_max = MOST_DESCRIPTORS};
    expect(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (int fd; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;)
        spare[spares++] = fd;
    expect(errno == EMFILE);
    while (room-- > 0)
        close(spare[--spares]);
}

static void give_back_descriptors(void)
{
    while (spares > 0)
        close(spare[--spares]);
}

/* Does something with 0, 1, 2 ... descriptors left until it succeeds; failing, it must say so and keep
 * none. */
static int until_it_succeeds(int (*attempt)(void))
{
    for (int room = 0; room < 20; room++) {
        use_up_descriptors(room);
        int before = used_descriptors();
        int result = attempt();
        if (result < 0)
            expect_number(used_descriptors(), before);
        give_back_descriptors();
        if (result == 0)
            return room;
        expect_result(result, -EMFILE);
    }
    expect_never("twenty descriptors do not suffice");
}

static struct chan *under_test;
static struct chan_sender *tx_under_test;
static struct chan_receiver *rx_under_test;

static int attempt_create(void)
{
    return chan_create("x", NULL, &under_test);
}

static int attempt_open(void)
{
    return chan_open("x", 0, &under_test);
}

static int attempt_create_anonymous(void)
{
    return chan_create_anonymous(NULL, &under_test);
}

static int attempt_attach(void)
{
    return chan_attach_sender(under_test, 0, &tx_under_test);
}

static int attempt_prepare(void)
{
    return chan_prepare_receiver(under_test, 0, &rx_under_test);
}

static void test_exhausted_descriptors_are_an_error_and_none_is_lost(void)
{
    struct chan *created;
    expect(until_it_succeeds(attempt_create) > 0);
    created = under_test;
    expect(until_it_succeeds(attempt_open) > 0);
    expect(until_it_succeeds(attempt_attach) > 0);
    (void)until_it_succeeds(attempt_prepare);
    expect_number(chan_senders(created), 1);
    expect_number(chan_receivers(created), 1);
    expect_result(chan_adopt_receiver(rx_under_test), 0);
    expect_result(chan_try_send(tx_under_test, "x", 1), 0);
    char byte;
    expect_result(chan_try_recv(rx_under_test, &byte, 1, NULL), 0);
    chan_close_sender(tx_under_test);
    chan_close_receiver(rx_under_test);
    chan_close(under_test);
    chan_close(created);
    expect(until_it_succeeds(attempt_create_anonymous) > 0);
    chan_close(under_test);
}

static int64_t lock_without_permission(void *argument)
{
    (void)argument;
    struct rlimit none = {0, 0};
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch = NULL;
    expect(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
        return 0;
    static char page[4096];
    if (mlock(page, sizeof page) == 0)
        return MAY_LOCK; /* privileged beyond root, or a sanitizer ignores the call */
    options.flags = CHAN_MLOCK;
    int created = chan_create("x", &options, &ch), anonymous = chan_create_anonymous(&options, &ch);
    expect(created == -ENOMEM || created == -EPERM);
    expect(anonymous == -ENOMEM || anonymous == -EPERM);
    expect_number(sandbox_names(), 0);
    expect_result(chan_create("x", NULL, &ch), 0);
    struct chan *locked = NULL;
    int opened = chan_open("x", CHAN_MLOCK, &locked);
    expect(opened == -ENOMEM || opened == -EPERM);
    chan_close(ch);
    return chan_unlink("x");
}

static void test_memory_that_cannot_be_locked_is_an_error_and_leaves_nothing(void)
{
    struct child child;
    expect(chmod(sandbox_directory(), 01777) == 0);
    child_spawn(&child, lock_without_permission, NULL);
    int64_t result = child_finish(&child);
    if (result == MAY_LOCK)
        skip_test("memory can be locked whatever the limit");
    expect_result(result, 0);
}

static void test_prefaulting_locking_and_huge_pages_work_where_allowed(void)
{
    static const uint32_t flags[] = {CHAN_PREFAULT, CHAN_HUGE_PAGES, CHAN_PREFAULT | CHAN_HUGE_PAGES,
                                     CHAN_MLOCK};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct chan_options options = of_size(98304);
        struct chan *ch, *again;
        options.flags = flags[i];
        expect_result(chan_create("x", &options, &ch), 0);
        expect_result(chan_open("x", flags[i], &again), 0);
        expect_number(chan_same(ch, again), 1);
        chan_close(again);
        expect_result(chan_open("x", flags[i] | CHAN_READ_ONLY, &again), 0);
        chan_close(again);
        chan_close(ch);
        expect_result(chan_unlink("x"), 0);
    }
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_a_full_file_system_refuses_to_create_and_leaves_nothing, 0),
        PLAIN(test_channels_on_a_full_file_system_lose_nothing, 0),
        PLAIN(test_a_missing_or_forbidden_directory_is_told_of, 0),
        PLAIN(test_the_file_size_limit_is_an_error_not_a_signal, 0),
        PLAIN(test_exhausted_descriptors_are_an_error_and_none_is_lost, 0),
        PLAIN(test_memory_that_cannot_be_locked_is_an_error_and_leaves_nothing, 0),
        PLAIN(test_prefaulting_locking_and_huge_pages_work_where_allowed, 0),
    };
    return suite_run_plain("limits", cases, sizeof cases / sizeof *cases, argc, argv);
}
