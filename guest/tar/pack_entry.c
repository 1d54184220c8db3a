#include "guest/tar/pack_entry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "guest/tar/attributes.h"

/* libarchive writes sign and whole seconds, then the fraction as it is passed, which reads as
 * counted away from zero. A time between -1 and 0 cannot be expressed that way: its fraction is
 * dropped. */
static void set_mtime(struct packing *packing, struct timespec time)
{
    if (time.tv_sec >= packing->clamp)
        time = (struct timespec){.tv_sec = packing->clamp};
    if (time.tv_sec < 0 && time.tv_nsec != 0) {
        bool sayable = time.tv_sec < -1;

        time.tv_sec += sayable;
        time.tv_nsec = sayable ? 1000000000 - time.tv_nsec : 0;
    }
    archive_entry_set_mtime(packing->entry, time.tv_sec, time.tv_nsec);
}

void pack_entry_begin(struct packing *packing, const struct stat *status)
{
    struct archive_entry *entry = packing->entry;

    archive_entry_clear(entry);
    archive_entry_copy_pathname(entry, packing->path.length ? packing->path.bytes : "./");
    archive_entry_set_mode(entry, status->st_mode);
    archive_entry_set_uid(entry, status->st_uid);
    archive_entry_set_gid(entry, status->st_gid);
    archive_entry_set_size(entry, S_ISREG(status->st_mode) ? status->st_size : 0);
    set_mtime(packing, status->st_mtim);
    if (S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode)) {
        archive_entry_set_rdevmajor(entry, major(status->st_rdev));
        archive_entry_set_rdevminor(entry, minor(status->st_rdev));
    }
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Splits the LENGTH bytes of packing->names into RET, sorted, without those of overlayfs. Returns
 * their number. */
static size_t sort_xattr_names(struct packing *packing, size_t length, const char **ret)
{
    size_t count = 0;

    for (const char *at = packing->names; at < packing->names + length; at += strlen(at) + 1)
        if (strncmp(at, ATTRIBUTES_OVERLAY, strlen(ATTRIBUTES_OVERLAY)) != 0)
            ret[count++] = at;
    qsort(ret, count, sizeof *ret, compare_names);
    return count;
}

/* Whether the attribute NAME is called the same in a layer: libarchive encodes other bytes than
 * these as URLs do, which readers of layers do not undo. */
static bool is_storable(const char *name)
{
    for (; *name; name++)
        if (*name <= ' ' || *name > '~' || *name == '=' || *name == '%')
            return false;
    return true;
}

/* Adds the attribute NAME of FILE in the working directory. Returns 0, or -1 with the fault. */
static int add_xattr(struct packing *packing, const char *file, const char *name)
{
    if (!is_storable(name)) {
        return fault_set(packing->fault, 0,
                         "pack '%s': a layer cannot hold the extended attribute '%s', whose name "
                         "has something else than printable ASCII, a space, '=' or '%%'",
                         path_text(&packing->path), name);
    }
    ssize_t size = lgetxattr(file, name, packing->value, sizeof packing->value);

    if (size < 0)
        return packing_fail(packing);
    archive_entry_xattr_add_entry(packing->entry, name, packing->value, (size_t)size);
    return 0;
}

/* There is no lgetxattr relative to a directory, so FOLDER becomes the working one. */
int pack_entry_add_xattrs(struct packing *packing, int folder, const char *name)
{
    if (fchdir(folder))
        return packing_fail(packing);
    ssize_t length = llistxattr(name, packing->names, sizeof packing->names);

    if (length <= 0)
        return length == 0 || errno == EOPNOTSUPP ? 0 : packing_fail(packing);
    const char **names = calloc((size_t)length, sizeof *names);

    if (names == NULL)
        return packing_fail(packing);
    size_t count = sort_xattr_names(packing, (size_t)length, names);
    /* Last first, since libarchive puts each new one before the others. */
    int status = 0;

    while (status == 0 && count-- > 0)
        status = add_xattr(packing, name, names[count]);
    free(names);
    return status;
}

ssize_t pack_entry_read_xattrs(struct packing *packing, int fd, char **ret)
{
    pack_entry_begin(packing, &(struct stat){.st_mode = S_IFDIR});
    if (pack_entry_add_xattrs(packing, fd, "."))
        return -1;
    size_t length = 0;
    char *bytes = NULL;
    const char *name;
    const void *value;
    size_t size;

    archive_entry_xattr_reset(packing->entry);
    while (archive_entry_xattr_next(packing->entry, &name, &value, &size) == ARCHIVE_OK) {
        char *grown = realloc(bytes, length + strlen(name) + 1 + size);

        if (grown == NULL) {
            free(bytes);
            return packing_fail(packing);
        }
        bytes = grown;
        memcpy(stpcpy(bytes + length, name) + 1, value, size);
        length += strlen(name) + 1 + size;
    }
    *ret = bytes;
    return (ssize_t)length;
}

int pack_entry_set_symlink(struct packing *packing, int folder, const char *name)
{
    ssize_t length = readlinkat(folder, name, packing->value, sizeof packing->value - 1);

    if (length < 0)
        return -1;
    packing->value[length] = '\0';
    archive_entry_copy_symlink(packing->entry, packing->value);
    return 0;
}

int pack_entry_write(struct packing *packing)
{
    int status = archive_write_header(packing->archive, packing->entry);

    /* The only warning is that of a name that is not UTF-8, which is stored unchanged. */
    return status == ARCHIVE_OK || status == ARCHIVE_WARN ? 0 : packing_archive_fail(packing);
}
