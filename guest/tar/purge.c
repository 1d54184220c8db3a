#include "guest/tar/purge.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/tar/attributes.h"
#include "guest/tar/names.h"

/* A directory that is being purged. */
struct place {
    int fd;
    uint64_t inode;
    unsigned int depth;
};

struct purge {
    struct folders *folders;
    struct path path; /* of the directory at hand, below the one where it started */
};

static int purge_place(struct purge *purge, struct place place);

/* Makes NAME in FOLDER, the directory THERE, one without an entry, made by this layer. */
static int make_implied(struct purge *purge, struct place folder, const char *name,
                        struct place there)
{
    return attributes_clear(there.fd) ||
                   folders_set_time(purge->folders, path_text(&purge->path), there.inode,
                                    (struct timespec){0}) ||
                   seen_add(purge->folders->seen, folder.inode, name)
               ? -1
               : 0;
}

/* Purges below NAME in FOLDER, the directory FD, then that itself unless the layer KEEPS it. */
static int purge_folder(struct purge *purge, struct place folder, const char *name, int fd,
                        bool keeps)
{
    struct stat status;
    size_t length = purge->path.length;

    if (fstat(fd, &status) || path_push(&purge->path, name))
        return -1;
    struct place there = {fd, status.st_ino, folder.depth + 1};
    int result = purge_place(purge, there);

    if (result == 0 && !keeps && unlinkat(folder.fd, name, AT_REMOVEDIR))
        result = errno == ENOTEMPTY ? make_implied(purge, folder, name, there) : -1;
    path_cut(&purge->path, length);
    return result;
}

/* Purges NAME in FOLDER. Mostly it is a file of a lower layer. */
static int purge_entry(struct purge *purge, struct place folder, const char *name)
{
    bool keeps = seen_has(purge->folders->seen, folder.inode, name);

    if (!keeps && unlinkat(folder.fd, name, 0) == 0)
        return 0;
    if (!keeps && errno != EISDIR && errno != EPERM)
        return errno == ENOENT ? 0 : -1;
    int fd = openat(folder.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) /* a file of this layer, or something that it has put here and deleted again */
        return keeps && (errno == ENOTDIR || errno == ENOENT) ? 0 : -1;
    int result = purge_folder(purge, folder, name, fd, keeps);
    int cause = errno;

    close(fd);
    errno = cause;
    return result;
}

/* Purges everything in PLACE. */
static int purge_place(struct purge *purge, struct place place)
{
    struct names names;

    if (place.depth > PATH_DEPTH_MAX) {
        errno = ELOOP;
        return -1;
    }
    if (names_read(place.fd, &names))
        return -1;
    int result = 0;

    for (size_t i = 0; result == 0 && i < names.count; i++)
        result = purge_entry(purge, place, names.items[i].text);
    int cause = errno;

    names_free(&names);
    errno = cause;
    return result;
}

/* Purges NAME in the last open directory; NULL: everything in it. */
static int purge(struct folders *folders, const char *name)
{
    const struct folder *last = &folders->open[folders->count - 1];
    struct place place = {last->fd, last->inode, 0};
    struct purge purge = {.folders = folders};
    int result = name != NULL ? purge_entry(&purge, place, name) : purge_place(&purge, place);
    int cause = errno;

    path_free(&purge.path);
    errno = cause;
    return result;
}

int purge_name(struct folders *folders, const char *name)
{
    return purge(folders, name);
}

int purge_children(struct folders *folders)
{
    return purge(folders, NULL);
}
