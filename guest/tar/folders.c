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

/* The path of the last open directory, in which there are no symbolic links. */
static const char *last_path(const struct folders *folders)
{
    const struct folder *last = &folders->open[folders->count - 1];

    return last->real != NULL ? last->real : path_text(&folders->path);
}

/* Returns the path of NAME in the last open directory, likewise but for NAME itself, to be freed;
 * NULL: memory is short. */
static char *path_below(const struct folders *folders, const char *name)
{
    struct path path = {0};

    if (path_push(&path, last_path(folders)) == 0 && path_push(&path, name) == 0)
        return path.bytes;
    path_free(&path);
    return NULL;
}

int folders_set_time(struct folders *folders, const char *name, uint64_t inode,
                     struct timespec mtime)
{
    char *path = path_below(folders, name);
    int status = path == NULL ? -1 : folder_times_keep(&folders->times, path, inode, mtime, true);

    free(path);
    return status;
}

int folders_apply_times(struct folders *folders, const char **ret_path)
{
    return folder_times_apply(&folders->times, ret_path);
}

/* Whether names that are made in the directory FD inherit something of it. */
static bool is_inherited(int fd, const struct stat *status)
{
    return (status->st_mode & S_ISGID) != 0 || fgetxattr(fd, POSIX_ACL_DEFAULT, NULL, 0) > 0;
}

/* Pushes FOLDER on the open ones, of which fd and real are set; its path is folders->path. */
static int push(struct folders *folders, struct folder folder)
{
    const char *path = folder.real != NULL ? folder.real : path_text(&folders->path);
    struct stat status;

    if (fstat(folder.fd, &status))
        return -1;
    if (folders->count == folders->room) {
        size_t room = folders->room ? folders->room * 2 : 64;
        struct folder *open = reallocarray(folders->open, room, sizeof *open);

        if (open == NULL)
            return -1;
        folders->open = open;
        folders->room = room;
    }
    if (folder_times_keep(&folders->times, path, status.st_ino, status.st_mtim, false))
        return -1;
    folder.inode = status.st_ino;
    folder.inherits = is_inherited(folder.fd, &status);
    folder.end = folders->path.length;
    folders->open[folders->count++] = folder;
    return 0;
}

int folders_open(struct folders *ret, int below, struct seen *seen)
{
    *ret = (struct folders){.below = below, .seen = seen};
    int fd = open("/", OPEN_FOLDER);

    if (fd < 0)
        return -1;
    if (push(ret, (struct folder){.fd = fd})) {
        int cause = errno;

        close(fd);
        folders_close(ret);
        errno = cause;
        return -1;
    }
    return 0;
}

int folders_read_root(struct folders *folders)
{
    struct folder *root = &folders->open[0];
    struct stat status;

    if (fstat(root->fd, &status))
        return -1;
    root->inherits = is_inherited(root->fd, &status);
    return 0;
}

static void close_last(struct folders *folders)
{
    struct folder *last = &folders->open[--folders->count];

    close(last->fd);
    free(last->real);
}

/* Closes all open directories but the first COUNT. */
static void cut(struct folders *folders, size_t count)
{
    while (folders->count > count)
        close_last(folders);
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

/* Makes the directory PATH, which is NAME in PARENT, like the one below, or without what it has
 * inherited: a group, S_ISGID, an ACL. Keeps its time. */
static int make_folder(struct folders *folders, int parent, const char *name, const char *path)
{
    struct stat made;
    struct stat model = {0};

    if (mkdirat(parent, name, 0700))
        return -1;
    int fd = openat(parent, name, OPEN_FOLDER | O_NOFOLLOW);
    int below = fd < 0 ? -1 : open_below(folders, path, O_RDONLY | O_DIRECTORY);
    int status = fd < 0 || attributes_clear(fd) || fstat(fd, &made) ||
                         (below >= 0 && (fstat(below, &model) || attributes_copy(below, fd))) ||
                         folder_times_keep(&folders->times, path, made.st_ino, model.st_mtim, true)
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

/* Keeps the time of the directory PATH, which is there already. */
static int keep_present_time(struct folders *folders, const char *path)
{
    struct stat status;

    return fstatat(folders->open[0].fd, path, &status, AT_SYMLINK_NOFOLLOW) ||
                   folder_times_keep(&folders->times, path, status.st_ino, status.st_mtim, false)
               ? -1
               : 0;
}

/* The layer has put NAME into the directory with this inode number. */
static int see(const struct folders *folders, uint64_t inode, const char *name)
{
    return folders->seen != NULL ? seen_add(folders->seen, inode, name) : 0;
}

/* Makes the directory PATH, below the root, unless it is there. *INODE is the number of the one
 * that holds it, and then its own. */
static int make_part(struct folders *folders, const char *path, uint64_t *inode)
{
    int root = folders->open[0].fd;
    const char *slash = strrchr(path, '/');
    struct stat status;

    if (make_folder(folders, root, path, path)
            ? errno != EEXIST || keep_present_time(folders, path)
            : see(folders, *inode, slash != NULL ? slash + 1 : path))
        return -1;
    if (fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW))
        return -1;
    *inode = status.st_ino;
    return 0;
}

/* Makes the directory that the dangling symbolic link PATH points to, with all that is missing on
 * the way to it, as containerd and umoci do. */
static int make_link_target(struct folders *folders, const char *path)
{
    struct path target = {0};
    uint64_t inode = folders->open[0].inode;
    int status = path_resolve(folders->open[0].fd, path, &target);

    for (size_t end = 0; status == 0 && end < target.length; end++) {
        end += strcspn(target.bytes + end, "/");
        char rest = target.bytes[end];

        target.bytes[end] = '\0';
        status = make_part(folders, target.bytes, &inode);
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
    const struct folder *top = &folders->open[folders->count - 1];

    if (make_link(folders, top->fd, name, path) == 0)
        return make_link_target(folders, path);
    if (make_folder(folders, top->fd, name, path) == 0)
        return see(folders, top->inode, name);
    return errno == EEXIST ? make_link_target(folders, path) : -1;
}

/* Opens NAME in the directory TOP. *RET_LINKED: it is a symbolic link to one. */
static int open_folder(int top, const char *name, bool *ret_linked)
{
    int fd = openat(top, name, OPEN_FOLDER | O_NOFOLLOW);

    *ret_linked = fd < 0 && (errno == ELOOP || errno == ENOTDIR);
    return *ret_linked ? openat(top, name, OPEN_FOLDER) : fd;
}

/* Deletes NAME in the last open directory, a file or a link to one, unless the layer has put it
 * there. Returns 0, or -1 with errno. */
static int make_room(const struct folders *folders, const char *name)
{
    const struct folder *top = &folders->open[folders->count - 1];

    if (folders->seen != NULL && !seen_has(folders->seen, top->inode, name))
        return unlinkat(top->fd, name, 0);
    errno = ENOTDIR;
    return -1;
}

/* Opens NAME in the last open directory; if it is missing and CREATE is set, makes it. A file that
 * may give way is as good as missing. */
static int open_or_make(struct folders *folders, const char *name, bool create, bool *ret_linked)
{
    int top = folders->open[folders->count - 1].fd;
    int fd = open_folder(top, name, ret_linked);

    if (fd >= 0 || !create || (errno != ENOENT && errno != ENOTDIR) ||
        (errno == ENOTDIR && make_room(folders, name)))
        return fd;
    char *path = path_below(folders, name);
    int status = path == NULL || make(folders, name, path) ? -1 : 0;
    int cause = errno;

    free(path);
    errno = cause;
    return status ? -1 : open_folder(top, name, ret_linked);
}

/* Finds the path without symbolic links of the directory NAME in the last open one, where it is one
 * if LINKED: to be freed, or NULL if it is the path that led there. Returns 0, or -1 if memory is
 * short. */
static int find_real(const struct folders *folders, const char *name, bool linked, char **ret)
{
    struct path found = {0};

    *ret = NULL;
    if (!linked && folders->open[folders->count - 1].real == NULL)
        return 0;
    *ret = path_below(folders, name);
    if (*ret != NULL && linked && path_resolve(folders->open[0].fd, *ret, &found) == 0) {
        free(*ret);
        *ret = found.bytes != NULL ? found.bytes : strdup("");
    } /* else it is too long */
    return *ret == NULL ? -1 : 0;
}

/* Descends into the directory NAME of the last open one. */
static int descend(struct folders *folders, const char *name, bool create)
{
    bool linked;
    char *real = NULL;
    int fd = open_or_make(folders, name, create, &linked);

    if (fd < 0)
        return -1;
    if (find_real(folders, name, linked, &real) || path_push(&folders->path, name) ||
        push(folders, (struct folder){.fd = fd, .real = real})) {
        free(real);
        close(fd);
        cut(folders, folders->count);
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

const struct folder *folders_parent(struct folders *folders, const char *path, bool create,
                                    const char **ret_name)
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
        if (descend(folders, name, create))
            return NULL;
        at += part;
    }
    *ret_name = slash != NULL ? slash + 1 : path;
    return &folders->open[folders->count - 1];
}

void folders_close(struct folders *folders)
{
    while (folders->count > 0)
        close_last(folders);
    folder_times_free(&folders->times);
    free(folders->open);
    path_free(&folders->path);
    *folders = (struct folders){0};
}
