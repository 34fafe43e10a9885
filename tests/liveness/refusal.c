/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that a process is refused. */
#include "refusal.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The architecture is not looked at: no program of another one runs here. */
static int refuse_to(unsigned flags, long call, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program))
        return -errno;
    return 0;
}

static int refuse(long call, int error)
{
    return refuse_to(0, call, error);
}

int64_t refuse_pidfds(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    return refuse(SYS_pidfd_open, EPERM);
}

int64_t refuse_inotify(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    return refuse(SYS_inotify_init1, EMFILE);
}

int64_t refuse_sockets(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    return refuse(SYS_socketpair, EACCES);
}

int64_t refuse_waitv(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)b;
    return refuse(SYS_futex_waitv, (int)a);
}

int64_t refuse_ring_calls(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    return refuse(SYS_io_uring_register, EPERM);
}

int64_t refuse_threads(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    int result = refuse(SYS_clone3, EAGAIN);
    return result ? result : refuse(SYS_clone, EAGAIN);
}

int64_t refuse_eventfds(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)b;
    return refuse(SYS_eventfd2, (int)a);
}

int64_t refuse_threads_to_all(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    int result = refuse_to(SECCOMP_FILTER_FLAG_TSYNC, SYS_clone3, EAGAIN);
    return result ? result : refuse_to(SECCOMP_FILTER_FLAG_TSYNC, SYS_clone, EAGAIN);
}
