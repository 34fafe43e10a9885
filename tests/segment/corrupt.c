/* SPDX-License-Identifier: Apache-2.0 */
/* Objects with wrong words in them: another version, another layout, and every word overwritten in turn. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "exercise.h"
#include "expect.h"
#include "sandbox.h"
#include "suite.h"

/* Of the header, as docs/format.md has it. */
#define AT_MAGIC 0
#define AT_VERSION 8
#define AT_FEATURES 12
#define AT_SIGNATURE 16
#define HEADER_BYTES 4096

/* The largest message of the channel: more than a block holds, so that there is an arena; and so small that messages go
 * the short way. */
#define LARGE 4200
#define SMALL 300

struct image {
    unsigned char *bytes;
    size_t size;
};

static const char *object_path(void)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/shmchan.x", sandbox_directory());
    return path;
}

static void image_write(const struct image *image)
{
    int fd = open(object_path(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    expect(fd >= 0);
    expect(write(fd, image->bytes, image->size) == (ssize_t)image->size);
    close(fd);
}

/* A small durable channel with messages of all sizes, one in the hands of a receiver, and an open loan: left as they
 * are by the process that has them. */
static int64_t leave_a_channel(void *argument)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_view view;
    struct chan_loan loan;
    static const unsigned char bytes[LARGE];
    const size_t *message_size = argument;
    options.messages = 4;
    options.message_size = *message_size;
    options.endpoints = 2;
    options.holds = 1;
    options.lifetime = CHAN_DURABLE;
    expect_result(chan_create("x", &options, &ch), 0);
    expect_result(chan_attach_sender(ch, 0, &tx), 0);
    expect_result(chan_attach_receiver(ch, 0, &rx), 0);
    expect_result(chan_try_send(tx, bytes, 10), 0);
    expect_result(chan_try_send(tx, bytes, 20), 0);
    expect_result(chan_try_send(tx, bytes, *message_size), 0);
    expect_result(chan_try_recv_view(rx, &view), 0);
    return chan_try_reserve(tx, 30, &loan);
}

static struct image image_take(size_t message_size)
{
    struct image image;
    struct stat object;
    struct child child;
    child_spawn(&child, leave_a_channel, &message_size);
    expect_result(child_finish(&child), 0);
    expect(stat(object_path(), &object) == 0);
    image.size = (size_t)object.st_size;
    image.bytes = malloc(image.size);
    int fd = open(object_path(), O_RDONLY | O_CLOEXEC);
    expect(fd >= 0 && image.bytes != NULL);
    expect(read(fd, image.bytes, image.size) == (ssize_t)image.size);
    close(fd);
    expect_result(chan_unlink("x"), 0);
    return image;
}

static void image_drop(struct image *image)
{
    free(image->bytes);
    unlink(object_path());
}

static void expect_opens(const struct image *image, int promised)
{
    struct chan *ch = NULL;
    image_write(image);
    expect_result(chan_open("x", 0, &ch), promised);
    chan_close(ch);
    ch = NULL;
    expect_result(chan_open("x", CHAN_READ_ONLY, &ch), promised);
    chan_close(ch);
}

static void repair_the_image(size_t message_size)
{
    struct image image = image_take(message_size);
    struct chan *ch;
    struct chan_repair_report healed;
    char text[200] = "";
    image_write(&image);
    expect_result(chan_open("x", 0, &ch), 0);
    expect_result(chan_repair(ch, 0, &healed), 0);
    expect_number(healed.repaired, 2);
    expect_number(healed.orphaned, 1);
    expect_number(chan_len(ch), 3);
    if (chan_check(ch, text, sizeof text) != 0)
        expect_never("chan_check: %s", text);
    chan_close(ch);
    image_drop(&image);
}

static void test_the_image_itself_is_sound_once_repaired(void)
{
    repair_the_image(LARGE);
    repair_the_image(SMALL);
}

static void patch32(struct image *image, size_t at, uint32_t change)
{
    uint32_t word;
    memcpy(&word, image->bytes + at, sizeof word);
    word += change;
    memcpy(image->bytes + at, &word, sizeof word);
}

static void test_an_older_or_newer_version_is_told_apart_from_corruption(void)
{
    struct image image = image_take(LARGE);
    expect_opens(&image, 0);
    patch32(&image, AT_VERSION, 1);
    expect_opens(&image, -EPROTONOSUPPORT);
    patch32(&image, AT_VERSION, (uint32_t)-2);
    expect_opens(&image, -EPROTONOSUPPORT);
    patch32(&image, AT_VERSION, 1);
    expect_opens(&image, 0);
    image_drop(&image);
}

static void test_an_unknown_feature_is_not_supported(void)
{
    for (int bit = 0; bit < 32; bit++) {
        struct image image = image_take(LARGE);
        patch32(&image, AT_FEATURES, 1u << bit);
        expect_opens(&image, -EPROTONOSUPPORT);
        image_drop(&image);
    }
}

static void test_another_version_keeps_its_name(void)
{
    struct image image = image_take(LARGE);
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch = NULL;
    patch32(&image, AT_VERSION, 1);
    image_write(&image);
    expect_result(chan_create("x", &options, &ch), -EEXIST);
    int result = chan_open_or_create("x", &options, &ch);
    expect(result == -EPROTONOSUPPORT || result == -EEXIST);
    expect(ch == NULL);
    expect(access(object_path(), F_OK) == 0);
    expect_result(chan_unlink("x"), 0);
    image_drop(&image);
}

static void test_a_wrong_magic_or_signature_is_refused(void)
{
    struct image image = image_take(LARGE);
    patch32(&image, AT_MAGIC, 1);
    expect_opens(&image, -EBADMSG);
    patch32(&image, AT_MAGIC, (uint32_t)-1);
    for (size_t half = 0; half < 8; half += 4) {
        struct chan *ch = NULL;
        patch32(&image, AT_SIGNATURE + half, 1);
        image_write(&image);
        int result = chan_open("x", 0, &ch);
        expect(result == -EBADMSG || result == -EPROTONOSUPPORT);
        patch32(&image, AT_SIGNATURE + half, (uint32_t)-1);
    }
    expect_opens(&image, 0);
    image_drop(&image);
}

/* Overwrites the words in [from, to) one by one; what still opens must bear everything that can be done
 * with it. */
static void overwrite_each_word(size_t message_size, size_t from, size_t to)
{
    struct image image = image_take(message_size);
    srand(7);
    if (to > image.size)
        to = image.size;
    for (size_t at = from; at + 8 <= to; at += 8) {
        uint64_t good, neighbour, values[6];
        memcpy(&good, image.bytes + at, sizeof good);
        neighbour = good + 1;
        values[0] = 0;
        values[1] = UINT64_MAX;
        values[2] = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand();
        values[3] = neighbour;
        values[4] = good ^ UINT64_C(1) << (rand() % 64);
        values[5] = UINT64_C(1) << (rand() % 64);
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            struct chan *ch = NULL;
            memcpy(image.bytes + at, &values[i], sizeof values[i]);
            image_write(&image);
            int result = chan_open("x", CHAN_READ_ONLY, &ch);
            expect_documented(result);
            if (result == 0)
                exercise_read_only(ch);
            chan_close(ch);
            ch = NULL;
            result = chan_open("x", CHAN_NO_KEEPER, &ch);
            expect_documented(result);
            if (result == 0)
                exercise(ch);
            chan_close(ch);
        }
        memcpy(image.bytes + at, &good, sizeof good);
    }
    image_drop(&image);
}

static void test_each_word_of_the_header_page_overwritten_never_crashes_anybody(void)
{
    overwrite_each_word(LARGE, 0, HEADER_BYTES);
}

static void test_each_word_behind_the_header_overwritten_never_crashes_anybody(void)
{
    overwrite_each_word(LARGE, HEADER_BYTES, HEADER_BYTES + 8192);
    overwrite_each_word(SMALL, HEADER_BYTES, HEADER_BYTES + 8192);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_the_image_itself_is_sound_once_repaired, 0),
        PLAIN(test_an_older_or_newer_version_is_told_apart_from_corruption, 0),
        PLAIN(test_an_unknown_feature_is_not_supported, 0),
        PLAIN(test_another_version_keeps_its_name, 0),
        PLAIN(test_a_wrong_magic_or_signature_is_refused, 0),
        PLAIN(test_each_word_of_the_header_page_overwritten_never_crashes_anybody, 200),
        PLAIN(test_each_word_behind_the_header_overwritten_never_crashes_anybody, 200),
    };
    return suite_run_plain("corrupt", cases, sizeof cases / sizeof *cases, argc, argv);
}
