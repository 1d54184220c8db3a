#include "guest/lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

long file_read(const char *path, char *bytes, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t got = 1;

    if (fd < 0)
        return -1;
    /* A file of /proc is read a page at a time. */
    while (length < room && got > 0) {
        got = read(fd, bytes + length, room - length);
        length += got > 0 ? (size_t)got : 0;
    }
    int cause = errno;

    close(fd);
    errno = cause;
    return got < 0 ? -1 : (long)length;
}

char *file_read_whole(int folder, const char *path, size_t *ret_length)
{
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    struct stat status;

    if (fd < 0)
        return NULL;
    char *bytes = fstat(fd, &status) ? NULL : malloc((size_t)status.st_size + 1);
    ssize_t got = bytes != NULL ? read(fd, bytes, (size_t)status.st_size) : -1;

    if (got < 0) {
        free(bytes);
        bytes = NULL;
    } else {
        bytes[got] = '\0';
        *ret_length = (size_t)got;
    }
    int cause = errno;

    close(fd);
    errno = cause;
    return bytes;
}

int file_write_all(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length > 0) {
        ssize_t written = write(fd, at, length);

        if (written < 0)
            return -1;
        at += written;
        length -= (size_t)written;
    }
    return 0;
}

int file_write_setting(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    ssize_t written = write(fd, text, strlen(text));
    int cause = errno;

    close(fd);
    errno = cause;
    return written < 0 ? -1 : 0;
}
