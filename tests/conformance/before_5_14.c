/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program as on a kernel before Linux 5.14, which knows no MADV_POPULATE_WRITE: refused by a seccomp filter, which
 * what it starts inherits. Exit code 77: there can be no filter here.
 *
 *   before_5_14 PROGRAM [ARGUMENT]... */
#include <endian.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE /* C libraries of that time; the number is the kernel's */
#define MADV_POPULATE_WRITE 23
#endif

/* The lower half of an argument, which is a register of 64 bits. */
#define LOWER_HALF (BYTE_ORDER == BIG_ENDIAN ? 4 : 0)

/* The architecture is not looked at: no program of another one runs here. */
static int refuse_populating(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2]) + LOWER_HALF),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_POPULATE_WRITE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return -errno;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: before_5_14 PROGRAM [ARGUMENT]...\n");
        return 2;
    }
    if (refuse_populating()) {
        perror("skipped: seccomp filters are not allowed here");
        return 77;
    }
    void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || !madvise(page, 1, MADV_POPULATE_WRITE) || errno != EINVAL) {
        perror("before_5_14: not refused");
        return 1;
    }
    execv(argv[1], argv + 1);
    perror(argv[1]);
    return 1;
}
