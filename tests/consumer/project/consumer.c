/* SPDX-License-Identifier: Apache-2.0 */
/* A user's program: sends itself one message through an anonymous channel; `version` prints the library's. */
#include <shmchan.h>

#include <stdio.h>
#include <string.h>

static int fail(const char *what, int error)
{
    fprintf(stderr, "%s: %s\n", what, chan_strerror(error));
    return 1;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0)
        return puts(chan_version()) < 0;

    struct chan *ch;
    int result = chan_create_anonymous(NULL, &ch);
    if (result < 0)
        return fail("chan_create_anonymous", result);

    struct chan_sender *tx;
    struct chan_receiver *rx;
    if ((result = chan_attach_sender(ch, 0, &tx)) < 0)
        return fail("chan_attach_sender", result);
    if ((result = chan_attach_receiver(ch, 0, &rx)) < 0)
        return fail("chan_attach_receiver", result);

    char buffer[16];
    size_t size;
    if ((result = chan_send(tx, "message", 8)) < 0)
        return fail("chan_send", result);
    if ((result = chan_recv(rx, buffer, sizeof buffer, &size)) < 0)
        return fail("chan_recv", result);

    chan_close_sender(tx);
    chan_close_receiver(rx);
    chan_close(ch);
    return size != 8 || strcmp(buffer, "message") != 0;
}
