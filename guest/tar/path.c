#include "guest/tar/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINKS_MAX 40 /* the kernel's own limit */

static int grow(struct path *path, size_t needed)
{
    if (needed <= path->room)
        return 0;
    size_t room = path->room ? path->room : 256;

    while (room < needed)
        room *= 2;
    char *bytes = realloc(path->bytes, room);

    if (bytes == NULL)
        return -1;
    path->bytes = bytes;
    path->room = room;
    return 0;
}

int path_push(struct path *path, const char *name)
{
    size_t length = strlen(name);

    if (length == 0)
        return 0;
    if (grow(path, path->length + length + 2))
        return -1;
    if (path->length > 0)
        path->bytes[path->length++] = '/';
    memcpy(path->bytes + path->length, name, length + 1);
    path->length += length;
    return 0;
}

void path_cut(struct path *path, size_t length)
{
    path->length = length;
    if (path->bytes != NULL)
        path->bytes[length] = '\0';
}

void path_free(struct path *path)
{
    free(path->bytes);
    *path = (struct path){0};
}

const char *path_text(const struct path *path)
{
    return path->bytes != NULL ? path->bytes : "";
}

int path_normalize(char *raw, const char **ret_why)
{
    char *to = raw;
    size_t depth = 0;

    if (strlen(raw) > PATH_LENGTH_MAX) {
        *ret_why = "too long";
        return -1;
    }
    for (const char *from = raw; *from;) {
        size_t length = strcspn(from, "/");
        const char *next = from + length + (from[length] == '/');

        if (length == 2 && from[0] == '.' && from[1] == '.') {
            *ret_why = "must not contain a '..' component";
            return -1;
        }
        if (length > 0 && !(length == 1 && from[0] == '.')) {
            if (++depth > PATH_DEPTH_MAX) {
                *ret_why = "too deep";
                return -1;
            }
            if (to != raw)
                *to++ = '/';
            memmove(to, from, length);
            to += length;
        }
        from = next;
    }
    *to = '\0';
    return 0;
}

/* Puts LINK, the text of a symbolic link, before the components of REST after the first CONSUMED
 * bytes. */
static int follow(struct path *rest, const char *link, size_t consumed)
{
    struct path joined = {0};

    if (path_push(&joined, link) ||
        (rest->length > consumed && path_push(&joined, rest->bytes + consumed))) {
        path_free(&joined);
        return -1;
    }
    path_free(rest);
    *rest = joined;
    return 0;
}

/* One step of path_resolve: moves the first component of REST to RET, or follows it. */
static int resolve_step(int root, struct path *rest, struct path *ret, unsigned *links)
{
    char name[NAME_MAX + 1];
    size_t length = strcspn(rest->bytes, "/");
    size_t consumed = length + strspn(rest->bytes + length, "/");

    if (length > NAME_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name, rest->bytes, length);
    name[length] = '\0';

    size_t before = ret->length;

    if (strcmp(name, "..") == 0) {
        char *slash = ret->length ? strrchr(ret->bytes, '/') : NULL;

        path_cut(ret, slash != NULL ? (size_t)(slash - ret->bytes) : 0);
    } else if (length > 0 && strcmp(name, ".") != 0) {
        char link[PATH_MAX];

        if (path_push(ret, name))
            return -1;
        ssize_t got = readlinkat(root, ret->bytes, link, sizeof link - 1);

        if (got >= 0) {
            if (++*links > LINKS_MAX) {
                errno = ELOOP;
                return -1;
            }
            link[got] = '\0';
            path_cut(ret, link[0] == '/' ? 0 : before);
            return follow(rest, link, consumed);
        }
        if (errno != EINVAL && errno != ENOENT && errno != ENOTDIR)
            return -1;
    }
    memmove(rest->bytes, rest->bytes + consumed, rest->length - consumed + 1);
    rest->length -= consumed;
    return 0;
}

int path_resolve(int root, const char *path, struct path *ret)
{
    struct path rest = {0};
    struct path found = {0};
    unsigned links = 0;
    int status = path_push(&rest, path);

    while (status == 0 && rest.length > 0)
        status = resolve_step(root, &rest, &found, &links);
    path_free(&rest);
    if (status) {
        path_free(&found);
        return -1;
    }
    *ret = found;
    return 0;
}

int path_open_parent(int root, const char *path, const char **ret_name)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH};
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) : 0;
    char parent[PATH_MAX] = ".";

    if (length >= sizeof parent) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (slash != NULL) {
        memcpy(parent, path, length);
        parent[length] = '\0';
    }
    *ret_name = slash != NULL ? slash + 1 : path;
    return (int)syscall(SYS_openat2, root, parent, &how, sizeof how);
}

int path_open(const char *path, bool follow)
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
                          last ? O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW)
                               : O_PATH | O_DIRECTORY | O_CLOEXEC);
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
