/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of forked workers that loses no job when a worker is killed.
 *
 *     ./02_worker_pool        one worker is killed with a job in hand; every job is done all the same
 *
 * Endpoints for the children are prepared before fork() and adopted after it, so at no moment does a channel
 * look abandoned. A worker takes a job as a view and releases it after its result is sent: until then the
 * job survives the worker, and another worker gets it again. */
#include <shmchan.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3, JOBS = 300, ROOM = 2 * JOBS, DEADLY_JOB = 42 };

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "02_worker_pool: %s: %s\n", what, chan_strerror(result));
        exit(1);
    }
}

static void work(struct chan_receiver *jobs, struct chan_sender *results)
{
    struct chan_view view;
    int result;
    check(chan_adopt_receiver(jobs), "adopt receiver");
    check(chan_adopt_sender(results), "adopt sender");
    while ((result = chan_recv_view(jobs, &view)) == 0) {
        int job = *(const int *)view.data;
        if (job == DEADLY_JOB && view.deliveries == 1)
            kill(getpid(), SIGKILL);
        int answer[2] = {job, job * job};
        check(chan_send(results, answer, sizeof answer), "send result");
        check(chan_release(jobs, &view), "release");
    }
    if (result != -EPIPE)
        check(result, "receive job");
    chan_close_sender(results);
    chan_close_receiver(jobs);
}

int main(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *jobs, *results;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    options.messages = ROOM; /* nobody here waits for room: the parent sends first and receives later */
    options.message_size = 2 * sizeof(int);
    check(chan_create_anonymous(&options, &jobs), "create jobs");
    check(chan_create_anonymous(&options, &results), "create results");
    check(chan_attach_sender(jobs, 0, &tx), "attach sender");
    check(chan_attach_receiver(results, 0, &rx), "attach receiver");

    for (int i = 0; i < WORKERS; i++) {
        struct chan_receiver *worker_rx;
        struct chan_sender *worker_tx;
        check(chan_prepare_receiver(jobs, 0, &worker_rx), "prepare receiver");
        check(chan_prepare_sender(results, 0, &worker_tx), "prepare sender");
        pid_t pid = fork();
        if (pid < 0) {
            perror("02_worker_pool: fork");
            return 1;
        }
        if (pid == 0) {
            work(worker_rx, worker_tx);
            _exit(0);
        }
        chan_close_receiver(worker_rx); /* the parent's copies: the endpoints are the child's */
        chan_close_sender(worker_tx);
    }

    for (int job = 0; job < JOBS; job++)
        check(chan_send(tx, &job, sizeof job), "send job");
    chan_close_sender(tx); /* no more jobs: workers end when all are done */

    int answer[2], done = 0, result, status, killed = 0;
    char seen[JOBS] = {0};
    while ((result = chan_recv(rx, answer, sizeof answer, NULL)) == 0) {
        if (answer[1] == answer[0] * answer[0] && !seen[answer[0]]++)
            done++;
    }
    if (result != -EPIPE)
        check(result, "receive result");
    while (wait(&status) > 0)
        killed += WIFSIGNALED(status);
    chan_close_receiver(rx);
    chan_close(results);
    chan_close(jobs);
    printf("%d of %d jobs done, %d worker killed\n", done, JOBS, killed);
    return done == JOBS && killed == 1 ? 0 : 1;
}
