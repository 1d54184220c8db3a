#include "guest/tar/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "guest/tar/attributes.h"
#include "guest/tar/posix_acl.h"

#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static struct folder_time *find_time(const struct folders *folders, uint64_t inode,
                                     uint32_t **ret_slot)
{
    size_t at = (inode * 0x9e3779b97f4a7c15u >> 32) & (folders->slot_room - 1);

    while (folders->slots[at] != 0 && folders->times[folders->slots[at] - 1].inode != inode)
        at = (at + 1) & (folders->slot_room - 1);
    *ret_slot = &folders->slots[at];
    return folders->slots[at] ? &folders->times[folders->slots[at] - 1] : NULL;
}

static int grow_times(struct folders *folders)
{
    size_t room = folders->time_room ? folders->time_room * 2 : 256;
    struct folder_time *times = reallocarray(folders->times, room, sizeof *times);
    uint32_t *slots = calloc(room * 2, sizeof *slots);

    if (times != NULL)
        folders->times = times;
    if (times == NULL || slots == NULL || room > UINT32_MAX / 2) {
        free(slots);
        errno = ENOMEM;
        return -1;
    }
    free(folders->slots);
    folders->slots = slots;
    folders->slot_room = room * 2;
    folders->time_room = room;
    for (size_t i = 0; i < folders->time_count; i++) {
        uint32_t *slot;

        find_time(folders, times[i].inode, &slot);
        *slot = (uint32_t)i + 1;
    }
    return 0;
}

static int keep_time(struct folders *folders, const char *path, uint64_t inode,
                     struct timespec mtime, bool replace)
{
    if (folders->time_count == folders->time_room && grow_times(folders))
        return -1;
    uint32_t *slot;
    struct folder_time *known = find_time(folders, inode, &slot);

    if (known != NULL && !replace)
        return 0;
    char *copy = strdup(path);

    if (copy == NULL)
        return -1;
    if (known != NULL) {
        free(known->path);
    } else {
        known = &folders->times[folders->time_count++];
        *slot = (uint32_t)folders->time_count;
    }
    *known = (struct folder_time){.inode = inode, .path = copy, .mtime = mtime};
    return 0;
}

int folders_set_time(struct folders *folders, const char *path, uint64_t inode,
                     struct timespec mtime)
{
    return keep_time(folders, path, inode, mtime, true);
}

/* Pushes the directory FD, whose path is folders->path, on the open ones. */
static int push(struct folders *folders, int fd)
{
    struct stat status;

    if (fstat(fd, &status))
        return -1;
    if (folders->count == folders->room) {
        size_t room = folders->room ? folders->room * 2 : 64;
        struct folder *open = reallocarray(folders->open, room, sizeof *open);

        if (open == NULL)
            return -1;
        folders->open = open;
        folders->room = room;
    }
    if (keep_time(folders, path_text(&folders->path), status.st_ino, status.st_mtim, false))
        return -1;
    folders->open[folders->count++] = (struct folder){
        .fd = fd,
        .inode = status.st_ino,
        .inherits =
            (status.st_mode & S_ISGID) != 0 || fgetxattr(fd, POSIX_ACL_DEFAULT, NULL, 0) > 0,
        .end = folders->path.length,
    };
    return 0;
}

int folders_open(struct folders *ret, int below)
{
    *ret = (struct folders){.below = below};
    int fd = open("/", OPEN_FOLDER);

    if (fd < 0)
        return -1;
    if (push(ret, fd)) {
        int cause = errno;

        close(fd);
        folders_close(ret);
        errno = cause;
        return -1;
    }
    return 0;
}

/* Closes all open directories but the first COUNT. */
static void cut(struct folders *folders, size_t count)
{
    while (folders->count > count)
        close(folders->open[--folders->count].fd);
    path_cut(&folders->path, folders->open[count - 1].end);
}

void folders_forget(struct folders *folders)
{
    cut(folders, 1);
}

/* Keeps those open that lead to the directory whose path is the first LENGTH bytes of PATH. */
static void cut_to_common(struct folders *folders, const char *path, size_t length)
{
    size_t keep = 1;
    const char *text = path_text(&folders->path);

    while (keep < folders->count) {
        size_t end = folders->open[keep].end;
        size_t start = folders->open[keep - 1].end;

        if (end > length || (end < length && path[end] != '/') ||
            memcmp(path + start, text + start, end - start) != 0)
            break;
        keep++;
    }
    cut(folders, keep);
}

/* Opens PATH in the tree below, in which absolute links start at the root. Returns a descriptor, or
 * -1 with errno. */
static int open_below(const struct folders *folders, const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};

    if (folders->below < 0) {
        errno = ENOENT;
        return -1;
    }
    return (int)syscall(SYS_openat2, folders->below, *path ? path : ".", &how, sizeof how);
}

/* Makes the directory PATH, which is NAME in PARENT, like the one below, or plain, and keeps its
 * time. */
static int make_folder(struct folders *folders, int parent, const char *name, const char *path)
{
    struct stat made;
    struct stat model = {0};

    if (mkdirat(parent, name, 0755))
        return -1;
    int fd = openat(parent, name, OPEN_FOLDER | O_NOFOLLOW);
    int below = fd < 0 ? -1 : open_below(folders, path, O_RDONLY | O_DIRECTORY);
    int status = fd < 0 || fstat(fd, &made) ||
                         (below >= 0 && (fstat(below, &model) || attributes_copy(below, fd))) ||
                         keep_time(folders, path, made.st_ino, model.st_mtim, true)
                     ? -1
                     : 0;
    int cause = errno;

    if (below >= 0)
        close(below);
    if (fd >= 0)
        close(fd);
    errno = cause;
    return status;
}

/* Makes PATH, which is NAME in PARENT, the symbolic link that it is below. Returns 0, or -1 if it
 * is not a link there. */
static int make_link(struct folders *folders, int parent, const char *name, const char *path)
{
    char target[PATH_MAX];
    struct stat status;
    int below = open_below(folders, path, O_PATH | O_NOFOLLOW);

    if (below < 0)
        return -1;
    ssize_t length = fstat(below, &status) ? -1 : readlinkat(below, "", target, PATH_MAX - 1);

    close(below);
    if (length <= 0)
        return -1;
    target[length] = '\0';
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, status.st_mtim};

    return symlinkat(target, parent, name) ||
                   fchownat(parent, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) ||
                   utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW)
               ? -1
               : 0;
}

/* Makes the directory that the dangling symbolic link PATH points to, with all that is missing on
 * the way to it, as containerd and umoci do. */
static int make_link_target(struct folders *folders, const char *path)
{
    struct path target = {0};
    int root = folders->open[0].fd;
    int status = path_resolve(root, path, &target);

    for (size_t end = 0; status == 0 && end < target.length; end++) {
        end += strcspn(target.bytes + end, "/");
        char rest = target.bytes[end];

        target.bytes[end] = '\0';
        status = make_folder(folders, root, target.bytes, target.bytes);
        if (status && errno == EEXIST)
            status = 0;
        target.bytes[end] = rest;
    }
    int cause = errno;

    path_free(&target);
    errno = cause;
    return status;
}

/* Makes the directory NAME in the last open one, or a link to one; PATH is its path. */
static int make(struct folders *folders, const char *name, const char *path)
{
    int top = folders->open[folders->count - 1].fd;

    if (make_link(folders, top, name, path) == 0 ||
        (make_folder(folders, top, name, path) && errno == EEXIST))
        return make_link_target(folders, path);
    return 0;
}

/* Opens NAME in the last open directory; if it is missing and CREATE is set, makes it. */
static int open_or_make(struct folders *folders, const char *name, bool create)
{
    int top = folders->open[folders->count - 1].fd;
    int fd = openat(top, name, OPEN_FOLDER);
    struct path path = {0};

    if (fd >= 0 || errno != ENOENT || !create)
        return fd;
    int status = path_push(&path, path_text(&folders->path)) || path_push(&path, name) ||
                         make(folders, name, path_text(&path))
                     ? -1
                     : 0;
    int cause = errno;

    path_free(&path);
    errno = cause;
    return status ? -1 : openat(top, name, OPEN_FOLDER);
}

/* Descends into the directory NAME of the last open one. */
static int descend(struct folders *folders, const char *name, bool create, struct seen *seen)
{
    int fd = open_or_make(folders, name, create);

    if (fd < 0)
        return -1;
    if ((create && seen != NULL && seen_add(seen, folders->open[folders->count - 1].inode, name)) ||
        path_push(&folders->path, name) || push(folders, fd)) {
        close(fd);
        cut(folders, folders->count);
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

const struct folder *folders_parent(struct folders *folders, const char *path, bool create,
                                    struct seen *seen, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) : 0;

    cut_to_common(folders, path, length);
    size_t at = folders->path.length;

    while (at < length) {
        char name[NAME_MAX + 1];

        at += path[at] == '/';
        size_t part = strcspn(path + at, "/");

        if (part > NAME_MAX) {
            errno = ENAMETOOLONG;
            return NULL;
        }
        memcpy(name, path + at, part);
        name[part] = '\0';
        if (descend(folders, name, create, seen))
            return NULL;
        at += part;
    }
    *ret_name = slash != NULL ? slash + 1 : path;
    return &folders->open[folders->count - 1];
}

int folders_open_path(const char *path)
{
    int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    while (at >= 0) {
        char part[PATH_MAX];
        size_t length = strlen(path);
        bool last = length < PATH_MAX;

        if (!last) {
            for (length = PATH_MAX - 1; length > 0 && path[length] != '/'; length--) {
            }
        }
        memcpy(part, path, length);
        part[length] = '\0';
        int next = openat(at, *part ? part : ".",
                          last ? OPEN_FOLDER | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_CLOEXEC);
        int cause = errno;

        close(at);
        errno = cause;
        if (last)
            return next;
        at = next;
        path += length + 1;
    }
    return -1;
}

int folders_apply_times(struct folders *folders, const char **ret_path)
{
    for (size_t i = 0; i < folders->time_count; i++) {
        const struct folder_time *time = &folders->times[i];
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, time->mtime};

        *ret_path = time->path;
        int fd = folders_open_path(time->path);

        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
            continue; /* deleted or replaced since */
        struct stat status;

        if (fd < 0 || fstat(fd, &status) || (status.st_ino == time->inode && futimens(fd, times))) {
            int cause = errno;

            if (fd >= 0)
                close(fd);
            errno = cause;
            return -1;
        }
        close(fd);
    }
    return 0;
}

void folders_close(struct folders *folders)
{
    while (folders->count > 0)
        close(folders->open[--folders->count].fd);
    for (size_t i = 0; i < folders->time_count; i++)
        free(folders->times[i].path);
    free(folders->open);
    free(folders->times);
    free(folders->slots);
    path_free(&folders->path);
    *folders = (struct folders){0};
}
