#include "guest/tar/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "guest/tar/names.h"
#include "guest/tar/path.h"

static int empty(int directory, unsigned int depth);

static int delete_folder(int directory, const char *name, unsigned int depth)
{
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -1;
    int status = empty(fd, depth + 1);
    int cause = errno;

    close(fd);
    errno = cause;
    return status ? -1 : unlinkat(directory, name, AT_REMOVEDIR);
}

static int delete_name(int directory, const char *name, unsigned int depth)
{
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
        return 0;
    return errno == EISDIR || errno == EPERM ? delete_folder(directory, name, depth) : -1;
}

static int empty(int directory, unsigned int depth)
{
    struct names names;

    if (depth > PATH_DEPTH_MAX) {
        errno = ELOOP;
        return -1;
    }
    if (names_read(directory, &names))
        return -1;
    int status = 0;

    for (size_t i = 0; status == 0 && i < names.count; i++)
        status = delete_name(directory, names.items[i].text, depth);
    int cause = errno;

    names_free(&names);
    errno = cause;
    return status;
}

int tree_delete(int directory, const char *name)
{
    return delete_name(directory, name, 0);
}

int tree_empty(int directory)
{
    return empty(directory, 0);
}
