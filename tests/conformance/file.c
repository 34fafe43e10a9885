/* SPDX-License-Identifier: Apache-2.0 */
/* Standard I/O over channels: what a program written for pipes does with a FILE. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "expect.h"
#include "pair.h"
#include "suite.h"

#define LINES 2000

/* The actor's one FILE, kept between its steps. */
static FILE *file;

static int64_t open_reader(struct party *me, int64_t a, int64_t b)
{
    (void)a, (void)b;
    int result = chan_fopen_reader(me->rx, &file);
    if (!result)
        me->rx = NULL; /* the file's from now on */
    return result;
}

/* a: how it is buffered. */
static int64_t open_writer(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    int result = chan_fopen_writer(me->tx, &file);
    if (!result)
        me->tx = NULL;
    if (!result && a != _IOFBF)
        expect(setvbuf(file, NULL, (int)a, 0) == 0);
    return result;
}

static struct pair open_files(const struct flavour *flavour, uint64_t messages, int buffering)
{
    struct pair pair = pair_open(flavour, messages);
    expect_result(ask(pair.rx, open_reader), 0);
    expect_result(tell(pair.tx, open_writer, buffering), 0);
    return pair;
}

/* Line a of the text, of irregular length; longer than any message now and then. */
static char *line_of(int64_t a)
{
    size_t length = (size_t)(a * 7919 % 97 + (a % 50 == 49 ? 30000 : 0));
    char *line = malloc(length + 40);
    expect(line != NULL);
    int head = sprintf(line, "%ld:", (long)a);
    memset(line + head, 'a' + (int)(a % 26), length);
    memcpy(line + head + length, "\n", 2);
    return line;
}

/* Lines a to b. */
static int64_t print_lines(struct party *me, int64_t a, int64_t b)
{
    (void)me;
    for (; a < b; a++) {
        char *line = line_of(a);
        expect(fprintf(file, "%s", line) == (int)strlen(line));
        free(line);
    }
    return 0;
}

static int64_t get_lines(struct party *me, int64_t a, int64_t b)
{
    (void)me;
    char *got = NULL;
    size_t room = 0;
    for (; a < b && getline(&got, &room, file) >= 0; a++) {
        char *line = line_of(a);
        expect(strcmp(got, line) == 0);
        free(line);
    }
    free(got);
    return a;
}

static int64_t flush_file(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    errno = 0;
    return fflush(file) ? -errno : 0;
}

static int64_t close_file(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    errno = 0;
    return fclose(file) ? -errno : 0;
}

/* 0 at the end, 1 if there was something, or the error. */
static int64_t get_byte(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    errno = 0;
    if (getc(file) != EOF)
        return 1;
    expect(feof(file) || ferror(file));
    return feof(file) ? 0 : -errno;
}

static void test_getline_reads_the_lines_that_fprintf_writes(const struct flavour *flavour)
{
    struct pair pair = open_files(flavour, 4, _IOFBF);
    actor_begin(pair.tx, print_lines, 0, LINES);
    expect_number(actor_do(pair.rx, get_lines, 0, LINES / 2), LINES / 2);
    actor_begin(pair.rx, get_lines, LINES / 2, LINES + 1);
    expect_result(actor_finish(pair.tx), 0);
    expect_result(ask(pair.tx, close_file), 0);
    if (flavour->lifetime == CHAN_DURABLE)
        expect_result(chan_shutdown(pair.ch), 0);
    expect_number(actor_finish(pair.rx), LINES);
    expect_number(ask(pair.rx, get_byte), 0);
    expect_result(ask(pair.rx, close_file), 0);
    pair_close(flavour, &pair);
}

static void test_what_is_buffered_is_sent_by_fflush_and_fclose_in_one_message(const struct flavour *flavour)
{
    struct pair pair = open_files(flavour, 4, _IOFBF);
    expect_result(actor_do(pair.tx, print_lines, 0, 1), 0);
    expect_result(actor_do(pair.tx, print_lines, 1, 2), 0);
    expect_number(chan_len(pair.ch), 0);
    expect_result(ask(pair.tx, flush_file), 0);
    expect_number(chan_len(pair.ch), 1);
    expect_number(actor_do(pair.rx, get_lines, 0, 2), 2);
    expect_result(actor_do(pair.tx, print_lines, 2, 3), 0);
    expect_number(chan_len(pair.ch), 0);
    expect_result(ask(pair.tx, close_file), 0);
    expect_number(chan_senders(pair.ch), 0);
    expect_number(chan_len(pair.ch), 1);
    expect_number(actor_do(pair.rx, get_lines, 2, 3), 3);
    expect_result(ask(pair.rx, close_file), 0);
    expect_number(chan_receivers(pair.ch), 0);
    pair_close(flavour, &pair);
}

static void test_each_line_of_a_line_buffered_writer_is_a_message(const struct flavour *flavour)
{
    struct pair pair = open_files(flavour, 4, _IOLBF);
    expect_result(actor_do(pair.tx, print_lines, 0, 3), 0);
    expect_number(chan_len(pair.ch), 3);
    expect_number(actor_do(pair.rx, get_lines, 0, 3), 3);
    expect_result(ask(pair.tx, close_file), 0);
    expect_result(ask(pair.rx, close_file), 0);
    pair_close(flavour, &pair);
}

static int64_t print_many_lines(struct party *me, int64_t a, int64_t b)
{
    (void)me;
    for (int64_t i = 0; i < b; i++)
        expect(fprintf(file, "%ld says %ld again\n", (long)a, (long)i) > 0);
    return 0;
}

static void test_lines_of_several_writers_come_whole(const struct flavour *flavour)
{
    struct pair pair = open_files(flavour, 4, _IOLBF);
    struct actor *other = actor_start(flavour, pair.ch, ACTOR_SENDER);
    struct party me;
    FILE *in;
    long who, which, next[3] = {0};
    expect_result(tell(other, open_writer, _IOLBF), 0);
    party_open(&me, flavour, pair.ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(chan_fopen_reader(me.rx, &in), 0);
    me.rx = NULL;
    expect_result(ask(pair.rx, close_file), 0);
    actor_begin(pair.tx, print_many_lines, 1, 500);
    actor_begin(other, print_many_lines, 2, 500);
    for (int i = 0; i < 1000; i++) {
        expect_number(fscanf(in, "%ld says %ld again", &who, &which), 2);
        expect_number(getc(in), '\n');
        expect(who == 1 || who == 2);
        expect_number(which, next[who]++);
    }
    expect_result(actor_finish(pair.tx), 0);
    expect_result(actor_finish(other), 0);
    fclose(in);
    actor_end(other);
    party_leave(&me);
    pair_close(flavour, &pair);
}

/* Returns the error of the flush, having seen it in ferror too. */
static int64_t print_into_the_void(struct party *me, int64_t a, int64_t b)
{
    (void)b;
    expect_result(print_lines(me, a, a + 1), 0);
    int64_t result = flush_file(me, 0, 0);
    expect(!result == !ferror(file));
    return result;
}

static void test_writing_without_a_reader_is_EPIPE_in_errno(const struct flavour *flavour)
{
    struct pair pair = open_files(flavour, 4, _IOFBF);
    expect_result(tell(pair.tx, print_into_the_void, 0), 0);
    expect_result(ask(pair.rx, close_file), 0);
    if (flavour->lifetime == CHAN_DURABLE)
        expect_result(chan_shutdown(pair.ch), 0);
    expect_result(tell(pair.tx, print_into_the_void, 1), -EPIPE);
    expect_result(actor_do(pair.tx, print_lines, 2, 3), 0);
    expect_result(ask(pair.tx, close_file), -EPIPE);
    expect_number(chan_senders(pair.ch), 0); /* closed all the same */
    pair_close(flavour, &pair);
}

static int64_t seek_file(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    errno = 0;
    expect(fseek(file, 0, SEEK_SET) == -1);
    expect_number(errno, ESPIPE);
    expect(fileno(file) == -1);
    return 0;
}

static void test_it_cannot_seek_and_has_no_descriptor(const struct flavour *flavour)
{
    struct pair pair = open_files(flavour, 4, _IOFBF);
    expect_result(ask(pair.tx, seek_file), 0);
    expect_result(ask(pair.rx, seek_file), 0);
    expect_result(actor_do(pair.tx, print_lines, 0, 1), 0);
    expect_result(ask(pair.tx, close_file), 0);
    expect_number(actor_do(pair.rx, get_lines, 0, 1), 1);
    expect_result(ask(pair.rx, close_file), 0);
    pair_close(flavour, &pair);
}

static int64_t exit_without_closing(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    exit(0);
}

static void test_exit_sends_what_is_buffered(const struct flavour *flavour)
{
    struct pair pair = open_files(flavour, 4, _IOFBF);
    expect_result(actor_do(pair.tx, print_lines, 0, 2), 0);
    actor_begin(pair.tx, exit_without_closing, 0, 0);
    expect_number(actor_do(pair.rx, get_lines, 0, 2), 2);
    actor_bury(pair.tx);
    pair.tx = NULL;
    if (flavour->lifetime == CHAN_DURABLE)
        expect_result(chan_shutdown(pair.ch), 0);
    expect_number(ask(pair.rx, get_byte), 0);
    expect_result(ask(pair.rx, close_file), 0);
    pair_close(flavour, &pair);
}

/* The child has the parent's buffer with a line in it, and may not send it. */
static int64_t use_inherited_file(void *argument)
{
    struct party *me = argument;
    expect_result(flush_file(me, 0, 0), -ECHILD);
    expect_result(close_file(me, 0, 0), 0); /* nothing is left to flush */
    return 0;
}

static void test_a_child_neither_sends_the_parents_buffer_nor_closes_its_end(const struct flavour *flavour)
{
    struct party me;
    struct child child;
    struct chan *ch = flavour_create(flavour, 3);
    char line[100];
    size_t size;
    party_open(&me, flavour, ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(attach_sender(&me, 0, 0), 0);
    expect_result(open_writer(&me, _IOFBF, 0), 0);
    expect(fputs("once\n", file) >= 0);
    child_spawn(&child, use_inherited_file, &me);
    expect_number(child_finish(&child), 0);
    expect_number(chan_len(ch), 0);
    expect_number(chan_senders(ch), 1);
    expect_result(close_file(&me, 0, 0), 0);
    expect_result(chan_try_recv(me.rx, line, sizeof line, &size), 0);
    expect_number(size, 5);
    expect_number(chan_len(ch), 0);
    party_leave(&me);
    flavour_finish(flavour, ch);
}

static int64_t refuse_inherited(void *argument)
{
    struct party *me = argument;
    FILE *none = NULL;
    expect_result(chan_fopen_reader(me->rx, &none), -ECHILD);
    expect_result(chan_fopen_writer(me->tx, &none), -ECHILD);
    expect(none == NULL);
    return 0;
}

static void test_a_file_that_cannot_be_opened_leaves_the_handle_to_the_caller(const struct flavour *flavour)
{
    struct party me;
    struct child child;
    struct chan *ch = flavour_create(flavour, 3);
    FILE *none = NULL;
    party_open(&me, flavour, ch);
    expect_result(attach_receiver(&me, 0, 0), 0);
    expect_result(attach_sender(&me, 0, 0), 0);
    child_spawn(&child, refuse_inherited, &me);
    expect_number(child_finish(&child), 0);
    expect_result(chan_fopen_reader(NULL, &none), -EINVAL);
    expect_result(chan_fopen_reader(me.rx, NULL), -EINVAL);
    expect_result(chan_fopen_writer(NULL, &none), -EINVAL);
    expect_result(chan_fopen_writer(me.tx, NULL), -EINVAL);
    expect_result(send_try(&me, 1, 0), 0);
    expect_result(recv_try(&me, 0, 0), 1);
    party_leave(&me);
    flavour_finish(flavour, ch);
}

/* Reads the next a bytes of line b with no buffer in between. */
static int64_t get_unbuffered(struct party *me, int64_t a, int64_t b)
{
    (void)me;
    char bytes[40], *line = line_of(b);
    expect(setvbuf(file, NULL, _IONBF, 0) == 0);
    expect_number(fread(bytes, 1, (size_t)a, file), a);
    expect(memcmp(bytes, line, (size_t)a) == 0);
    free(line);
    return 0;
}

static bool has_come_back(const struct chan *ch)
{
    struct chan_stat stat = {.size = sizeof stat};
    expect_result(chan_stat(ch, &stat), 0);
    return stat.orphaned;
}

static void test_without_a_buffer_the_successor_of_a_killed_reader_begins_with_its_line(
    const struct flavour *flavour)
{
    struct pair pair = open_files(flavour, 4, _IOLBF);
    struct actor *next = actor_start(flavour, pair.ch, ACTOR_RECEIVER);
    expect_result(ask(next, open_reader), 0);
    expect_result(actor_do(pair.tx, print_lines, 1, 3), 0);
    expect_result(actor_do(pair.rx, get_unbuffered, 9, 1), 0);
    actor_kill(pair.rx);
    expect_soon(has_come_back(pair.ch));
    expect_number(actor_do(next, get_lines, 1, 3), 3);
    actor_bury(pair.rx);
    pair.rx = NULL;
    expect_result(ask(next, close_file), 0);
    actor_end(next);
    expect_result(ask(pair.tx, close_file), 0);
    pair_close(flavour, &pair);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        CASE(test_getline_reads_the_lines_that_fprintf_writes, 0, 60),
        CASE(test_what_is_buffered_is_sent_by_fflush_and_fclose_in_one_message, 0, 0),
        CASE(test_each_line_of_a_line_buffered_writer_is_a_message, 0, 0),
        CASE(test_lines_of_several_writers_come_whole, FOR_MANY | FOR_FEW, 0),
        CASE(test_writing_without_a_reader_is_EPIPE_in_errno, 0, 0),
        CASE(test_it_cannot_seek_and_has_no_descriptor, FOR_FEW, 0),
        CASE(test_exit_sends_what_is_buffered, 0, 0),
        CASE(test_a_child_neither_sends_the_parents_buffer_nor_closes_its_end, 0, 0),
        CASE(test_a_file_that_cannot_be_opened_leaves_the_handle_to_the_caller, 0, 0),
        CASE(test_without_a_buffer_the_successor_of_a_killed_reader_begins_with_its_line, FOR_MANY_RECEIVERS,
             0),
    };
    return suite_run("file", cases, sizeof cases / sizeof *cases, argc, argv);
}
