#include "host/store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"

#define FOLDER_MODE 0700

const struct store_place store_places[] = {
    [STORE_BLOB] = {"blobs/sha256", 1}, [STORE_DERIVED] = {"derived", 2},
    [STORE_DISK] = {"disks", 1},        [STORE_SNAPSHOT] = {"snapshots", 1},
    [STORE_MOUNT] = {"mounts", 1},      [STORE_KINDS] = {"records", 2},
};

const char *const store_folders[STORE_FOLDERS] = {"facts", "lock", "sessions"};

bool store_file_remove(const char *path)
{
    struct stat status;

    temporary_remove(path);
    return lstat(path, &status) < 0 && errno == ENOENT;
}

struct error *store_file_make_folders(const char *path)
{
    if (mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST)
        return NULL;
    const char *slash = strrchr(path, '/');

    if (errno != ENOENT || slash == NULL || slash == path)
        return error_errno(EXIT_OTHER, "create the cache directory '%s'", path);
    CLEANUP(freep) char *above = xstrndup(path, (size_t)(slash - path));

    TRY(store_file_make_folders(above));
    if (mkdir(path, FOLDER_MODE) < 0 && errno != EEXIST)
        return error_errno(EXIT_OTHER, "create the cache directory '%s'", path);
    return NULL;
}

char *store_file_flat(const char *folder, const char *kind, const char *name)
{
    CLEANUP(freep) char *flat = xstrdup(name);

    for (char *c = flat; *c != '\0'; c++)
        if (*c == '/')
            *c = '-';
    return xasprintf("%s/%s/%s", folder, kind, flat);
}

bool store_file_read_at(int fd, char *bytes, size_t length, uint64_t offset)
{
    while (length > 0) {
        ssize_t got = pread(fd, bytes, length, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        bytes += got;
        length -= (size_t)got;
        offset += (uint64_t)got;
    }
    return true;
}

bool store_file_is_linked(int fd, const char *path)
{
    struct stat held;
    struct stat named;

    return fstat(fd, &held) == 0 && lstat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

void store_file_touch(int fd)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};

    (void)futimens(fd, times);
}

int store_file_open(const char *path)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd = open(path, flags | O_NOATIME);

    return fd >= 0 ? fd : open(path, flags);
}

struct error *store_file_rename(const char *path, const char *target)
{
    if (rename(path, target) == 0)
        return NULL;
    if (errno == ENOENT) {
        CLEANUP(freep) char *folder = file_folder(target);

        TRY(store_file_make_folders(folder));
        if (rename(path, target) == 0)
            return NULL;
    }
    if (errno == EISDIR && store_file_remove(target) && rename(path, target) == 0)
        return NULL;
    return error_errno(EXIT_OTHER, "write the cache entry '%s'", target);
}

struct error *store_file_write(struct store_session *session, const char *target, const char *bytes,
                               size_t length)
{
    CLEANUP(temporary_removep) char *path = NULL;
    CLEANUP(closep) int fd = -1;

    TRY(store_session_temporary(session, &path, &fd));
    TRY(file_write(bytes, length, fd, path));
    TRY(store_file_rename(path, target));
    free(STEAL(path));
    return NULL;
}
