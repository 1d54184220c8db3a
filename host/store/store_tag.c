#include "host/store/store_tag.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/store/store_file.h"

static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                          "# This directory is the cache of vmbuild.\n";

static void close_dir(DIR **dir)
{
    if (*dir != NULL)
        closedir(*dir);
}

/* Whether PATH begins with the directory NAME. */
static bool is_first(const char *path, const char *name)
{
    size_t length = strlen(name);

    return strncmp(path, name, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* Whether ENTRY of the directory FD may be in a store that has no tag: a directory of it, as where
 * only some of them were kept, or the file system's own, as in a volume. */
static bool is_known(int fd, const char *entry)
{
    struct stat status;

    if (strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0 || strcmp(entry, "lost+found") == 0)
        return true;
    if (fstatat(fd, entry, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode))
        return false;
    for (size_t i = 0; i < sizeof store_places / sizeof *store_places; i++)
        if (is_first(store_places[i].folder, entry))
            return true;
    for (size_t i = 0; i < STORE_FOLDERS; i++)
        if (strcmp(store_folders[i], entry) == 0)
            return true;
    return false;
}

/* Sets RET to whether the directory FOLDER has other files than a store. */
static struct error *has_others(const char *folder, bool *ret)
{
    CLEANUP(close_dir) DIR *dir = opendir(folder);

    if (dir == NULL)
        return error_errno(EXIT_OTHER, "open the cache '%s'", folder);
    *ret = false;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);

        if (entry == NULL)
            break;
        *ret = *ret || !is_known(dirfd(dir), entry->d_name);
    }
    return errno == 0 ? NULL : error_errno(EXIT_OTHER, "read the cache '%s'", folder);
}

/* Returns whether PATH holds the tag, or nothing yet because another process is writing it. */
static bool is_tagged(const char *path)
{
    char bytes[sizeof tag];
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);

    return length == 0 ||
           (length == (ssize_t)(sizeof tag - 1) && memcmp(bytes, tag, sizeof tag - 1) == 0);
}

static struct error *write_tag(const char *path)
{
    CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 && errno == EEXIST) /* by another process */
        return NULL;
    if (fd < 0)
        return error_errno(EXIT_OTHER, "write '%s'", path);
    errno = ENOSPC; /* for a write that is cut short */
    if (write(fd, tag, sizeof tag - 1) != (ssize_t)(sizeof tag - 1)) {
        struct error *err = error_errno(EXIT_OTHER, "write '%s'", path);

        unlink(path);
        return err;
    }
    return NULL;
}

struct error *store_tag_folder(const char *folder)
{
    CLEANUP(freep) char *path = xasprintf("%s/CACHEDIR.TAG", folder);
    bool others = false;

    if (is_tagged(path))
        return NULL;
    TRY(has_others(folder, &others));
    /* The tag is the first file of a cache: another process may just have written it. */
    if (others && !is_tagged(path))
        return error_new(EXIT_OTHER,
                         "open the cache '%s': it has files of another kind, and no CACHEDIR.TAG",
                         folder);
    return write_tag(path);
}
