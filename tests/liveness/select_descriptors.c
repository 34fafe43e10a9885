/* SPDX-License-Identifier: Apache-2.0 */
/* Select with descriptors beside its channels, in a program that closes the library's own, or may have none. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "descriptors.h"
#include "expect.h"
#include "process.h"
#include "suite.h"

#define MS INT64_C(1000000)

/* Less than the 1.25 s after which a sleeper looks around by itself. */
#define SOON (1000 * MS)

#define FILES 40

/* A select of a queue on which nothing comes, and of a socket, which close_descriptors() leaves open. */
struct scene {
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_select *sel;
    int sockets[2], index;
};

static struct scene open_scene(void)
{
    struct scene s;
    expect_result(chan_create_anonymous(NULL, &s.ch), 0);
    expect_result(chan_attach_sender(s.ch, 0, &s.tx), 0);
    expect_result(chan_attach_receiver(s.ch, 0, &s.rx), 0);
    expect_result(chan_select_create(0, &s.sel), 0);
    expect_result(chan_select_recv(s.sel, s.rx), 0);
    expect(!socketpair(AF_UNIX, SOCK_STREAM, 0, s.sockets));
    s.index = chan_select_fd(s.sel, s.sockets[0], POLLIN);
    expect(s.index >= 0);
    return s;
}

static void close_scene(struct scene *s)
{
    chan_select_close(s->sel);
    chan_close_receiver(s->rx);
    chan_close_sender(s->tx);
    chan_close(s->ch);
    close(s->sockets[0]);
    close(s->sockets[1]);
}

static void expect_nothing_for(struct scene *s, int64_t timeout_ns)
{
    struct chan_selected selected;
    expect_result(chan_select_timeout(s->sel, &selected, timeout_ns), -ETIMEDOUT);
}

/* For the first time: it has a thread for its files then. On a busy machine a time-out can be over before it sleeps. */
static void have_it_sleep(struct scene *s)
{
    int threads = process_threads(getpid());
    do
        expect_nothing_for(s, 10 * MS);
    while (process_threads(getpid()) == threads);
}

static void *write_later(void *end)
{
    process_sleep_ms(50);
    expect(write(*(int *)end, "x", 1) == 1);
    return NULL;
}

static void expect_told_of_the_socket(struct scene *s)
{
    struct chan_selected selected;
    pthread_t writing;
    char byte;
    expect(!pthread_create(&writing, NULL, write_later, &s->sockets[1]));
    expect_result(chan_select_timeout(s->sel, &selected, SOON), 0);
    expect_number(selected.index, s->index);
    expect(read(s->sockets[0], &byte, 1) == 1);
    expect(!pthread_join(writing, NULL));
}

static int64_t cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000 * MS + used.tv_nsec;
}

/* As many as there are numbers that were closed, and more; none has a name. */
static void open_files(int *files)
{
    for (int i = 0; i < FILES; i++) {
        files[i] = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        expect(files[i] >= 0);
    }
}

static void expect_empty(const int *files)
{
    for (int i = 0; i < FILES; i++) {
        struct stat st;
        expect(!fstat(files[i], &st));
        expect_number(st.st_size, 0);
    }
}

/* Whose descriptors may be closed. It reports by its status: a pipe would be closed, too. */
static void run_in_a_child(void (*body)(void))
{
    int status;
    pid_t pid = child_fork();
    if (pid == 0) {
        body();
        _exit(0);
    }
    expect(waitpid(pid, &status, 0) == pid);
    expect_number(status, 0);
}

static void go_on_without_descriptors(void)
{
    struct scene s = open_scene();
    have_it_sleep(&s);
    (void)close_descriptors(NULL, 0, 0);
    int64_t before = cpu_ns();
    expect_nothing_for(&s, 800 * MS);
    expect(cpu_ns() - before < 100 * MS); /* an eighth, where one that spins takes all of it */
    expect_told_of_the_socket(&s);
    close_scene(&s);
}

static void test_a_select_whose_descriptors_were_closed_gets_new_ones(void)
{
    run_in_a_child(go_on_without_descriptors);
}

static void go_on_beside_other_files(void)
{
    int files[FILES];
    struct scene s = open_scene();
    have_it_sleep(&s);
    (void)close_descriptors(NULL, 0, 0);
    open_files(files);
    expect_nothing_for(&s, 50 * MS);
    expect_told_of_the_socket(&s);
    expect_empty(files);
    close_scene(&s);
    expect_empty(files);
}

static void test_files_that_took_the_numbers_of_a_selects_descriptors_are_left_alone(void)
{
    run_in_a_child(go_on_beside_other_files);
}

struct reuse {
    int files[FILES];
};

static void *close_and_open_later(void *argument)
{
    struct reuse *reuse = argument;
    process_sleep_ms(50);
    (void)close_descriptors(NULL, 0, 0);
    open_files(reuse->files);
    return NULL;
}

/* Its helper sleeps on what nobody can reach any more. */
static void sleep_while_descriptors_are_closed(void)
{
    struct reuse reuse;
    struct scene s = open_scene();
    pthread_t closing;
    expect(!pthread_create(&closing, NULL, close_and_open_later, &reuse));
    expect_nothing_for(&s, 200 * MS);
    expect(!pthread_join(closing, NULL));
    expect_empty(reuse.files);
    expect_told_of_the_socket(&s);
    expect_empty(reuse.files);
    close_scene(&s);
}

static void test_a_sleep_ends_though_its_descriptors_are_closed_meanwhile(void)
{
    run_in_a_child(sleep_while_descriptors_are_closed);
}

/* Whatever the limit, poll(2) takes no more descriptors than it. */
static void test_more_descriptors_than_poll_takes_are_an_error(void)
{
    struct rlimit none, before;
    struct chan_selected selected;
    struct scene s = open_scene();
    have_it_sleep(&s);
    expect(!getrlimit(RLIMIT_NOFILE, &before));
    none = before;
    none.rlim_cur = 0;
    expect(!setrlimit(RLIMIT_NOFILE, &none));
    expect_result(chan_select_timeout(s.sel, &selected, SOON), -EINVAL);
    expect_result(chan_try_send(s.tx, "x", 1), 0);
    expect_result(chan_select_timeout(s.sel, &selected, SOON), 0); /* what is ready comes first */
    expect_number(selected.index, 0);
    expect_result(chan_release(s.rx, &selected.view), 0);
    expect(!setrlimit(RLIMIT_NOFILE, &before));
    expect_told_of_the_socket(&s);
    close_scene(&s);
}

int main(int argc, char **argv)
{
    static const struct plain_case cases[] = {
        PLAIN(test_a_select_whose_descriptors_were_closed_gets_new_ones, 20),
        PLAIN(test_files_that_took_the_numbers_of_a_selects_descriptors_are_left_alone, 20),
        PLAIN(test_a_sleep_ends_though_its_descriptors_are_closed_meanwhile, 10),
        PLAIN(test_more_descriptors_than_poll_takes_are_an_error, 20),
    };
    return suite_run_plain("select_descriptors", cases, sizeof cases / sizeof *cases, argc, argv);
}
