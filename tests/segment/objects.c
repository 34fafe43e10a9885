/* SPDX-License-Identifier: Apache-2.0 */
/* What is no channel, or not ours, under a channel's name: refused with its own error, and left as it was. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "sandbox.h"
#include "suite.h"

#define NOBODY 65534

static const char *object_path(const char *name)
{
    static char path[320];
    snprintf(path, sizeof path, "%s/shmchan.%s", sandbox_directory(), name);
    return path;
}

static void write_file(const char *name, const void *data, size_t size)
{
    int fd = open(object_path(name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    expect(fd >= 0);
    expect(write(fd, data, size) == (ssize_t)size);
    close(fd);
}

/* Opening gives that error in both mappings, creating says that the name is taken, and the object stays. */
static void expect_open_fails(const char *name, int promised)
{
    struct chan *ch = NULL;
    struct stat before, after;
    expect(lstat(object_path(name), &before) == 0);
    expect_result(chan_open(name, 0, &ch), promised);
    expect_result(chan_open(name, CHAN_READ_ONLY, &ch), promised);
    expect_result(chan_create(name, NULL, &ch), -EEXIST);
    expect(ch == NULL);
    expect(lstat(object_path(name), &after) == 0);
    expect(before.st_ino == after.st_ino && before.st_size == after.st_size);
}

static void test_a_missing_object_is_not_there(void)
{
    struct chan *ch = NULL;
    expect_result(chan_open("missing", 0, &ch), -ENOENT);
    expect_result(chan_open("missing", CHAN_READ_ONLY, &ch), -ENOENT);
    expect_result(chan_unlink("missing"), -ENOENT);
    expect_number(sandbox_names(), 0);
}

static void test_a_symbolic_link_is_not_followed(void)
{
    struct chan *ch;
    expect_result(chan_create("real", NULL, &ch), 0);
    char target[320];
    strcpy(target, object_path("real"));
    expect(symlink(target, object_path("link")) == 0);
    expect_open_fails("link", -ELOOP);
    chan_close(ch);
    expect(unlink(object_path("link")) == 0);
    expect_result(chan_unlink("real"), 0);
}

static void test_a_directory_a_fifo_or_a_device_is_no_channel(void)
{
    struct chan *ch = NULL;
    expect(mkdir(object_path("x"), 0700) == 0);
    int result = chan_open("x", 0, &ch);
    expect(result == -EBADMSG || result == -EISDIR);
    expect(chan_open("x", CHAN_READ_ONLY, &ch) < 0);
    expect(rmdir(object_path("x")) == 0);
    expect(mkfifo(object_path("x"), 0600) == 0);
    expect_result(chan_open("x", 0, &ch), -EBADMSG); /* and does not wait for a writer */
    expect_result(chan_open("x", CHAN_READ_ONLY, &ch), -EBADMSG);
    expect(unlink(object_path("x")) == 0);
    if (mknod(object_path("x"), S_IFCHR | 0600, makedev(1, 3)) == 0) {
        result = chan_open("x", 0, &ch);
        expect(result == -EBADMSG || result == -EACCES); /* a tmpfs may forbid devices */
        expect(unlink(object_path("x")) == 0);
    }
    expect(ch == NULL);
}

static void test_empty_short_and_garbage_files_are_no_channels(void)
{
    static unsigned char garbage[65536];
    write_file("x", garbage, 0);
    expect_open_fails("x", -EBADMSG);
    write_file("x", garbage, 1);
    expect_open_fails("x", -EBADMSG);
    write_file("x", garbage, sizeof garbage); /* zeros */
    expect_open_fails("x", -EBADMSG);
    srand(1);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof garbage; i++)
            garbage[i] = (unsigned char)rand();
        write_file("x", garbage, sizeof garbage);
        expect_open_fails("x", -EBADMSG);
    }
    expect(unlink(object_path("x")) == 0);
}

static void test_a_truncated_or_a_prolonged_object_is_corrupt(void)
{
    struct chan *ch;
    struct stat object;
    expect_result(chan_create("x", NULL, &ch), 0);
    chan_close(ch);
    expect(stat(object_path("x"), &object) == 0);
    off_t sizes[] = {
        object.st_size + 4096, object.st_size - 1, object.st_size / 2, 8192, 4096, 4095, 1024, 64, 8, 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        expect(truncate(object_path("x"), sizes[i]) == 0);
        ch = NULL;
        expect_result(chan_open("x", 0, &ch), -EBADMSG);
        expect_result(chan_open("x", CHAN_READ_ONLY, &ch), -EBADMSG);
    }
    expect(unlink(object_path("x")) == 0);
}

static void test_a_descriptor_of_something_else_is_refused(void)
{
    struct chan *ch = NULL;
    int ends[2];
    expect_result(chan_open_fd(-1, 0, &ch), -EINVAL);
    expect(pipe(ends) == 0);
    expect_result(chan_open_fd(ends[0], 0, &ch), -EPERM); /* not sealed */
    expect_result(chan_open_fd(ends[0], CHAN_UNSEALED, &ch), -EBADMSG);
    close(ends[0]);
    close(ends[1]);
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    expect(fd >= 0);
    expect_result(chan_open_fd(fd, CHAN_UNSEALED, &ch), -EBADMSG);
    close(fd);
    expect(ch == NULL);
}

/* The bytes of a sound anonymous channel in a memfd with these seals. */
static int memfd_copy(const struct chan *ch, int seals)
{
    struct stat object;
    expect(fstat(chan_fd(ch), &object) == 0);
    size_t bytes = (size_t)object.st_size;
    int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    expect(fd >= 0);
    void *from = mmap(NULL, bytes, PROT_READ, MAP_SHARED, chan_fd(ch), 0);
    expect(from != MAP_FAILED);
    expect(write(fd, from, bytes) == (ssize_t)bytes);
    munmap(from, bytes);
    expect(fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

static void test_a_memfd_that_could_be_truncated_under_us_is_refused(void)
{
    static const int weak[] = {0, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_GROW | F_SEAL_SEAL};
    struct chan *ch, *again = NULL;
    expect_result(chan_create_anonymous(NULL, &ch), 0);
    for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
        int fd = memfd_copy(ch, weak[i]);
        expect_result(chan_open_fd(fd, 0, &again), -EPERM);
        close(fd);
    }
    expect(again == NULL);
    int fd = memfd_copy(ch, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    expect_result(chan_open_fd(fd, 0, &again), 0);
    chan_close(again);
    close(fd);
    int seals = fcntl(chan_fd(ch), F_GET_SEALS);
    expect((seals & (F_SEAL_SHRINK | F_SEAL_GROW)) == (F_SEAL_SHRINK | F_SEAL_GROW));
    expect(ftruncate(chan_fd(ch), 0) < 0);
    chan_close(ch);
}

/* As another user than the one who made what is in the directory. */
static int64_t open_as_nobody(void *argument)
{
    const char *name = argument;
    struct chan *ch = NULL;
    if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
        return -EPERM;
    int64_t result = chan_open(name, 0, &ch);
    chan_close(ch);
    return result;
}

static void need_root(void)
{
    if (geteuid() != 0)
        skip_test("needs root, to be two users");
    expect(chmod(sandbox_directory(), 01777) == 0);
}

static int64_t as_nobody(int64_t (*body)(void *), const char *name)
{
    struct child child;
    child_spawn(&child, body, (void *)(uintptr_t)name);
    return child_finish(&child);
}

static void test_another_user_is_kept_out_by_the_mode(void)
{
    need_root();
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    expect_result(chan_create("private", NULL, &ch), 0);
    chan_close(ch);
    options.mode = 0666;
    expect_result(chan_create("public", &options, &ch), 0);
    chan_close(ch);
    expect_result(as_nobody(open_as_nobody, "private"), -EACCES);
    expect_result(as_nobody(open_as_nobody, "public"), 0); /* root's objects are trusted */
    expect_result(chan_unlink("private"), 0);
    expect_result(chan_unlink("public"), 0);
}

static int64_t unlink_as_nobody(void *argument)
{
    if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
        return 1;
    return chan_unlink(argument);
}

static void test_another_users_object_cannot_be_removed(void)
{
    need_root();
    struct chan_options options = CHAN_OPTIONS_INIT;
    options.mode = 0666;
    struct chan *ch;
    expect_result(chan_create("x", &options, &ch), 0);
    chan_close(ch);
    int64_t result = as_nobody(unlink_as_nobody, "x");
    expect(result == -EPERM || result == -EACCES);
    expect_result(chan_unlink("x"), 0);
}

static void test_an_object_of_a_third_user_is_opened_only_on_request(void)
{
    need_root();
    struct chan *ch;
    expect_result(chan_create("x", NULL, &ch), 0);
    chan_close(ch);
    expect(chown(object_path("x"), 12345, (gid_t)-1) == 0);
    expect_result(chan_open("x", 0, &ch), -EPERM);
    expect_result(chan_open("x", CHAN_ANY_OWNER, &ch), 0);
    chan_close(ch);
    expect(unlink(object_path("x")) == 0);
}

static void test_the_mode_is_as_asked_whatever_the_umask(void)
{
    static const mode_t modes[] = {0, 0600, 0640, 0660, 0666, 0400};
    static const mode_t masks[] = {0, 022, 077, 0777};
    for (size_t m = 0; m < sizeof masks / sizeof *masks; m++)
        for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
            struct chan_options options = CHAN_OPTIONS_INIT;
            struct stat object;
            struct chan *ch;
            options.mode = modes[i];
            mode_t old = umask(masks[m]);
            expect_result(chan_create("x", &options, &ch), 0);
            umask(old);
            expect(stat(object_path("x"), &object) == 0);
            expect_number(object.st_mode & 07777, modes[i] ? modes[i] : 0600);
            chan_close(ch);
            expect_result(chan_unlink("x"), 0);
        }
}

static int64_t create_with_group(void *argument)
{
    (void)argument;
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch = NULL;
    options.group = 7777;
    if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
        return 1;
    return chan_create("x", &options, &ch);
}

static void test_the_group_is_as_asked_or_refused(void)
{
    need_root();
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct stat object;
    struct chan *ch;
    options.group = 7777;
    options.mode = 0660;
    expect_result(chan_create("x", &options, &ch), 0);
    expect(stat(object_path("x"), &object) == 0);
    expect_number(object.st_gid, 7777);
    expect_number(object.st_mode & 07777, 0660);
    chan_close(ch);
    expect_result(chan_unlink("x"), 0);
    expect_result(as_nobody(create_with_group, NULL), -EPERM);
    expect_number(sandbox_names(), 0);
}

static void test_an_object_replaced_while_open_is_another_channel(void)
{
    struct chan *old, *new, *opened;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    char byte;
    expect_result(chan_create("x", NULL, &old), 0);
    expect_result(chan_attach_sender(old, 0, &tx), 0);
    expect_result(chan_attach_receiver(old, 0, &rx), 0);
    expect(unlink(object_path("x")) == 0);
    expect_result(chan_create("x", NULL, &new), 0);
    expect_result(chan_open("x", 0, &opened), 0);
    expect_number(chan_same(opened, new), 1);
    expect_number(chan_same(opened, old), 0);
    expect_result(chan_send(tx, "a", 1), 0);
    expect_number(chan_len(opened), 0);
    expect_result(chan_recv(rx, &byte, 1, NULL), 0);
    chan_close_sender(tx);
    chan_close_receiver(rx); /* the last of the old one: must not remove the new one's name */
    chan_close(old);
    expect(access(object_path("x"), F_OK) == 0);
    chan_close(opened);
    chan_close(new);
    expect_result(chan_unlink("x"), 0);
}

static void test_a_renamed_object_keeps_working_and_its_old_name_is_free(void)
{
    struct chan *ch, *other;
    char renamed[320];
    strcpy(renamed, object_path("renamed"));
    expect_result(chan_create("x", NULL, &ch), 0);
    expect(rename(object_path("x"), renamed) == 0);
    expect_result(chan_create("x", NULL, &other), 0);
    chan_close(other);
    chan_close(ch);
    expect_result(chan_unlink("x"), 0);
    expect(unlink(renamed) == 0);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_a_missing_object_is_not_there, 0),
        PLAIN(test_a_symbolic_link_is_not_followed, 0),
        PLAIN(test_a_directory_a_fifo_or_a_device_is_no_channel, 0),
        PLAIN(test_empty_short_and_garbage_files_are_no_channels, 0),
        PLAIN(test_a_truncated_or_a_prolonged_object_is_corrupt, 0),
        PLAIN(test_a_descriptor_of_something_else_is_refused, 0),
        PLAIN(test_a_memfd_that_could_be_truncated_under_us_is_refused, 0),
        PLAIN(test_another_user_is_kept_out_by_the_mode, 0),
        PLAIN(test_another_users_object_cannot_be_removed, 0),
        PLAIN(test_an_object_of_a_third_user_is_opened_only_on_request, 0),
        PLAIN(test_the_mode_is_as_asked_whatever_the_umask, 0),
        PLAIN(test_the_group_is_as_asked_or_refused, 0),
        PLAIN(test_an_object_replaced_while_open_is_another_channel, 0),
        PLAIN(test_a_renamed_object_keeps_working_and_its_old_name_is_free, 0),
    };
    return suite_run_plain("objects", cases, sizeof cases / sizeof *cases, argc, argv);
}
