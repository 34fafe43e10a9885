/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers: two servers, one of which is killed over a request, and a caller that learns of it at once.
 *
 *     ./10_call               asks for square roots; the server of the deadly request is killed over it
 *
 * The caller keeps several calls open and takes the answers as it likes. A request whose server dies is not simply
 * given to another: it may have been carried out. The call ends with -EPIPE, and the caller, who knows whether asking
 * again does harm, decides. */
#include <shmchan.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SERVERS = 2, REQUESTS = 200, AT_ONCE = 4, DEADLY = 42 };

struct question {
    int number, again;
};

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "10_call: %s: %s\n", what, chan_strerror(result));
        exit(1);
    }
}

static void serve(struct chan_receiver *rx)
{
    struct chan_view request;
    int result;
    check(chan_adopt_receiver(rx), "adopt");
    while ((result = chan_recv_view(rx, &request)) == 0) {
        struct question question;
        int root = 0;
        memcpy(&question, request.data, sizeof question);
        if (question.number == DEADLY && !question.again)
            kill(getpid(), SIGKILL);
        while ((root + 1) * (root + 1) <= question.number)
            root++;
        result = chan_reply(rx, &request, &root, sizeof root);
        if (result != -EPIPE) /* the caller may have gone */
            check(result, "reply");
    }
    if (result != -EPIPE)
        check(result, "receive");
    chan_close_receiver(rx);
}

int main(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct chan_sender *tx;
    options.kind = CHAN_CALL;
    options.message_size = sizeof(struct question);
    options.holds = AT_ONCE;
    check(chan_create_anonymous(&options, &ch), "create");
    for (int i = 0; i < SERVERS; i++) {
        struct chan_receiver *rx;
        check(chan_prepare_receiver(ch, 0, &rx), "prepare");
        pid_t pid = fork();
        if (pid == 0) {
            serve(rx);
            _exit(0);
        }
        check(pid < 0 ? -errno : 0, "fork");
        chan_close_receiver(rx); /* the parent's copy */
    }
    check(chan_attach_sender(ch, 0, &tx), "attach");

    int answered = 0, again = 0;
    for (int first = 0; first < REQUESTS; first += AT_ONCE) {
        struct chan_ticket tickets[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++)
            check(chan_call_start(tx, &(struct question){first + i, 0}, sizeof(struct question), &tickets[i]),
                  "start");
        for (int i = AT_ONCE; i--;) {
            struct question question = {first + i, 1};
            int number = question.number, root;
            int result = chan_call_finish(tx, &tickets[i], &root, sizeof root, NULL);
            if (result == -EPIPE && ++again) /* its server died: roots may be asked for twice */
                result = chan_call(tx, &question, sizeof question, &root, sizeof root, NULL);
            check(result, "finish");
            answered += root * root <= number && (root + 1) * (root + 1) > number;
        }
    }
    chan_close_sender(tx); /* no more requests: the servers end */
    chan_close(ch);

    int status, killed = 0;
    while (wait(&status) > 0)
        killed += WIFSIGNALED(status);
    printf("%d of %d answered; %d server killed, %d asked again\n", answered, REQUESTS, killed, again);
    return answered == REQUESTS && killed == 1 && again == 1 ? 0 : 1;
}
