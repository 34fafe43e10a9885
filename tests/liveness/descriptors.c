/* SPDX-License-Identifier: Apache-2.0 */
/* A process that closes all its descriptors but the test's own sockets. */
#include "descriptors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"
#include "process.h"

#define HIGHEST 100

int64_t close_descriptors(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    for (int fd = 3; fd < HIGHEST; fd++) {
        struct stat st;
        if (!fstat(fd, &st) && (!S_ISSOCK(st.st_mode) || process_keeps(fd)))
            close(fd);
    }
    return 0;
}

int64_t reuse_descriptors(struct party *me, int64_t a, int64_t b)
{
    (void)me, (void)a, (void)b;
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd < HIGHEST);
    expect(fd >= 0);
    return 0;
}
