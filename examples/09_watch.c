/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration that is reloaded while everybody runs: one process changes it, workers follow it.
 *
 *     ./09_watch
 *
 * A watch holds the latest value. Workers that are busy miss values in between, and never delay who changes them;
 * each reads the configuration where it lies, whole, however often it is changed meanwhile. */
#include <shmchan.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 3
#define CHANGES 5

struct configuration {
    int level;
    char greeting[60];
};

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "09_watch: %s: %s\n", what, chan_strerror(result));
        exit(1);
    }
}

/* Follows the configuration until there is nobody left to change it. */
static void work(struct chan_receiver *rx, int number)
{
    struct chan_view view;
    const struct configuration *now;
    int level = 0;

    check(chan_adopt_receiver(rx), "adopt");
    check(chan_watch_mark_changed(rx), "mark"); /* what is there now is news, too */
    while (chan_recv_view(rx, &view) == 0) {
        now = view.data;
        printf("worker %d: level %d, %s\n", number, now->level, now->greeting);
        level = now->level;
        check(chan_release(rx, &view), "release");
    }
    chan_close_receiver(rx);
    fflush(stdout);
    _exit(level == CHANGES ? 0 : 1); /* everybody sees the last one */
}

/* Gets a private copy, which becomes the value if nobody else was faster. */
static int raise_level(void *value, size_t *size, size_t capacity, void *arg)
{
    struct configuration *configuration = value;

    (void)size, (void)capacity, (void)arg;
    configuration->level++;
    snprintf(configuration->greeting, sizeof configuration->greeting, "for the %d. time",
             configuration->level);
    return 1;
}

int main(void)
{
    static const struct configuration first = {.greeting = "as it was in the beginning"};
    struct chan_options options = CHAN_OPTIONS_INIT;
    struct chan *ch;
    struct chan_sender *tx;
    int failed = 0;

    options.kind = CHAN_WATCH;
    options.message_size = sizeof first;
    options.initial = &first;
    options.initial_size = sizeof first;
    check(chan_create_anonymous(&options, &ch), "create");
    for (int i = 0; i < WORKERS; i++) {
        struct chan_receiver *rx;
        check(chan_prepare_receiver(ch, 0, &rx), "prepare");
        if (fork() == 0)
            work(rx, i);
        chan_close_receiver(rx); /* this process's copy */
    }
    check(chan_attach_sender(ch, 0, &tx), "attach");
    for (int i = 0; i < CHANGES; i++) {
        usleep(10000);
        check(chan_watch_send_modify(tx, raise_level, NULL), "change");
    }
    chan_close_sender(tx);
    chan_close(ch);
    for (int i = 0; i < WORKERS; i++) {
        int status;
        failed |= wait(&status) < 0 || status != 0;
    }
    return failed;
}
