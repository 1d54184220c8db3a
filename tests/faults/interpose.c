/*
 * Preloaded in tests: calls on some files fail, take long, or end the process; and the clock jumps.
 *
 * FAULT=CALL:PATTERN:WHAT names the calls by the kind of CALL (open, read, write, rename, mkdir),
 * and the files by a shell PATTERN for their absolute paths. WHAT is the number of an errno value,
 * with which the call fails; "slow" or "late", at which it takes a tenth of a second or ten seconds
 * longer; or "die", at which the process kills itself. The first call that is met creates the file
 * FAULT_MARK.
 *
 * CLOCK_JUMPS=SECONDS: each second reading of the time of day is off by so many.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SLOW_US 100000
#define LATE_US 10000000

/* The next definition of the function NAME, which has the type of the one that calls this. */
#define REAL(NAME) ((__typeof__(&(NAME)))dlsym(RTLD_NEXT, #NAME))

static void leave_mark(void)
{
    const char *mark = getenv("FAULT_MARK");

    if (mark != NULL)
        (void)mknod(mark, S_IFREG | 0666, 0);
}

/* Does WHAT. Returns whether the call is to fail, and sets errno. */
static bool strike(const char *what)
{
    leave_mark();
    if (strcmp(what, "die") == 0)
        raise(SIGKILL);
    if (strcmp(what, "slow") == 0 || strcmp(what, "late") == 0) {
        usleep(what[0] == 's' ? SLOW_US : LATE_US);
        return false;
    }
    errno = atoi(what);
    return true;
}

/* Returns whether CALL on the file PATH is to fail, and sets errno. */
static bool fails(const char *call, const char *path)
{
    const char *fault = getenv("FAULT");
    size_t length = strlen(call);

    if (fault == NULL || strncmp(fault, call, length) != 0 || fault[length] != ':')
        return false;
    char pattern[PATH_MAX];

    snprintf(pattern, sizeof pattern, "%s", fault + length + 1);
    char *what = strrchr(pattern, ':');

    if (what == NULL)
        return false;
    *what++ = '\0';
    return fnmatch(pattern, path, 0) == 0 && strike(what);
}

/* The same for the open file FD. */
static bool fails_open(const char *call, int fd)
{
    char name[64], path[PATH_MAX];
    int saved = errno;

    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, sizeof path - 1);

    errno = saved;
    if (length <= 0)
        return false;
    path[length] = '\0';
    return fails(call, path);
}

/* The same for PATH, which may be relative to the working directory, or to the directory DIR. */
static bool fails_at(const char *call, int dir, const char *path)
{
    char name[64], folder[PATH_MAX], absolute[2 * PATH_MAX];
    int saved = errno;

    if (path[0] == '/')
        return fails(call, path);
    snprintf(name, sizeof name, dir == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", dir);
    ssize_t length = readlink(name, folder, sizeof folder - 1);

    errno = saved;
    if (length <= 0)
        return false;
    folder[length] = '\0';
    snprintf(absolute, sizeof absolute, "%s/%s", folder, path);
    return fails(call, absolute);
}

#define OPEN(NAME)                                                                                 \
    int NAME(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list args;                                                                              \
                                                                                                   \
        va_start(args, flags);                                                                     \
        mode_t mode = va_arg(args, mode_t); /* of no meaning unless a file is made */              \
                                                                                                   \
        va_end(args);                                                                              \
        return fails_at("open", AT_FDCWD, path) ? -1 : REAL(NAME)(path, flags, mode);              \
    }

#define OPENAT(NAME)                                                                               \
    int NAME(int dir, const char *path, int flags, ...)                                            \
    {                                                                                              \
        va_list args;                                                                              \
                                                                                                   \
        va_start(args, flags);                                                                     \
        mode_t mode = va_arg(args, mode_t); /* of no meaning unless a file is made */              \
                                                                                                   \
        va_end(args);                                                                              \
        return fails_at("open", dir, path) ? -1 : REAL(NAME)(dir, path, flags, mode);              \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

ssize_t read(int fd, void *bytes, size_t length)
{
    return fails_open("read", fd) ? -1 : REAL(read)(fd, bytes, length);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t offset)
{
    return fails_open("read", fd) ? -1 : REAL(pread)(fd, bytes, length, offset);
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset)
{
    return fails_open("read", fd) ? -1 : REAL(pread64)(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    return fails_open("write", fd) ? -1 : REAL(write)(fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *vector, int count)
{
    return fails_open("write", fd) ? -1 : REAL(writev)(fd, vector, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    return fails_open("write", fd) ? -1 : REAL(pwrite)(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset)
{
    return fails_open("write", fd) ? -1 : REAL(pwrite64)(fd, bytes, length, offset);
}

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t length,
                        unsigned int flags)
{
    if (fails_open("write", to) || fails_open("read", from))
        return -1;
    return REAL(copy_file_range)(from, from_offset, to, to_offset, length, flags);
}

int rename(const char *from, const char *to)
{
    return fails_at("rename", AT_FDCWD, to) ? -1 : REAL(rename)(from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
    return fails_at("rename", to_dir, to) ? -1 : REAL(renameat2)(from_dir, from, to_dir, to, flags);
}

int mkdir(const char *path, mode_t mode)
{
    return fails_at("mkdir", AT_FDCWD, path) ? -1 : REAL(mkdir)(path, mode);
}

/* How far the clock is off now. */
static time_t jump(void)
{
    static atomic_uint readings;
    const char *seconds = getenv("CLOCK_JUMPS");

    return seconds != NULL && atomic_fetch_add(&readings, 1) % 2 == 1 ? (time_t)atoll(seconds) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int status = REAL(clock_gettime)(clock, ret);

    if (status == 0 && clock == CLOCK_REALTIME)
        ret->tv_sec += jump();
    return status;
}

time_t time(time_t *ret)
{
    time_t now = REAL(time)(NULL) + jump();

    if (ret != NULL)
        *ret = now;
    return now;
}
