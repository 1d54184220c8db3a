#include "guest/tar/unpack_metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "guest/tar/attributes.h"
#include "guest/tar/posix_acl.h"

#define ID_MAX 4294967294 /* 2^32-1 means "no change" to chown */

/* The fraction of a PAX time below zero counts downwards from the whole second, as the sign is in
 * front of both; libarchive returns the parts as they were written. */
static struct timespec entry_mtime(struct archive_entry *entry)
{
    struct timespec time = {
        .tv_sec = archive_entry_mtime(entry),
        .tv_nsec = archive_entry_mtime_nsec(entry),
    };

    if (time.tv_sec < 0 && time.tv_nsec > 0) {
        time.tv_sec--;
        time.tv_nsec = 1000000000 - time.tv_nsec;
    }
    return time;
}

int unpack_metadata_read(struct unpacking *unpacking, struct target *target)
{
    struct archive_entry *entry = unpacking->entry;
    la_int64_t uid = archive_entry_uid(entry);
    la_int64_t gid = archive_entry_gid(entry);

    if (uid < 0 || uid > ID_MAX || gid < 0 || gid > ID_MAX) {
        return fault_set(unpacking->fault, 0, "unpack '%s': the owner %lld:%lld is out of range",
                         target->path, (long long)uid, (long long)gid);
    }
    target->uid = (uid_t)uid;
    target->gid = (gid_t)gid;
    target->mode = archive_entry_mode(entry);
    target->mtime = entry_mtime(entry);
    return 0;
}

/* Removes the attributes that NAME, in the working directory, has inherited or had before. Returns
 * 0, or -1 with errno. */
static int clear_xattrs(const char *name)
{
    char list[ATTRIBUTES_XATTR_MAX];
    ssize_t length = llistxattr(name, list, sizeof list);

    if (length < 0)
        return -1;
    for (const char *at = list; at < list + length; at += strlen(at) + 1)
        if (lremovexattr(name, at) && errno != ENODATA && errno != EOPNOTSUPP)
            return -1;
    return 0;
}

/* Attributes of another system, or of a kind that this file cannot have, are left out, as in
 * Docker. */
static int set_xattr(const char *name, const char *key, const void *value, size_t length)
{
    if (strncmp(key, ATTRIBUTES_OVERLAY, strlen(ATTRIBUTES_OVERLAY)) == 0 ||
        lsetxattr(name, key, value, length, 0) == 0)
        return 0;
    return errno == EOPNOTSUPP || errno == EPERM || errno == EINVAL ? 0 : -1;
}

static int set_acl(struct archive_entry *entry, const char *name, int type, const char *key)
{
    size_t length;
    void *value = posix_acl_encode(entry, type, &length);

    if (value == NULL)
        return errno ? -1 : 0;
    int status = set_xattr(name, key, value, length);

    free(value);
    return status;
}

/* There is no lsetxattr relative to a directory, so that becomes the working directory. */
static int set_xattrs(struct archive_entry *entry, const struct target *target)
{
    int count = archive_entry_xattr_reset(entry);
    int acls = archive_entry_acl_types(entry);
    bool clear = target->existed || (target->folder->inherits && !S_ISLNK(target->mode));

    if (count == 0 && acls == 0 && !clear)
        return 0;
    if (fchdir(target->folder->fd) || (clear && clear_xattrs(target->name)))
        return -1;
    /* The mode as an inherited ACL has changed it is restored once that is gone. */
    if (clear && fchmodat(AT_FDCWD, target->name, target->mode & 07777, 0))
        return -1;
    const char *key;
    const void *value;
    size_t length;

    while (archive_entry_xattr_next(entry, &key, &value, &length) == ARCHIVE_OK)
        if (key != NULL && set_xattr(target->name, key, value, length))
            return -1;
    return set_acl(entry, target->name, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, POSIX_ACL_ACCESS) ||
                   set_acl(entry, target->name, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, POSIX_ACL_DEFAULT)
               ? -1
               : 0;
}

int unpack_metadata_set(struct unpacking *unpacking, const struct target *target, int fd)
{
    int folder = target->folder->fd;
    bool chown_needed =
        target->uid != 0 || target->gid != 0 || target->existed || target->folder->inherits;

    if (chown_needed &&
        fchownat(folder, target->name, target->uid, target->gid, AT_SYMLINK_NOFOLLOW))
        return -1;
    /* chown drops setuid and setgid, mkdir takes neither. */
    bool chmod_needed = (chown_needed && (target->mode & 06000)) || target->existed ||
                        (S_ISDIR(target->mode) && (target->mode & 06000));

    if (chmod_needed && !S_ISLNK(target->mode) &&
        fchmodat(folder, target->name, target->mode & 07777, 0))
        return -1;
    if (set_xattrs(unpacking->entry, target))
        return -1;
    if (S_ISDIR(target->mode)) {
        struct stat status;

        return fstatat(folder, target->name, &status, AT_SYMLINK_NOFOLLOW) ||
                       folders_set_time(&unpacking->folders, target->name, status.st_ino,
                                        target->mtime)
                   ? -1
                   : 0;
    }
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, target->mtime};

    return fd >= 0 ? futimens(fd, times)
                   : utimensat(folder, target->name, times, AT_SYMLINK_NOFOLLOW);
}
