#include "guest/tar/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/tar/names.h"
#include "guest/tar/path.h"

static int empty(int directory, const struct seen *seen, unsigned depth);

/* Deletes the directory NAME, or what SEEN does not keep of it. */
static int delete_folder(int directory, const char *name, const struct seen *seen, bool kept,
                         unsigned depth)
{
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -1;
    int status = empty(fd, kept ? seen : NULL, depth + 1);
    int cause = errno;

    close(fd);
    if (status) {
        errno = cause;
        return -1;
    }
    return kept ? 0 : unlinkat(directory, name, AT_REMOVEDIR);
}

static int delete_name(int directory, const char *name, const struct seen *seen, uint64_t folder,
                       unsigned depth)
{
    bool kept = seen != NULL && seen_has(seen, folder, name);

    if (!kept && unlinkat(directory, name, 0) == 0)
        return 0;
    if (!kept && errno == ENOENT)
        return 0;
    if (!kept && errno != EISDIR && errno != EPERM)
        return -1;
    struct stat status;

    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : -1;
    if (!S_ISDIR(status.st_mode)) {
        errno = EPERM;
        return kept ? 0 : -1;
    }
    return delete_folder(directory, name, seen, kept, depth);
}

static int empty(int directory, const struct seen *seen, unsigned depth)
{
    if (depth > PATH_DEPTH_MAX) {
        errno = ELOOP;
        return -1;
    }
    struct stat folder;
    struct names names;

    if (fstat(directory, &folder) || names_read(directory, &names))
        return -1;
    int status = 0;

    for (size_t i = 0; status == 0 && i < names.count; i++)
        status = delete_name(directory, names.items[i].text, seen, folder.st_ino, depth);
    int cause = errno;

    names_free(&names);
    errno = cause;
    return status;
}

int tree_delete(int directory, const char *name, const struct seen *seen, uint64_t folder)
{
    return delete_name(directory, name, seen, folder, 0);
}

int tree_empty(int directory, const struct seen *seen)
{
    return empty(directory, seen, 0);
}
