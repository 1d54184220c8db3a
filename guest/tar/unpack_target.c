#include "guest/tar/unpack_target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest/tar/path.h"
#include "guest/tar/tree.h"
#include "guest/tar/unpack_metadata.h"

#define HOLE_LEAST (64u << 10) /* bytes */

/* Deletes what is in the way of TARGET. If both are directories, it stays: *RET_STAYS. Returns 0,
 * or -1 with errno. */
static int make_room(struct target *target, bool *ret_stays)
{
    struct stat status;

    *ret_stays = false;
    if (fstatat(target->folder->fd, target->name, &status, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : -1;
    if (S_ISDIR(status.st_mode) && S_ISDIR(target->mode)) {
        *ret_stays = true;
        return 0;
    }
    target->replaced = !S_ISREG(status.st_mode);
    return tree_delete(target->folder->fd, target->name);
}

/* Whether the bytes are a run of zeros that is better left a hole, as of a lastlog. */
static bool is_hole(const unsigned char *bytes, size_t length)
{
    return length >= HOLE_LEAST && bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/* Writes the entry's data to FD. Returns 0, or -1 with the fault. */
static int write_data(struct unpacking *unpacking, const char *path, int fd)
{
    const void *bytes;
    size_t length;
    la_int64_t offset;
    int64_t end = 0;
    int status;

    while ((status = archive_read_data_block(unpacking->archive, &bytes, &length, &offset)) ==
           ARCHIVE_OK) {
        const unsigned char *at = bytes;

        if (is_hole(at, length))
            continue;
        while (length > 0) {
            ssize_t written = pwrite(fd, at, length, offset);

            if (written < 0)
                return unpacking_fail(unpacking, path);
            at += written;
            offset += written;
            length -= (size_t)written;
        }
        end = offset;
    }
    if (status != ARCHIVE_EOF) {
        return fault_set(unpacking->fault, 0, "read '%s': %s", path,
                         archive_error_string(unpacking->archive));
    }
    int64_t size = archive_entry_size(unpacking->entry);

    return size > end && ftruncate(fd, size) ? unpacking_fail(unpacking, path) : 0;
}

/* Makes the bare file. *RET_FD is a regular file's descriptor, else -1. Returns 0, or -1 with
 * errno. */
static int create(struct archive_entry *entry, const struct target *target, int *ret_fd)
{
    int folder = target->folder->fd;

    *ret_fd = -1;
    switch (target->mode & S_IFMT) {
    case S_IFREG:
        *ret_fd = openat(folder, target->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                         target->mode & 07777);
        return *ret_fd < 0 ? -1 : 0;
    case S_IFDIR:
        return mkdirat(folder, target->name, target->mode & 07777);
    case S_IFLNK: {
        const char *link = archive_entry_symlink(entry);

        return symlinkat(link != NULL ? link : "", folder, target->name);
    }
    default:
        return mknodat(folder, target->name, target->mode,
                       makedev(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry)));
    }
}

static int link_fail(struct unpacking *unpacking, const struct target *target, const char *link)
{
    return fault_set(unpacking->fault, errno, "unpack '%s', a hard link to '%s'", target->path,
                     link);
}

int unpack_target_link(struct unpacking *unpacking, struct target *target, char *link)
{
    const char *why;

    if (path_normalize(link, &why)) {
        return fault_set(unpacking->fault, 0, "unpack '%s': its target '%s': %s", target->path,
                         link, why);
    }
    char *slash = strrchr(link, '/');
    const char *name = slash != NULL ? slash + 1 : link;

    if (slash != NULL)
        *slash = '\0';
    int from = path_open(slash != NULL ? link : "", true);

    if (slash != NULL)
        *slash = '/';
    if (from < 0)
        return link_fail(unpacking, target, link);
    int status = linkat(from, name, target->folder->fd, target->name, 0);

    if (status && errno == EEXIST) {
        struct stat old, new;
        bool stays = false;
        bool same = fstatat(from, name, &old, AT_SYMLINK_NOFOLLOW) == 0 &&
                    fstatat(target->folder->fd, target->name, &new, AT_SYMLINK_NOFOLLOW) == 0 &&
                    old.st_ino == new.st_ino;

        status = same || (make_room(target, &stays) == 0 &&
                          linkat(from, name, target->folder->fd, target->name, 0) == 0)
                     ? 0
                     : -1;
    }
    int cause = errno;

    close(from);
    errno = cause;
    return status ? link_fail(unpacking, target, link) : 0;
}

/* Mostly nothing is in the way, so that is looked for only when the kernel reports it. */
int unpack_target_make(struct unpacking *unpacking, struct target *target)
{
    int fd;
    int status = create(unpacking->entry, target, &fd);

    if (status && errno == EEXIST) {
        status = make_room(target, &target->existed);
        if (status == 0 && !target->existed)
            status = create(unpacking->entry, target, &fd);
    }
    if (status)
        return unpacking_fail(unpacking, target->path);
    status = fd >= 0 ? write_data(unpacking, target->path, fd) : 0;
    if (status == 0 && unpack_metadata_set(unpacking, target, fd))
        status = unpacking_fail(unpacking, target->path);
    if (fd >= 0 && close(fd) && status == 0)
        status = unpacking_fail(unpacking, target->path);
    return status;
}
