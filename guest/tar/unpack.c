#include "guest/tar/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "guest/tar/charset.h"
#include "guest/tar/folders.h"
#include "guest/tar/path.h"
#include "guest/tar/posix_acl.h"
#include "guest/tar/seen.h"
#include "guest/tar/tree.h"

#define READ_SIZE (1u << 20)
#define READ_ALIGNMENT 4096 /* more than any disk asks for that is read with O_DIRECT */
#define ID_MAX 4294967294   /* 2^32-1 means "no change" to chown */
#define WHITEOUT_PREFIX ".wh."
#define OPAQUE_NAME ".wh..wh..opq"
/* What libarchive gives as the number of errors in the format, where the system has EILSEQ. */
#define NAME_NOT_ASCII EILSEQ
#define OVERLAY_XATTRS "trusted.overlay."

struct unpacking {
    enum unpack_kind kind;
    int source;
    void *block; /* READ_SIZE bytes */
    struct archive *archive;
    struct archive_entry *entry;
    struct folders folders;
    struct seen seen;
    struct fault *fault;
};

/* What an entry is to become. */
struct target {
    const char *path;
    const char *name; /* PATH's last component */
    const struct folder *folder;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    struct timespec mtime;
    bool existed; /* a folder that was there before */
};

int unpack_is_disks_fault(int code)
{
    return code == ENOSPC || code == EDQUOT || code == EIO || code == ENOMEM || code == EROFS ||
           code == EMFILE || code == ENFILE;
}

static int fail(struct unpacking *unpacking, const char *path)
{
    return fault_set(unpacking->fault, errno, "unpack '%s'", path);
}

/* The value of a PAX time below zero counts from its whole second downwards, as its sign is in
 * front of both; libarchive hands over the parts as they were written. */
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

/* Deletes what is in the way of TARGET. A folder that meets a folder stays: *RET_STAYS. */
static int make_room(const struct target *target, bool *ret_stays)
{
    struct stat status;

    *ret_stays = false;
    if (fstatat(target->folder->fd, target->name, &status, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : -1;
    if (S_ISDIR(status.st_mode) && S_ISDIR(target->mode)) {
        *ret_stays = true;
        return 0;
    }
    return tree_delete(target->folder->fd, target->name, NULL, 0);
}

/* Writes the entry's data. Returns 0, or -1 with FAULT. */
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

        while (length > 0) {
            ssize_t written = pwrite(fd, at, length, offset);

            if (written < 0)
                return fail(unpacking, path);
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

    return size > end && ftruncate(fd, size) ? fail(unpacking, path) : 0;
}

/* Removes the attributes that the folder before it gave NAME, or that it had before. The working
 * folder holds NAME. */
static int clear_xattrs(const char *name)
{
    char list[64 << 10];
    ssize_t length = llistxattr(name, list, sizeof list);

    if (length < 0)
        return -1;
    for (const char *at = list; at < list + length; at += strlen(at) + 1)
        if (lremovexattr(name, at) && errno != ENODATA && errno != EOPNOTSUPP)
            return -1;
    return 0;
}

/* Attributes of another system, or of a kind that this file cannot have, are left out, as Docker
 * leaves them out. */
static int set_xattr(const char *name, const char *key, const void *value, size_t length)
{
    if (strncmp(key, OVERLAY_XATTRS, strlen(OVERLAY_XATTRS)) == 0 ||
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

/* There is no lsetxattr relative to a folder, so that folder becomes the working folder. */
static int set_xattrs(struct archive_entry *entry, const struct target *target)
{
    int count = archive_entry_xattr_reset(entry);
    int acls = archive_entry_acl_types(entry);
    bool clear = target->existed || (target->folder->inherits && !S_ISLNK(target->mode));

    if (count == 0 && acls == 0 && !clear)
        return 0;
    if (fchdir(target->folder->fd) || (clear && clear_xattrs(target->name)))
        return -1;
    /* What an inherited ACL made of the mode is undone after it is gone. */
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

/* Gives what was made its owner, mode, attributes and, but for a folder, its mtime. FD is a regular
 * file's, else -1. */
static int set_metadata(struct unpacking *unpacking, const struct target *target, int fd)
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
                       folders_set_time(&unpacking->folders, target->path, status.st_ino,
                                        target->mtime)
                   ? -1
                   : 0;
    }
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, target->mtime};

    return fd >= 0 ? futimens(fd, times)
                   : utimensat(folder, target->name, times, AT_SYMLINK_NOFOLLOW);
}

/* Makes the bare file. *RET_FD is a regular file's descriptor, else -1. Returns 0 or -1 with
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

static int make_link(struct unpacking *unpacking, const struct target *target, char *link)
{
    const char *why;

    if (path_normalize(link, &why)) {
        return fault_set(unpacking->fault, 0, "unpack '%s': its link's target '%s': %s",
                         target->path, link, why);
    }
    char *slash = strrchr(link, '/');
    const char *name = slash != NULL ? slash + 1 : link;

    if (slash != NULL)
        *slash = '\0';
    int from = folders_open_path(slash != NULL ? link : "");

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

/* Makes TARGET, which is not a hard link. Mostly nothing is in its way, so that is looked for only
 * when the kernel says so. */
static int make(struct unpacking *unpacking, struct target *target)
{
    int fd;
    int status = create(unpacking->entry, target, &fd);

    if (status && errno == EEXIST) {
        status = make_room(target, &target->existed);
        if (status == 0 && !target->existed)
            status = create(unpacking->entry, target, &fd);
    }
    if (status)
        return fail(unpacking, target->path);
    status = fd >= 0 ? write_data(unpacking, target->path, fd) : 0;
    if (status == 0 && set_metadata(unpacking, target, fd))
        status = fail(unpacking, target->path);
    if (fd >= 0 && close(fd) && status == 0)
        status = fail(unpacking, target->path);
    return status;
}

/* The entry of the tree's root folder: attributes alone. */
static int set_root(struct unpacking *unpacking, struct target *target)
{
    folders_forget(&unpacking->folders);
    target->folder = &unpacking->folders.open[0];
    target->name = ".";
    target->existed = true;
    return S_ISDIR(target->mode) && set_metadata(unpacking, target, -1) ? fail(unpacking, "/") : 0;
}

/* Carries out a whiteout. NAME is the last component of PATH. */
static int apply_whiteout(struct unpacking *unpacking, const char *path, const char *name)
{
    const char *hidden = name + strlen(WHITEOUT_PREFIX);
    bool opaque = strcmp(name, OPAQUE_NAME) == 0;

    if (unpacking->kind == UNPACK_LOWEST_LAYER ||
        (!opaque && strncmp(hidden, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0))
        return 0;
    if (*hidden == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
        return fault_set(unpacking->fault, 0, "unpack '%s': it is not a whiteout of a name", path);
    const char *last;
    const struct folder *folder = folders_parent(&unpacking->folders, path, false, NULL, &last);

    if (folder == NULL)
        return errno == ENOENT || errno == ENOTDIR ? 0 : fail(unpacking, path);
    int status = opaque ? tree_empty(folder->fd, &unpacking->seen)
                        : tree_delete(folder->fd, hidden, &unpacking->seen, folder->inode);

    if (status)
        return fail(unpacking, path);
    folders_forget(&unpacking->folders);
    return 0;
}

/* Reads the entry's attributes into TARGET. Returns 0, or -1 with FAULT. */
static int read_attributes(struct unpacking *unpacking, struct target *target)
{
    struct archive_entry *entry = unpacking->entry;
    la_int64_t uid = archive_entry_uid(entry);
    la_int64_t gid = archive_entry_gid(entry);

    if (uid < 0 || uid > ID_MAX || gid < 0 || gid > ID_MAX) {
        return fault_set(unpacking->fault, 0, "unpack '%s': its owner %lld:%lld is out of range",
                         target->path, (long long)uid, (long long)gid);
    }
    target->uid = (uid_t)uid;
    target->gid = (gid_t)gid;
    target->mode = archive_entry_mode(entry);
    target->mtime = entry_mtime(entry);
    return 0;
}

static int apply_entry(struct unpacking *unpacking, char *path, char *link)
{
    struct target target = {.path = path};
    const char *why;

    if (path_normalize(path, &why))
        return fault_set(unpacking->fault, 0, "unpack '%s': %s", path, why);
    if (read_attributes(unpacking, &target))
        return -1;
    if (*path == '\0')
        return set_root(unpacking, &target);
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;

    if (unpacking->kind != UNPACK_CONTENTS &&
        strncmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
        return apply_whiteout(unpacking, path, name);
    struct seen *seen = unpacking->kind == UNPACK_LAYER ? &unpacking->seen : NULL;

    target.folder = folders_parent(&unpacking->folders, path, true, seen, &target.name);
    if (target.folder == NULL)
        return fail(unpacking, path);
    if (seen != NULL && seen_add(seen, target.folder->inode, target.name))
        return fail(unpacking, path);
    return link != NULL ? make_link(unpacking, &target, link) : make(unpacking, &target);
}

/* Takes the entry that libarchive has read. Its strings are copied, as they are changed. */
static int take_entry(struct unpacking *unpacking)
{
    const char *path = archive_entry_pathname(unpacking->entry);
    const char *link = archive_entry_hardlink(unpacking->entry);

    if (path == NULL)
        return fault_set(unpacking->fault, 0, "read the tar: an entry has no name");
    char *path_copy = strdup(path);
    char *link_copy = link != NULL ? strdup(link) : NULL;
    int status;

    if (path_copy == NULL || (link != NULL && link_copy == NULL))
        status = fault_set(unpacking->fault, ENOMEM, "unpack '%s'", path);
    else
        status = apply_entry(unpacking, path_copy, link_copy);
    free(path_copy);
    free(link_copy);
    return status;
}

/* A warning is only taken for that of a name that is not ASCII (see charset.h), which has this
 * number; all others tell of headers that libarchive could not make sense of. */
static bool is_harmless(struct archive *archive, int status)
{
    return status == ARCHIVE_OK ||
           (status == ARCHIVE_WARN && archive_errno(archive) == NAME_NOT_ASCII);
}

static int unpack_entries(struct unpacking *unpacking)
{
    for (;;) {
        int status = archive_read_next_header(unpacking->archive, &unpacking->entry);

        if (status == ARCHIVE_EOF)
            return 0;
        if (!is_harmless(unpacking->archive, status)) {
            int code = archive_errno(unpacking->archive);

            return fault_set(unpacking->fault, unpack_is_disks_fault(code) ? code : 0,
                             "read the tar: %s", archive_error_string(unpacking->archive));
        }
        if (take_entry(unpacking))
            return -1;
    }
}

static la_ssize_t read_block(struct archive *archive, void *context, const void **ret)
{
    struct unpacking *unpacking = context;
    ssize_t length;

    do {
        length = read(unpacking->source, unpacking->block, READ_SIZE);
    } while (length < 0 && errno == EINTR);
    if (length < 0)
        archive_set_error(archive, errno, "its source fails");
    *ret = unpacking->block;
    return length;
}

static int unpack_tar(int source, enum unpack_kind kind, int base, struct fault *fault)
{
    struct unpacking unpacking = {.kind = kind, .source = source, .fault = fault};

    charset_for_reading();
    unpacking.archive = archive_read_new();
    unpacking.block = aligned_alloc(READ_ALIGNMENT, READ_SIZE);
    if (unpacking.archive == NULL || unpacking.block == NULL ||
        folders_open(&unpacking.folders, base)) {
        free(unpacking.block);
        archive_read_free(unpacking.archive);
        return fault_set(fault, errno, "open the tree");
    }
    int status;

    if (archive_read_support_format_tar(unpacking.archive) != ARCHIVE_OK ||
        archive_read_open(unpacking.archive, &unpacking, NULL, read_block, NULL) != ARCHIVE_OK)
        status = fault_set(fault, 0, "read the tar: %s", archive_error_string(unpacking.archive));
    else
        status = unpack_entries(&unpacking);
    const char *path;

    if (status == 0 && folders_apply_times(&unpacking.folders, &path))
        status = fail(&unpacking, path);
    archive_read_free(unpacking.archive);
    free(unpacking.block);
    folders_close(&unpacking.folders);
    seen_free(&unpacking.seen);
    return status;
}

int unpack(int source, enum unpack_kind kind, struct fault *fault)
{
    return unpack_tar(source, kind, -1, fault);
}

int unpack_over(int source, int base, struct fault *fault)
{
    return unpack_tar(source, UNPACK_CONTENTS, base, fault);
}
