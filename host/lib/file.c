#include "host/lib/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define READ_PIECE (64u << 10)
#define COPY_PIECE (1u << 20)
#define KERNEL_PIECE (1u << 30) /* copy_file_range copies less than 2 GiB at once */
#define HOLE_LEAST (64u << 10)  /* bytes; a shorter hole is not worth the calls */
#define USE_UP_PIECE (64u << 20)

struct error *file_read_open(int fd, size_t max, enum exit_code code, struct buffer *out)
{
    size_t start = out->length;

    for (;;) {
        ssize_t got = read(fd, buffer_reserve(out, READ_PIECE), READ_PIECE);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_new(code, "%s", strerror(errno));
        if (got == 0)
            return NULL;
        out->length += (size_t)got;
        if (out->length - start > max)
            return error_new(code, "larger than %zu bytes", max);
    }
}

struct error *file_read(const char *path, const char *what, size_t max, enum exit_code code,
                        struct buffer *out)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        int cause = errno;
        struct error *err = error_errno(code, "read %s '%s'", what, path);

        errno = cause;
        return err;
    }
    struct error *err =
        error_context(file_read_open(fd, max, code, out), "read %s '%s'", what, path);

    errno = 0;
    return err;
}

struct error *file_write(const void *bytes, size_t length, int to, const char *to_name)
{
    const char *next = bytes;

    while (length > 0) {
        ssize_t written = write(to, next, length);
        struct pollfd writable = {.fd = to, .events = POLLOUT};

        /* Another program may have set a standard stream to non-blocking. */
        if (written < 0 && (errno == EINTR || (errno == EAGAIN && poll(&writable, 1, -1) > 0)))
            continue;
        if (written < 0)
            return error_errno(EXIT_OTHER, "write '%s'", to_name);
        next += written;
        length -= (size_t)written;
    }
    return NULL;
}

/* Makes TO, a file that ends at its position, longer by LENGTH. Returns false if it is none. */
static bool extend(int to, uint64_t length)
{
    struct stat status;
    off_t at = lseek(to, 0, SEEK_CUR);

    return at >= 0 && fstat(to, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == at &&
           ftruncate(to, at + (off_t)length) == 0 && lseek(to, at + (off_t)length, SEEK_SET) >= 0;
}

struct error *file_write_zeros(uint64_t length, int to, const char *to_name)
{
    static const char zeros[64 << 10];

    if (length == 0 || extend(to, length))
        return NULL;
    while (length > 0) {
        size_t piece = length < sizeof zeros ? (size_t)length : sizeof zeros;

        TRY(file_write(zeros, piece, to, to_name));
        length -= piece;
    }
    return NULL;
}

void file_reserve(uint64_t length, int to)
{
    off_t at = lseek(to, 0, SEEK_CUR);

    if (at >= 0 && length > 0)
        (void)fallocate(to, FALLOC_FL_KEEP_SIZE, at, (off_t)length);
}

struct error *file_write_sparse(const void *bytes, size_t length, int to, const char *to_name)
{
    const char *start = bytes;
    bool zeros = length >= HOLE_LEAST && start[0] == 0 && memcmp(start, start + 1, length - 1) == 0;

    return zeros ? file_write_zeros(length, to, to_name) : file_write(bytes, length, to, to_name);
}

static struct error *ends_early(const char *from)
{
    return error_new(EXIT_OTHER, "read '%s': it has become shorter", from);
}

/* Copies inside the kernel as long as that works. *LEFT is what remains. */
static struct error *copy_in_kernel(const char *from, int from_fd, uint64_t *left, int to,
                                    const char *to_name)
{
    while (*left > 0) {
        size_t piece = *left < KERNEL_PIECE ? (size_t)*left : KERNEL_PIECE;
        ssize_t copied = copy_file_range(from_fd, NULL, to, NULL, piece, 0);

        if (copied < 0 && errno == EINTR)
            continue;
        if (copied < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG))
            return error_errno(EXIT_OTHER, "write '%s'", to_name);
        if (copied < 0)
            return NULL; /* not between these two, or not in this kernel */
        if (copied == 0)
            return ends_early(from);
        *left -= (uint64_t)copied;
    }
    return NULL;
}

/* Copies the next LENGTH bytes of FROM_FD. */
static struct error *copy_bytes(const char *from, int from_fd, uint64_t length, int to,
                                const char *to_name)
{
    uint64_t left = length;

    TRY(copy_in_kernel(from, from_fd, &left, to, to_name));
    if (left == 0)
        return NULL;
    CLEANUP(freep) char *piece = xcalloc(COPY_PIECE, 1);

    while (left > 0) {
        ssize_t got = read(from_fd, piece, left < COPY_PIECE ? (size_t)left : COPY_PIECE);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(EXIT_OTHER, "read '%s'", from);
        if (got == 0)
            return ends_early(from);
        TRY(file_write(piece, (size_t)got, to, to_name));
        left -= (uint64_t)got;
    }
    return NULL;
}

/* Appends the next LENGTH bytes of FROM_FD to TO, holes as holes. */
static struct error *append_bytes(const char *from, int from_fd, uint64_t length, int to,
                                  const char *to_name)
{
    while (length > 0) {
        off_t at = lseek(from_fd, 0, SEEK_CUR), data = at < 0 ? -1 : lseek(from_fd, at, SEEK_DATA);
        off_t end = data < 0 ? -1 : lseek(from_fd, at, data > at ? SEEK_DATA : SEEK_HOLE);
        bool only_hole = at >= 0 && data < 0 && errno == ENXIO;
        uint64_t part = end > at && (uint64_t)(end - at) < length ? (uint64_t)(end - at) : length;

        if (at >= 0 && lseek(from_fd, at, SEEK_SET) < 0)
            return error_errno(EXIT_OTHER, "read '%s'", from);
        if (data <= at && !only_hole) {
            TRY(copy_bytes(from, from_fd, part, to, to_name));
        } else {
            TRY(file_write_zeros(part, to, to_name));
            if (lseek(from_fd, (off_t)part, SEEK_CUR) < 0)
                return error_errno(EXIT_OTHER, "read '%s'", from);
        }
        length -= part;
    }
    return NULL;
}

/* Opens the file FROM, which must be of SIZE bytes. */
static struct error *open_whole(const char *from, uint64_t size, int flags, int *ret_fd)
{
    CLEANUP(closep) int fd = open(from, flags | O_CLOEXEC);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(EXIT_OTHER, "read '%s'", from);
    if ((uint64_t)status.st_size != size)
        return error_new(EXIT_OTHER, "read '%s': its size has changed", from);
    *ret_fd = steal_fd(&fd);
    return NULL;
}

static bool clone(int from, uint64_t size, int to)
{
    return lseek(to, 0, SEEK_CUR) == 0 && ioctl(to, FICLONE, from) == 0 &&
           lseek(to, (off_t)size, SEEK_SET) >= 0;
}

bool file_clone(const char *from, uint64_t size, int to)
{
    CLEANUP(closep) int from_fd = -1;
    struct error *err = open_whole(from, size, O_RDONLY, &from_fd);
    bool cloned = err == NULL && clone(from_fd, size, to);

    error_free(err);
    return cloned;
}

struct error *file_copy(const char *from, uint64_t size, int to, const char *to_name)
{
    CLEANUP(closep) int from_fd = -1;

    TRY(open_whole(from, size, O_RDONLY, &from_fd));
    return clone(from_fd, size, to) ? NULL : append_bytes(from, from_fd, size, to, to_name);
}

static struct error *use_up(void *, const char *from, uint64_t size, int to, const char *to_name)
{
    CLEANUP(closep) int from_fd = -1;

    TRY(open_whole(from, size, O_RDWR, &from_fd));
    for (uint64_t at = 0; at < size; at += USE_UP_PIECE) {
        uint64_t length = size - at < USE_UP_PIECE ? size - at : USE_UP_PIECE;

        TRY(append_bytes(from, from_fd, length, to, to_name));
        /* If this cannot be done, the space is freed when the temporary is removed. */
        (void)fallocate(from_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
                        (off_t)length);
    }
    return NULL;
}

struct file_copier file_user_up(void)
{
    return (struct file_copier){.copy = use_up};
}

struct error *file_copy_data(int from, const char *from_name, uint64_t size, uint64_t max, int to,
                             const char *to_name)
{
    off_t data = 0, hole = 0, end = (off_t)size;
    uint64_t left = max;

    while (hole < end && (data = lseek(from, hole, SEEK_DATA)) >= 0 && data < end) {
        hole = lseek(from, data, SEEK_HOLE);
        if (hole < 0 || lseek(from, data, SEEK_SET) < 0)
            return error_errno(EXIT_OTHER, "read '%s'", from_name);
        uint64_t length = (uint64_t)((hole < end ? hole : end) - data);

        if (length > left)
            return error_new(EXIT_OTHER, "copy '%s': more than %llu bytes of data", from_name,
                             (unsigned long long)max);
        left -= length;
        if (lseek(to, data, SEEK_SET) < 0)
            return error_errno(EXIT_OTHER, "write '%s'", to_name);
        TRY(copy_bytes(from_name, from, length, to, to_name));
    }
    if (data < 0 && errno != ENXIO) /* which means that only a hole is left */
        return error_errno(EXIT_OTHER, "read '%s'", from_name);
    return NULL;
}

struct error *file_copy_sparse(const char *from, int to, const char *to_name)
{
    CLEANUP(closep) int from_fd = open(from, O_RDONLY | O_CLOEXEC);
    struct stat status;

    if (from_fd < 0 || fstat(from_fd, &status) < 0)
        return error_errno(EXIT_OTHER, "read '%s'", from);
    if (ioctl(to, FICLONE, from_fd) == 0)
        return NULL;
    if (ftruncate(to, status.st_size) < 0)
        return error_errno(EXIT_OTHER, "write '%s'", to_name);
    return file_copy_data(from_fd, from, (uint64_t)status.st_size, UINT64_MAX, to, to_name);
}

bool file_list(int fd, struct strings *ret)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    CLEANUP(closedirp) DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;

    if (dir == NULL)
        return false;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);

        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            strings_add(ret, entry->d_name);
    }
    if (errno != 0)
        return false;
    strings_sort(ret);
    return true;
}

char *file_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return xstrdup(".");
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

char *file_without_slash(const char *path)
{
    size_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/')
        length--;
    return xstrndup(path, length);
}

mode_t file_mode(mode_t mode)
{
    mode_t mask = umask(077); /* the umask can only be read by setting it */

    umask(mask);
    return mode & ~mask;
}

static struct error *create(int dir_fd, const char *name, int *ret_fd)
{
    *ret_fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    return *ret_fd < 0 ? error_errno(EXIT_OTHER, "write '%s'", name) : NULL;
}

static struct error *close_made(int *fd, const char *name)
{
    return close(steal_fd(fd)) < 0 ? error_errno(EXIT_OTHER, "write '%s'", name) : NULL;
}

struct error *file_make(int dir_fd, const char *name, const void *bytes, size_t length)
{
    CLEANUP(closep) int fd = -1;

    TRY(create(dir_fd, name, &fd));
    TRY(file_write(bytes, length, fd, name));
    return close_made(&fd, name);
}

struct error *file_make_copy(int dir_fd, const char *name, const char *from, uint64_t size,
                             struct file_copier copier)
{
    CLEANUP(closep) int fd = -1;

    TRY(create(dir_fd, name, &fd));
    TRY(copier.copy(copier.context, from, size, fd, name));
    return close_made(&fd, name);
}
