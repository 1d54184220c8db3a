#include "file.h"

#include <fcntl.h>
#include <sys/types.h>

#include "cleanup.h"

#define PIECE (64u << 10)

struct error *file_read(const char *path, const char *what, size_t max, enum exit_code code,
                        struct buffer *out)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t start = out->length;

    if (fd < 0) {
        int cause = errno;
        struct error *err = error_errno(code, "read %s '%s'", what, path);

        errno = cause;
        return err;
    }
    for (;;) {
        ssize_t got = read(fd, buffer_reserve(out, PIECE), PIECE);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(code, "read %s '%s'", what, path);
        if (got == 0)
            return NULL;
        out->length += (size_t)got;
        if (out->length - start > max)
            return error_new(code, "read %s '%s': it has more than %zu bytes", what, path, max);
    }
}
