/*
 * Preloaded in tests: a disk's host fails. Once this process has written WRITE_FAULT_BYTES by the
 * calls that QEMU uses for disks, these calls fail with the error WRITE_FAULT, a number.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/uio.h>

static atomic_llong written;

/* Returns whether a call fails, and sets errno. */
static int fails(void)
{
    const char *fault = getenv("WRITE_FAULT"), *limit = getenv("WRITE_FAULT_BYTES");

    if (fault == NULL || limit == NULL || atomic_load(&written) < atoll(limit))
        return 0;
    errno = atoi(fault);
    return 1;
}

static ssize_t count_bytes(ssize_t length)
{
    if (length > 0)
        atomic_fetch_add(&written, length);
    return length;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off64_t) =
        (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");

    return fails() ? -1 : count_bytes(real(fd, bytes, length, offset));
}

ssize_t pwritev64(int fd, const struct iovec *vector, int count, off64_t offset)
{
    ssize_t (*real)(int, const struct iovec *, int, off64_t) =
        (ssize_t(*)(int, const struct iovec *, int, off64_t))dlsym(RTLD_NEXT, "pwritev64");

    return fails() ? -1 : count_bytes(real(fd, vector, count, offset));
}
