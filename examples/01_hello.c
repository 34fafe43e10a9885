/* SPDX-License-Identifier: Apache-2.0 */
/* Hello between two processes that share nothing but the channel's name.
 *
 *     ./01_hello              starts both, prints: hello from process PID
 *
 * The parent creates the channel and receives; the child opens it by name, as any other program could, and
 * sends. Nobody unlinks anything: an ephemeral channel (the default) goes with its last endpoint. */
#include <shmchan.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "01_hello: %s: %s\n", what, chan_strerror(result));
        exit(1);
    }
}

static void say_hello(const char *name)
{
    struct chan *ch;
    struct chan_sender *tx;
    char text[64];

    check(chan_open(name, 0, &ch), "open");
    check(chan_attach_sender(ch, 0, &tx), "attach sender");
    int length = snprintf(text, sizeof text, "hello from process %d", (int)getpid());
    check(chan_send(tx, text, (size_t)length), "send");
    chan_close_sender(tx);
    chan_close(ch);
}

int main(void)
{
    struct chan *ch;
    struct chan_receiver *rx;
    char name[64];
    char text[4096]; /* as large as any message of a channel with the default options */
    size_t size;

    snprintf(name, sizeof name, "hello.%d", (int)getpid());
    check(chan_create(name, NULL, &ch), "create");
    check(chan_attach_receiver(ch, 0, &rx), "attach receiver");

    pid_t child = fork();
    if (child < 0) {
        perror("01_hello: fork");
        return 1;
    }
    if (child == 0) {
        say_hello(name);
        _exit(0);
    }

    unsigned received = 0;
    int result;
    while ((result = chan_recv(rx, text, sizeof text, &size)) == 0) {
        printf("%.*s\n", (int)size, text);
        received++;
    }
    if (result != -EPIPE) /* which says: everything sent has been received, and nobody will send again */
        check(result, "receive");

    int status;
    waitpid(child, &status, 0);
    chan_close_receiver(rx);
    chan_close(ch);
    return status == 0 && received == 1 ? 0 : 1;
}
