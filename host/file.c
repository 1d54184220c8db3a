#include "file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/types.h>

#include "cleanup.h"

#define PIECE (64u << 10)

struct error *file_read_open(int fd, size_t max, enum exit_code code, struct buffer *out)
{
    size_t start = out->length;

    for (;;) {
        ssize_t got = read(fd, buffer_reserve(out, PIECE), PIECE);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_new(code, "%s", strerror(errno));
        if (got == 0)
            return NULL;
        out->length += (size_t)got;
        if (out->length - start > max)
            return error_new(code, "it has more than %zu bytes", max);
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
