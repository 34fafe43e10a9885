/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeping on many words and descriptors: the one call, and the lookouts that help it. */
#include "src/waitset.h"

#include "src/pollable.h"
#include "src/thread.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Beside the bell, or the lookout's orders. */
#define WORDS_MAX (FUTEX_KEYS_MAX - 1)

/* How long the recall of a lookout that may just be falling asleep waits for it before it wakes it once more. */
#define RECALL_AGAIN_NS INT64_C(1000000)

/* A thread that looks out for the main one. It changes hands by `orders`, an odd number while it is out: the main
 * thread raises it to send it out and to recall it, and leaves its assignment alone in between. `seen` is the last
 * order that the lookout has followed. */
struct lookout {
    struct lookout *next;
    struct waitset *set;
    pthread_t thread;
    atomic_u32 orders, seen;
    atomic_bool ends;   /* told with the last order; it may see that while it still follows the one before */
    atomic_u32 holders; /* the main thread and its own; the last one frees it */
    uint32_t count;     /* of keys or descriptors */
    struct futex_key keys[FUTEX_KEYS_MAX];
    struct pollfd *fds;   /* so many, and `control`; NULL: it sleeps on words */
    struct level control; /* its own descriptor: up once there are new orders */
    atomic_bool is_awake; /* it has slept on descriptors */
    int failure;          /* why it could not sleep on them, or 0 */
};

void chan__waitset_ring(struct waitset *w)
{
    atomic_fetch_add(&w->bell, 1);
    chan__futex_wake(&w->bell, INT_MAX);
}

static bool has_changed(const struct lookout *l)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (load_seq_cst(l->keys[i].word) != l->keys[i].value)
            return true;
    return false;
}

static void look_out_for_fds(struct lookout *l)
{
    int ready;
    do
        ready = poll(l->fds, l->count + 1, -1);
    while (ready < 0 && errno == EINTR);
    l->failure = ready < 0 ? -errno : 0;
    atomic_store(&l->is_awake, true);
}

/* Until something has happened, or there are new orders. */
static void look_out(struct lookout *l, uint32_t orders)
{
    if (l->fds) {
        look_out_for_fds(l);
        return;
    }
    while (!has_changed(l) && load_seq_cst(&l->orders) == orders) {
        l->keys[l->count] = (struct futex_key){&l->orders, orders};
        int result = l->set->has_no_waitv ? chan__futex_wait(l->keys[0].word, l->keys[0].value, CHAN_FOREVER)
                                          : chan__futex_wait_any(l->keys, l->count + 1, CHAN_FOREVER);
        /* A word's sleeper is also woken by the recall of another process's, and goes on sleeping: else that process
         * would be woken in turn when this one recalls its own, and so on for ever. */
        if (!result && !l->set->has_no_waitv)
            return;
    }
}

static void free_lookout(struct lookout *l)
{
    if (l->control.fd >= 0)
        chan__level_close(&l->control);
    free(l->fds);
    free(l);
}

static void let_go(struct lookout *l)
{
    if (atomic_fetch_sub(&l->holders, 1) == 1)
        free_lookout(l);
}

static void *stand_by(void *argument)
{
    struct lookout *l = argument;
    for (;;) {
        uint32_t orders = load_seq_cst(&l->orders);
        if (orders % 2) {
            look_out(l, orders);
            if (load_seq_cst(&l->orders) == orders) /* else it is recalled, by one who is awake */
                chan__waitset_ring(l->set);
        }
        atomic_store(&l->seen, orders);
        chan__futex_wake(&l->seen, INT_MAX);
        if (orders % 2 == 0 && load_acquire(&l->ends)) {
            let_go(l);
            return NULL;
        }
        while (load_seq_cst(&l->orders) == orders)
            (void)chan__futex_wait(&l->orders, orders, CHAN_FOREVER);
    }
}

static int open_control(struct lookout *l)
{
    int result = chan__level_open(&l->control);
    if (result)
        return result;
    chan__level_lower(&l->control);
    l->fds = malloc(sizeof *l->fds);
    return l->fds ? 0 : -ENOMEM;
}

static int start_lookout(struct waitset *w, bool polls, struct lookout **out)
{
    struct lookout *l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    l->set = w;
    l->control.fd = -1;
    l->holders = 2;
    int result = polls ? open_control(l) : 0;
    if (!result)
        result = chan__thread_start(&l->thread, "shmchan-lookout", stand_by, l);
    if (result)
        free_lookout(l);
    else
        *out = l;
    return result;
}

static void order(struct lookout *l)
{
    atomic_fetch_add(&l->orders, 1);
    chan__futex_wake(&l->orders, 1);
    if (l->fds && load_seq_cst(&l->orders) % 2 == 0)
        chan__level_raise(&l->control);
}

/* It sleeps, and the program has closed what would wake it. Awake, it comes by itself. */
static bool is_out_of_reach(const struct lookout *l)
{
    return l->fds && !chan__level_is_ours(&l->control) && !load_seq_cst(&l->is_awake);
}

/* It has its orders, and sleeps on nothing of ours any more: a wake-up that it took would be lost to the others.
 * A word's sleeper without futex_waitv hears nothing but that word: everybody on it is woken, and looks again.
 * False: it cannot be reached. */
static bool recall(struct lookout *l)
{
    uint32_t orders = load_seq_cst(&l->orders) + 1, seen;
    order(l);
    while ((seen = load_seq_cst(&l->seen)) != orders) {
        if (is_out_of_reach(l))
            return false;
        if (!l->fds && l->set->has_no_waitv)
            chan__futex_wake(l->keys[0].word, INT_MAX);
        (void)chan__futex_wait(&l->seen, seen, chan_now() + RECALL_AGAIN_NS);
    }
    if (l->fds)
        chan__level_lower(&l->control);
    return true;
}

static void tell_to_end(struct lookout *l)
{
    store_release(&l->ends, true);
    atomic_fetch_add(&l->orders, 2);
    chan__futex_wake(&l->orders, 1);
}

static void end(struct lookout *l, bool forked)
{
    if (forked) {
        free_lookout(l);
        return;
    }
    tell_to_end(l);
    pthread_join(l->thread, NULL);
    let_go(l);
}

/* It does not come back before one of its descriptors is ready, finds that it has been recalled, leaves the set alone,
 * and ends. */
static void forsake(struct lookout *l)
{
    l->control.fd = -1; /* the next one may get that number */
    pthread_detach(l->thread);
    tell_to_end(l);
    let_go(l);
}

/* Lookouts for `count` words, each taking `each`. */
static int send_out_for_words(struct waitset *w, const struct futex_key *keys, uint32_t count, uint32_t each)
{
    struct lookout **link = &w->words;
    for (uint32_t at = 0; at < count; at += each, link = &(*link)->next) {
        int result = *link ? 0 : start_lookout(w, false, link);
        if (result)
            return result;
        (*link)->count = count - at < each ? count - at : each;
        memcpy((*link)->keys, keys + at, (*link)->count * sizeof *keys);
        order(*link);
    }
    return 0;
}

static int send_out_for_fds(struct waitset *w, const struct pollfd *fds, uint32_t count)
{
    if (w->polling && !chan__level_is_ours(&w->polling->control)) {
        end(w->polling, false);
        w->polling = NULL;
    }
    int result = w->polling ? 0 : start_lookout(w, true, &w->polling);
    struct pollfd *copy = result ? NULL : realloc(w->polling->fds, (count + 1) * sizeof *copy);
    if (!copy)
        return result ? result : -ENOMEM;
    memcpy(copy, fds, count * sizeof *copy);
    copy[count] = (struct pollfd){.fd = w->polling->control.fd, .events = POLLIN};
    w->polling->fds = copy;
    w->polling->count = count;
    atomic_store(&w->polling->is_awake, false);
    order(w->polling);
    return 0;
}

static bool is_out(const struct lookout *l)
{
    return load_seq_cst(&l->orders) % 2;
}

/* Returns what kept descriptors from being slept on, or 0. */
static int recall_all(struct waitset *w)
{
    for (struct lookout *l = w->words; l; l = l->next)
        if (is_out(l))
            (void)recall(l);
    if (!w->polling || !is_out(w->polling))
        return 0;
    if (recall(w->polling))
        return w->polling->failure;
    forsake(w->polling);
    w->polling = NULL;
    return 0;
}

/* As many words as the call takes, beside the bell; the others have lookouts. */
static int sleep_here(struct waitset *w, uint32_t bell, const struct futex_key *keys, uint32_t count,
                      int64_t deadline_ns)
{
    struct futex_key all[FUTEX_KEYS_MAX];
    if (!count)
        return chan__futex_wait(&w->bell, bell, deadline_ns);
    memcpy(all, keys, count * sizeof *all);
    all[count] = (struct futex_key){&w->bell, bell};
    return chan__futex_wait_any(all, count + 1, deadline_ns);
}

static int sleep_with_lookouts(struct waitset *w, uint32_t bell, const struct futex_key *keys, uint32_t count,
                               const struct pollfd *fds, uint32_t fd_count, int64_t deadline_ns)
{
    uint32_t here = w->has_no_waitv ? 0 : count < WORDS_MAX ? count : WORDS_MAX;
    uint32_t each = w->has_no_waitv ? 1 : WORDS_MAX;
    int result = count > here ? send_out_for_words(w, keys + here, count - here, each) : 0;
    if (!result && fd_count)
        result = send_out_for_fds(w, fds, fd_count);
    if (!result)
        result = sleep_here(w, bell, keys, here, deadline_ns);
    int failure = recall_all(w);
    return result ? result : failure;
}

int chan__waitset_sleep(struct waitset *w, uint32_t bell, const struct futex_key *keys, uint32_t count,
                        const struct pollfd *fds, uint32_t fd_count, int64_t deadline_ns)
{
    int result = sleep_with_lookouts(w, bell, keys, count, fds, fd_count, deadline_ns);
    if (result != -ENOSYS || w->has_no_waitv)
        return result;
    w->has_no_waitv = true;
    return sleep_with_lookouts(w, bell, keys, count, fds, fd_count, deadline_ns);
}

void chan__waitset_close(struct waitset *w, bool forked)
{
    while (w->words) {
        struct lookout *next = w->words->next;
        end(w->words, forked);
        w->words = next;
    }
    if (w->polling)
        end(w->polling, forked);
    w->polling = NULL;
}
