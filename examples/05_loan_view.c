/* SPDX-License-Identifier: Apache-2.0 */
/* Large messages written and read where they lie: no copy on either side.
 *
 *     ./05_loan_view          one process draws frames of 1 MiB, the other looks at them
 *
 * The sender borrows room (loan), draws into it and commits; the receiver looks at the same bytes (view) and
 * releases them. A frame that the sender does not like is aborted, and nobody ever sees it. */
#include <shmchan.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FRAMES = 64, FRAME_SIZE = 1 << 20, HEADER = 16 };

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "05_loan_view: %s: %s\n", what, chan_strerror(result));
        exit(1);
    }
}

static void draw_frames(struct chan_sender *camera)
{
    struct chan_loan loan;

    check(chan_adopt_sender(camera), "adopt sender");
    for (unsigned frame = 0; frame < FRAMES; frame++) {
        check(chan_reserve(camera, FRAME_SIZE, &loan), "reserve");
        unsigned char *pixels = loan.data;
        memcpy(pixels, &frame, sizeof frame);
        memset(pixels + HEADER, (int)(frame & 0xff), FRAME_SIZE - HEADER);
        if (frame % 8 == 7)
            check(chan_abort(camera, &loan), "abort"); /* blurred */
        else
            check(chan_commit(camera, &loan, FRAME_SIZE), "commit");
    }
    chan_close_sender(camera);
}

static int intact(const struct chan_view *view, unsigned *frame)
{
    const unsigned char *pixels = view->data;

    memcpy(frame, pixels, sizeof *frame);
    /* All pixels are equal: the first is right, and each is like its neighbour. */
    return view->size == FRAME_SIZE && pixels[HEADER] == (*frame & 0xff) &&
           memcmp(pixels + HEADER, pixels + HEADER + 1, FRAME_SIZE - HEADER - 1) == 0;
}

int main(void)
{
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct chan_sender *camera;
    struct chan_receiver *screen;
    struct chan_view view;

    options.messages = 4;
    options.message_size = FRAME_SIZE;
    check(chan_create_anonymous(&options, &ch), "create");
    check(chan_attach_receiver(ch, 0, &screen), "attach receiver");
    check(chan_prepare_sender(ch, 0, &camera), "prepare sender");
    pid_t child = fork();
    if (child < 0) {
        perror("05_loan_view: fork");
        return 1;
    }
    if (child == 0) {
        draw_frames(camera);
        _exit(0);
    }
    chan_close_sender(camera); /* the parent's copy: the endpoint is the child's */

    unsigned shown = 0, frame;
    int result;
    while ((result = chan_recv_view(screen, &view)) == 0) {
        shown += intact(&view, &frame) && frame % 8 != 7;
        check(chan_release(screen, &view), "release");
    }
    if (result != -EPIPE)
        check(result, "receive");
    int status;
    waitpid(child, &status, 0);
    printf("%u frames of %d bytes shown\n", shown, FRAME_SIZE);
    chan_close_receiver(screen);
    chan_close(ch);
    return status == 0 && shown == FRAMES - FRAMES / 8 ? 0 : 1;
}
